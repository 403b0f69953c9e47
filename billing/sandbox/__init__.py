"""A stand-in for Stripe: a process of its own for development and tests, never for production.

It speaks the API version that the installed stripe-python pins, over plain HTTP on the loopback interface,
so that a real `stripe.StripeClient` and a real browser can drive it. It imports none of our apps, and none of
our apps imports it: the only thing between them is `STRIPE_API_BASE`.

No real money, no real cards: any key that does not start with `sk_test_` or `pk_test_` is refused.
"""

"""Random lives of a reader at Stripe, with the news of them in disorder: lived through, judged, made shorter.

`moves` says what may happen, as text; `history` lets it happen, with `dashboard` at Stripe and `clicks`, `holdings` and
`groups` on our pages; `judge` asks the oracle whether ours equals the sandbox's own objects, and `held` what else opens
something; `strawmen` are the strategies that must fail; `shrinking` finds the few moves that a failure needs. `trial`
lives through one of them on the `ground` that a process keeps, as `settling` makes it; `crowd` through many, in as many
processes as there are cores, and `beside` says how many, and when.
"""

"""Guards of money that goes back, of the mails about a payment, and of the link that mends one."""

from __future__ import annotations

from tests.proofs.guards.mutation import Mutation

MONEY_BACK: tuple[Mutation, ...] = (
    Mutation(
        "no more is given back than was paid",
        "billing/refunding.py",
        "    if not 0 < wish.amount <= left:",
        "    if False:",
        "../billing/test_refunding.py",
        "no_further",
    ),
    Mutation(
        "whoever gives back saw what had been given back",
        "billing/refunding.py",
        "    if back != wish.seen:",
        "    if False:",
        "../billing/test_refunding.py",
        "looks_again",
    ),
    Mutation(
        "what was fulfilled and not noted is not fulfilled again",
        "billing/refunding.py",
        "    return Refund.objects.filter(order=order.key).exists()",
        "    return False",
        "../billing/test_refunding.py",
        "not_fulfilled_again",
    ),
    Mutation(
        "reading ends with the money",
        "billing/sync.py",
        "    term = withdrawal.cut(term, gone)\n",
        "    term = withdrawal.cut(term, None)\n",
        "../billing/test_refunding.py",
        "policy_decides",
    ),
    Mutation(
        "what reads no more is not charged again",
        "billing/refunding.py",
        "        _end(order.invoice.subscription, gateway=gateway, now=now)\n",
        "        pass\n",
        "../billing/test_refunding.py",
        "withdrawn_it_ends",
    ),
    Mutation(
        "what the bank has is not given back",
        "billing/refunding.py",
        "    if returns.is_contested(invoice):",
        "    if False:",
        "../billing/test_disputes.py",
        "stripe_is_not_asked",
    ),
    Mutation(
        "a failure that is over is not told",
        "billing/dunning.py",
        '    emails.withdraw(key for key in keys - still_true if key.split(":")[1] in seen)\n',
        "    pass\n",
        "../billing/test_dunning_story.py",
        "taken_back",
    ),
    Mutation(
        "a link from a mail is signed",
        "billing/fixing.py",
        "    except signing.BadSignature:\n        raise LinkRefused from None\n",
        "    except signing.BadSignature:\n        pass\n",
        "../billing/test_fix.py",
        "not_ours or does_not_fit",
    ),
    Mutation(
        "a link from a mail runs out",
        "billing/fixing.py",
        "    if now.timestamp() >= int(ends):",
        "    if False:",
        "../billing/test_fix.py",
        "runs_out",
    ),
    Mutation(
        "a link from a mail ends with the account",
        "billing/fixing.py",
        "customer__deleted_at=None, customer__reader__is_active=True",
        "customer__deleted_at=None",
        "../billing/test_fix.py",
        "somebody_else",
    ),
)

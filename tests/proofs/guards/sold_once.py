"""Guards of what is paid once, or not at all: day passes, gift subscriptions, free access."""

from __future__ import annotations

from tests.proofs.guards.mutation import Mutation

SOLD_ONCE: tuple[Mutation, ...] = (
    Mutation(
        "a pass is bought with one idempotency key",
        "billing/subscribing.py",
        "                reader=reader.public_id,\n"
        "                key=attempt.key,\n"
        "                **back,\n"
        "            )\n"
        "        return gateway.start_checkout(",
        "                reader=reader.public_id,\n"
        "                key=f\"{attempt.key}-{__import__('secrets').token_hex(4)}\",\n"
        "                **back,\n"
        "            )\n"
        "        return gateway.start_checkout(",
        "kills/test_r2_kills.py",
        environment={"EVERY_KILL": "1"},
    ),
    Mutation(
        "nobody pays twice for the same hours",
        "billing/obstacles.py",
        "        passes.refuse_second(reader, wanted, now=now)",
        "        pass",
        "../billing/test_passes.py",
        "second_one",
    ),
    Mutation(
        "a pass whose money a bank took back opens nothing",
        "billing/passes.py",
        "    if not theirs.is_paid or row.withdrawn_because or row.starts_at is None:",
        "    if not theirs.is_paid or row.starts_at is None:",
        "../billing/test_disputed_sales.py",
        "policy_decides",
    ),
    Mutation(
        "a pass is what its payment promised",
        "billing/passes.py",
        '            "hours": theirs.lasts_hours,\n',
        '            "hours": Price.objects.get(stripe_id=theirs.price).lasts_hours,\n',
        "../billing/test_passes.py",
        "whatever_becomes",
    ),
    Mutation(
        "a gift is ordered with one idempotency key",
        "billing/presents.py",
        '            key=f"present-{present.key}",',
        "            key=__import__('secrets').token_hex(16),",
        "../billing/test_presents.py",
        "no_second_page",
    ),
    Mutation(
        "the same form is the same gift",
        "billing/presents.py",
        "    known = Present.objects.filter(wish=wish.digest).first()\n",
        '    wish = Wish(**asdict(wish) | {"attempt": gift_codes.new_name()})\n    known = None\n',
        "../billing/test_presents.py",
        "same_form_twice",
    ),
    Mutation(
        "a page under a name that was given up cannot be paid",
        "billing/presents.py",
        '        gateway.expire_checkout(session.id, key=f"expire-{session.id}")\n',
        "        pass\n",
        "../billing/test_presents.py",
        "given_up_cannot_be_paid",
    ),
    Mutation(
        "of many at one moment one redeems a gift",
        "billing/redeeming.py",
        "    still_there = Present.objects.redeemable(at=now).filter(pk=present.pk)",
        "    still_there = Present.objects.filter(pk=present.pk)",
        "../billing/test_presents.py",
        "exactly_one_redeems",
        is_on_postgres=True,
    ),
    Mutation(
        "Stripe is asked before a gift is redeemed",
        "billing/redeeming.py",
        "        presents.look(waiting, gateway=gateway, now=now)",
        "        pass",
        "../billing/test_redeemed_once.py",
        "backup_was_brought_back",
    ),
    Mutation(
        "a redemption is noted at Stripe",
        "billing/redeeming.py",
        "            note(present, gateway=gateway, now=now)\n    except",
        "            pass\n    except",
        "../billing/test_redeemed_once.py",
        "noted_on_the_payment",
    ),
    Mutation(
        "the sweep notes what was not noted",
        "billing/tasks.py",
        '        _each(list(Present.objects.to_note().order_by("?").values_list("pk", flat=True)[:_BATCH]), _note)\n',
        "",
        "../billing/test_redeemed_once.py",
        "written_by_the_sweep",
    ),
    Mutation(
        "a disputed gift cannot be redeemed",
        "billing/models/held.py",
        'is_refunded=False, dispute="")\n\n    def running',
        "is_refunded=False)\n\n    def running",
        "../billing/test_disputed_sales.py",
        "took_back_is_void",
    ),
    Mutation(
        "a gift whose money is gone opens nothing",
        "billing/presents.py",
        "        if product in known and not present.withdrawn_because\n",
        "        if product in known\n",
        "../billing/test_disputed_sales.py",
        "policy_decides",
    ),
    Mutation(
        "a gift is void before its money is back",
        "billing/presents.py",
        '    waiting.filter(voided_at=None, dispute="").update(voided_at=now, void_reason=why[:1000])\n'
        "    current = waiting.exclude(voided_at=None).first()",
        "    current = waiting.first()",
        "../billing/test_presents.py",
        "void_before",
    ),
    Mutation(
        "gift codes are counted by reader",
        "accounts/limits.py",
        ' and _spend(request, "gift_code", reader)\n',
        "\n",
        "../billing/test_presents.py",
        "tries_are_counted",
    ),
    Mutation(
        "gift codes are counted by place too",
        "accounts/limits.py",
        '_spend(request, "gift_codes_here", _here(request, None)) and ',
        "",
        "../accounts/test_limits.py",
        "gift_codes",
    ),
    Mutation(
        "free access given twice is given once",
        "billing/comps.py",
        "        if same is not None:\n",
        "        if False:\n",
        "../billing/test_comps.py",
        "double_click",
    ),
    Mutation(
        "free access has an end within bounds",
        "billing/comps.py",
        "    if until > now + settings.COMP_LONGEST:",
        "    if False:",
        "../billing/test_comps.py",
        "bound or near_end",
    ),
)

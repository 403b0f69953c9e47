"""Groups: everybody with a seat reads what its subscription gives, for as long, and hears nothing of its money."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from accounts import closing
from accounts.models import Mail, User
from billing import catalogue, contracts, groups, rosters, seats
from billing.errors import GroupFull, GroupRefused, InvitationGone, NothingToDo
from billing.models import Plan, Price, Seat
from billing.rosters import PlaceState, Standing
from paywall import entitlements
from paywall.decision.facts import Grant, Suspension
from paywall.decision.facts import Standing as Worth
from tests.billing.groups import a_family, change, join, seat_of, token_for
from tests.billing.market import FAILING_CARD, GOOD_CARD, Market
from tests.factories.accounts import a_reader

pytestmark = pytest.mark.usefixtures("market")


def rights(reader: User, market: Market) -> tuple[Grant, ...]:
    return entitlements.snapshot(reader, now=market.now)


def reads(reader: User, market: Market) -> bool:
    return any(grant.standing(at=market.now).opens for grant in rights(reader, market))


def told(reader: User, market: Market) -> rosters.Membership:
    (membership,) = rosters.memberships(reader, now=market.now)
    return membership


class TestRights:
    def test_a_member_reads_for_the_term_and_the_grace_of_the_subscription(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        (theirs,), (owners,) = rights(member, market), rights(owner, market)
        assert (theirs.product, theirs.source) == ("premium", seat_of(member).source)
        assert (theirs.ends_at, theirs.grace_until) == (owners.ends_at, owners.grace_until)
        assert theirs.starts_at == seat_of(member).accepted_at
        assert told(member, market).standing is Standing.READS
        assert owner.email in told(member, market).group

    def test_a_look_and_a_second_one_change_nothing(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        before = list(member.entitlements.values())
        market.look(owner)
        market.look(owner)
        assert list(member.entitlements.values()) == before

    def test_a_renewal_carries_members_on(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        market.pass_time(owner, months=1)
        assert reads(member, market)
        assert rights(member, market)[0].ends_at == rights(owner, market)[0].ends_at

    def test_a_failed_payment_is_grace_and_then_an_end_and_never_a_card(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        market.fail_renewal(owner, card=FAILING_CARD)
        market.pass_time(owner, seconds=7200)
        (theirs,) = rights(member, market)
        assert rights(owner, market)[0].trouble is not None
        assert (theirs.trouble, theirs.suspension) == (None, None)
        assert theirs.standing(at=market.now) is Worth.GRACE
        assert told(member, market).standing is Standing.READS
        after = market.now + settings.PAST_DUE_GRACE
        assert theirs.standing(at=after) is Worth.ENDED
        (later,) = rosters.memberships(member, now=after)
        assert later.standing is Standing.RESTING
        assert owner.email in later.text
        assert not {"card", "payment", "paid"} & set(later.text.lower().split())

    def test_a_pause_is_a_gap_that_a_member_is_not_asked_to_end(self, market: Market) -> None:
        _owner, (member,) = a_family(market, members=1)
        paused = Grant("premium", "subscription:x", market.now, None, suspension=Suspension.PAUSED)
        assert seats.of_member(paused, seat_of(member)) is None
        until = market.now + timedelta(days=9)
        dated = Grant(
            "premium", "subscription:x", market.now, None, suspension=Suspension.PAUSED, resumes_at=until
        )
        theirs = seats.of_member(dated, seat_of(member))
        assert theirs is not None
        assert (theirs.starts_at, theirs.suspension, theirs.resumes_at) == (until, None, None)

    def test_cancelling_ends_members_with_the_paid_period(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        contracts.cancel(owner, gateway=market.gateway, now=market.now)
        assert reads(member, market)
        market.pass_time(owner, months=1)
        assert not reads(member, market)
        assert rights(member, market)[0].standing(at=market.now) is Worth.ENDED
        assert told(member, market).standing is Standing.ENDED

    def test_whoever_comes_back_finds_the_group_as_it_was(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        contracts.cancel(owner, gateway=market.gateway, now=market.now)
        market.pass_time(owner, months=2)
        market.buy(owner, "family_monthly")
        assert reads(member, market)
        assert seat_of(member).subscription.is_open

    def test_a_customer_deleted_at_stripe_gives_nothing_any_more(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        customer = market.customer(owner)
        market.sdk.v1.customers.delete(customer.stripe_id)
        market.look(owner)
        assert not reads(member, market)
        assert told(member, market).standing is Standing.ENDED

    def test_what_the_catalogue_says_of_seats_reaches_members_with_the_next_look(
        self, market: Market
    ) -> None:
        owner, (member,) = a_family(market, members=1)
        plan = Plan.objects.get(name="Family")
        market.sdk.v1.products.update(plan.stripe_id, {"metadata": {"seats": ""}})
        catalogue.refresh(gateway=market.gateway)
        market.look(owner)
        assert not reads(member, market)
        assert reads(owner, market)

    def test_seats_that_are_no_number_change_nothing(self, market: Market) -> None:
        a_family(market)
        plan = Plan.objects.get(name="Family")
        for nonsense in ("five", "0", "-1", "1.5", "99999999"):
            market.sdk.v1.products.update(plan.stripe_id, {"metadata": {"seats": nonsense}})
            assert catalogue.refresh(gateway=market.gateway).refused == (plan.stripe_id,)
            plan.refresh_from_db()
            assert (plan.seats, plan.active) == (5, True)


class TestSeats:
    def test_the_last_seat_is_the_last(self, market: Market) -> None:
        owner, members = a_family(market, members=4)
        assert all(reads(member, market) for member in members)
        with pytest.raises(GroupFull):
            groups.invite(owner, "sixth@example.org", now=market.now)

    def test_invitations_take_seats_until_they_run_out(self, market: Market) -> None:
        owner, _members = a_family(market, members=2)
        for name in ("a", "b"):
            groups.invite(owner, f"{name}@example.org", now=market.now)
        with pytest.raises(GroupFull):
            groups.invite(owner, "c@example.org", now=market.now)
        market.sandbox.advance(seconds=15 * 24 * 3600)
        groups.invite(owner, "c@example.org", now=market.now)

    def test_leaving_frees_the_seat_at_once(self, market: Market) -> None:
        owner, members = a_family(market, members=4)
        groups.leave(members[0], str(seat_of(members[0]).pk), now=market.now)
        assert not reads(members[0], market)
        assert reads(join(market, owner), market)
        assert Seat.objects.get(member=members[0]).ending == Seat.Ending.LEFT

    def test_removing_frees_the_seat_at_once(self, market: Market) -> None:
        owner, members = a_family(market, members=4)
        groups.remove(owner, str(seat_of(members[0]).pk), now=market.now)
        assert not reads(members[0], market)
        assert reads(join(market, owner), market)

    def test_nobody_touches_the_seats_of_others(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        stranger, seat = a_reader(), str(seat_of(member).pk)
        for act in (
            lambda: groups.leave(stranger, seat, now=market.now),
            lambda: groups.leave(owner, seat, now=market.now),
            lambda: groups.remove(stranger, seat, now=market.now),
            lambda: groups.remove(member, seat, now=market.now),
            lambda: groups.remove(owner, "9" * 40, now=market.now),
            lambda: groups.remove(owner, "x", now=market.now),
        ):
            with pytest.raises(NothingToDo):
                act()
        assert reads(member, market)

    def test_fewer_seats_let_the_newest_wait_until_there_is_room(self, market: Market) -> None:
        owner, (first, second, third) = a_family(market, members=3)
        change(market, owner, price=_price("company_monthly"), quantity=2)
        assert [reads(each, market) for each in (first, second, third)] == [True, False, False]
        assert told(second, market).standing is Standing.WAITING
        (roster,) = rosters.of(owner, now=market.now)
        assert (roster.seats, roster.taken, roster.free) == (2, 4, 0)
        assert [place.state for place in roster.places] == [
            PlaceState.MEMBER,
            PlaceState.WAITING,
            PlaceState.WAITING,
        ]
        groups.leave(first, str(seat_of(first).pk), now=market.now)
        assert [reads(each, market) for each in (first, second, third)] == [False, True, False]
        change(market, owner, quantity=3)
        assert reads(third, market)

    def test_a_plan_without_seats_lets_all_wait(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        change(market, owner, price=_price("premium_monthly"))
        assert not reads(member, market)
        assert reads(owner, market)
        assert told(member, market).standing is Standing.WAITING
        change(market, owner, price=_price("family_monthly"))
        assert reads(member, market)

    def test_a_member_may_subscribe_and_holds_both(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        market.buy(member, "premium_monthly")
        assert len(rights(member, market)) == 2
        groups.leave(member, str(seat_of(member).pk), now=market.now)
        assert reads(member, market)
        assert reads(owner, market)


class TestInvitations:
    def test_a_token_is_used_once_and_kept_nowhere(self, market: Market) -> None:
        owner, _nobody = a_family(market)
        groups.invite(owner, "Friend@Example.org", now=market.now)
        token = token_for("friend@example.org")
        assert len(token) >= 32
        friend, other = a_reader(), a_reader()
        seat = groups.accept(friend, token, now=market.now)
        assert groups.accept(friend, token, now=market.now) == seat
        with pytest.raises(InvitationGone):
            groups.accept(other, token, now=market.now)
        assert token not in str(list(Seat.objects.values()))
        assert not reads(other, market)

    def test_sent_anew_the_old_token_opens_nothing(self, market: Market) -> None:
        owner, _nobody = a_family(market)
        groups.invite(owner, "friend@example.org", now=market.now)
        old = token_for("friend@example.org")
        groups.invite(owner, "friend@example.org", now=market.now)
        assert Seat.objects.count() == 1
        with pytest.raises(InvitationGone):
            groups.accept(a_reader(), old, now=market.now)
        groups.accept(a_reader(), token_for("friend@example.org"), now=market.now)

    def test_run_out_or_withdrawn_it_opens_nothing(self, market: Market) -> None:
        owner, _nobody = a_family(market)
        seat = groups.invite(owner, "friend@example.org", now=market.now)
        token = token_for("friend@example.org")
        with pytest.raises(InvitationGone):
            groups.accept(a_reader(), token, now=market.now + timedelta(days=14))
        groups.remove(owner, str(seat.pk), now=market.now)
        with pytest.raises(InvitationGone):
            groups.accept(a_reader(), token, now=market.now)
        assert not Mail.objects.filter(kind="group_invitation").exists()
        seat.refresh_from_db()
        assert seat.ending == Seat.Ending.WITHDRAWN

    def test_owner_and_member_need_no_second_seat(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        for address in (owner.email, member.email.upper()):
            with pytest.raises(GroupRefused):
                groups.invite(owner, address, now=market.now)
        groups.invite(owner, "friend@example.org", now=market.now)
        for reader in (owner, member):
            with pytest.raises(GroupRefused):
                groups.accept(reader, token_for("friend@example.org"), now=market.now)

    def test_an_owner_cannot_flood_mailboxes(self, market: Market) -> None:
        owner, _nobody = a_family(market)
        for _ in range(20):
            groups.invite(owner, "friend@example.org", now=market.now)
            Mail.objects.update(state=Mail.State.SENT)
        with pytest.raises(GroupRefused):
            groups.invite(owner, "friend@example.org", now=market.now)
        groups.invite(owner, "friend@example.org", now=market.now + timedelta(days=1))

    def test_only_the_owner_of_a_running_group_invites(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        single = a_reader()
        market.buy(single, "premium_monthly")
        for reader in (member, single, a_reader()):
            with pytest.raises(NothingToDo):
                groups.invite(reader, "friend@example.org", now=market.now)
        groups.invite(owner, "friend@example.org", now=market.now)
        token = token_for("friend@example.org")
        contracts.cancel(owner, gateway=market.gateway, now=market.now)
        market.pass_time(owner, months=2)
        with pytest.raises(InvitationGone):
            groups.accept(a_reader(), token, now=market.now)

    def test_the_group_may_have_shrunk_since(self, market: Market) -> None:
        owner, _members = a_family(market, members=1)
        groups.invite(owner, "friend@example.org", now=market.now)
        change(market, owner, price=_price("company_monthly"), quantity=2)
        with pytest.raises(GroupFull):
            groups.accept(a_reader(), token_for("friend@example.org"), now=market.now)


class TestClosing:
    def test_a_member_who_closes_the_account_frees_the_seat(self, market: Market) -> None:
        owner, (member, _other) = a_family(market, members=2)
        email = member.email
        closing.close(member, now=market.now)
        assert not reads(member, market)
        (roster,) = rosters.of(owner, now=market.now)
        assert roster.taken == 2
        assert email not in str(list(Seat.objects.values()))

    def test_a_seat_that_somebody_else_took_outlives_the_account_that_was_invited(
        self, market: Market
    ) -> None:
        owner, _nobody = a_family(market)
        invited, friend = a_reader(), a_reader()
        email = invited.email
        groups.invite(owner, email, now=market.now)
        groups.accept(friend, token_for(email), now=market.now)
        closing.close(invited, now=market.now)
        assert reads(friend, market)
        assert seat_of(friend).email == ""
        (roster,) = rosters.of(owner, now=market.now)
        assert [place.state for place in roster.places] == [PlaceState.MEMBER]

    def test_an_invitation_that_nobody_took_ends_with_the_account_that_was_invited(
        self, market: Market
    ) -> None:
        owner, _nobody = a_family(market)
        invited = a_reader()
        groups.invite(owner, invited.email, now=market.now)
        token = token_for(invited.email)
        closing.close(invited, now=market.now)
        with pytest.raises(InvitationGone):
            groups.accept(a_reader(), token, now=market.now)
        seat = Seat.objects.get()
        assert (seat.ending, seat.email) == (Seat.Ending.CLOSED, "")

    def test_an_owner_who_closes_the_account_ends_the_group(self, market: Market) -> None:
        owner, (member,) = a_family(market, members=1)
        groups.invite(owner, "friend@example.org", now=market.now)
        closing.close(owner, now=market.now)
        assert not reads(member, market)
        assert not Seat.objects.living().exists()
        assert not Seat.objects.exclude(email="").exists()
        assert rosters.memberships(member, now=market.now) == ()

    def test_staff_end_a_seat_with_a_reason(self, market: Market) -> None:
        _owner, (member,) = a_family(market, members=1)
        seat = seat_of(member)
        with pytest.raises(GroupRefused):
            groups.end(seat, reason=" ", now=market.now)
        groups.end(seat, reason="The member wrote to us.", now=market.now)
        seat.refresh_from_db()
        assert (seat.ending, seat.reason) == (Seat.Ending.STAFF, "The member wrote to us.")
        assert not reads(member, market)


def test_lost_news_and_a_later_look_end_as_told_news_would(market: Market) -> None:
    """Whatever happened to the subscription unseen, one look states members' rights whole."""
    owner, (member,) = a_family(market, members=1)
    market.sandbox.swap_card(market.customer(owner).stripe_id, card=GOOD_CARD)
    market.sandbox.advance(months=3)
    assert not reads(member, market)
    market.look(owner)
    assert reads(member, market)


def _price(slug: str) -> str:
    return Price.objects.get(slug=slug).stripe_id

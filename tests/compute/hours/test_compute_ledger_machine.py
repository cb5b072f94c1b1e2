"""The scheduler and the ledger together, on a real database, whatever people and machines do."""

import os
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from accounts.models import Team, User
from compute import reconciling, services
from compute.administering import nodes, queue, quotas
from compute.hours import sums
from compute.hours.proving import prove_ledger
from compute.models import Allocation, Node, Priority, Quota, Run
from compute.scheduling.rounds import schedule
from ledger.models import Entry

pytestmark = pytest.mark.django_db
IS_FULL = bool(os.environ.get("LUTHIER_TEST_FULL"))
CEILINGS, PER_USER = {"Violins": 2, "Cellos": 1}, {"Cellos": 1}


class Books(RuleBasedStateMachine):
    """Two devices, two teams of two people; what is preempted asks again as its app would."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.teams = [Team.objects.get(name=name) for name in CEILINGS]
        self.people = list(User.objects.order_by("pk"))
        self.runs: list[Run] = []
        self.kept: dict[str, int] = {}

    def teardown(self) -> None:
        try:
            for run in self.runs:
                run.refresh_from_db()
                if run.state in ("waiting", "starting", "running"):
                    run.move("concluding", outcome="stopped")
            self.the_ledger_is_what_was_allocated()
            assert prove_ledger().charged == _allocated()
            assert set(sums.held().values()) <= {0}
            booked = {what: Entry.objects.filter(what=what).seconds() for what in ("hold", "charge", "release")}
            assert booked["release"] >= booked["hold"] - booked["charge"]
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    # -- what people do -----------------------------------------------------------------------------------------------

    @rule(
        team=st.integers(0, 1),
        person=st.integers(0, 1),
        accelerators=st.sampled_from([None, 1, 2]),
        least=st.sampled_from([None, 2]),
        priority=st.sampled_from(Priority),
        expected=st.none() | st.integers(1, 200_000),
    )
    def train(self, team: int, person: int, accelerators: int | None, least: int | None, **more: Any) -> None:
        self.ask(
            self.teams[team], user=self.people[person], accelerators=accelerators, priority=more["priority"],
            min_accelerators=least if accelerators is None else None, expected_seconds=more["expected"],
        )  # fmt: skip

    @rule(team=st.integers(0, 1), is_shared=st.booleans())
    def deploy(self, team: int, is_shared: bool) -> None:
        self.ask(
            self.teams[team], accelerators=1, preemptible=is_shared, counts_in_quota=not is_shared, yields=is_shared
        )

    @rule(data=st.data())
    @precondition(lambda self: self.runs)
    def cancel(self, data: st.DataObject) -> None:
        services.request_stop(run=self.one(data, *Run.State.values), reason="cancel")

    @rule(data=st.data(), to=st.sampled_from(["front", "back"]))
    def move(self, data: st.DataObject, to: str) -> None:
        if (run := self.one(data, "waiting")) and run.stop_requested_at is None:
            queue.move(run_id=run.pk, to=to, by=None)

    @rule(data=st.data(), priority=st.sampled_from(Priority))
    def prioritise(self, data: st.DataObject, priority: Priority) -> None:
        if (run := self.one(data, "waiting")) and run.stop_requested_at is None:
            queue.prioritise(run_id=run.pk, priority=priority, by=None)

    @rule(is_open=st.booleans())
    def cordon(self, is_open: bool) -> None:
        (nodes.uncordon if is_open else nodes.cordon)(node=Node.objects.get(), by=None)

    @rule(team=st.integers(0, 1), hours=st.sampled_from([None, 10]))
    def limit_hours(self, team: int, hours: int | None) -> None:
        Quota.objects.filter(team=self.teams[team]).update(accelerator_hours=hours)

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(ago=st.integers(0, 200_000))
    def look(self, ago: int) -> None:
        """The scheduler looks; what has just begun is taken to have begun a while ago."""
        waited = set(Run.objects.waiting().values_list("pk", flat=True))
        schedule()
        for run in Run.objects.filter(pk__in=waited, state="starting").annotate(number=Count("allocations")):
            assert run.claimed_node is None
            self.check_size(run, run.number)
            run.allocations.update(created_at=timezone.now() - timedelta(seconds=ago))

    @rule(data=st.data())
    def conclude(self, data: st.DataObject) -> None:
        """A Run ends; one that gave way asks again for its place and for as many devices."""
        if (run := self.one(data, "starting", "running")) is None:
            return
        if not (run.preemptible and run.stop_reason in ("preempt", "drain", "hours")):
            run.move("concluding", outcome="succeeded")
            return
        number = run.allocations.count()
        run.move("concluding", outcome="stopped")
        again = self.ask(
            run.team, user=run.user, accelerators=run.accelerators, min_accelerators=run.min_accelerators,
            kept_accelerators=number, priority=run.priority, queued_at=run.queued_at,
            counts_in_quota=run.counts_in_quota, yields=run.yields,
        )  # fmt: skip
        self.kept[again.pk] = number
        line = list(queue.line(queue.Question()).values_list("pk", "priority", "queued_at"))
        place = next(place for place, one in enumerate(line) if one[0] == again.pk)
        assert all(one[1] > run.priority or one[2] <= run.queued_at for one in line[:place])

    @rule(data=st.data())
    def rest(self, data: st.DataObject) -> None:
        if (run := self.one(data, "starting", "running")) and run.yields:
            services.set_idle(run=run, since=timezone.now())

    @rule()
    def reconcile(self) -> None:
        reconciling.reconcile()

    # -- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def the_ledger_is_what_was_allocated(self) -> None:
        proof = prove_ledger()
        assert (proof.difference, proof.unsettled) == (None, None)

    @invariant()
    def nobody_is_above_a_limit(self) -> None:
        held = Allocation.objects.filter(released_at=None)
        assert held.values("device").distinct().count() == held.count() <= 2
        counted = held.filter(run__counts_in_quota=True)
        for name, ceiling in CEILINGS.items():
            assert counted.filter(run__team__name=name).count() <= ceiling
        for name, most in PER_USER.items():
            for person in self.people:
                assert counted.filter(run__team__name=name, run__user=person).count() <= most

    # -- parts --------------------------------------------------------------------------------------------------------

    def ask(self, team: Team, **more: Any) -> Run:
        run = services.request_run(kind="script", team=team, **more)
        self.runs.append(run)
        return run

    def one(self, data: st.DataObject, *states: str) -> Any:
        """Return one of the Runs in these states, or None."""
        found = list(Run.objects.filter(pk__in=[one.pk for one in self.runs], state__in=states).order_by("created_at"))
        return found[data.draw(st.integers(0, len(found) - 1))] if found else None

    def check_size(self, run: Run, number: int) -> None:
        """A Run has what it asked for; one that goes on has what it had, unless its team may not hold as much now."""
        if run.accelerators is not None:
            assert number == run.accelerators
        elif (kept := self.kept.get(run.pk)) is not None and number != kept:
            counted = Allocation.objects.filter(released_at=None, run__counts_in_quota=True, run__team=run.team)
            assert counted.count() - number + kept > CEILINGS[run.team.name]
        else:
            assert number >= (run.min_accelerators or 1) or kept == number


def _allocated() -> Decimal:
    spans = Allocation.objects.values_list("created_at", "released_at")
    return sum((sums.exact_seconds(end - begin) for begin, end in spans), Decimal(0))


def test_the_ledger_is_what_was_allocated_whatever_happens(team: Team, node: Node) -> None:
    """To the microsecond, and nothing stays held; limits hold, and what gave way goes on where it stopped."""
    quotas.set_quota(team=team, by=None, guaranteed=1, ceiling=CEILINGS["Violins"])
    cellos = Team.create(name="Cellos")
    quotas.set_quota(team=cellos, by=None, guaranteed=1, ceiling=CEILINGS["Cellos"], per_user=PER_USER["Cellos"])
    for name in ("anna", "bela"):
        User.objects.create_user(email=f"{name}@example.com", password=None)
    examples = 300 if IS_FULL else 8
    run_state_machine_as_test(Books, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None))

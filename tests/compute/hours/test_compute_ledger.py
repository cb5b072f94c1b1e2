"""Runs and the ledger: held when asked for, charged to the microsecond when devices are free, proven by a command."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Team
from common.days import beginning
from compute import reconciling, services
from compute.hours import sums
from compute.hours.proving import prove_ledger
from compute.models import Allocation, Node, Run
from compute.scheduling.rounds import schedule
from ledger.days import month_of, today
from ledger.models import Entry
from ledger.reading import Question, usage

pytestmark = pytest.mark.django_db


def started(team: Team, **more: Any) -> Run:
    run = services.request_run(kind="script", team=team, accelerators=1, model="tiny", **more)
    schedule()
    run.refresh_from_db()
    return run


def given_since(run: Run, **ago: float) -> None:
    Allocation.objects.filter(run=run).update(created_at=timezone.now() - timedelta(**ago))


def booked() -> dict[str, Decimal]:
    return {what: Entry.objects.filter(what=what).seconds() for what in ("hold", "charge", "release")}


class TestRun:
    def test_is_held_by_its_estimate_and_charged_by_what_it_took(self, team: Team, node: Node) -> None:
        run = started(team, expected_seconds=7200)
        assert booked() == {"hold": 7200, "charge": 0, "release": 0}
        given_since(run, seconds=10)
        run.move("concluding", outcome="succeeded")
        allocation = run.allocations.get()
        took = sums.exact_seconds(allocation.released_at - allocation.created_at)
        assert 10 < took < 20
        assert booked() == {"hold": 7200, "charge": took, "release": 7200 - took}
        charge = Entry.objects.charges().first()
        assert (charge.run, charge.team, charge.model, charge.kind) == (run.pk, "violins", "tiny", "script")

    def test_that_never_began_gives_all_of_its_hold_back(self, team: Team) -> None:
        run = services.request_run(kind="script", team=team, expected_seconds=60)
        services.request_stop(run=run, reason="cancel")
        schedule()
        assert booked() == {"hold": 60, "charge": 0, "release": 60}

    def test_is_charged_day_by_day(self, team: Team, node: Node) -> None:
        run = started(team)
        Allocation.objects.filter(run=run).update(created_at=beginning(today()) - timedelta(days=2))
        run.move("concluding", outcome="succeeded")
        charges = dict(Entry.objects.charges().values_list("day", "accelerator_seconds"))
        assert sorted(charges) == [today() - timedelta(days=2), today() - timedelta(days=1), today()]
        assert charges[today() - timedelta(days=1)] == 86400

    def test_without_an_estimate_holds_an_hour_at_a_time(self, team: Team, node: Node) -> None:
        run = started(team)
        for expected, ago in ((3600, 0), (3600, 3599), (7200, 3601)):
            given_since(run, seconds=ago)
            reconciling.reconcile()
            assert booked()["hold"] == expected

    def test_that_ended_meanwhile_holds_nothing_more(
        self, team: Team, node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = started(team)
        seen = sums.running()
        run.move("concluding", outcome="succeeded")
        monkeypatch.setattr("compute.hours.sums.running", lambda: seen)
        sums.hold_on()
        assert booked()["hold"] == 0
        assert prove_ledger().unsettled is None

    def test_that_is_deleted_stays_in_the_ledger(self, team: Team, node: Node) -> None:
        run = started(team)
        run.move("concluding", outcome="succeeded")
        Run.objects.filter(pk=run.pk).delete()
        assert Entry.objects.charges().count() == 1
        assert prove_ledger().difference is None


class TestHours:
    def test_count_what_runs_up_to_now_and_the_month_alone(self, team: Team, node: Node) -> None:
        run = started(team, expected_seconds=100)
        given_since(run, seconds=30)
        assert 30 <= sums.used_this_month()[team.pk, run.account.pool] < 40
        assert 60 < sums.held()[team.pk, run.account.pool] <= 70
        first = beginning(month_of(today())[0])
        Allocation.objects.filter(run=run).update(created_at=first - timedelta(days=40))
        used = sums.used_this_month()[team.pk, run.account.pool]
        assert 0 <= used - sums.exact_seconds(timezone.now() - first) + 60 < 120
        assert sums.held()[team.pk, run.account.pool] == 0

    def test_of_a_waiting_run_are_held_whole(self, team: Team) -> None:
        run = services.request_run(kind="script", team=team, expected_seconds=50)
        assert sums.held() == {(team.pk, run.account.pool): 50}

    @pytest.mark.parametrize(("by", "key"), [("team", "violins"), ("model", "tiny"), ("day", str(today()))])
    def test_of_what_runs_are_in_the_usage(self, team: Team, node: Node, by: str, key: str) -> None:
        run = started(team)
        now = timezone.now()
        given_since(run, seconds=min(30, (now - beginning(today())).total_seconds()))
        found = {row.key: row for row in usage(Question(first=today(), last=today(), by=by))}
        assert 0 <= found[key].accelerator_seconds < 40
        assert usage(Question(first=today(), last=today(), by=by, team=Team.create(name="Cellos"))) == []


class TestCheckLedger:
    def checked(self) -> str:
        told = StringIO()
        call_command("check_ledger", stdout=told)
        return told.getvalue()

    def test_counts_and_sums(self, team: Team, node: Node) -> None:
        run = started(team)
        given_since(run, hours=1)
        run.move("concluding", outcome="succeeded")
        assert "1 runs were charged for 3,600." in self.checked()
        assert self.checked().endswith("The charges are equal to the allocations.\n")

    def test_names_the_first_run_that_differs(self, team: Team, node: Node) -> None:
        first, second = started(team), started(team)
        for run in (first, second):
            given_since(run, hours=1)
            run.move("concluding", outcome="succeeded")
        run.allocations.update(released_at=timezone.now() + timedelta(hours=1))
        with pytest.raises(CommandError, match=f"^{second.pk} was given devices for 7,2.*, but charged for 3,6"):
            self.checked()

    def test_names_a_run_that_was_not_charged(self, team: Team, node: Node) -> None:
        run = started(team)
        given_since(run, hours=1)
        run.allocations.update(released_at=timezone.now())
        with pytest.raises(CommandError, match=f"^{run.pk} was given"):
            self.checked()

    def test_names_a_run_whose_hold_was_not_released(self, team: Team, node: Node) -> None:
        run = services.request_run(kind="script", team=team, expected_seconds=60)
        Run.objects.filter(pk=run.pk).update(state="ended", ended_at=timezone.now())
        with pytest.raises(CommandError, match=f"^{run.pk} is over and 60.000 seconds"):
            self.checked()

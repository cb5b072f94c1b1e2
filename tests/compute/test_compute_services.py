"""Asking for a Run, its end and a quota; the scheduler and the reconciler at work on a real database."""

import threading
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction
from django.utils import timezone, translation
from rest_framework.test import APIClient

from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from common.errors import UserError
from common.wording import in_words
from compute import reconciling, services, wakes
from compute.administering.quotas import quota_of, set_quota
from compute.explanations import explained
from compute.messages import message
from compute.models import Allocation, Node, Run
from compute.node.supervisor import Supervisor
from compute.scheduler import Decision, Snapshot
from compute.scheduling import rounds
from tests.compute.supervision import ScriptWork

pytestmark = pytest.mark.django_db

Woken = list[tuple[str, tuple[Any, ...], str | None]]


def request(team: Team, accelerators: int | None = 1, **more: Any) -> Run:
    return services.request_run(kind="script", team=team, accelerators=accelerators, **more)


def schedule(*runs: Run) -> list[str]:
    """Schedule once and return the states of `runs`."""
    rounds.schedule()
    for run in runs:
        run.refresh_from_db()
    return [run.state for run in runs]


def seconds_ago(seconds: float) -> Any:
    return timezone.now() - timezone.timedelta(seconds=seconds)


class TestRequestRun:
    def test_waits_and_wakes_the_scheduler(self, team: Team, no_broker: Woken) -> None:
        run = request(team)
        assert run.state == "waiting"
        assert run.id.startswith("run-")
        assert no_broker == [("compute.schedule", (), None)]

    def test_refuses_less_than_no_accelerator(self, team: Team) -> None:
        with pytest.raises(UserError, match="at least 1"):
            request(team, -1)


class TestSchedule:
    def test_gives_devices_and_wakes_the_nodes_worker(self, team: Team, node: Node, no_broker: Woken) -> None:
        run = request(team, None)
        assert schedule(run) == ["starting"]
        assert [device.node_id for device in run.devices()] == [node.pk, node.pk]
        assert ("compute.supervise", (run.pk,), node.queue) in no_broker

    def test_a_higher_priority_comes_first(self, team: Team, node: Node) -> None:
        later, sooner = request(team, 2), request(team, 2, priority=1)
        assert schedule(later, sooner) == ["waiting", "starting"]

    def test_says_why_the_rest_waits(self, team: Team, node: Node) -> None:
        first, second = request(team, 2), request(team, 1)
        schedule(first, second)
        assert str(services.explain(second)) == "Waiting for room: this needs 1 CPU core, and 0 of 2 are free for it."
        assert services.explain(first) is None

    def test_starts_by_itself_when_there_is_room(self, team: Team, node: Node) -> None:
        set_quota(team=team, accelerators=1, by=None)
        first, second = request(team), request(team)
        assert schedule(first, second) == ["starting", "waiting"]
        assert str(services.explain(second)) == "Waiting: your team uses 1 of its 1 CPU core."
        first.move("concluding", outcome="succeeded")
        assert schedule(second) == ["starting"]

    def test_a_raised_quota_lets_the_next_one_start(self, team: Team, node: Node) -> None:
        set_quota(team=team, accelerators=1, by=None)
        first, second = request(team), request(team)
        schedule(first, second)
        set_quota(team=team, accelerators=None, by=None)
        assert schedule(second) == ["starting"]

    @pytest.mark.parametrize("change", [{"draining": True}, {"closing": True}, {"last_seen_at": seconds_ago(3600)}])
    def test_a_leaving_or_silent_node_gets_nothing(self, team: Team, node: Node, change: dict[str, Any]) -> None:
        Node.objects.update(**change)
        assert schedule(run := request(team)) == ["waiting"]
        assert run.explanation["code"] == ("no_node" if "last_seen_at" in change else "node_away")

    def test_an_unhealthy_device_is_not_given(self, team: Team, node: Node) -> None:
        node.devices.update(healthy=False)
        assert schedule(request(team)) == ["waiting"]

    def test_an_idle_replica_gives_way_and_a_busy_one_does_not(self, team: Team, node: Node) -> None:
        shared = Team.objects.platform()
        replica = request(shared, 2, counts_in_quota=False, yields=True)
        schedule(replica)
        waiting = request(team)
        schedule(replica)
        assert replica.stop_requested_at is None
        services.set_idle(run=replica, since=timezone.now())
        schedule(replica, waiting)
        assert replica.stop_reason == "yield"
        assert str(services.explain(waiting)).startswith("Waiting: an idle model is being put to sleep")

    def test_a_device_has_one_live_run_whatever_the_code_does(self, team: Team, node: Node) -> None:
        first, second = request(team), request(team)
        device = node.devices.all()[0]
        Allocation.objects.create(run=first, device=device)
        with pytest.raises(IntegrityError), transaction.atomic():
            Allocation.objects.create(run=second, device=device)


class TestTwoSchedulers:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.fault("two schedulers at once", contract=True)
    def test_never_over_admit(self, team: Team, node: Node) -> None:
        other = Team.create(name="Cellos")
        for each in (team, other):
            set_quota(team=each, accelerators=1, by=None)
        for _ in range(5):
            request(team)
            request(other)
        barrier = threading.Barrier(6)
        errors: list[BaseException] = []

        def work() -> None:
            barrier.wait()
            try:
                for _ in range(3):
                    rounds.schedule()
            except BaseException as error:
                errors.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        held = Allocation.objects.filter(released_at=None)
        assert sorted(held.values_list("run__team__name", flat=True)) == ["Cellos", "Violins"]

    @pytest.mark.django_db(transaction=True)
    def test_take_turns(self, team: Team, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
        request(team)
        both_inside = threading.Barrier(2)
        overlaps: list[bool] = []

        def decide(snapshot: Snapshot) -> list[Decision]:
            try:
                both_inside.wait(timeout=0.5)
                overlaps.append(True)
            except threading.BrokenBarrierError:
                overlaps.append(False)
            return []

        def work() -> None:
            rounds.schedule()
            connections.close_all()

        monkeypatch.setattr("compute.scheduling.rounds.decide", decide)
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert overlaps == [False, False]


class TestRequestStop:
    def test_a_waiting_run_ends_without_having_started(self, team: Team, node: Node, script_work: ScriptWork) -> None:
        run = request(team)
        assert services.request_stop(run=run, reason="cancel")
        assert schedule(run) == ["concluding"]
        Supervisor(run.pk, "control").run()
        run.refresh_from_db()
        assert (run.state, run.outcome) == ("ended", "stopped")
        assert script_work.concluded == [(run.pk, "stopped")]
        assert script_work.num_prepared == 0

    def test_the_first_reason_stays_but_a_cancellation_wins(self, started_run: Run) -> None:
        for asked, kept in (("drain", "drain"), ("pause", "drain"), ("cancel", "cancel"), ("yield", "cancel")):
            services.request_stop(run=started_run, reason=asked)
            assert started_run.stop_reason == kept

    def test_refuses_a_reason_that_nobody_knows(self, started_run: Run) -> None:
        with pytest.raises(ValueError, match="boredom"):
            services.request_stop(run=started_run, reason="boredom")

    def test_what_is_decided_cannot_be_stopped(self, started_run: Run) -> None:
        started_run.move("concluding", outcome="succeeded")
        assert services.request_stop(run=started_run, reason="cancel") is False
        assert started_run.stop_requested_at is None


class TestMove:
    def test_refuses_what_the_table_does_not_know(self, started_run: Run) -> None:
        with pytest.raises(ValidationError, match="cannot become ended"):
            started_run.move("ended")

    def test_frees_the_devices_with_the_outcome(self, started_run: Run) -> None:
        started_run.move("concluding", outcome="lost")
        assert not started_run.allocations.filter(released_at=None).exists()
        assert [device.kind for device in started_run.devices()] == ["cpu"]


class TestReconcile:
    def test_wakes_what_nobody_holds(self, started_run: Run, node: Node, no_broker: Woken) -> None:
        no_broker.clear()
        reconciling.reconcile()
        assert no_broker == [("compute.supervise", (started_run.pk,), node.queue)]

    def test_leaves_alone_what_somebody_holds(self, started_run: Run, no_broker: Woken) -> None:
        Run.objects.update(lease_until=timezone.now() + timezone.timedelta(seconds=5))
        no_broker.clear()
        reconciling.reconcile()
        assert no_broker == []

    def test_gives_up_what_died_with_its_node(self, started_run: Run, node: Node, script_work: ScriptWork) -> None:
        times = settings.TIMES
        Run.objects.update(state="running", fencing=3, lease_until=seconds_ago(1))
        Node.objects.update(name="elsewhere", last_seen_at=seconds_ago(times.node_silent_seconds + 1))
        reconciling.reconcile()
        assert Run.objects.get().state == "running", "the node has not been silent for long enough"
        Node.objects.update(last_seen_at=seconds_ago(times.lease_seconds + times.node_silent_seconds + 1))
        reconciling.reconcile()
        run = Run.objects.get()
        assert (run.state, run.outcome, run.outcome_code, run.fencing) == ("concluding", "lost", "node_gone", 4)
        assert run.outcome_message == message("node_gone", node="elsewhere")
        Supervisor(run.pk, "control").run()
        assert script_work.concluded == [(run.pk, "lost")]

    def test_a_starting_node_worker_wakes_its_live_runs(self, started_run: Run, node: Node, no_broker: Woken) -> None:
        Run.objects.update(lease_until=timezone.now() + timezone.timedelta(seconds=50))
        no_broker.clear()
        wakes.wake_live_runs(node)
        assert no_broker == [("compute.supervise", (started_run.pk,), node.queue)]


class TestExplanations:
    @pytest.mark.parametrize(
        ("explanation", "sentence"),
        [
            ({"code": "quota", "used": 4, "quota": 4, "kind": "cuda"}, "Waiting: your team uses 4 of its 4 GPUs."),
            (
                {"code": "too_large", "asked": 4, "largest": 2, "kind": "cuda"},
                "Waiting: this asks for 4 GPUs, but the largest node has 2. Ask for fewer, or add a larger node.",
            ),
            (
                {
                    "code": "quota", "used": 1, "quota": 1, "kind": "cuda",
                    "next_label": "invoice-v3", "next_end_at": "2026-01-01T14:20:00+00:00",
                },
                'Waiting: your team uses 1 of its 1 GPU. "invoice-v3" should end at 2026-01-01 14:20 UTC.',
            ),
            ({}, "Waiting in the queue. It starts automatically."),
        ],
    )  # fmt: skip
    def test_say_it_in_a_sentence(self, explanation: dict[str, Any], sentence: str) -> None:
        with translation.override("en"):
            assert str(explained(explanation)) == sentence

    def test_say_it_as_each_reader_speaks(self) -> None:
        """One wait has many readers: what one of them reads must not be said to all."""
        with translation.override("zh-hans"):
            said = explained({"code": "room", "asked": 2, "free": 0, "total": 4})
            assert in_words(said) == "等待资源：需要 2 个 CPU 核，目前可用 0/4。"
        assert in_words(said) == "Waiting for room: this needs 2 CPU cores, and 0 of 4 are free for it."


class TestSetQuotaCommand:
    def test_sets_and_removes(self, team: Team) -> None:
        call_command("set_quota", "--team", team.name, "--accelerators", "2")
        assert quota_of(team) == 2
        assert AuditEvent.objects.filter(action="quota.set", team=team).count() == 1
        call_command("set_quota", "--team", team.name, "--accelerators", "none")
        assert quota_of(team) is None

    def test_names_the_teams_there_are(self, team: Team) -> None:
        with pytest.raises(CommandError, match=r"no team 'Nobody'\. Teams: .*Violins"):
            call_command("set_quota", "--team", "Nobody", "--accelerators", "1")

    def test_refuses_what_is_no_number(self, team: Team) -> None:
        with pytest.raises(CommandError, match="Accepted"):
            call_command("set_quota", "--team", team.name, "--accelerators", "-1")


@pytest.fixture
def client_of(settings: Any) -> Any:
    def make(team: Team, *, admin: bool = False) -> APIClient:
        user = User.objects.create_user(f"{team.slug}-{admin}@example.com", is_staff=admin)
        Membership.objects.create(user=user, team=team)
        _, secret = ApiKey.issue(user=user, team=team, scopes=["admin"] if admin else [])
        return APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")

    return make


class TestApi:
    def test_an_administrator_sees_the_whole_pool(self, client_of: Any, started_run: Run) -> None:
        other = Team.create(name="Cellos")
        pool = client_of(other, admin=True).get("/api/v1/pool").json()
        assert (pool["accelerators"], pool["free"]) == (2, 1)
        assert [device["run"] for device in pool["nodes"][0]["devices"]] == [started_run.pk, None]
        assert {row["name"]: row["in_use"] for row in pool["teams"]} == {"Cellos": 0, "Violins": 1}

    def test_a_member_sees_others_devices_as_taken_only(self, client_of: Any, started_run: Run) -> None:
        other = Team.create(name="Cellos")
        response = client_of(other).get("/api/v1/pool")
        assert [device["taken"] for device in response.json()["nodes"][0]["devices"]] == [True, False]
        assert "Violins" not in response.content.decode()
        assert started_run.pk not in response.content.decode()

    def test_quotas_are_set_by_administrators_and_seen_by_their_team(self, client_of: Any, team: Team) -> None:
        other = Team.create(name="Cellos")
        member = client_of(team)
        assert member.get(f"/api/v1/quotas/{team.slug}").json()["accelerators"] is None
        assert member.get(f"/api/v1/quotas/{other.slug}").status_code == 404
        assert member.get("/api/v1/quotas/nobody").status_code == 404
        for slug, status in ((team.slug, 403), (other.slug, 404), ("nobody", 404)):
            assert member.put(f"/api/v1/quotas/{slug}", {"accelerators": 9}, format="json").status_code == status
        assert quota_of(team) is None

    def test_an_administrator_sets_a_quota(self, client_of: Any, team: Team) -> None:
        admin = client_of(team, admin=True)
        url = f"/api/v1/quotas/{team.slug}"
        assert admin.put(url, {"accelerators": 2}, format="json").json()["accelerators"] == 2
        assert admin.get(url).json() == {
            "object": "quota", "team": team.slug, "name": team.name, "pool": "default", "accelerators": 2,
            "guaranteed": 0, "ceiling": 2,
            "accelerator_hours": None, "per_user": None, "longest_run_seconds": None, "storage_bytes": None,
            "in_use": 0, "borrowed": 0,
            "waiting": 0, "hours_used": 0, "hours_held": 0,
        }  # fmt: skip
        assert admin.put(url, {"accelerators": -1}, format="json").status_code == 400
        assert admin.put(url, {"gpus": 1}, format="json").status_code == 400
        assert admin.put(url, {"accelerators": None}, format="json").json()["accelerators"] is None
        assert admin.get("/api/v1/quotas/nobody").status_code == 404

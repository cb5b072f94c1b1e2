"""Deployments that give their accelerators back while nobody asks, and adapters that leave the memory."""

from datetime import timedelta

import pytest
from deployments_cast import Person, deploy, make_adapter, make_ready, run_of
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEvent
from common.errors import UserError
from compute.models import Run
from deployments import replicas, services
from deployments.gateway.waking import Route, Waiting, route_or_wake
from deployments.models import Deployment, Replica, ReplicaAdapter
from deployments.names import find_target
from deployments.standing import standing_of
from deployments.unloading import let_idle_go

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def sleeper(alice, adapter) -> Deployment:
    """A deployment with accelerators of its own, which it need not keep."""
    return deploy(alice, adapter, accelerators=1, min_replicas=0)


def fall_idle(**by) -> None:
    Replica.objects.update(last_request_at=timezone.now() - timedelta(**by))


def state_of(deployment: Deployment) -> str:
    return standing_of(Deployment.objects.select_related("adapter").get(pk=deployment.pk)).state


class TestOwnAccelerators:
    def test_are_given_back_after_minutes_without_a_request(self, sleeper, settings):
        replica = make_ready(sleeper.live_replica)
        fall_idle(seconds=settings.DEPLOYMENT_IDLE_SECONDS - 60)
        replicas.put_to_sleep()
        assert run_of(replica).stop_requested_at is None
        fall_idle(seconds=settings.DEPLOYMENT_IDLE_SECONDS + 60)
        replicas.put_to_sleep()
        assert run_of(replica).stop_reason == "expire"
        replicas.end_replica(replica=replica, outcome="stopped")
        replicas.restart_deployments()
        assert (state_of(sleeper), Replica.objects.live().count()) == ("asleep", 0)

    def test_are_asked_for_again_by_the_next_request(self, sleeper, alice):
        replica = make_ready(sleeper.live_replica)
        fall_idle(days=1)
        replicas.put_to_sleep()
        target = find_target(team=alice.team, name="violin")
        assert isinstance(route_or_wake(target), Waiting)
        replicas.end_replica(replica=replica, outcome="stopped")
        assert isinstance(route_or_wake(target), Waiting)
        sleeper.refresh_from_db()
        assert (sleeper.state, run_of(sleeper.live_replica).accelerators) == ("starting", 1)
        make_ready(sleeper.live_replica)
        assert isinstance(route_or_wake(target), Route)

    def test_leave_the_queue_when_nobody_waits_any_more(self, sleeper):
        fall_idle(minutes=2)
        replicas.put_to_sleep()
        assert run_of(sleeper.live_replica).stop_reason == "expire"
        assert state_of(sleeper) == "asleep"

    def test_are_kept_with_a_least_replica(self, alice, adapter):
        kept = deploy(alice, adapter, accelerators=1)
        make_ready(kept.live_replica)
        fall_idle(days=1)
        replicas.put_to_sleep()
        assert run_of(kept.live_replica).stop_requested_at is None

    def test_come_back_when_they_shall_be_kept(self, sleeper, alice):
        replica = make_ready(sleeper.live_replica)
        fall_idle(days=1)
        replicas.put_to_sleep()
        replicas.end_replica(replica=replica, outcome="stopped")
        services.update_deployment(deployment=sleeper, by=alice.user, min_replicas=1)
        sleeper.refresh_from_db()
        assert (sleeper.state, sleeper.min_replicas) == ("starting", 1)
        assert sleeper.live_replica is not None


class TestPause:
    @pytest.fixture
    def kept(self, alice, adapter) -> Deployment:
        made = deploy(alice, adapter, accelerators=1)
        make_ready(made.live_replica)
        return made

    def test_frees_what_it_kept_until_it_is_asked(self, kept, alice):
        replica = kept.live_replica
        services.pause_deployment(deployment=kept, by=alice.user)
        assert run_of(replica).stop_reason == "pause"
        replicas.end_replica(replica=replica, outcome="stopped")
        replicas.restart_deployments()
        assert (state_of(kept), Replica.objects.live().count()) == ("asleep", 0)
        assert isinstance(route_or_wake(find_target(team=alice.team, name="violin")), Waiting)
        assert state_of(kept) == "starting"

    def test_ends_by_resuming_even_while_its_run_still_stops(self, kept, alice):
        replica = kept.live_replica
        services.pause_deployment(deployment=kept, by=alice.user)
        services.resume_deployment(deployment=kept, by=alice.user)
        replicas.end_replica(replica=replica, outcome="stopped")
        assert run_of(kept.live_replica).pk != replica.run_id
        assert state_of(kept) == "starting"

    def test_twice_is_once(self, kept, alice):
        for verb in ("pause", "pause", "resume", "resume"):
            getattr(services, f"{verb}_deployment")(deployment=kept, by=alice.user)
        told = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
        assert told[-2:] == ["deployment.paused", "deployment.resumed"]
        assert len(told) == 3

    def test_of_what_keeps_nothing_is_refused(self, alice, adapter):
        made = deploy(alice, adapter, accelerators="shared")
        reply = client_of(alice).post(f"/api/v1/deployments/{made.pk}/pause")
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "nothing_to_pause")

    def test_wakes_a_name(self, alice, adapter):
        made = deploy(alice, adapter, accelerators="shared")
        replicas.end_replica(replica=Replica.objects.live().get(), outcome="stopped")
        assert state_of(made) == "asleep"
        reply = client_of(alice).post(f"/api/v1/deployments/{made.pk}/resume")
        assert reply.json()["state"] == "starting"

    def test_is_said_at_the_api_and_on_the_page(self, kept, alice, client):
        reply = client_of(alice).post(f"/api/v1/deployments/{kept.pk}/pause").json()
        assert reply["state"] == "asleep"
        assert reply["message"].endswith("It was paused.")
        client.force_login(alice.user)
        page = f"/deployments/{kept.pk}"
        assert "Wake up" in client.get(page).content.decode()
        assert client.post(f"{page}/resume").headers["location"] == page
        assert "Pause" in client.get(f"{page}/live").content.decode()

    def test_from_a_job_that_waits_leads_back_to_it(self, kept, alice, adapter, client):
        client.force_login(alice.user)
        for job, leads_to in ((adapter.job_id, f"/jobs/{adapter.job_id}"), ("../evil", f"/deployments/{kept.pk}")):
            reply = client.post(f"/deployments/{kept.pk}/pause", {"job": job})
            assert reply.headers["location"] == leads_to


class TestGivingWay:
    @pytest.fixture
    def kept(self, alice, adapter, settings) -> Deployment:
        settings.IDLE_WORK_SECONDS = 1800
        made = deploy(alice, adapter, accelerators=1)
        make_ready(made.live_replica)
        return made

    @pytest.mark.parametrize(
        ("rule", "minutes", "gives_way"), [(True, 31, True), (True, 29, False), (False, 99, False)]
    )
    def test_is_the_administrators_rule(self, kept, settings, rule, minutes, gives_way):
        settings.RECLAIM_IDLE_WORK = rule
        fall_idle(minutes=minutes)
        replicas.note_idleness()
        run = run_of(kept.live_replica)
        assert (run.idle_since is not None, run.yields) == (gives_way, gives_way)

    def test_lets_it_sleep_and_says_why(self, kept, settings, alice):
        settings.RECLAIM_IDLE_WORK = True
        fall_idle(minutes=31)
        replicas.note_idleness()
        replica = kept.live_replica
        Run.objects.filter(pk=replica.run_id).update(stop_reason="yield", stop_requested_at=timezone.now())
        replicas.end_replica(replica=replica, outcome="stopped")
        replicas.restart_deployments()
        kept.refresh_from_db()
        said = str(standing_of(kept).message)
        assert said.startswith("Asleep: the next request wakes it")
        assert said.endswith("Nobody had asked it for 30 minutes, so it gave its accelerators to work that waited.")
        assert isinstance(route_or_wake(find_target(team=alice.team, name="violin")), Waiting)
        assert state_of(kept) == "starting"

    def test_ends_with_a_request(self, kept, settings, alice):
        settings.RECLAIM_IDLE_WORK = True
        fall_idle(minutes=31)
        replicas.note_idleness()
        route_or_wake(find_target(team=alice.team, name="violin"))
        assert run_of(kept.live_replica).idle_since is None


class TestRefusals:
    @pytest.mark.parametrize("min_replicas", [0, 1])
    def test_a_name_keeps_nothing(self, alice, adapter, min_replicas):
        with pytest.raises(UserError, match="keeps nothing") as refused:
            deploy(alice, adapter, accelerators="shared", min_replicas=min_replicas)
        assert refused.value.param == "min_replicas"
        made = deploy(alice, adapter, accelerators="shared")
        with pytest.raises(UserError, match="keeps nothing"):
            services.update_deployment(deployment=made, by=alice.user, min_replicas=min_replicas)

    @pytest.mark.parametrize("min_replicas", [2, -1, True, "1", 0.5, None])
    def test_another_number_is_a_400_in_words(self, alice, adapter, min_replicas):
        body = {"name": "violin", "model": adapter.name, "accelerators": 1, "min_replicas": min_replicas}
        reply = client_of(alice).post("/api/v1/deployments", body, format="json")
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "min_replicas")
        assert not Run.objects.exists()


def client_of(person: Person) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {person.secret}")
    return client


def test_the_api_says_what_is_kept(alice, adapter):
    client = client_of(alice)
    found = {}
    for name, asked in {
        "name": {},
        "same": {"accelerators": "shared"},
        "own": {"accelerators": 1},
        "sleeper": {"accelerators": "auto", "min_replicas": 0},
    }.items():
        body = {"name": name, "model": adapter.name, **asked}
        value = client.post("/api/v1/deployments", body, format="json").json()
        found[name] = (value["accelerators"], value["min_replicas"])
    assert found == {"name": ("shared", 0), "same": ("shared", 0), "own": (1, 1), "sleeper": ("auto", 0)}
    assert {one["name"] for one in client.get("/api/v1/deployments").json()["data"]} == set(found)


class TestAdapters:
    @pytest.fixture
    def replica(self, base, adapter, alice) -> Replica:
        replica = replicas.wake_shared(base_model=base, adapter=adapter)
        replica.want(make_adapter(alice.team, base, suffix="cello"))
        return make_ready(replica)

    def last_used(self, adapter, **ago) -> None:
        moment = timezone.now() - timedelta(**ago)
        ReplicaAdapter.objects.filter(adapter=adapter).update(last_used_at=moment)

    def leaving(self) -> set[str]:
        return set(ReplicaAdapter.objects.filter(state="leaving").values_list("adapter_id", flat=True))

    def test_that_nobody_asks_leave(self, replica, adapter, settings):
        self.last_used(adapter, seconds=settings.ADAPTER_IDLE_SECONDS - 60)
        let_idle_go(replica)
        assert self.leaving() == set()
        self.last_used(adapter, seconds=settings.ADAPTER_IDLE_SECONDS + 60)
        let_idle_go(replica)
        assert self.leaving() == {adapter.id}

    def test_least_recently_used_leave_when_memory_is_short(self, replica, adapter, settings):
        settings.ADAPTER_MEMORY_BYTES = 150
        ReplicaAdapter.objects.update(memory_bytes=100)
        self.last_used(adapter, seconds=60)
        for _ in range(2):
            let_idle_go(replica)
            assert self.leaving() == {adapter.id}

    def test_in_use_stay_whatever_they_take(self, replica, settings):
        settings.ADAPTER_MEMORY_BYTES = 1
        ReplicaAdapter.objects.update(memory_bytes=100)
        let_idle_go(replica)
        assert self.leaving() == set()

    def test_a_request_renews_the_note_and_one_that_leaves_is_waited_for(self, replica, adapter, alice):
        target = find_target(team=alice.team, name=adapter.name)
        self.last_used(adapter, hours=1)
        assert isinstance(route_or_wake(target), Route)
        let_idle_go(replica)
        assert self.leaving() == set()
        self.last_used(adapter, hours=1)
        let_idle_go(replica)
        ReplicaAdapter.objects.filter(adapter=adapter).update(last_used_at=timezone.now())
        assert isinstance(route_or_wake(target), Waiting)
        ReplicaAdapter.objects.filter(adapter=adapter).delete()
        assert isinstance(route_or_wake(target), Waiting)
        assert replica.adapters.get(adapter=adapter).state == "wanted"

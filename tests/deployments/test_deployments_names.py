"""A deployment that is a name on the shared replica: nothing is reserved, and it stands as that replica does."""

from datetime import timedelta

import pytest
from deployments_cast import deploy, make_adapter, make_ready, run_of
from django.utils import timezone

from accounts.models import Team
from compute.models import Run
from deployments import replicas, services
from deployments.gateway.waking import Refusal, Route, Waiting, route_or_wake
from deployments.models import Deployment, Replica, ReplicaAdapter
from deployments.names import find_target
from deployments.standing import standing_of, standings
from wording import as_written

pytestmark = pytest.mark.django_db


@pytest.fixture
def name(alice, adapter) -> Deployment:
    return deploy(alice, adapter, accelerators="shared")


def now(deployment: Deployment):
    return standing_of(Deployment.objects.select_related("adapter").get(pk=deployment.pk))


def shared() -> Replica:
    return Replica.objects.live().shared().get()


def prove(adapter) -> None:
    replicas.record_gate(replica=shared(), model=adapter.id, refusal=None, verdict={"max_difference": 0.001})


def end(outcome: str = "stopped", reason: str = "") -> None:
    replicas.end_replica(replica=shared(), outcome=outcome, reason=as_written(reason) if reason else None)


class TestANewOne:
    def test_reserves_nothing_of_its_team_and_is_loaded_to_be_proven(self, name, adapter):
        run = run_of(shared())
        assert (run.team, run.counts_in_quota, run.yields) == (Team.objects.platform(), False, True)
        assert [one.adapter for one in shared().adapters.all()] == [adapter]
        assert (name.reserved, name.min_replicas, now(name).state) == ("shared", 0, "starting")

    def test_answers_once_it_has_proven_that_it_answers_as_trained(self, name, adapter):
        make_ready(shared(), prove=False)
        assert now(name).state == "starting"
        prove(adapter)
        assert now(name).state == "answering"
        name.refresh_from_db()
        assert name.proven_at is not None

    def test_is_the_default_and_two_share_one_replica(self, alice, base, adapter):
        other = make_adapter(alice.team, base, suffix="cello")
        for one, model in (("violin", adapter.name), ("cello", other.name), ("plain", base.id)):
            services.deploy(team=alice.team, by=alice.user, name=one, model=model)
        assert Run.objects.count() == 1
        make_ready(shared())
        assert {standing.state for standing in standings(Deployment.objects.all()).values()} == {"answering"}

    def test_of_a_model_that_answers_already_answers_at_once(self, alice, base, adapter):
        make_ready(replicas.wake_shared(base_model=base, adapter=adapter))
        assert now(deploy(alice, adapter, accelerators="shared")).state == "answering"

    def test_of_a_whole_model_has_the_replica_of_that_model(self, alice, base):
        full = make_adapter(alice.team, base, result="model")
        made = deploy(alice, full, accelerators="shared")
        assert shared().full_model == full
        make_ready(shared())
        assert now(made).state == "answering"


class TestRequests:
    def test_go_to_the_shared_replica_by_the_name(self, name, alice, adapter):
        target = find_target(team=alice.team, name="violin")
        assert isinstance(route_or_wake(target), Waiting)
        make_ready(shared())
        route = route_or_wake(target)
        assert isinstance(route, Route)
        assert (route.replica_id, route.model) == (shared().pk, adapter.id)

    def test_wake_it(self, name, alice):
        make_ready(shared())
        end()
        assert now(name).state == "asleep"
        assert isinstance(route_or_wake(find_target(team=alice.team, name="violin")), Waiting)
        assert now(name).state == "starting"

    def test_are_answered_where_shared_replicas_are_for_deployments_alone(self, name, alice, adapter, base, settings):
        settings.SHARED_REPLICAS = False
        make_ready(shared())
        for asked in ("violin", adapter.name):
            assert isinstance(route_or_wake(find_target(team=alice.team, name=asked)), Route)
        assert isinstance(route_or_wake(find_target(team=alice.team, name=base.id)), Refusal)


class TestSleep:
    def test_says_how_long_it_takes_to_wake_as_measured(self, name):
        make_ready(shared())
        Replica.objects.update(created_at=timezone.now() - timedelta(seconds=7))
        end()
        found = now(name)
        assert (found.state, found.wake_seconds) == ("asleep", 7)
        assert "in about 7 seconds" in str(found.message)
        assert timezone.now() - found.asleep_since < timedelta(seconds=5)

    def test_of_one_that_was_never_proven_is_said_as_such(self, name):
        end()
        assert "has yet to prove" in str(now(name).message)
        replica = make_ready(replicas.wake_shared(base_model=name.base_model, adapter=name.adapter))
        replicas.align_states(replica)
        end()
        assert "has yet to prove" not in str(now(name).message)

    def test_of_its_adapter_alone(self, name):
        make_ready(shared())
        ReplicaAdapter.objects.all().delete()
        assert "beside its base" in str(now(name).message)
        assert now(name).state == "asleep"

    def test_gets_it_no_run_of_its_own(self, name):
        end()
        replicas.restart_deployments()
        assert not Replica.objects.live().exists()


class TestFailures:
    def test_a_failed_check_is_told_and_costs_the_replica_nothing(self, name, alice, adapter):
        make_ready(shared(), prove=False)
        replicas.record_gate(replica=shared(), model=adapter.id, refusal=as_written("It differs by 3."), verdict={})
        assert (now(name).state, "It differs by 3." in str(now(name).message)) == ("failed", True)
        assert run_of(shared()).stop_requested_at is None
        found = route_or_wake(find_target(team=alice.team, name="violin"))
        assert isinstance(found, Refusal)
        assert (found.status, "It differs by 3." in str(found.reason)) == (409, True)

    def test_are_forgotten_when_another_replica_proves_it(self, name, alice, adapter):
        make_ready(shared(), prove=False)
        replicas.record_gate(replica=shared(), model=adapter.id, refusal=as_written("It differs by 3."), verdict={})
        end()
        assert now(name).state == "failed"
        route_or_wake(find_target(team=alice.team, name="violin"))
        assert now(name).state == "starting"
        make_ready(shared())
        prove(adapter)
        assert now(name).state == "answering"

    def test_of_the_replica_are_those_of_its_names(self, name):
        end("failed", "Memory ran out.")
        assert (now(name).state, "Memory ran out." in str(now(name).message)) == ("failed", True)


class TestChanges:
    def test_to_accelerators_of_its_own_and_back(self, name, alice):
        make_ready(shared())
        services.update_deployment(deployment=name, by=alice.user, accelerators=1)
        name.refresh_from_db()
        assert (name.reserved, name.min_replicas, run_of(name.live_replica).team) == (1, 1, alice.team)
        own = make_ready(name.live_replica)
        services.update_deployment(deployment=name, by=alice.user, accelerators="shared")
        replicas.end_replica(replica=own, outcome="stopped")
        assert name.live_replica is None
        assert now(name).state == "answering"

    def test_taking_it_down_frees_the_model_at_once(self, name, alice, adapter):
        make_ready(shared())
        services.undeploy(deployment=name, by=alice.user)
        services.delete_model(team=alice.team, by=alice.user, name=adapter.name)
        assert run_of(shared()).stop_requested_at is None


def test_as_many_questions_for_many_as_for_one(alice, adapter, django_assert_num_queries):
    for number in range(4):
        deploy(alice, adapter, name=f"violin-{number}", accelerators="shared")
    end()
    with django_assert_num_queries(3):
        standings(Deployment.objects.select_related("adapter"))

import pytest
from deployments_cast import deploy, make_adapter, make_ready

from common.errors import NotFound
from compute.models import Run
from deployments import replicas, services
from deployments.gateway.waking import Refusal, Route, Waiting, route_or_wake
from deployments.models import Replica, ReplicaAdapter
from deployments.names import find_target
from wording import as_written

pytestmark = pytest.mark.django_db


class TestNames:
    def test_mean_a_deployment_a_tuned_model_or_a_base(self, alice, adapter, base):
        deploy(alice, adapter)
        assert find_target(team=alice.team, name="violin").deployment.name == "violin"
        assert find_target(team=alice.team, name=adapter.name).adapter == adapter
        assert find_target(team=alice.team, name=base.id).adapter is None

    def test_of_another_team_do_not_exist(self, alice, bob, adapter):
        deploy(alice, adapter)
        for name in ("violin", adapter.name, "nothing", ""):
            with pytest.raises(NotFound) as refused:
                find_target(team=bob.team, name=name)
            assert refused.value.code == "model_not_found"

    def test_of_an_absent_base_do_not_exist(self, alice, base):
        base.mark_failed(as_written("No space."), code="disk_full")
        with pytest.raises(NotFound):
            find_target(team=alice.team, name=base.id)


class TestLook:
    def target(self, person, name):
        return find_target(team=person.team, name=name)

    def test_the_first_asks_for_a_replica_and_says_what_it_waits_for(self, alice, adapter):
        found = route_or_wake(self.target(alice, adapter.name))
        assert isinstance(found, Waiting)
        assert found.reason
        assert Run.objects.count() == 1
        route_or_wake(self.target(alice, adapter.name))
        assert Run.objects.count() == 1

    def test_a_ready_replica_must_have_proven_the_model(self, alice, adapter, base):
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=None))
        assert isinstance(route_or_wake(self.target(alice, base.id)), Route)
        assert isinstance(route_or_wake(self.target(alice, adapter.name)), Waiting)
        assert ReplicaAdapter.objects.get(replica=replica).state == "wanted"
        replicas.record_gate(replica=replica, model=adapter.id, refusal=None, verdict={})
        route = route_or_wake(self.target(alice, adapter.name))
        assert isinstance(route, Route)
        assert (route.model, route.token) == (adapter.id, replica.token)

    def test_a_failed_check_is_told_and_the_base_never_answers_instead(self, alice, adapter, base):
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=adapter), prove=False)
        replicas.record_gate(replica=replica, model=adapter.id, refusal=as_written("It differs by 3."), verdict={})
        found = route_or_wake(self.target(alice, adapter.name))
        assert isinstance(found, Refusal)
        assert found.status == 409
        assert "It differs by 3." in str(found.reason)

    def test_a_replica_that_is_asked_to_stop_gets_nothing_more(self, alice, base):
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=None))
        from compute import services as compute

        compute.request_stop(run=replica.run, reason="yield")
        assert isinstance(route_or_wake(self.target(alice, base.id)), Waiting)

    def test_a_replica_that_failed_is_not_started_by_every_request(self, alice, base):
        replica = replicas.wake_shared(base_model=base, adapter=None)
        replicas.end_replica(replica=replica, outcome="failed", reason=as_written("Memory ran out."))
        found = route_or_wake(self.target(alice, base.id))
        assert isinstance(found, Refusal)
        assert (found.status, "Memory ran out." in str(found.reason)) == (503, True)
        assert not Replica.objects.live().exists()

    def test_a_replica_that_was_killed_is_started_again_at_once(self, alice, base):
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=None))
        replicas.end_replica(replica=replica, outcome="lost", reason=as_written("It was killed."))
        assert isinstance(route_or_wake(self.target(alice, base.id)), Waiting)
        assert Replica.objects.live().count() == 1

    def test_a_team_is_answered_by_its_own_deployment_of_the_model(self, alice, bob, adapter, base):
        deployment = services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        )
        replica = make_ready(deployment.live_replica)
        assert route_or_wake(self.target(alice, adapter.name)).replica_id == replica.pk
        assert isinstance(route_or_wake(self.target(bob, base.id)), Waiting)

    def test_a_failed_deployment_says_why(self, alice, adapter):
        deployment = services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        )
        replicas.end_replica(replica=deployment.live_replica, outcome="failed", reason=as_written("Memory ran out."))
        found = route_or_wake(self.target(alice, "violin"))
        assert isinstance(found, Refusal)
        assert "Memory ran out." in str(found.reason)

    def test_without_shared_replicas_only_deployments_answer(self, alice, adapter, settings):
        settings.SHARED_REPLICAS = False
        assert route_or_wake(self.target(alice, adapter.name)).code == "model_not_deployed"
        assert not Run.objects.exists()

    def test_a_full_model_answers_under_its_own_name(self, alice, base):
        full = make_adapter(alice.team, base, result="model")
        make_ready(replicas.wake_shared(base_model=base, adapter=full))
        assert route_or_wake(self.target(alice, full.name)).model == full.id
        assert isinstance(route_or_wake(self.target(alice, base.id)), Waiting)

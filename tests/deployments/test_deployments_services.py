from datetime import timedelta

import pytest
from deployments_cast import deploy, make_adapter, make_ready, run_of
from django.utils import timezone

from accounts.models import Team
from common.errors import NotFound, UserError
from compute.models import Run
from deployments import replicas, services
from deployments.models import Deployment, Replica, ReplicaAdapter
from deployments.standing import standing_of
from wording import as_written

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(alice, adapter):
    return services.deploy(team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators=1)


class TestDeploy:
    def test_asks_for_a_run_in_the_teams_quota(self, deployment, alice, adapter):
        run = run_of(deployment.live_replica)
        assert (run.kind, run.team, run.accelerators) == ("serving", alice.team, 1)
        assert run.counts_in_quota
        assert not run.yields
        assert deployment.state == "starting"
        assert [one.adapter for one in deployment.live_replica.adapters.all()] == [adapter]

    def test_auto_leaves_the_number_to_compute(self, alice, adapter):
        made = deploy(alice, adapter)
        assert run_of(made.live_replica).accelerators is None

    @pytest.mark.parametrize("name", ["", "ft:tiny", "a b", "../etc", "-x", "x" * 65, "琴", "a\n", "a/b"])
    def test_refuses_a_name_that_is_none(self, alice, adapter, name):
        with pytest.raises(UserError) as refused:
            services.deploy(team=alice.team, by=alice.user, name=name, model=adapter.name, accelerators="auto")
        assert refused.value.param == "name"
        assert not Deployment.objects.exists()

    def test_refuses_the_name_of_a_base(self, alice, adapter, base):
        with pytest.raises(UserError, match="base model"):
            services.deploy(team=alice.team, by=alice.user, name=base.id, model=adapter.name, accelerators="auto")

    def test_refuses_a_name_that_the_team_uses(self, deployment, alice, adapter):
        with pytest.raises(UserError, match="already") as refused:
            deploy(alice, adapter)
        assert refused.value.status == 409
        assert Run.objects.count() == 1

    def test_another_team_may_use_the_name(self, deployment, bob, base):
        model = make_adapter(bob.team, base)
        assert deploy(bob, model).name == "violin"

    def test_a_name_is_open_once_on_the_whole_platform(self, alice, bob, base, adapter):
        services.deploy(
            team=alice.team,
            by=alice.user,
            name="violin",
            model=adapter.name,
            open_to_loopback=True,
            accelerators="auto",
        )
        shut = services.deploy(team=bob.team, by=bob.user, name="violin", model=base.id, accelerators="auto")
        with pytest.raises(UserError, match="leave the switch off"):
            services.update_deployment(deployment=shut, by=bob.user, open_to_loopback=True)
        shut.refresh_from_db()
        assert not shut.open_to_loopback

    def test_another_teams_model_does_not_exist(self, bob, adapter):
        with pytest.raises(NotFound) as refused:
            deploy(bob, adapter)
        assert refused.value.param == "model"

    @pytest.mark.parametrize("accelerators", [0, -1])
    def test_refuses_no_accelerators(self, alice, adapter, accelerators):
        with pytest.raises(UserError) as refused:
            services.deploy(team=alice.team, by=alice.user, name="v", model=adapter.name, accelerators=accelerators)
        assert refused.value.param == "accelerators"


class TestUndeploy:
    def test_stops_the_run_and_frees_the_name(self, deployment, alice, adapter):
        replica = make_ready(deployment.live_replica)
        services.undeploy(deployment=deployment, by=alice.user)
        assert run_of(replica).stop_reason == "cancel"
        replicas.end_replica(replica=replica, outcome="stopped")
        assert Run.objects.count() == 1
        assert services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        ).is_live

    def test_is_done_once(self, deployment, alice):
        services.undeploy(deployment=deployment, by=alice.user)
        with pytest.raises(NotFound):
            services.undeploy(deployment=deployment, by=alice.user)


class TestUpdate:
    def test_new_accelerators_mean_a_new_run(self, deployment, alice):
        replica = make_ready(deployment.live_replica)
        services.update_deployment(deployment=deployment, by=alice.user, accelerators=2)
        assert run_of(replica).stop_reason == "expire"
        replicas.end_replica(replica=replica, outcome="stopped")
        deployment.refresh_from_db()
        assert deployment.state == "starting"
        assert run_of(deployment.live_replica).accelerators == 2

    def test_a_failed_one_starts_again(self, deployment, alice):
        replicas.end_replica(replica=deployment.live_replica, outcome="failed", reason=as_written("Memory ran out."))
        services.update_deployment(deployment=deployment, by=alice.user, accelerators=2)
        deployment.refresh_from_db()
        assert deployment.state == "starting"
        assert deployment.live_replica is not None


class TestEndOfAReplica:
    @pytest.mark.parametrize("outcome", ["lost", "stopped"])
    def test_a_deployment_comes_back(self, deployment, outcome):
        replica = make_ready(deployment.live_replica)
        replicas.end_replica(replica=replica, outcome=outcome, reason=as_written("The host went away."))
        deployment.refresh_from_db()
        assert deployment.state == "starting"
        assert deployment.live_replica.pk != replica.pk

    def test_twice_is_once(self, deployment):
        replica = deployment.live_replica
        replicas.end_replica(replica=replica, outcome="lost", reason=as_written("Gone."))
        replicas.end_replica(replica=replica, outcome="lost", reason=as_written("Gone."))
        assert Run.objects.count() == 2

    def test_a_failure_is_told_and_not_repeated(self, deployment):
        replicas.end_replica(replica=deployment.live_replica, outcome="failed", reason=as_written("Memory ran out."))
        deployment.refresh_from_db()
        assert (deployment.state, deployment.reason) == ("failed", as_written("Memory ran out."))
        replicas.restart_deployments()
        assert deployment.live_replica is None
        assert "Memory ran out." in str(standing_of(deployment).message)

    def test_three_false_starts_are_enough(self, deployment):
        for _ in range(3):
            replicas.end_replica(replica=deployment.live_replica, outcome="lost", reason=as_written("It was killed."))
        deployment.refresh_from_db()
        assert deployment.state == "failed"
        assert "3 times" in str(deployment.reason)

    def test_a_shared_one_simply_ends(self, base):
        replica = replicas.wake_shared(base_model=base, adapter=None)
        replicas.end_replica(replica=replica, outcome="lost", reason=as_written("Gone."))
        assert not Replica.objects.live().exists()
        assert Run.objects.count() == 1


class TestCare:
    def test_notices_a_run_that_ended_while_it_waited(self, base):
        replica = replicas.wake_shared(base_model=base, adapter=None)
        Run.objects.filter(pk=replica.run_id).update(state=Run.State.ENDED, outcome="stopped")
        replicas.end_what_ended()
        assert not Replica.objects.live().exists()

    def test_gives_a_deployment_without_a_replica_a_new_one(self, deployment):
        deployment.replicas.all().delete()
        replicas.restart_deployments()
        replicas.restart_deployments()
        assert deployment.replicas.live().count() == 1

    def test_an_idle_shared_replica_can_give_way(self, base):
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=None))
        replicas.note_idleness()
        assert run_of(replica).idle_since is None
        Replica.objects.update(last_request_at=timezone.now() - timedelta(seconds=60))
        replicas.note_idleness()
        assert run_of(replica).idle_since is not None
        replicas.mark_requested([replica.pk])
        assert run_of(replica).idle_since is None

    def test_a_shared_replica_that_nobody_asks_goes_to_sleep(self, base, deployment):
        make_ready(deployment.live_replica)
        shared = make_ready(replicas.wake_shared(base_model=base, adapter=None))
        Replica.objects.update(last_request_at=timezone.now() - timedelta(days=1))
        replicas.put_to_sleep()
        assert run_of(shared).stop_reason == "expire"
        assert run_of(deployment.live_replica).stop_requested_at is None


class TestSharedReplica:
    def test_belongs_to_the_platform_and_gives_way(self, base, adapter):
        run = run_of(replicas.wake_shared(base_model=base, adapter=adapter))
        assert run.team == Team.objects.platform()
        assert not run.counts_in_quota
        assert run.yields

    def test_is_one_for_all_teams_and_adapters(self, base, adapter, bob):
        other = make_adapter(bob.team, base)
        found = {replicas.wake_shared(base_model=base, adapter=one).pk for one in (None, adapter, other, adapter)}
        assert len(found) == 1
        assert Run.objects.count() == 1
        assert {one.adapter for one in Replica.objects.get().adapters.all()} == {adapter, other}

    def test_a_full_model_has_one_of_its_own(self, base, alice):
        full = make_adapter(alice.team, base, result="model")
        replica = replicas.wake_shared(base_model=base, adapter=full)
        assert replica.full_model == full
        assert replicas.wake_shared(base_model=base, adapter=None).pk != replica.pk


class TestGate:
    def test_a_passed_gate_makes_the_deployment_answer(self, deployment, adapter):
        replica = make_ready(deployment.live_replica, prove=False)
        replicas.align_states(replica)
        deployment.refresh_from_db()
        verdict = {"max_difference": 0.001, "tolerance": 0.01, "base_difference": 2.0}
        replicas.record_gate(replica=replica, model=adapter.id, refusal=None, verdict=verdict)
        deployment.refresh_from_db()
        assert deployment.state == "answering"
        assert replica.adapters.get().verdict == verdict

    def test_a_failed_gate_fails_the_deployment_and_frees_its_devices(self, deployment, adapter):
        replica = make_ready(deployment.live_replica, prove=False)
        replicas.record_gate(replica=replica, model=adapter.id, refusal=as_written("It differs."), verdict={})
        deployment.refresh_from_db()
        assert (deployment.state, deployment.reason) == ("failed", as_written("It differs."))
        assert run_of(replica).stop_requested_at is not None


class TestDeleteModel:
    def test_refuses_by_name_while_deployed(self, deployment, alice, adapter):
        with pytest.raises(UserError, match="violin"):
            services.delete_model(team=alice.team, by=alice.user, name=adapter.name)

    def test_deletes_a_free_one(self, alice, adapter):
        services.delete_model(team=alice.team, by=alice.user, name=adapter.name)
        with pytest.raises(NotFound):
            services.delete_model(team=alice.team, by=alice.user, name=adapter.name)

    def test_another_teams_does_not_exist(self, bob, adapter, base):
        for name in (adapter.name, base.id):
            with pytest.raises(NotFound):
                services.delete_model(team=bob.team, by=bob.user, name=name)


class TestOldCopies:
    """What a worker has read a moment ago decides nothing."""

    def test_a_deployment_taken_down_does_not_rise_again(self, deployment, alice):
        old = Deployment.objects.get(pk=deployment.pk)
        services.undeploy(deployment=deployment, by=alice.user)
        assert not any([old.mark_answering(), old.mark_starting(), old.mark_failed(as_written("Memory ran out."))])
        assert (old.state, old.reason) == ("stopped", None)
        assert old.deleted_at is not None
        assert not Deployment.objects.live().exists()

    def test_the_gate_of_one_taken_down_changes_nothing(self, deployment, alice):
        replica = make_ready(deployment.live_replica)
        services.undeploy(deployment=deployment, by=alice.user)
        replicas.align_states(replica)
        deployment.refresh_from_db()
        assert (deployment.state, deployment.is_live) == ("stopped", False)

    def test_one_taken_down_gets_no_replica(self, deployment, alice):
        deployment.replicas.all().delete()
        old = Deployment.objects.get(pk=deployment.pk)
        services.undeploy(deployment=deployment, by=alice.user)
        assert replicas.serve_deployment(old) is None
        assert Run.objects.count() == 1

    def test_a_failed_one_does_not_answer(self, deployment):
        old = Deployment.objects.get(pk=deployment.pk)
        deployment.mark_failed(as_written("It answers otherwise than it was trained."))
        assert not old.mark_answering()
        assert (old.state, old.reason) == ("failed", as_written("It answers otherwise than it was trained."))

    def test_an_ended_replica_is_not_ready_again(self, deployment):
        old = Replica.objects.get(pk=deployment.live_replica.pk)
        replicas.end_replica(replica=deployment.live_replica, outcome="lost", reason=as_written("Gone."))
        assert not old.mark_ready(host="127.0.0.1", port=1)
        assert (old.ready_at, old.failure, old.state) == (None, as_written("Gone."), "ended")

    def test_a_refused_adapter_is_not_proven_by_a_late_reply(self, deployment):
        loaded = deployment.live_replica.adapters.get()
        old = ReplicaAdapter.objects.get(pk=loaded.pk)
        assert loaded.mark_refused(as_written("Its logits differ."), {"max_difference": 3})
        assert not old.mark_proven()
        expected = ("refused", as_written("Its logits differ."), {"max_difference": 3})
        assert (old.state, old.reason, old.verdict) == expected

    def test_the_verdict_may_come_after_the_reply(self, deployment):
        loaded = deployment.live_replica.adapters.get()
        assert loaded.mark_proven()
        assert loaded.mark_proven({"max_difference": 0})
        assert loaded.verdict == {"max_difference": 0}

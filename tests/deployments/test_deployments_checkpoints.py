"""Checkpoints as models: what their names mean, and how they are served beside their base."""

from pathlib import Path

import pytest
from deployments_cast import deploy, make_adapter, make_checkpoint, make_ready, run_of
from test_deployments_api import client_of

from common.errors import NotFound, UserError
from compute.models import Run
from deployments import replicas, services, serving_work
from deployments.gateway.waking import Refusal, Route, Waiting, route_or_wake
from deployments.models import Deployment, ReplicaAdapter
from deployments.names import find_target
from deployments.serving_work import ServingWork
from deployments.standing import standing_of_model
from jobs.models import FineTuningJob, TunedModel
from jobs.tuned_models import model_name
from rundir import Event, RunDirectory
from serving.spec import ServingSpec
from wording import as_written

pytestmark = pytest.mark.django_db
work = ServingWork()


@pytest.fixture
def checkpoint(adapter):
    return make_checkpoint(adapter)


@pytest.fixture
def name(adapter, checkpoint):
    return f"{adapter.name}:ckpt-step-3"


class TestNames:
    def test_mean_what_the_job_lists(self, alice, bob, adapter, checkpoint, name):
        assert (
            client_of(alice)
            .get(f"/v1/fine_tuning/jobs/{adapter.job_id}/checkpoints")
            .json()["data"][0]["fine_tuned_model_checkpoint"]
            == name
        )
        for asked in (name, checkpoint.pk):
            assert find_target(team=alice.team, name=asked).adapter == checkpoint
            with pytest.raises(NotFound):
                find_target(team=bob.team, name=asked)

    def test_are_models_of_the_api(self, alice, bob, name):
        assert client_of(alice).get(f"/v1/models/{name}").json()["id"] == name
        assert client_of(bob).get(f"/v1/models/{name}").status_code == 404

    def test_of_a_job_that_was_cancelled_are_asked_as_well(self, alice, base, adapter, checkpoint):
        TunedModel.objects.all().delete()
        FineTuningJob.objects.update(status="cancelled", fine_tuned_model=None)
        job = FineTuningJob.objects.get()
        assert find_target(team=alice.team, name=f"{model_name(job)}:ckpt-step-3").adapter == checkpoint

    def test_of_files_that_are_gone_say_what_is_left(self, alice, adapter, checkpoint):
        make_checkpoint(adapter, 6)
        asked = f"{adapter.name}:ckpt-step-4"
        reply = client_of(alice).get(f"/v1/models/{asked}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
        assert "are not kept: use one of the steps 3, 6, or train again" in reply.json()["error"]["message"]
        assert reply.json()["error"]["param"] == "model"
        checkpoint.job.checkpoints.all().delete()
        with pytest.raises(NotFound, match="use the finished model"):
            find_target(team=alice.team, name=asked)

    def test_while_its_job_runs_it_may_be_replaced(self, alice, adapter, name):
        FineTuningJob.objects.update(status="running")
        with pytest.raises(UserError, match="has not ended") as refused:
            find_target(team=alice.team, name=name)
        assert refused.value.status == 409

    def test_of_a_training_of_all_weights_are_refused(self, alice, base):
        full = make_adapter(alice.team, base, result="model")
        make_checkpoint(full)
        with pytest.raises(UserError, match="finished model alone"):
            find_target(team=alice.team, name=f"{full.name}:ckpt-step-3")

    def test_go_with_their_model(self, alice, adapter, checkpoint, name):
        target = find_target(team=alice.team, name=name)
        services.delete_model(team=alice.team, by=alice.user, name=adapter.name)
        with pytest.raises(NotFound, match="deleted with its checkpoints"):
            find_target(team=alice.team, name=name)
        found = route_or_wake(target)
        assert isinstance(found, Refusal)
        assert found.code == "model_not_found"


class TestReplica:
    def test_answers_for_it_beside_its_base(self, alice, adapter, base, checkpoint, name):
        target = find_target(team=alice.team, name=name)
        assert isinstance(route_or_wake(target), Waiting)
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=adapter), prove=False)
        assert set(replica.adapters.values_list("adapter", "checkpoint")) == {(adapter.pk, None), (None, checkpoint.pk)}
        replicas.record_gate(replica=replica, model=checkpoint.pk, refusal=None, verdict={})
        route = route_or_wake(target)
        assert isinstance(route, Route)
        assert (route.model, route.replica_id) == (checkpoint.pk, replica.pk)
        assert isinstance(route_or_wake(find_target(team=alice.team, name=adapter.name)), Waiting)
        assert standing_of_model(base, checkpoint).state == "answering"

    def test_is_told_that_it_has_no_probes(self, base, adapter, checkpoint, monkeypatch, tmp_path):
        class Saved:
            def save(self, folder: Path) -> None:
                """A base's chat format, which this test does not need."""

        monkeypatch.setattr(serving_work, "local_weights", lambda adapter: tmp_path / adapter.pk)
        monkeypatch.setattr(serving_work, "chat_format", lambda base, system: Saved())
        monkeypatch.setattr(serving_work, "bring_model", lambda base, run: None)
        replica = replicas.wake_shared(base_model=base, adapter=adapter)
        replica.want(checkpoint)
        directory = RunDirectory(tmp_path / "run")
        work.prepare(run_of(replica), directory)
        spec = ServingSpec.from_json(directory.read_spec())
        assert [(one.name, one.path, one.has_probes) for one in spec.adapters] == [
            (adapter.pk, str(tmp_path / adapter.pk), True), (checkpoint.pk, str(tmp_path / checkpoint.pk), False),
        ]  # fmt: skip
        gate = {"model": checkpoint.pk, "passed": True, "memory_bytes": 7}
        work.record(run_of(replica), [Event(seq=1, at=0.0, type="gate", message=as_written(""), data=gate)])
        loaded = ReplicaAdapter.objects.get(checkpoint=checkpoint)
        assert (loaded.state, loaded.memory_bytes) == ("proven", 7)


class TestDeployment:
    def test_serves_it_under_a_name(self, alice, base, checkpoint, name):
        body = {"name": "early", "model": name}
        reply = client_of(alice).post("/api/v1/deployments", body, format="json")
        assert (reply.status_code, reply.json()["model"]) == (201, name)
        made = Deployment.objects.get()
        assert (made.checkpoint, made.adapter, made.shared) == (checkpoint, None, True)
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=None))
        route = route_or_wake(find_target(team=alice.team, name="early"))
        assert isinstance(route, Route)
        assert (route.model, route.replica_id) == (checkpoint.pk, replica.pk)

    def test_on_accelerators_of_its_own(self, alice, checkpoint, name):
        made = services.deploy(team=alice.team, by=alice.user, name="early", model=name, accelerators="auto")
        replica = make_ready(made.live_replica)
        assert replica.adapters.get().checkpoint == checkpoint
        assert Run.objects.get(pk=replica.run_id).model == name
        assert route_or_wake(find_target(team=alice.team, name=name)).replica_id == replica.pk

    def test_keeps_the_model_from_being_deleted(self, alice, adapter, name):
        services.deploy(team=alice.team, by=alice.user, name="early", model=name)
        with pytest.raises(UserError, match="early serves this model"):
            services.delete_model(team=alice.team, by=alice.user, name=adapter.name)

    @pytest.mark.usefixtures("plain_static")
    def test_page_does_not_say_that_it_answers_as_trained(self, alice, adapter, base, name, client):
        made = services.deploy(team=alice.team, by=alice.user, name="early", model=name)
        deploy(alice, adapter, accelerators="shared")
        make_ready(replicas.wake_shared(base_model=base, adapter=None))
        client.force_login(alice.user)
        page = client.get(f"/deployments/{made.pk}").content.decode()
        assert "no answers of its training are stored" in page
        assert "exactly as it was trained" not in page

    @pytest.mark.usefixtures("plain_static")
    def test_is_offered_where_somebody_comes_for_it(self, alice, name, client):
        client.force_login(alice.user)
        assert f'<option value="{name}" selected>' in client.get(f"/deployments?model={name}").content.decode()

"""What a serving Run is told, and what becomes of what it says."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from deployments_cast import make_adapter, make_ready, run_of

from catalogue.models import BaseModel
from common.errors import UserError
from compute.node.bringing import bring_model
from compute.work import TryAgain, WorkError
from deployments import replicas, services, serving_work
from deployments.models import Replica
from deployments.serving_work import ServingWork
from rundir import Event, RunDirectory
from serving.spec import ServingSpec
from wording import as_written

pytestmark = pytest.mark.django_db
work = ServingWork()


class Saved:
    """Stands for the base's chat format, which these tests do not need whole."""

    def save(self, folder: Path) -> None:
        (folder / "chat_template.jinja").write_text("")


@pytest.fixture(autouse=True)
def folders(monkeypatch, tmp_path):
    monkeypatch.setattr(serving_work, "local_weights", lambda adapter: tmp_path / "adapters" / adapter.pk)
    monkeypatch.setattr(serving_work, "chat_format", lambda base, system: Saved())
    monkeypatch.setattr(serving_work, "bring_model", lambda base, run: None)  # /nowhere has no weights


@pytest.fixture
def directory(tmp_path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


@pytest.fixture
def replica(base, adapter) -> Replica:
    return replicas.wake_shared(base_model=base, adapter=adapter)


def said(type: str, seq: int = 1, message: str = "", **data) -> Event:
    return Event(seq=seq, at=0.0, type=type, message=as_written(message), data=data)


def gate(model: str, passed: bool, message: str = "") -> Event:
    return said(
        "gate", message=message, model=model, passed=passed, max_difference=0.1, tolerance=0.01, base_difference=1.0
    )


class TestPrepare:
    def test_writes_a_spec_that_the_engine_reads(self, replica, directory, base, adapter, tmp_path, settings):
        work.prepare(run_of(replica), directory)
        spec = ServingSpec.from_json(directory.read_spec())
        assert (spec.model_path, spec.model_name, spec.token) == (str(base.path), base.id, replica.token)
        assert [(one.name, one.path) for one in spec.adapters] == [
            (adapter.id, str(tmp_path / "adapters" / adapter.id))
        ]
        assert spec.lease_timeout_seconds == settings.TIMES.lease_timeout_seconds
        assert (Path(spec.chat_path) / "chat_template.jinja").exists()
        command = work.command(run_of(replica), directory)
        assert command.argv == (settings.TRAINER_PYTHON, "-m", "serving", str(directory.root))

    def test_a_damaged_base_is_not_served(self, replica, directory, monkeypatch, tmp_path, settings):
        monkeypatch.setattr(serving_work, "bring_model", bring_model)
        settings.LUTHIER_HOME = tmp_path / "home"
        (tmp_path / "weights").mkdir()
        BaseModel.objects.update(folder=str(tmp_path / "weights"))
        (tmp_path / "weights" / "model.safetensors").write_bytes(b"others")
        with pytest.raises(WorkError, match=r"The weights of tiny on the node .* are damaged") as caught:
            work.prepare(run_of(replica), directory)
        assert caught.value.code == "model_damaged"
        assert not directory.spec.exists()

    def test_a_full_model_is_served_from_its_own_folder_and_proven(self, alice, base, directory):
        full = make_adapter(alice.team, base, result="model")
        replica = replicas.wake_shared(base_model=base, adapter=full)
        work.prepare(run_of(replica), directory)
        spec = ServingSpec.from_json(directory.read_spec())
        assert spec.model_name == full.id
        assert spec.probe_path == f"{spec.model_path}/probe"
        assert spec.adapters == []

    def test_a_base_that_is_gone_is_an_error_in_words(self, replica, directory, base):
        base.mark_failed(as_written("Deleted."), code="gone")
        with pytest.raises(WorkError, match="catalogue"):
            work.prepare(run_of(replica), directory)


class TestDamagedAdapters:
    @pytest.fixture(autouse=True)
    def damage(self, monkeypatch, folders):
        def local_weights(adapter):
            raise UserError(f"{adapter.name} cannot be loaded: a file is missing.", code="adapter_damaged")

        monkeypatch.setattr(serving_work, "local_weights", local_weights)

    def test_costs_a_shared_replica_only_that_adapter(self, replica, directory):
        work.prepare(run_of(replica), directory)
        assert ServingSpec.from_json(directory.read_spec()).adapters == []
        loaded = replica.adapters.get()
        assert (loaded.state, "a file is missing" in str(loaded.reason)) == ("refused", True)

    def test_fails_a_deployment_of_its_own(self, alice, adapter, directory):
        deployment = services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        )
        with pytest.raises(WorkError, match="a file is missing"):
            work.prepare(run_of(deployment.live_replica), directory)

    def test_storage_that_is_away_is_no_damage(self, replica, directory, monkeypatch):
        def local_weights(adapter):
            raise ConnectionError("no route")

        monkeypatch.setattr(serving_work, "local_weights", local_weights)
        with pytest.raises(TryAgain):
            work.prepare(run_of(replica), directory)
        assert replica.adapters.get().state == "wanted"


class TestRecord:
    def test_ready_and_gate_make_a_deployment_answer(self, alice, adapter):
        deployment = services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        )
        run = run_of(deployment.live_replica)
        work.record(run, [gate(adapter.id, True), said("ready", host="127.0.0.1", port=4321, models=[])])
        deployment.refresh_from_db()
        replica = deployment.live_replica
        assert (deployment.state, replica.url) == ("answering", "http://127.0.0.1:4321")
        assert replica.adapters.get().verdict == {"max_difference": 0.1, "tolerance": 0.01, "base_difference": 1.0}

    def test_a_failed_gate_fails_the_deployment_with_its_reason(self, alice, adapter):
        deployment = services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        )
        run = run_of(deployment.live_replica)
        events = [gate(adapter.id, False, "It differs."), said("ready", host="127.0.0.1", port=4321, models=[])]
        work.record(run, events)
        deployment.refresh_from_db()
        assert (deployment.state, deployment.reason) == ("failed", as_written("It differs."))
        run.refresh_from_db()
        assert run.stop_reason == "expire"


class TestFinish:
    def test_is_idempotent_and_brings_a_deployment_back(self, alice, adapter, directory):
        deployment = services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        )
        run = run_of(make_ready(deployment.live_replica))
        work.conclude(run, directory, "lost")
        work.conclude(run, directory, "lost")
        deployment.refresh_from_db()
        assert deployment.state == "starting"
        assert deployment.replicas.count() == 2


class TestAttend:
    def test_leaves_a_replica_alone_that_is_not_there(self, replica, directory, adapter):
        work.attend(run_of(replica), directory)
        make_ready(replica, prove=False)
        work.attend(run_of(replica), directory)
        assert replica.adapters.get().state == "wanted"


class TestStorage:
    """A replica that waits for its adapter holds an accelerator."""

    @pytest.mark.parametrize(("code", "raised"), [("NoSuchBucket", WorkError), ("SlowDown", TryAgain)])
    def test_a_refusal_ends_the_run_and_what_passes_is_tried_again(
        self, alice, adapter, directory, monkeypatch, code, raised
    ):
        def fail(*asked):
            raise ClientError({"Error": {"Code": code}}, "GetObject")

        monkeypatch.setattr(serving_work, "local_weights", fail)
        deployment = services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        )
        with pytest.raises(raised):
            work.prepare(run_of(deployment.live_replica), directory)

    def test_a_shared_replica_goes_on_without_the_adapter(self, replica, directory, monkeypatch):
        def fail(*asked):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

        monkeypatch.setattr(serving_work, "local_weights", fail)
        work.prepare(run_of(replica), directory)
        assert replica.adapters.get().state == "refused"
        assert "credentials" in str(replica.adapters.get().reason)

"""Replicas that were asked for or started under another LUTHIER_ENCRYPTION_KEY: they are replaced by themselves."""

from typing import Any

import pytest
from deployments_cast import make_ready, run_of

from deployments import replicas, services, serving_work
from deployments.gateway.waking import Route, Waiting, route_or_wake
from deployments.models import Replica
from deployments.names import find_target
from deployments.serving_work import ServingWork
from rundir import RunDirectory
from serving.spec import ServingSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def change_key(settings: Any) -> Any:
    def change() -> None:
        settings.LUTHIER_ENCRYPTION_KEY = f"not {settings.LUTHIER_ENCRYPTION_KEY}"

    return change


def ended(replica: Replica) -> None:
    """Do what its supervisor does once its tree is gone."""
    run = run_of(replica)
    assert run.stop_reason == "expire"
    type(run).objects.filter(pk=run.pk).update(state="ended", outcome="stopped")
    ServingWork().conclude(run_of(replica), RunDirectory(run.directory.root), "stopped")


def test_one_that_answers_is_replaced(alice, base, change_key, tmp_path) -> None:
    target = find_target(team=alice.team, name=base.id)
    old = make_ready(replicas.wake_shared(base_model=base, adapter=None))
    change_key()
    found = route_or_wake(target)
    assert isinstance(found, Waiting)
    assert str(found.reason) == "`tiny` is being moved to a new replica."
    ServingWork().attend(run_of(old), RunDirectory(tmp_path))
    ended(old)
    route_or_wake(target)
    make_ready(Replica.objects.live().get())
    assert isinstance(route_or_wake(target), Route)


def test_a_deployment_asks_for_another_one_by_itself(alice, base, change_key, tmp_path) -> None:
    deployment = services.deploy(team=alice.team, by=alice.user, name="violin", model=base.id, accelerators="auto")
    old = make_ready(deployment.live_replica)
    change_key()
    ServingWork().attend(run_of(old), RunDirectory(tmp_path))
    ended(old)
    deployment.refresh_from_db()
    new = deployment.live_replica
    assert (deployment.state, new.pk != old.pk, new.has_readable_token) == ("starting", True, True)


def test_one_that_waits_gets_another_token_before_it_starts(base, change_key, tmp_path, monkeypatch) -> None:
    class Saved:
        def save(self, folder: Any) -> None:
            pass

    monkeypatch.setattr(serving_work, "chat_format", lambda base, system: Saved())
    monkeypatch.setattr(serving_work, "bring_model", lambda base, run: None)
    replica = replicas.wake_shared(base_model=base, adapter=None)
    change_key()
    directory = RunDirectory(tmp_path / "run")
    ServingWork().prepare(run_of(replica), directory)
    assert ServingSpec.from_json(directory.read_spec()).token == Replica.objects.get(pk=replica.pk).token


def test_while_the_key_is_the_same_nothing_is_touched(base, tmp_path) -> None:
    replica = make_ready(replicas.wake_shared(base_model=base, adapter=None))
    ServingWork().attend(run_of(replica), RunDirectory(tmp_path))
    assert run_of(replica).stop_requested_at is None

"""What becomes of a deleted tuned model where it is served."""

from collections.abc import Iterator

import pytest
from deployments_cast import Server, deploy, make_adapter, make_checkpoint, make_ready, run_of
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as HttpRoute

from common.errors import NotFound, UserError
from compute.models import Run
from deployments import replicas, services
from deployments.gateway.waking import Refusal, route_or_wake
from deployments.models import Deployment, ReplicaAdapter
from deployments.names import find_target
from deployments.serving_work import ServingWork
from rundir import RunDirectory

pytestmark = pytest.mark.django_db


class FakeEngine:
    """Remembers what it was told to let go of."""

    def __init__(self) -> None:
        self.released: list[tuple[str, str]] = []

    def application(self) -> Starlette:
        return Starlette(routes=[HttpRoute("/adapters/{name}", self.release, methods=["DELETE"])])

    async def release(self, request: Request) -> Response:
        self.released.append((request.path_params["name"], request.headers["authorization"]))
        return JSONResponse({"deleted": True})


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def upstream(engine: FakeEngine) -> Iterator[Server]:
    server = Server(engine.application())
    yield server
    server.stop()


def delete(alice, adapter) -> None:
    services.delete_model(team=alice.team, by=alice.user, name=adapter.name)


class TestPage:
    pytestmark = pytest.mark.usefixtures("plain_static")

    def test_deletes_and_shows_the_job(self, alice, adapter, client):
        type(adapter.job).objects.update(status="succeeded")
        client.force_login(alice.user)
        before = client.get(f"/jobs/{adapter.job_id}").content.decode()
        reply = client.post("/models/delete", {"model": adapter.name}, follow=True)
        page = reply.content.decode()
        assert reply.redirect_chain == [(f"/jobs/{adapter.job_id}", 302)]
        assert f"{adapter.name} was deleted" in page
        assert ("/models/delete" in before, "/models/delete" in page) == (True, False)

    def test_says_what_serves_it(self, alice, adapter, client):
        services.deploy(team=alice.team, by=alice.user, name="bot", model=adapter.name, accelerators="auto")
        client.force_login(alice.user)
        page = client.post("/models/delete", {"model": adapter.name}, follow=True).content.decode()
        assert "bot serves this model" in page
        adapter.refresh_from_db()
        assert adapter.deleted_at is None

    def test_knows_no_other_teams(self, bob, adapter, client):
        client.force_login(bob.user)
        for name in (adapter.name, ""):
            assert client.post("/models/delete", {"model": name}).status_code == 404


class TestSharedReplica:
    def test_lets_go_of_it_alone(self, alice, base, adapter, engine, upstream, tmp_path):
        other = make_adapter(alice.team, base, suffix="cello")
        replica = replicas.wake_shared(base_model=base, adapter=adapter)
        replica.want(other)
        make_ready(replica, port=upstream.port)
        delete(alice, adapter)
        for _ in range(2):
            ServingWork().attend(run_of(replica), RunDirectory(tmp_path))
        assert engine.released == [(adapter.id, f"Bearer {replica.token}")]
        assert [one.adapter for one in replica.adapters.all()] == [other]

    def test_lets_go_of_its_checkpoints_as_well(self, alice, base, adapter, engine, upstream, tmp_path):
        checkpoint = make_checkpoint(adapter)
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=checkpoint), port=upstream.port)
        delete(alice, adapter)
        ServingWork().attend(run_of(replica), RunDirectory(tmp_path))
        assert engine.released == [(checkpoint.pk, f"Bearer {replica.token}")]
        assert not replica.adapters.exists()

    def test_is_told_again_where_it_did_not_hear(self, alice, base, adapter, tmp_path):
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=adapter), port=1)
        delete(alice, adapter)
        ServingWork().attend(run_of(replica), RunDirectory(tmp_path))
        assert ReplicaAdapter.objects.filter(replica=replica).exists()

    def test_of_a_whole_model_ends(self, alice, base):
        full = make_adapter(alice.team, base, result="model")
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=full))
        replicas.put_to_sleep()
        assert run_of(replica).stop_requested_at is None
        delete(alice, full)
        replicas.put_to_sleep()
        assert run_of(replica).stop_reason == "expire"

    def test_is_not_woken_by_who_asked_before(self, alice, adapter):
        target = find_target(team=alice.team, name=adapter.name)
        delete(alice, adapter)
        found = route_or_wake(target)
        assert isinstance(found, Refusal)
        assert (found.status, found.code) == (404, "model_not_found")
        assert "was deleted" in str(found.reason)
        assert not Run.objects.exists()


class TestDeployments:
    def test_none_is_made_of_one_that_is_deleted_meanwhile(self, alice, adapter, monkeypatch):
        target = find_target(team=alice.team, name=adapter.name)
        monkeypatch.setattr(services, "find_model", lambda **asked: target)
        delete(alice, adapter)
        with pytest.raises(NotFound, match="was deleted"):
            deploy(alice, adapter)
        assert not Deployment.objects.exists()

    def test_one_taken_down_keeps_it_no_longer(self, alice, adapter):
        deployment = services.deploy(
            team=alice.team, by=alice.user, name="violin", model=adapter.name, accelerators="auto"
        )
        with pytest.raises(UserError, match="Take it down first") as refused:
            delete(alice, adapter)
        assert refused.value.status == 409
        adapter.refresh_from_db()
        assert adapter.deleted_at is None
        services.undeploy(deployment=deployment, by=alice.user)
        delete(alice, adapter)
        adapter.refresh_from_db()
        assert adapter.deleted_at is not None

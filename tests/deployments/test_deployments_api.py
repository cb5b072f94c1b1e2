import pytest
from deployments_cast import Person, make_base, make_ready
from openai.types import Model, ModelDeleted
from pydantic import BaseModel as Shape
from rest_framework.test import APIClient

from compute.models import Run
from deployments.models import Deployment
from wording import as_written

pytestmark = pytest.mark.django_db


def client_of(person: Person) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {person.secret}")
    return client


def strict(shape: type[Shape], value: dict) -> Shape:
    """Check `value` as the SDK with strict validation does: nothing missing, nothing of another type."""
    return shape.model_validate(value, strict=True)


@pytest.fixture
def body(adapter) -> dict:
    return {"name": "violin", "model": adapter.name, "accelerators": 1, "open_to_loopback": True}


class TestModels:
    def test_lists_present_bases_tuned_models_and_deployments(self, alice, bob, adapter, base, body):
        make_base(id="other").mark_failed(as_written("No space."), code="disk_full")
        client_of(alice).post("/api/v1/deployments", body, format="json")
        reply = client_of(alice).get("/v1/models").json()
        assert reply["object"] == "list"
        assert {strict(Model, one).id for one in reply["data"]} == {base.id, adapter.name, "violin"}
        assert {one["id"] for one in client_of(bob).get("/v1/models").json()["data"]} == {base.id}

    def test_one_by_its_name_with_colons(self, alice, bob, adapter, base):
        for name in (adapter.name, base.id):
            assert strict(Model, client_of(alice).get(f"/v1/models/{name}").json()).id == name
        for name in (adapter.name, "nothing", "a/b"):
            reply = client_of(bob).get(f"/v1/models/{name}")
            assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")

    def test_only_the_team_deletes_its_tuned_model(self, alice, bob, adapter, base):
        assert client_of(bob).delete(f"/v1/models/{adapter.name}").status_code == 404
        assert client_of(alice).delete(f"/v1/models/{base.id}").status_code == 404
        assert strict(ModelDeleted, client_of(alice).delete(f"/v1/models/{adapter.name}").json()).deleted
        assert client_of(alice).get(f"/v1/models/{adapter.name}").status_code == 404

    def test_need_a_key(self):
        assert APIClient().get("/v1/models").status_code == 401


class TestDeployments:
    def test_a_life(self, alice, body, adapter):
        client = client_of(alice)
        made = client.post("/api/v1/deployments", body, format="json")
        assert made.status_code == 201
        value = made.json()
        assert (value["name"], value["model"], value["state"]) == ("violin", adapter.name, "starting")
        assert value["message"]
        path = f"/api/v1/deployments/{value['id']}"
        make_ready(Deployment.objects.get().live_replica)
        assert client.get(path).json()["state"] == "answering"
        assert [one["id"] for one in client.get("/api/v1/deployments").json()["data"]] == [value["id"]]
        changed = client.patch(path, {"open_to_loopback": False, "accelerators": "auto"}, format="json").json()
        assert (changed["open_to_loopback"], changed["accelerators"]) == (False, "auto")
        assert client.delete(path).json()["deleted"]
        assert client.get(path).status_code == 404

    @pytest.mark.parametrize(
        ("field", "value"),
        [("accelerators", "all"), ("accelerators", 0), ("accelerators", 1.5), ("accelerators", True), ("name", "a b"),
         ("name", None), ("model", 3.5), ("open_to_loopback", "perhaps"), ("state", "answering"), ("team", 1)],
    )  # fmt: skip
    def test_a_bad_value_is_refused_by_name(self, alice, body, field, value):
        reply = client_of(alice).post("/api/v1/deployments", {**body, field: value}, format="json")
        assert reply.status_code in (400, 404)
        assert reply.json()["error"]["param"] == field
        assert not Run.objects.exists()

    def test_another_teams_do_not_exist(self, alice, bob, body):
        made = client_of(alice).post("/api/v1/deployments", body, format="json").json()
        path = f"/api/v1/deployments/{made['id']}"
        stranger = client_of(bob)
        replies = [stranger.get(path), stranger.patch(path, {}, format="json"), stranger.delete(path)]
        assert [reply.status_code for reply in replies] == [404] * 3
        assert stranger.get("/api/v1/deployments").json()["data"] == []
        assert stranger.post("/api/v1/deployments", body, format="json").status_code == 404
        assert Deployment.objects.get().is_live

    def test_need_a_key(self):
        assert APIClient().get("/api/v1/deployments").status_code == 401

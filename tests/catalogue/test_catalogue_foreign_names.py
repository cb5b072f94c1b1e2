"""Scripts that say another provider's model names: an administrator maps them to bases, and they go on working."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import AuditEvent, User
from accounts.services import create_api_key
from catalogue.foreign_names import accept_proposals, base_named, proposals
from catalogue.models import BaseModel, ModelName
from deployments.names import find_target
from jobs.models import FineTuningJob
from tests.jobs import conftest as of_jobs
from tests.jobs.job_makers import make_file

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
home, chat_folder, base, alice = of_jobs.home, of_jobs.chat_folder, of_jobs.base, of_jobs.alice
NAME = "gpt-4o-mini-2024-07-18"
ADDRESS = f"/api/v1/model_names/{NAME}"


@pytest.fixture
def admin(alice: Any) -> APIClient:
    client = APIClient()
    client.credentials(
        HTTP_AUTHORIZATION=f"Bearer {create_api_key(email='root@example.com', team_name='root', admin=True)}"
    )
    return client


def make_present(base: BaseModel, id: str, parameters: int) -> BaseModel:
    fields = {field.name: getattr(base, field.name) for field in BaseModel._meta.fields}
    return BaseModel.objects.create(**fields | {"id": id, "parameters": parameters})


def test_a_job_an_estimate_and_a_question_say_it(admin: APIClient, alice: Any) -> None:
    file = make_file(alice.team)
    body = {"model": NAME, "training_file": file.pk}
    unknown = alice.client.post("/v1/fine_tuning/jobs", body, format="json")
    assert unknown.status_code == 404
    assert "PUT /api/v1/model_names/NAME" in unknown.json()["error"]["message"]
    assert admin.put(ADDRESS, {"base": "tiny"}, format="json").json()["base"] == "tiny"
    assert alice.client.post("/api/v1/jobs/estimate", body, format="json").json()["rows"] == 20
    job = FineTuningJob.objects.get(pk=alice.client.post("/v1/fine_tuning/jobs", body, format="json").json()["id"])
    assert job.base_model_id == "tiny"
    target = find_target(team=alice.team, name=NAME)
    assert (target.name, target.base_model.pk) == (NAME, "tiny")
    assert NAME in [one["id"] for one in alice.client.get("/v1/models").json()["data"]]
    assert alice.client.get(f"/v1/models/{NAME}").json()["id"] == NAME
    assert alice.client.get(f"/api/v1/hyperparameters?model={NAME}").status_code == 200


def test_what_is_removed_means_nothing_and_its_jobs_keep_their_base(admin: APIClient, alice: Any) -> None:
    admin.put(ADDRESS, {"base": "tiny"}, format="json")
    file = make_file(alice.team)
    made = alice.client.post("/v1/fine_tuning/jobs", {"model": NAME, "training_file": file.pk}, format="json")
    assert admin.delete(ADDRESS).json() == {"id": NAME, "object": "model_name", "deleted": True}
    assert alice.client.get(f"/v1/models/{NAME}").status_code == 404
    assert FineTuningJob.objects.get(pk=made.json()["id"]).base_model_id == "tiny"
    assert admin.delete(ADDRESS).status_code == 404


def test_a_change_is_audited_with_what_was_before(admin: APIClient, base: BaseModel) -> None:
    make_present(base, "large", 10**9)
    for to in ("tiny", "tiny", "large"):
        admin.put(ADDRESS, {"base": to}, format="json")
    events = AuditEvent.objects.filter(action="model_name.set", target=NAME).order_by("pk")
    assert [event.before or {} for event in events] == [{}, {"base": "tiny"}]


@pytest.mark.parametrize(
    ("name", "to", "status", "param"),
    [
        ("tiny", "tiny", 409, "name"),
        ("-x", "tiny", 400, "name"),
        ("x" * 121, "tiny", 400, "name"),
        (NAME, "nothing", 404, "base"),
        (NAME, "a\0b", 400, "base"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(admin: APIClient, name: str, to: Any, status: int, param: str) -> None:
    reply = admin.put(f"/api/v1/model_names/{name}", {"base": to}, format="json")
    assert reply.status_code == status, reply.content
    assert reply.json()["error"]["param"] == param
    assert not ModelName.objects.exists()


def test_only_administrators_map(alice: Any) -> None:
    assert alice.client.put(ADDRESS, {"base": "tiny"}, format="json").status_code == 403
    assert alice.client.get("/api/v1/model_names").json()["data"] == []


def test_an_own_id_goes_before(base: BaseModel, alice: Any) -> None:
    ModelName.objects.create(name="tiny", base=make_present(base, "other", 1))
    assert base_named("tiny") == base


def test_a_base_that_is_not_here_cannot_be_asked(base: BaseModel, alice: Any) -> None:
    ModelName.objects.create(name=NAME, base=base)
    BaseModel.objects.filter(pk=base.pk).update(state="absent")
    assert alice.client.get(f"/v1/models/{NAME}").status_code == 404
    assert NAME not in str(alice.client.get("/v1/models").content)


def test_names_are_proposed_by_size_and_accepted_at_once(base: BaseModel, admin: APIClient) -> None:
    make_present(base, "middle", 7 * 10**9)
    make_present(base, "large", 70 * 10**9)
    ModelName.objects.create(name="gpt-4o", base=base)
    found = {one.name: one.base.pk for one in proposals()}
    assert (found["gpt-4.1"], found[NAME], found["babbage-002"]) == ("large", "middle", "tiny")
    assert "gpt-4o" not in found
    shown = admin.get("/api/v1/model_names?proposed=true").json()["data"]
    assert {one["id"]: one["base"] for one in shown} == found
    assert len(accept_proposals(by=None)) == len(found)
    assert proposals() == []
    assert base_named("gpt-4o") == base


def test_nothing_is_proposed_without_a_base(db: None) -> None:
    assert proposals() == []


def test_by_command(base: BaseModel) -> None:
    said = io.StringIO()
    call_command("model_name", "set", NAME, "tiny", stdout=said)
    call_command("model_name", "list", stdout=said)
    assert said.getvalue() == f"{NAME} → tiny\n" * 2
    call_command("model_name", "propose", stdout=said)
    assert ModelName.objects.count() == 1
    call_command("model_name", "propose", "--accept", stdout=said)
    assert ModelName.objects.count() > 10
    call_command("model_name", "remove", NAME, stdout=said)
    with pytest.raises(CommandError, match="is not mapped"):
        call_command("model_name", "remove", NAME)


class TestPage:
    @pytest.fixture
    def browser(self, alice: Any) -> Client:
        User.objects.filter(pk=alice.user.pk).update(is_staff=True)
        browser = Client()
        browser.force_login(alice.user)
        return browser

    def test_maps_proposes_and_removes(self, browser: Client) -> None:
        assert "No name is mapped yet." in browser.get("/catalogue").content.decode()
        assert browser.post("/catalogue/names", {"name": NAME, "base": "tiny"}).status_code == 302
        assert f"<code>{NAME}</code></td>" in browser.get("/catalogue").content.decode()
        browser.post("/catalogue/names/proposed")
        assert "could be mapped" not in browser.get("/catalogue").content.decode()
        browser.post("/catalogue/names/remove", {"name": NAME})
        assert not ModelName.objects.filter(pk=NAME).exists()

    def test_says_at_the_field_what_is_wrong(self, browser: Client) -> None:
        page = browser.post("/catalogue/names", {"name": "tiny", "base": "tiny"})
        assert page.status_code == 409
        assert "is the id of a base model here" in page.content.decode()
        assert "另一" not in page.content.decode()

    def test_is_read_only_for_others(self, alice: Any) -> None:
        browser = Client()
        browser.force_login(alice.user)
        page = browser.get("/catalogue").content.decode()
        assert "Other providers&#x27; names" in page or "Other providers' names" in page
        assert "/catalogue/names" not in page
        assert browser.post("/catalogue/names", {"name": NAME, "base": "tiny"}).status_code == 403

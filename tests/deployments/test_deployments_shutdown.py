"""Models that are to be gone say so, to OpenAI's SDK and on the catalogue's page."""

from typing import Any

import pytest
from deployments_cast import Person, deploy
from django.test import Client

from accounts.models import AuditEvent, User
from accounts.services import create_api_key
from catalogue.models import BaseModel
from jobs.models import TunedModel

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def admin(alice: Person) -> Client:
    User.objects.filter(pk=alice.user.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=alice.user.pk))
    return client


def dates(person: Person) -> dict[str, Any]:
    shown = Client().get("/v1/models", headers={"authorization": f"Bearer {person.secret}"}).json()
    return {one["id"]: one.get("shutdown_date", "none") for one in shown["data"]}


def test_a_base_and_all_that_is_of_it_have_the_announced_day(
    admin: Client, alice: Person, base: BaseModel, adapter: TunedModel
) -> None:
    deploy(alice, adapter, accelerators="shared")
    assert set(dates(alice).values()) == {"none"}
    admin.post(f"/catalogue/{base.pk}/shutdown-date", {"shutdown_date": "2027-01-14"})
    assert dates(alice) == dict.fromkeys((base.pk, adapter.name, "violin"), "2027-01-14")
    headers = {"authorization": f"Bearer {alice.secret}"}
    assert Client().get(f"/v1/models/{adapter.name}", headers=headers).json()["shutdown_date"] == "2027-01-14"
    assert "Is to be gone on 2027-01-14" in admin.get("/catalogue").content.decode()
    assert AuditEvent.objects.filter(action="model.shutdown_announced", target=base.pk).count() == 1


def test_the_day_is_taken_back_and_a_wrong_one_refused(admin: Client, alice: Person, base: BaseModel) -> None:
    address = f"/api/v1/catalogue/{base.pk}/shutdown_date"
    secret = create_api_key(email="root@example.com", team_name="Roots", admin=True)
    options: Any = {"content_type": "application/json", "headers": {"authorization": f"Bearer {secret}"}}
    put = Client().put
    assert put(address, {"shutdown_date": "2027-01-14"}, **options).json()["shutdown_date"] == "2027-01-14"
    assert put(address, {"shutdown_date": "soon"}, **options).json()["error"]["param"] == "shutdown_date"
    assert put(address, {"shutdown_date": None}, **options).json()["shutdown_date"] is None
    refused = admin.post(f"/catalogue/{base.pk}/shutdown-date", {"shutdown_date": "soon"})
    assert refused.status_code == 400
    assert dates(alice)[base.pk] == "none"


def test_only_administrators_announce_one(alice: Person, base: BaseModel) -> None:
    member = Client()
    member.force_login(alice.user)
    assert member.post(f"/catalogue/{base.pk}/shutdown-date", {"shutdown_date": "2027-01-14"}).status_code == 403
    assert BaseModel.objects.get().leaves_on is None

"""A hub's token that was stored under another LUTHIER_ENCRYPTION_KEY: said in a sentence, and mended by entering it."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import User
from accounts.services import create_api_key, ensure_user
from catalogue import tasks
from catalogue.models import BaseModel, HubToken
from tests.accounts.test_accounts_roles import signed_in
from tests.catalogue.conftest import FakeHub

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
SAID = "A stored secret cannot be decrypted with the current LUTHIER_ENCRYPTION_KEY."


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(django_settings, "LUTHIER_HOME", tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def admin() -> User:
    return ensure_user(email="admin@example.com", admin=True)


@pytest.fixture
def base(hub: FakeHub) -> BaseModel:
    """A model of a hub that wants its token."""
    hub.token = "hf_secret"
    source = {"kind": "huggingface", "repo": "owner/tiny", "revision": "main"}
    return BaseModel.objects.create(
        id="tiny", display_name="Tiny", family="llama", parameters=1, context_length=64, hidden_size=8, num_layers=2,
        vocab_size=32, licence="none", template="own", sources=[source],
    )  # fmt: skip


@pytest.fixture
def changed(admin: User, settings: Any) -> None:
    """The token is stored; then the platform begins with another key."""
    HubToken.store(hub="huggingface", token="hf_secret", by=admin)
    settings.LUTHIER_ENCRYPTION_KEY = f"not {settings.LUTHIER_ENCRYPTION_KEY}"


def fetched(base: BaseModel) -> BaseModel:
    """Do what the click and the worker do."""
    base.refresh_from_db()
    base.mark_downloading()
    tasks.download_model(base.pk)
    base.refresh_from_db()
    return base


def test_the_download_fails_with_the_sentence(base: BaseModel, changed: None, hub: FakeHub) -> None:
    found = fetched(base)
    assert (found.state, found.error_code) == ("failed", "encryption_key_changed")
    assert str(found.error) == f"{SAID} Restore the old key, or enter the secret again."
    assert hub.requests == [], "no request goes out without the token"


def test_it_is_shown_on_the_page_and_by_the_api(base: BaseModel, changed: None, admin: User) -> None:
    fetched(base)
    page = signed_in(admin).get("/catalogue")
    assert (page.status_code, "LUTHIER_ENCRYPTION_KEY" in page.content.decode()) == (200, True)
    secret = create_api_key(email="member@example.com", team_name="T")
    shown = Client().get("/api/v1/catalogue/tiny", headers={"authorization": f"Bearer {secret}"})
    assert (shown.status_code, shown.json()["state"]) == (200, "failed")
    assert shown.json()["error"].startswith(SAID)


@pytest.mark.parametrize("path", ["/admin/catalogue/hubtoken/", "/admin/catalogue/hubtoken/huggingface/change/"])
def test_the_administrations_pages_do_not_read_it(changed: None, admin: User, path: str) -> None:
    assert signed_in(admin).get(path).status_code == 200


def test_entering_it_again_mends_it(base: BaseModel, changed: None, admin: User) -> None:
    assert fetched(base).state == "failed"
    secret = create_api_key(email=admin.email, team_name="T", admin=True)
    headers = {"authorization": f"Bearer {secret}"}
    body = json.dumps({"token": "hf_secret"})
    reply = Client().put("/api/v1/hubs/huggingface/token", body, content_type="application/json", headers=headers)
    assert reply.status_code == 204
    assert fetched(base).state == "present"


def test_so_does_removing_it_where_the_hub_wants_none(base: BaseModel, changed: None, hub: FakeHub) -> None:
    hub.token = ""
    HubToken.objects.all().delete()
    assert fetched(base).state == "present"


def test_restoring_the_key_does_as_well(base: BaseModel, changed: None, settings: Any) -> None:
    assert fetched(base).state == "failed"
    settings.LUTHIER_ENCRYPTION_KEY = settings.LUTHIER_ENCRYPTION_KEY.removeprefix("not ")
    assert fetched(base).state == "present"

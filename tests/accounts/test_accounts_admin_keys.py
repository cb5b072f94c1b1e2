"""A key is no administrator unless it was made one, and whoever left a team has no key of it."""

import pytest
from django.test import Client

from accounts.models import ApiKey, Membership, User
from accounts.services import create_api_key, ensure_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
PUT = {"accelerators": 1}


def put_quota(secret: str) -> int:
    headers = {"authorization": f"Bearer {secret}"}
    return Client().put("/api/v1/quotas/a", PUT, content_type="application/json", headers=headers).status_code


def models(secret: str) -> int:
    return Client().get("/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code


class TestPowers:
    def test_an_administrators_ordinary_key_has_none(self) -> None:
        admin = create_api_key(email="admin@example.com", team_name="A", admin=True)
        plain = create_api_key(email="admin@example.com", team_name="A")
        assert User.objects.get(email="admin@example.com").is_staff
        assert (put_quota(plain), put_quota(admin)) == (403, 200)

    def test_a_key_made_for_it_of_somebody_who_is_none_any_more_has_none(self) -> None:
        admin = create_api_key(email="admin@example.com", team_name="A", admin=True)
        User.objects.update(is_staff=False)
        assert put_quota(admin) == 403

    def test_only_administrators_make_such_keys_on_the_page(self) -> None:
        create_api_key(email="alice@example.com", team_name="A")
        client = Client()
        client.force_login(User.objects.get(email="alice@example.com"))
        Membership.objects.update(role=Membership.Role.MEMBER)
        assert 'value="admin"' not in client.get("/keys").content.decode()
        assert client.post("/keys", {"name": "sly", "scopes": "admin"}).status_code == 400
        assert not ApiKey.objects.filter(scopes__contains=["admin"]).exists()
        assert not User.objects.get(email="alice@example.com").is_staff
        ensure_user(email="alice@example.com", admin=True)
        client.post("/keys", {"name": "plain"})
        client.post("/keys", {"name": "powerful", "scopes": ["read", "admin"]})
        assert [key.name for key in ApiKey.objects.filter(scopes__contains=["admin"])] == ["powerful"]


def test_a_removed_members_key_stops() -> None:
    secret = create_api_key(email="alice@example.com", team_name="A")
    assert models(secret) == 200
    Membership.objects.all().delete()
    assert models(secret) == 401

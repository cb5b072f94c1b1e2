"""API keys: what each may do, how long, and how they are made, rotated and revoked."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from accounts.scopes import needed_scopes
from accounts.services import create_api_key, rotate_api_key
from common.errors import UserError
from common.models import IdempotentReply
from deployments.gateway.admission import admit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
ALICE, BOB = "alice@example.com", "bob@example.com"


def key_of(email: str = ALICE, **fields: Any) -> str:
    return create_api_key(email=email, team_name="A", **fields)


def call(secret: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return Client().generic(
        method, path, "" if body is None else json.dumps(body), content_type="application/json",
        headers={"authorization": f"Bearer {secret}", **headers},
    )  # fmt: skip


def found(secret: str) -> ApiKey:
    key = ApiKey.find(secret)
    assert key is not None
    return key


@pytest.fixture
def browser() -> Client:
    key_of()
    client = Client()
    client.force_login(User.objects.get(email=ALICE))
    return client


class TestCurrent:
    @pytest.mark.parametrize("scopes", [[], *([scope] for scope in ("read", "data", "train", "serve", "admin"))])
    def test_says_what_the_key_is_to_any_key(self, scopes: list[str]) -> None:
        secret = key_of(scopes=scopes)
        reply = call(secret, "GET", "/api/v1/keys/current")
        assert reply.status_code == 200
        assert (reply.json()["id"], reply.json()["scopes"]) == (found(secret).pk, scopes or None)
        assert (reply.json()["team"], reply.json()["user"]) == ("a", ALICE)
        assert "value" not in reply.json()

    def test_is_nothing_to_whoever_is_signed_in_without_one(self, browser: Client) -> None:
        assert browser.get("/api/v1/keys/current").status_code == 404


READS = ("/v1/files", "/v1/fine_tuning/jobs", "/api/v1/deployments", "/api/v1/keys", "/v1/models", "/api/v1/pools")


class TestScopes:
    @pytest.mark.parametrize(
        ("scopes", "readable"),
        [
            ([], READS), (["read"], READS), (["data"], READS[:1]), (["train"], (READS[1], READS[4])),
            (["serve"], (READS[2], READS[4])), (["admin"], (READS[3], READS[5])),
        ],
    )  # fmt: skip
    def test_open_what_they_name_to_be_read(self, scopes: list[str], readable: tuple[str, ...]) -> None:
        secret = key_of(scopes=scopes)
        assert tuple(path for path in READS if call(secret, "GET", path).status_code == 200) == readable

    def test_are_asked_for_before_anything_is_made(self) -> None:
        reader, server = key_of(scopes=["read"]), key_of(scopes=["serve"])
        refused = call(reader, "POST", "/v1/fine_tuning/jobs", {})
        assert refused.status_code == 403
        error = refused.json()["error"]
        assert (error["code"], error["type"]) == ("scope_needed", "permission_error")
        assert error["message"] == (
            "This API key lacks the scope 'train'; it has: read. Use a key that was made with it."
        )
        for secret, path in ((server, "/v1/uploads"), (server, "/api/v1/keys"), (reader, "/api/v1/deployments")):
            assert call(secret, "POST", path, {}).status_code == 403, path

    def test_of_questions_to_models(self) -> None:
        asked = {"model": "nobody", "messages": [{"role": "user", "content": "Hi"}]}
        codes = []
        for scopes in (["train", "data", "read"], ["serve"], []):
            authorization = f"Bearer {key_of(scopes=scopes)}"
            with pytest.raises(UserError) as refused:
                admit(authorization=authorization, is_local=False, content=json.dumps(asked).encode())
            codes.append(refused.value.code)
        assert codes == ["scope_needed", "model_not_found", "model_not_found"]

    def test_give_nobody_more_than_their_role(self) -> None:
        key_of()
        viewer = key_of(BOB, role="viewer", scopes=["train"])
        assert call(viewer, "POST", "/v1/fine_tuning/jobs", {}).json()["error"]["code"] == "role_needed"

    def test_a_view_of_no_app_is_the_administrators(self) -> None:
        assert needed_scopes(needed_scopes, "POST") == ["admin"]


class TestExpiry:
    def test_is_said_to_whoever_has_the_key(self) -> None:
        secret = key_of(expires_at=timezone.now() + timedelta(days=1))
        assert call(secret, "GET", "/v1/files").status_code == 200
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        refused = call(secret, "GET", "/v1/files", {})
        assert refused.status_code == 401
        assert "expired at" in refused.json()["error"]["message"]

    @pytest.mark.parametrize("days", [0, -1, 10_000, 1.5, "soon"])
    def test_is_held_to_a_bound(self, days: Any) -> None:
        assert call(key_of(), "POST", "/api/v1/keys", {"expires_in_days": days}).status_code == 400

    def test_of_a_command_is_held_to_it_too(self) -> None:
        with pytest.raises(UserError, match="from 1 to"):
            key_of(expires_at=timezone.now() - timedelta(days=1))


class TestApi:
    def test_makes_a_key_whose_secret_is_said_once(self) -> None:
        secret = key_of()
        body = {"name": "nightly", "scopes": ["train", "data"], "expires_in_days": 90}
        reply = call(secret, "POST", "/api/v1/keys", body)
        made = reply.json()
        assert reply.status_code == 201
        assert (made["object"], made["name"], made["scopes"]) == ("api_key", "nightly", ["data", "train"])
        assert made["user"] == ALICE
        assert abs(made["expires_at"] - made["created_at"] - 90 * 86_400) < 5
        assert call(made["value"], "GET", "/v1/files").status_code == 200
        shown = call(secret, "GET", f"/api/v1/keys/{made['id']}").json()
        assert "value" not in shown
        event = AuditEvent.objects.get(action="api_key.created", target=made["id"])
        assert event.after["scopes"] == ["data", "train"]

    def test_asked_twice_makes_one_and_keeps_no_secret(self) -> None:
        secret = key_of()
        first, second = (
            call(secret, "POST", "/api/v1/keys", {"name": "once"}, **{"idempotency-key": "k"}).json() for _ in range(2)
        )
        assert first["id"] == second["id"]
        assert (first["value"][:11], second["value"]) == ("sk-luthier-", None)
        assert first["value"] not in json.dumps(IdempotentReply.objects.get(key="k").body)

    def test_makes_no_key_that_may_do_more_than_the_one_that_asks(self) -> None:
        admin = key_of(admin=True, scopes=["admin", "train"])
        for scopes in ([], ["serve"], ["admin", "data"]):
            assert call(admin, "POST", "/api/v1/keys", {"scopes": scopes}).status_code == 403
        assert call(admin, "POST", "/api/v1/keys", {"scopes": ["train"]}).status_code == 201
        unscoped = key_of()
        assert call(unscoped, "POST", "/api/v1/keys", {"scopes": ["admin"]}).status_code == 403

    def test_one_with_every_scope_makes_one_without(self) -> None:
        admin = key_of(admin=True)
        assert call(admin, "POST", "/api/v1/keys", {}).json()["scopes"] is None

    def test_says_what_a_key_without_scopes_lacks(self) -> None:
        refused = call(key_of(), "POST", "/api/v1/keys", {"scopes": ["admin"]}).json()["error"]
        assert refused["code"] == "scope_needed"
        assert refused["message"].startswith("This API key was made without scopes, so it lacks 'admin'.")

    def test_makes_no_key_that_outlives_the_one_that_asks(self) -> None:
        lasting = key_of()
        secret = key_of(expires_at=timezone.now() + timedelta(days=10))
        for body in ({}, {"expires_in_days": 11}):
            refused = call(secret, "POST", "/api/v1/keys", body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "expiry_beyond_key"), body
        assert call(secret, "POST", "/api/v1/keys", {"expires_in_days": 9}).status_code == 201
        assert call(secret, "POST", f"/api/v1/keys/{found(lasting).pk}/rotate", {}).status_code == 403
        assert call(secret, "POST", f"/api/v1/keys/{found(secret).pk}/rotate", {}).status_code == 201

    def test_lists_ones_own_and_to_owners_all(self) -> None:
        owner, worker = key_of(name="owner's"), key_of(BOB, name="worker's")
        names = [
            [one["name"] for one in call(secret, "GET", "/api/v1/keys").json()["data"]] for secret in (owner, worker)
        ]
        assert names == [["worker's", "owner's"], ["worker's"]]
        first = call(owner, "GET", "/api/v1/keys?limit=1").json()
        assert first["has_more"]
        rest = call(owner, "GET", f"/api/v1/keys?limit=1&after={first['last_id']}").json()
        assert ([one["name"] for one in rest["data"]], rest["has_more"]) == (["owner's"], False)

    def test_another_teams_keys_do_not_exist(self) -> None:
        secret = key_of()
        stranger = create_api_key(email="stranger@example.com", team_name="B")
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
            body = {} if method == "POST" else None
            assert call(stranger, method, f"/api/v1/keys/{found(secret).pk}{path}", body).status_code == 404

    def test_revokes(self) -> None:
        owner, worker = key_of(), key_of(BOB)
        assert call(worker, "DELETE", f"/api/v1/keys/{found(owner).pk}").status_code in (403, 404)
        assert call(owner, "DELETE", f"/api/v1/keys/{found(worker).pk}").json()["deleted"] is True
        assert call(worker, "GET", "/v1/files").status_code == 401

    def test_unknown_scopes_and_fields_are_refused_by_name(self) -> None:
        secret = key_of()
        for body in ({"scopes": ["root"]}, {"scopes": "train"}, {"admin": True}, {"name": "x" * 101}):
            refused = call(secret, "POST", "/api/v1/keys", body)
            assert refused.status_code == 400, body
            assert refused.json()["error"]["param"]


class TestRotation:
    def test_makes_a_successor_and_ends_the_old_one_after_the_overlap(self) -> None:
        old = key_of(scopes=["train", "admin"], expires_at=timezone.now() + timedelta(days=30), name="nightly")
        made = call(old, "POST", f"/api/v1/keys/{found(old).pk}/rotate", {"overlap_seconds": 3600}).json()
        assert (made["name"], made["scopes"]) == ("nightly", ["train", "admin"])
        successor = found(made["value"])
        assert successor.expires_at is not None
        assert abs(successor.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
        left = found(old).expires_at
        assert left is not None
        assert abs(left - timezone.now() - timedelta(hours=1)) < timedelta(minutes=1)
        assert AuditEvent.objects.filter(action="api_key.rotated", after__successor=successor.pk).exists()

    def test_at_once_by_default(self) -> None:
        old = key_of()
        made = call(old, "POST", f"/api/v1/keys/{found(old).pk}/rotate", {}).json()
        assert call(old, "GET", "/v1/files").status_code == 401
        assert call(made["value"], "GET", "/v1/files").status_code == 200

    def test_is_the_holders_alone(self) -> None:
        key_of()
        worker = key_of(BOB)
        with pytest.raises(UserError, match="Only its holder"):
            rotate_api_key(
                key_id=found(worker).pk, team=Team.objects.get(name="A"), by=User.objects.get(email=ALICE),
                overlap=timedelta(),
            )  # fmt: skip


class TestPage:
    def test_makes_a_key_with_scopes_that_expires(self, browser: Client) -> None:
        shown = browser.post("/keys", {"name": "ci", "scopes": ["data", "train"], "expires_in_days": "30"})
        assert "sk-luthier-" in shown.content.decode()
        key = ApiKey.objects.get(name="ci")
        assert key.scopes == ["data", "train"]
        assert key.expires_at is not None
        assert "data · train" in browser.get("/keys").content.decode()

    def test_rotates(self, browser: Client) -> None:
        browser.post("/keys", {"name": "ci"})
        key = ApiKey.objects.get(name="ci")
        assert "Your new key" in browser.post(f"/keys/{key.pk}/rotate").content.decode()
        assert ApiKey.objects.filter(name="ci").count() == 2
        key.refresh_from_db()
        assert key.expires_at is not None

    def test_refuses_what_is_no_choice(self, browser: Client) -> None:
        for sent in ({"scopes": "root"}, {"expires_in_days": "8"}, {"name": "x" * 101}):
            assert browser.post("/keys", sent).status_code == 400

    def test_reads_chinese(self, browser: Client) -> None:
        shown = browser.get("/keys", headers={"accept-language": "zh-CN"}).content.decode()
        assert "可以做什么" in shown
        assert "What it may do" not in shown

    def test_shows_a_viewer_no_form(self, browser: Client) -> None:
        Membership.objects.update(role=Membership.Role.VIEWER)
        assert 'name="scopes"' not in browser.get("/keys").content.decode()

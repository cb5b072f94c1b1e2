"""How much keys and teams may ask: counted in the broker, told on every answer, refused beyond it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client

from accounts import rate_limits
from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from accounts.rate_limits import RateLimited, count_request, count_tokens, limits_of
from accounts.services import create_api_key
from common.errors import UserError
from common.valkey import client
from console.asgi import application
from deployments.gateway.admission import admit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture(autouse=True)
def nothing_counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rate_limits, "_silent_until", 0.0)
    monkeypatch.setattr(rate_limits.time, "time", lambda: 1_800_000_030.0)  # in the middle of a minute
    yield
    for place in client().scan_iter("luthier:rate:*"):
        client().delete(place)


def secret_of(**limits: int) -> str:
    secret = create_api_key(email="alice@example.com", team_name="A")
    ApiKey.objects.filter(digest=ApiKey.digest_of(secret)).update(limits=limits)
    return secret


def key_of(**limits: int) -> ApiKey:
    key = ApiKey.find(secret_of(**limits))
    assert key is not None
    return key


def get(secret: str, path: str = "/v1/files") -> Any:
    return Client().get(path, headers={"authorization": f"Bearer {secret}"})


def put(secret: str, body: dict[str, Any], path: str = "/api/v1/teams/a/limits") -> Any:
    headers = {"authorization": f"Bearer {secret}"}
    return Client().put(path, json.dumps(body), content_type="application/json", headers=headers)


class TestRequests:
    def test_are_told_on_every_answer_and_refused_beyond_the_limit(self) -> None:
        secret = secret_of(requests_per_minute=2)
        replies = [get(secret) for _ in range(3)]
        assert [one.status_code for one in replies] == [200, 200, 429]
        assert [one["x-ratelimit-remaining-requests"] for one in replies] == ["1", "0", "0"]
        assert {one["x-ratelimit-limit-requests"] for one in replies} == {"2"}
        assert replies[0]["x-ratelimit-reset-requests"] == "30s"
        assert replies[2]["retry-after"] == "30"
        error = replies[2].json()["error"]
        assert (error["code"], error["type"]) == ("rate_limit_exceeded", "rate_limit_error")
        assert "Ask again in 30 seconds" in error["message"]

    def test_begin_again_with_the_next_minute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = secret_of(requests_per_minute=1)
        assert [get(secret).status_code for _ in range(2)] == [200, 429]
        monkeypatch.setattr(rate_limits.time, "time", lambda: 1_800_000_061.0)
        assert get(secret).status_code == 200

    def test_of_a_team_are_those_of_all_its_keys(self) -> None:
        first, second = secret_of(), secret_of()
        Team.objects.filter(name="A").update(limits={"requests_per_day": 3})
        assert [get(one).status_code for one in (first, second, first, second)] == [200, 200, 200, 429]
        reply = get(first)
        assert "your team" in reply.json()["error"]["message"]
        assert re.fullmatch(r"\d+h\d+m\d+s", reply["x-ratelimit-reset-requests"])

    def test_of_a_refused_key_are_not_counted(self) -> None:
        assert "x-ratelimit-limit-requests" not in get("sk-luthier-nobody")

    def test_beyond_a_keys_scopes_are_counted_too(self) -> None:
        authorization = f"Bearer {secret_of(requests_per_minute=1)}"
        ApiKey.objects.update(scopes=["read"])
        codes = []
        for _ in range(2):
            with pytest.raises(UserError) as refused:
                admit(authorization=authorization, is_local=False, content=b"{}")
            codes.append(refused.value.code)
        assert codes == ["scope_needed", "rate_limit_exceeded"]

    def test_refused_for_their_scope_are_told_what_is_left(self) -> None:
        secret = secret_of(requests_per_minute=1)
        ApiKey.objects.update(scopes=["serve"])
        first, second = get(secret), get(secret)
        assert (first.status_code, first["x-ratelimit-remaining-requests"]) == (403, "0")
        assert second.status_code == 429

    @pytest.mark.django_db(transaction=True)
    async def test_that_upload_are_counted_once(self) -> None:
        secret = await sync_to_async(secret_of)(requests_per_minute=1)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(application), base_url="http://testserver"
        ) as sender:
            files, headers = {"file": ("chats.jsonl", b"{}")}, {"authorization": f"Bearer {secret}"}
            reply = await sender.post("/v1/files", files=files, headers=headers)
        await sync_to_async(connections.close_all)()
        assert reply.json()["error"]["code"] == "missing_purpose"  # asked for once the whole body is here
        assert reply.headers["x-ratelimit-remaining-requests"] == "0"

    def test_of_the_console_have_no_limit(self) -> None:
        secret_of()
        browser = Client()
        browser.force_login(User.objects.get(email="alice@example.com"))
        assert "x-ratelimit-limit-requests" not in browser.get("/v1/files")


class TestTokens:
    def test_stop_questions_and_nothing_else(self) -> None:
        key = key_of(tokens_per_minute=100)
        count_request(key, asks_model=True)
        count_tokens(team=key.team, key_id=key.pk, tokens=100)
        with pytest.raises(RateLimited, match="100 tokens") as refused:
            count_request(key, asks_model=True)
        assert refused.value.retry_after == 30
        count_request(key)

    def test_are_told(self) -> None:
        secret = secret_of(tokens_per_day=1000)
        key = ApiKey.find(secret)
        assert key is not None
        count_tokens(team=key.team, key_id=key.pk, tokens=400)
        reply = get(secret)
        assert (reply["x-ratelimit-limit-tokens"], reply["x-ratelimit-remaining-tokens"]) == ("1000", "600")

    def test_of_the_console_count_for_the_team(self) -> None:
        key = key_of()
        Team.objects.filter(pk=key.team_id).update(limits={"tokens_per_minute": 10})
        count_tokens(team=key.team, key_id=None, tokens=10)
        key.team.refresh_from_db()
        with pytest.raises(RateLimited, match="your team"):
            count_request(key, asks_model=True)


def test_nothing_is_refused_while_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    key, calls = key_of(requests_per_minute=1), []

    def away() -> Any:
        calls.append(1)
        raise redis.ConnectionError("away")

    monkeypatch.setattr(rate_limits, "client", away)
    for _ in range(3):
        count_request(key)
    count_tokens(team=key.team, key_id=key.pk, tokens=5)
    assert calls == [1]  # and it is not asked again at each request


def test_zero_is_no_limit() -> None:
    key = key_of(requests_per_minute=0)
    assert limits_of(key)["requests_per_minute"] == 0
    count_request(key)
    assert not list(client().scan_iter(f"luthier:rate:key:{key.pk}:requests:60:*"))


class TestLimitsOfATeam:
    def test_are_set_by_administrators_alone(self) -> None:
        member, admin = secret_of(), create_api_key(email="root@example.com", team_name="B", admin=True)
        assert put(member, {"requests_per_minute": 5}).status_code == 403
        changed = put(admin, {"requests_per_minute": 5}).json()
        assert (changed["object"], changed["team"], changed["requests_per_minute"]) == ("rate_limits", "a", 5)
        assert get(member, "/api/v1/teams/a/limits").json() == changed
        assert put(admin, {"requests_per_minute": None}).json()["requests_per_minute"] == 30_000
        actions = AuditEvent.objects.filter(action="team.limited").order_by("pk")
        assert [(one.before, one.after) for one in actions] == [
            ({}, {"requests_per_minute": 5}),
            ({"requests_per_minute": 5}, {}),
        ]

    def test_are_refused_by_name(self) -> None:
        admin = create_api_key(email="root@example.com", team_name="A", admin=True)
        for body in ({}, {"requests_per_minute": -1}, {"requests_per_hour": 1}, {"tokens_per_day": "many"}):
            assert put(admin, body).status_code == 400, body

    def test_are_not_set_unchecked_on_the_administration_pages(self) -> None:
        create_api_key(email="root@example.com", team_name="A", admin=True)
        browser = Client()
        browser.force_login(User.objects.get(email="root@example.com"))
        shown = browser.get(f"/admin/accounts/team/{Team.objects.get(name='A').pk}/change/").content.decode()
        assert 'name="slug"' in shown
        assert 'name="limits"' not in shown

    def test_have_a_page(self) -> None:
        create_api_key(email="root@example.com", team_name="A", admin=True)
        browser = Client()
        browser.force_login(User.objects.get(email="root@example.com"))
        team = Team.objects.get(name="A")
        address = f"/teams/{team.pk}/limits"
        assert browser.post(address, {"requests_per_minute": "7", "tokens_per_day": ""})["Location"] == address
        team.refresh_from_db()
        assert team.limits == {"requests_per_minute": 7}
        assert 'value="7"' in browser.get(address).content.decode()
        assert browser.post(address, {"requests_per_minute": "-1"}).status_code == 400
        assert "速率限制" in browser.get(address, headers={"accept-language": "zh-CN"}).content.decode()

    def test_of_a_key_are_chosen_when_it_is_made(self) -> None:
        create_api_key(email="alice@example.com", team_name="A")
        assert Membership.objects.get().role == "owner"
        browser = Client()
        browser.force_login(User.objects.get(email="alice@example.com"))
        browser.post("/keys", {"name": "slow", "requests_per_minute": "3"})
        key = ApiKey.objects.get(name="slow")
        assert key.limits == {"requests_per_minute": 3}
        assert limits_of(key)["requests_per_minute"] == 3

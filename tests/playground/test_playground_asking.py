"""The playground's questions: both models through the gateway, with and without scripts; nothing is stored."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings as configured
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from catalogue.models import BaseModel
from console.asgi import application
from deployments import replicas, services
from jobs.models import TunedModel
from playground.models import Share
from playground.talks import LONGEST_TALK
from playground.web import asking
from tests.deployments.deployments_cast import Person, Server, make_checkpoint, make_ready
from tests.deployments.fake_replica import HELLO, FakeReplica

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("plain_static")]
FORM = {"left": "tiny", "system": "", "temperature": "0", "top_p": "1", "max_tokens": "64", "seed": "7", "turns": ""}


@pytest.fixture
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture
def ready(base: BaseModel, adapter: TunedModel, upstream: Server) -> None:
    make_ready(replicas.wake_shared(base_model=base, adapter=adapter), port=upstream.port)


def browser(platform: Server, person: Person) -> httpx.Client:
    client = Client()
    client.force_login(person.user)
    token = _get_new_csrf_string()
    session = client.cookies[configured.SESSION_COOKIE_NAME].value
    cookies = {configured.SESSION_COOKIE_NAME: session, configured.CSRF_COOKIE_NAME: token}
    return httpx.Client(base_url=platform.url, cookies=cookies, headers={"x-csrftoken": token}, timeout=30)


def ask(platform: Server, person: Person, model: str, **options: Any) -> httpx.Response:
    with browser(platform, person) as client:
        return client.post("/playground/ask", json={"model": model, "messages": HELLO, **options})


def test_an_answer_streams(
    platform: Server, alice: Person, ready: None, adapter: TunedModel, engine: FakeReplica
) -> None:
    reply = ask(platform, alice, adapter.name, stream=True, temperature=0.5, store=True, user="x")
    assert reply.headers["content-type"].startswith("text/event-stream")
    [asked] = engine.requests
    assert (asked["temperature"], asked["messages"]) == (0.5, HELLO)
    assert not {"store", "user"} & set(asked)


def test_another_teams_model_does_not_exist(platform: Server, bob: Person, ready: None, adapter: TunedModel) -> None:
    assert ask(platform, bob, adapter.name).status_code == 404
    with browser(platform, bob) as client:
        assert client.get("/playground/standing", params={"model": adapter.name}).status_code == 404


def test_whoever_is_signed_out_is_told_so(platform: Server, base: BaseModel) -> None:
    token = _get_new_csrf_string()
    cookies, headers = {configured.CSRF_COOKIE_NAME: token}, {"x-csrftoken": token}
    with httpx.Client(base_url=platform.url, cookies=cookies, headers=headers) as client:
        assert client.post("/playground/ask", json={"model": base.pk, "messages": HELLO}).status_code == 401
        assert client.post("/playground/answers", data=FORM).headers["location"].startswith("/sign-in")
        assert httpx.post(f"{platform.url}/playground/ask", json={}).status_code == 403  # without a token


def test_a_long_conversation_is_read_and_a_longer_one_is_refused_in_words(
    platform: Server, alice: Person, ready: None, adapter: TunedModel
) -> None:
    with browser(platform, alice) as client:
        for letters, status in ((LONGEST_TALK - 50, 200), (LONGEST_TALK, 400)):
            turns = json.dumps([{"prompt": "Hi", "left": "琴" * letters, "right": None}], ensure_ascii=False)
            reply = client.post("/playground/answers", data={**FORM, "turns": turns, "prompt": "And?"})
            assert reply.status_code == status


def test_is_bounded_in_a_minute(
    platform: Server, alice: Person, ready: None, base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ASKED_IN_A_MINUTE", 1)
    assert [ask(platform, alice, base.pk).status_code for _ in range(2)] == [200, 429]


def test_a_form_shows_both_answers_and_goes_on(
    platform: Server, alice: Person, ready: None, adapter: TunedModel, engine: FakeReplica
) -> None:
    form = {**FORM, "right": adapter.name, "prompt": "你是谁？", "system": "Be brief."}
    with browser(platform, alice) as client:
        reply = client.post("/playground/answers", data=form)
        assert reply.status_code == 200
        assert reply.text.count("琴</div>") == 2
        assert "script-src 'nonce-" in reply.headers["content-security-policy"]
        turns = '[{"prompt": "你是谁？", "left": "琴", "right": null}]'
        reply = client.post("/playground/answers", data={**form, "turns": turns, "prompt": "And?"})
        assert reply.text.count("data-turn>") == 3  # with the blank one
    lengths = sorted(len(asked["messages"]) for asked in engine.requests)
    assert lengths == [2, 2, 2, 4]  # a model that gave no answer is asked without that turn
    assert {asked["seed"] for asked in engine.requests} == {7}
    assert not Share.objects.exists()


def test_a_form_says_why_a_model_does_not_answer(
    platform: Server, alice: Person, ready: None, adapter: TunedModel, engine: FakeReplica
) -> None:
    engine.refuse = {"error": {"message": "Too long.", "code": "x"}}
    form = {**FORM, "right": "nobody", "prompt": "Who are you?"}
    with browser(platform, alice) as client:
        text = client.post("/playground/answers", data=form).text
        assert "Too long." in text
        assert "nobody" in text
        assert "Who are you?</textarea>" in text
        refused = client.post("/playground/answers", data={**form, "prompt": "", "max_tokens": "0"})
        assert refused.status_code == 400


def test_a_model_says_in_words_what_it_waits_for(
    platform: Server, alice: Person, adapter: TunedModel, base: BaseModel, upstream: Server
) -> None:
    services.deploy(team=alice.team, by=alice.user, name="mine", model=adapter.name, accelerators="auto")
    with browser(platform, alice) as client:
        for model, state in ((base.pk, "asleep"), ("mine", "starting")):
            told = client.get("/playground/standing", params={"model": model}).json()
            assert (told["state"], bool(told["sentence"])) == (state, True)
        make_ready(replicas.wake_shared(base_model=base, adapter=None), port=upstream.port)
        assert client.get("/playground/standing", params={"model": base.pk}).json()["state"] == "answering"


@pytest.mark.usefixtures("plain_static")
def test_a_checkpoint_is_offered_beside_its_base(alice: Person, adapter: TunedModel, client: Client) -> None:
    make_checkpoint(adapter)
    name = f"{adapter.name}:ckpt-step-3"
    client.force_login(alice.user)
    page = client.get(f"/playground?left=tiny&right={name}").content.decode()
    assert f'<option value="{name}" selected>' in page
    assert client.get(f"/playground/standing?model={name}").json()["state"] == "asleep"

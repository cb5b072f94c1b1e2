"""Who loses the right to an answer gets no more of it: revoked, removed or deactivated, by key or in the console."""

import json
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from deployments_cast import Person, Server, make_ready, until
from django.conf import settings as configured
from django.db import Error, InterfaceError, OperationalError
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from fake_replica import HELLO, FakeReplica

from accounts.members import get_member, remove_member
from accounts.models import Membership, User
from accounts.services import create_api_key, revoke_api_key
from console.asgi import application
from deployments import replicas, services
from deployments.gateway import in_flight
from deployments.models import Deployment, Replica, Usage

pytestmark = pytest.mark.django_db(transaction=True)
MOST_SECONDS = 5
Ending = Callable[[Person], None]


@pytest.fixture
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture(params=["talking", "silent"])
def replica(request, base, adapter, engine, upstream) -> Replica:
    """One whose answer has no end, and one that says nothing after its first word."""
    engine.endless = request.param == "talking"
    engine.pause = 600
    return make_ready(replicas.wake_shared(base_model=base, adapter=adapter), port=upstream.port)


@pytest.fixture
def deployment(alice, adapter, upstream) -> Deployment:
    made = services.deploy(team=alice.team, by=alice.user, name="mine", model=adapter.name, accelerators="auto")
    make_ready(made.live_replica, port=upstream.port)
    return made


def revoke(person: Person) -> None:
    revoke_api_key(key_id=person.key.id, team=person.team, by=person.user)


def remove(person: Person) -> None:
    create_api_key(email="boss@example.com", team_name=person.team.name, role="owner")
    remove_member(membership=get_member(team=person.team, member_id=str(person.user.pk)), by=person.user)


def remove_by_hand(person: Person) -> None:
    """As the administration pages do."""
    Membership.objects.filter(user=person.user).delete()


def deactivate(person: Person) -> None:
    User.objects.filter(pk=person.user.pk).update(is_active=False)


def rest_of(lines: Iterator[str], end: Callable[[], None]) -> str:
    """Return the last event of a stream whose caller loses the right to it once its first event is here."""
    next(lines)
    end()
    last, deadline = "", time.monotonic() + MOST_SECONDS
    for line in lines:
        assert time.monotonic() < deadline, "the stream goes on"
        last = line or last
    return last


def ask_by_key(platform: Server, person: Person, model: str, end: Callable[[], None]) -> str:
    headers = {"authorization": f"Bearer {person.secret}"}
    body = {"model": model, "messages": HELLO, "stream": True}
    address = f"{platform.url}/v1/chat/completions"
    with httpx.stream("POST", address, json=body, headers=headers, timeout=MOST_SECONDS) as reply:
        return rest_of(reply.iter_lines(), end)


def ask_on_page(platform: Server, person: Person, deployment: Deployment, end: Callable[[], None]) -> str:
    client = Client()
    client.force_login(person.user)
    token = _get_new_csrf_string()
    session = client.cookies[configured.SESSION_COOKIE_NAME].value
    cookies = {configured.SESSION_COOKIE_NAME: session, configured.CSRF_COOKIE_NAME: token}
    body = {"model": deployment.name, "messages": HELLO, "stream": True}
    address = f"{platform.url}/deployments/{deployment.pk}/chat"
    with (
        httpx.Client(cookies=cookies, headers={"x-csrftoken": token}, timeout=MOST_SECONDS) as browser,
        browser.stream("POST", address, json=body) as reply,
    ):
        assert reply.status_code == 200, reply.read()
        return rest_of(reply.iter_lines(), end)


@pytest.mark.parametrize("ending", [revoke, remove, remove_by_hand, deactivate])
def test_a_stream_by_key(platform, alice, adapter, replica, engine, ending: Ending) -> None:
    last = ask_by_key(platform, alice, adapter.name, lambda: ending(alice))
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["code"], error["type"]) == ("invalid_api_key", "authentication_error")
    assert engine.was_left.wait(5)
    assert until(Usage.objects.first).outcome == "cancelled"


@pytest.mark.parametrize("ending", [remove, remove_by_hand, deactivate])
def test_a_stream_in_the_console(platform, alice, replica, deployment, engine, ending: Ending) -> None:
    last = ask_on_page(platform, alice, deployment, lambda: ending(alice))
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "access_ended"
    assert engine.was_left.wait(5)


@pytest.mark.parametrize("away", [OperationalError, InterfaceError])
def test_a_stream_while_the_database_is_away(
    platform, alice, adapter, base, upstream, engine, monkeypatch: pytest.MonkeyPatch, away: type[Error]
) -> None:
    """What looks for the lost rights goes on once the database is back."""
    engine.endless = True
    make_ready(replicas.wake_shared(base_model=base, adapter=adapter), port=upstream.port)
    tell, failed = in_flight.mark_requested, threading.Event()

    def failing_once(asked: set[str]) -> None:
        if not failed.is_set():
            failed.set()
            raise away("the connection is closed")
        tell(asked)

    monkeypatch.setattr(in_flight, "mark_requested", failing_once)
    last = ask_by_key(platform, alice, adapter.name, lambda: failed.wait(5) and revoke(alice))
    assert "invalid_api_key" in last


def test_a_whole_answer_that_comes_too_late(platform, alice, base, upstream, engine) -> None:
    make_ready(replicas.wake_shared(base_model=base, adapter=None), port=upstream.port)
    engine.pause = 1
    replies: list[httpx.Response] = []
    headers = {"authorization": f"Bearer {alice.secret}"}
    address, body = f"{platform.url}/v1/chat/completions", {"model": base.id, "messages": HELLO}
    asking = threading.Thread(target=lambda: replies.append(httpx.post(address, json=body, headers=headers)))
    asking.start()
    until(lambda: engine.requests)
    revoke(alice)
    asking.join()
    assert (replies[0].status_code, replies[0].json()["error"]["code"]) == (401, "invalid_api_key")


def test_the_console_s_stream_outlives_a_revoked_key(platform, alice, base, adapter, deployment, engine) -> None:
    engine.pause = 0.3
    assert ask_on_page(platform, alice, deployment, lambda: revoke(alice)) == "data: [DONE]"


def test_another_persons_stream_goes_on(platform, alice, bob, base, adapter, upstream, engine: FakeReplica) -> None:
    make_ready(replicas.wake_shared(base_model=base, adapter=None), port=upstream.port)
    engine.pause = 0.5
    got: list[str] = []
    both = threading.Thread(target=lambda: got.append(ask_by_key(platform, bob, base.id, lambda: None)))
    both.start()
    assert "invalid_api_key" in ask_by_key(platform, alice, base.id, lambda: revoke(alice))
    both.join()
    assert got == ["data: [DONE]"]

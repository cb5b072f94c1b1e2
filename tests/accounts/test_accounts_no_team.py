"""Somebody who belongs to no team, on every page and route: told so, and shown nothing of anybody's."""

from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.test import Client

from accounts.models import Team, User
from accounts.services import create_api_key
from compute.models import Quota
from console.asgi import application
from tests.accounts.test_accounts_roles import ADMIN, ANY, ROUTES, STREAMED, address, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
SAID = "You belong to no team yet."
ADMINISTRATORS = {route: method for route, methods in ROUTES.items() for method, who in methods.items() if who == ADMIN}
BODIES = {"api/v1/jobs/estimate": '{"model": "tiny", "training_file": "file-x"}'}
"""What is read before the team is needed."""
NOBODYS = {"api/v1/recipes", "api/v1/teams", "api/v1/notifications/choices"}
NOBODYS |= {"v1/webhook_event_types", "api/v1/webhook_event_types"}
"""What is no team's, or the list of one's own."""
BY_KEY = {"v1/chat/completions", "v1/completions", "v1/fine_tuning/alpha/graders/run", "api/v1/keys/current"}
"""These know nobody by the console's session."""
OF_A_TEAM = "jobs/<job_id>/whole-log"
"""An administrator's, of a job of a team that he is in."""
WHOLE = {"api/v1/pool", "api/v1/maintenance", "api/v1/pools", "api/v1/queue", "api/v1/usage", "api/v1/usage.csv"}
WHOLE |= {"audit", "api/v1/audit", "api/v1/audit.csv"}
"""Administrators see all of these, so they need no team for it."""


@pytest.fixture
def somebodys() -> Team:
    """A team that others are in, with something to see."""
    create_api_key(email="alice@example.com", team_name="A")
    team = Team.objects.get(name="A")
    Quota.objects.create(team=team, ceiling=7)
    return team


def loner(*, is_staff: bool = False) -> User:
    return User.objects.create_user("bob@example.com", is_staff=is_staff, is_superuser=is_staff)


def ask(client: Client, route: str, method: str) -> Any:
    return client.generic(method, address(route), BODIES.get(route, "{}"), "application/json")


def is_told(reply: Any) -> bool:
    return reply.status_code == 403 and SAID in reply.content.decode()


@pytest.mark.parametrize("is_staff", [False, True])
def test_every_route_says_so(somebodys: Team, is_staff: bool) -> None:
    user = loner(is_staff=is_staff)
    client = signed_in(user)
    wrong = []
    for route, methods in ROUTES.items():
        for method, needed in methods.items():
            if needed in (ANY, ADMIN) or route in NOBODYS or route in BY_KEY or (is_staff and route in WHOLE):
                continue
            reply = ask(client, route, method)
            # Where the address names the team, it is one that does not exist for whoever is not in it.
            is_refused = is_told(reply) if "<team>" not in route else is_staff or reply.status_code == 404
            if not is_refused:
                wrong.append((method, route, reply.status_code, reply.content.decode()[:200]))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("is_staff", [False, True])
def test_what_is_everybodys_does_not_fail(somebodys: Team, is_staff: bool) -> None:
    user = loner(is_staff=is_staff)
    for route, methods in ROUTES.items():
        for method in [method for method, needed in methods.items() if needed == ANY]:
            client = signed_in(user)
            reply = ask(client, route, method)
            assert reply.status_code < 500 or route == "healthz", route  # which finds no worker here
            assert "alice@example.com" not in reply.content.decode()


def test_an_administrators_doors_are_closed_as_to_anybody(somebodys: Team) -> None:
    client = signed_in(loner())
    answers = {route: ask(client, route, method).status_code for route, method in ADMINISTRATORS.items()}
    # Of a team that one is not in nobody says that there is one.
    hidden = {route for route in ADMINISTRATORS if "<team>" in route}
    assert answers == {route: 404 if route in hidden else 403 for route in ADMINISTRATORS}


def test_an_administrators_doors_are_open_without_a_team(somebodys: Team) -> None:
    client = signed_in(loner(is_staff=True))
    for route, method in [*ADMINISTRATORS.items(), *((route, "GET") for route in sorted(WHOLE))]:
        reply = ask(client, route, method)
        assert (reply.status_code < 500, is_told(reply)) == (True, route == OF_A_TEAM), route


@pytest.mark.django_db(transaction=True)
async def test_streamed_uploads_say_so() -> None:
    user = await sync_to_async(loner)()
    browser = await sync_to_async(signed_in)(user)
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    cookies = {settings.SESSION_COOKIE_NAME: session, settings.CSRF_COOKIE_NAME: "a" * 32}
    headers = {"X-CSRFToken": "a" * 32, "Referer": "http://testserver/"}
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", cookies=cookies) as client:
        for path in STREAMED:
            reply = await client.post(path, headers=headers, files={"file": b"x"})
            assert (reply.status_code, SAID in reply.text) == (403, True), (path, reply.text)
    await sync_to_async(connections.close_all)()


def test_a_key_ends_with_the_last_team() -> None:
    secret = create_api_key(email="alice@example.com", team_name="A")
    User.objects.get(email="alice@example.com").memberships.all().delete()
    reply = Client().get("/v1/models", headers={"authorization": f"Bearer {secret}"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")

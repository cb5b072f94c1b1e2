"""No address asks the database more often because there is more to show."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalogue.models import HubToken
from datasets_app.web.tabs import TABS
from tests.accounts.test_accounts_roles import ROUTES
from tests.console.world import World
from tests.jobs.job_makers import write_chat_files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
FEW, MANY = 2, 6
"""Rows of every kind at first, and then."""
MOST = {"/members": 10, "/datasets": 8, "/deployments": 18, "/pool": 23, "/jobs/new": 32, "/teams": 12}
"""So often may the pages ask that are looked at most."""
WITHOUT_ROWS = {"healthz", "metrics", "sign-in", "invitation/<token>", "new-password/<token>"}
WITHOUT_ROWS |= {"models/<model_id>/package", "jobs/compare", "api/v1/jobs/compare"}
WITHOUT_ROWS |= {"api/v1/models/<model_id>/package", "api/v1/keys/current"}
WITHOUT_ROWS |= {"jobs/<job_id>/stream", "notifications/<notice_id>"}
"""Routes that show nothing of anybody's, or one file's bytes, or what only their query names."""
ADMINISTRATORS = re.compile(
    r"/pool(?:/quotas/.*|/maintenance.*|/nodes/.*)?|/queue/.*|/api/v1/queue/.*|/teams(?:/\d+/limits)?|/api/v1/pool/forecasts|/jobs/.*/whole-log|/api/v1/quotas/.*|/admin/.*"
)
"""Addresses that are theirs alone; the API shows them more of the pool than others."""
QUERIES = {
    "standing": "?model=tiny",
    "diff": "?against={other}",
    "examples": "?model=tiny",
    "statistics": "?model=tiny",
    "tokens": "?model=tiny",
}
"""What a route must be told, by its last word; a file that cannot be learned from has nothing of it."""


def addresses(world: World) -> Iterator[str]:
    """Yield every address that can be looked at, with something behind it."""
    for route, methods in ROUTES.items():
        if "GET" in methods and route not in WITHOUT_ROWS:
            path = route
            if "models/<model_id>" in route:
                path = route.replace("<model_id>", world.adapter.pk)
            for name, found in world.ids().items():
                path = path.replace(f"<{name}>", found)
            last = route.rpartition("/")[2]
            yield f"/{path}{QUERIES.get(last, '').format(other=world.other.pk)}"
            if "<file_id>" in route and last not in QUERIES:
                yield f"/{path.replace(world.file.pk, world.faulty.pk)}"
    yield from (f"/datasets/{world.file.pk}?tab={tab}" for tab in TABS)
    yield from (f"/v1/fine_tuning/jobs/{world.job.pk}/{many}?limit=100" for many in ("events", "checkpoints"))
    two = (world.job.pk, world.adapter.job_id)
    yield from (f"/jobs/compare?job={two[0]}&job={two[1]}", f"/api/v1/jobs/compare?jobs={two[0]},{two[1]}")
    yield from ("/v1/fine_tuning/jobs?limit=100", "/v1/files?limit=100")
    yield from (f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in site._registry)


def num_queries(client: Client, address: str) -> tuple[int, int]:
    """Return (status, number of queries), of the second visit: what is kept for later is asked at the first."""
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        reply = client.get(address)
    return reply.status_code, len(asked)


@pytest.mark.parametrize("is_staff", [False, True])
def test_three_times_as_much_costs_no_more_queries(tmp_path: Path, is_staff: bool) -> None:
    world = World(write_chat_files(tmp_path))
    User.objects.filter(pk=world.user.pk).update(is_staff=is_staff, is_superuser=is_staff)
    HubToken.store(hub="huggingface", token="t", by=world.user)
    client = Client()
    client.force_login(world.user)
    world.grow(FEW)
    visited = [a for a in addresses(world) if a == "/api/v1/pool" or bool(ADMINISTRATORS.fullmatch(a)) == is_staff]
    few = {address: num_queries(client, address) for address in visited}
    world.grow(MANY)
    many = {address: num_queries(client, address) for address in visited}
    assert {address for address, (status, _) in many.items() if status != 200} == set()
    grown = {address: (few[address][1], many[address][1]) for address in few if many[address][1] > few[address][1]}
    assert grown == {}
    above = {address: many[address][1] for address in MOST.keys() & many.keys() if many[address][1] > MOST[address]}
    assert above == {}

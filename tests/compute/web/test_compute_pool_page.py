"""The pool's map: what its cells say, whom it lets act, and what a large pool costs."""

from functools import partial

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Team, User
from compute.models import Device, Node, Run
from tests.compute.large_pool import MOST_SECONDS, fill, num_queries, server_seconds

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def client(team: Team) -> Client:
    user = User.objects.create_user("admin@example.com", is_staff=True)
    Membership.objects.create(team=team, user=user)
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, query: str = "", **headers: str) -> str:
    reply = client.get(f"/pool{query}", headers=headers)
    assert reply.status_code == 200
    return reply.content.decode()


class TestMap:
    @pytest.fixture(autouse=True)
    def _pool(self, client: Client) -> None:
        now = timezone.now()
        for name, fields in {"a": {}, "b": {"draining": True}, "c": {"last_seen_at": None}}.items():
            node = Node.objects.create(name=name, queue=name, kind="cuda", **{"last_seen_at": now, **fields})
            for index in range(2):
                Device.objects.create(node=node, index=index, kind="cuda", name="H100", memory_bytes=8 * 10**10)
        Device.objects.filter(node__name="a", index=1).update(healthy=False)
        run = Run.objects.create(kind="training", team=Team.objects.get(), label="invoice", state="running")
        run.allocations.create(device=Device.objects.get(node__name="b", index=0))

    def test_a_cell_says_its_state_holder_time_and_memory_without_colour(self, client: Client) -> None:
        text = page(client)
        for cell in (
            "a #0, free, 80.0 GB",
            "a #1, out of order, 80.0 GB",
            "b #0, in use, Violins · invoice, just now, 80.0 GB",
            "b #1, gets no new work, 80.0 GB",
            "c #0, offline, 80.0 GB",
        ):
            assert f'aria-label="{cell}"' in text
        assert 'aria-label="b #0, 使用中, Violins · invoice, 刚刚, 80.0 GB"' in page(
            client, **{"accept-language": "zh-CN"}
        )

    @pytest.mark.parametrize(
        ("query", "cells"),
        [
            ("?find=INV", ["b #0"]),
            ("?holder=Violins", ["b #0"]),
            ("?state=free", ["a #0"]),
            ("?state=silent&find=c", ["c #0", "c #1"]),
            ("?find=nothing", []),
        ],
    )
    def test_can_be_searched_and_filtered(self, client: Client, query: str, cells: list[str]) -> None:
        text = page(client, query)
        assert text.count('<li><a class="cell') == len(cells)
        assert all(f'aria-label="{cell},' in text for cell in cells)

    def test_a_device_is_looked_at_closely(self, client: Client) -> None:
        text = page(client, "?node=b&device=0")
        assert "b, device 0" in text
        assert "Violins · invoice" in text
        assert "Put back into service" in text

    def test_buttons_cordon_drain_and_put_back(self, client: Client) -> None:
        for action, is_closed in (("cordon", True), ("uncordon", False), ("drain", True)):
            reply = client.post(f"/pool/nodes/a/{action}")
            assert reply.url == "/pool?node=a#looked-at"
            assert Node.objects.get(name="a").draining is is_closed
        assert client.post("/pool/nodes/a/explode").status_code == 404

    def test_names_are_no_markup(self, client: Client) -> None:
        Run.objects.update(label='"><script>')
        assert '"><script>' not in page(client, "?node=b&device=0")


def test_teams_are_paged_and_searched(client: Client) -> None:
    fill("pages", devices=8, teams=45, waiting=0)
    assert page(client).count('id="effect-') == 20
    assert page(client, "?from=40").count('id="effect-') == 6
    assert page(client, "?team=PAGES 04").count('id="effect-') == 5


def test_a_large_pool_is_shown_in_time_and_in_as_many_queries_as_a_small_one(client: Client) -> None:
    fill("small", devices=16, teams=2, waiting=5)
    few = num_queries(partial(page, client))
    fill("large", devices=1_000, teams=100, waiting=10_000)
    many = num_queries(partial(page, client))
    assert 0 < many <= few
    seconds = server_seconds(partial(page, client))
    print(f"pool page of 1,000 devices, 100 teams, 10,000 waiting: {seconds * 1000:.0f} ms, {many} queries")
    assert seconds <= MOST_SECONDS

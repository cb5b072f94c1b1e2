"""The queue's page: what can be chosen, and what a long line costs."""

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Team, User
from compute.models import Pool, Run, RunForecast
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
    reply = client.get(f"/queue{query}", headers=headers)
    assert reply.status_code == 200
    return reply.content.decode()


def test_kind_and_pool_are_chosen_from_lists(client: Client, team: Team) -> None:
    other = Pool.objects.create(name="inference", title="Inference")
    Run.objects.create(kind="training", team=team, label="invoice", explanation={})
    Run.objects.create(kind="serving", team=team, label="helper", pool=other, explanation={})
    everything = page(client)
    assert '<option value="inference">Inference</option>' in everything
    assert '<option value="serving">serving</option>' in everything
    assert '<option value="serving">部署服务</option>' in page(client, **{"accept-language": "zh-CN"})
    for query in ("?kind=serving", "?pool=inference", "?pool=inference&kind=serving&search=HELP"):
        found = page(client, query)
        assert "helper" in found
        assert "invoice" not in found
        assert "selected" in found
    assert "Nothing that waits fits." in page(client, "?pool=inference&kind=training")


def test_one_pool_is_no_choice(client: Client) -> None:
    assert 'id="pool"' not in page(client)


def test_what_runs_is_shown_with_where_and_until_when(client: Client, team: Team) -> None:
    fill("pages", devices=8, teams=1, waiting=1)
    shown = page(client, "?state=running")
    assert "job 0" not in shown
    assert shown.count(">Preempt<") == 7
    assert "pages-000" in shown
    assert page(client, "?state=running&search=nothing").count("Nothing runs that fits.") == 1


def test_a_row_says_how_much_it_asks_for_where_and_which_is_its_turn(client: Client, team: Team) -> None:
    other = Pool.objects.create(name="inference", title="Inference")
    run = Run.objects.create(kind="training", team=team, label="invoice", accelerators=4, explanation={})
    Run.objects.create(kind="serving", team=team, label="helper", pool=other, accelerators=0, explanation={})
    Run.objects.create(kind="training", team=team, label="letters", explanation={})
    now = timezone.now()
    RunForecast.objects.create(
        run=run, position=3, made_at=now, predicted_at=now, low_at=now, high_at=now + timedelta(days=1)
    )
    shown = " ".join(page(client).split())
    for words in ("training · 4 accelerators · default", "serving · shares cores · Inference", "training · auto"):
        assert words in shown
    assert "Place 3 in line" in shown
    assert f"–{timezone.localdate() + timedelta(days=1)} " in shown
    chinese = " ".join(page(client, **{"accept-language": "zh-CN"}).split())
    assert "训练 · 4 个加速器" in chinese
    assert "第 3 位" in chinese


def test_a_long_line_is_shown_in_time_and_in_as_many_queries_as_a_short_one(client: Client) -> None:
    queries = ["", "?state=running", "?search=job 99", "?kind=training&pool=default&priority=low"]
    fill("small", devices=16, teams=2, waiting=5)
    few = {query: num_queries(partial(page, client, query)) for query in queries}
    fill("large", devices=1_000, teams=100, waiting=10_000)
    for query in queries:
        many = num_queries(partial(page, client, query))
        assert 0 < many <= few[query]
        seconds = server_seconds(partial(page, client, query))
        print(
            f"queue page {query} of 1,000 devices, 100 teams, 10,000 waiting: {seconds * 1000:.0f} ms, {many} queries"
        )
        assert seconds <= MOST_SECONDS

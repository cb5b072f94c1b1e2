"""Work that computes nothing: told once, stopped where the administrator has said so, and shown on the pool's map."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Team, User
from compute import work
from compute.administering.idle_work import watch_idle_work
from compute.models import Allocation, Device, Node, Run
from wording import Message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the people of a Run were told."""
    found: list[tuple[str, str]] = []

    def note(run: Run, said: Message) -> None:
        found.append((run.pk, str(said)))

    monkeypatch.setattr(work, "_computing", {"training": note})
    return found


@pytest.fixture(autouse=True)
def _half_an_hour(settings: Any) -> None:
    settings.IDLE_WORK_SECONDS, settings.RECLAIM_IDLE_WORK = 1800, False


@pytest.fixture
def gpus(db: None) -> Node:
    now = timezone.now()
    node = Node.objects.create(name="g", queue="q", kind="cuda", last_seen_at=now, sampled_at=now)
    for index in range(2):
        Device.objects.create(node=node, index=index, kind="cuda", memory_bytes=80 * 10**9)
    return node


@pytest.fixture
def make_run(gpus: Node, team: Team) -> Callable[..., Run]:
    def make(minutes: float = 31, **fields: Any) -> Run:
        seen = {"computed_at": timezone.now() - timedelta(minutes=minutes), "kind": "training", "label": "invoice"}
        run = Run.objects.create(**{"team": team, "state": "running", "node": gpus, **seen, **fields})
        free = gpus.devices.exclude(allocations__released_at=None, allocations__isnull=False).first()
        Allocation.objects.create(run=run, device=free or gpus.devices.first())
        return run

    return make


def test_is_told_once_until_it_computes_again(make_run: Callable[..., Run], told: list[tuple[str, str]]) -> None:
    run = make_run()
    for _ in range(2):
        watch_idle_work()
    assert [run_id for run_id, _ in told] == [run.pk]
    assert "computed nothing for 30 minutes" in told[0][1]
    Run.objects.update(computed_at=timezone.now())
    watch_idle_work()
    assert Run.objects.get().idle_told_at is None
    Run.objects.update(computed_at=timezone.now() - timedelta(hours=1))
    watch_idle_work()
    assert len(told) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"minutes": 29},
        {"kind": "serving"},
        {"state": "starting"},
        {"stop_requested_at": timezone.now()},
        {"outcome": "succeeded"},
        {"accelerators": 0},
        {"computed_at": None, "started_at": timezone.now()},
    ],
)
def test_is_not_told_of_work_that_is_none(
    make_run: Callable[..., Run], told: list[tuple[str, str]], fields: dict[str, Any]
) -> None:
    make_run(**fields)
    watch_idle_work()
    assert told == []


def test_is_not_told_where_nobody_has_looked(make_run: Callable[..., Run], told: list[tuple[str, str]]) -> None:
    make_run()
    Node.objects.update(sampled_at=timezone.now() - timedelta(hours=1))
    watch_idle_work()
    assert told == []


def test_is_not_told_where_it_is_switched_off(
    make_run: Callable[..., Run], told: list[tuple[str, str]], settings: Any
) -> None:
    settings.IDLE_WORK_SECONDS = 0
    make_run()
    watch_idle_work()
    assert told == []


@pytest.mark.usefixtures("told")
def test_is_stopped_only_where_that_is_switched_on(make_run: Callable[..., Run], settings: Any) -> None:
    run = make_run()
    watch_idle_work()
    run.refresh_from_db()
    assert run.stop_requested_at is None
    settings.RECLAIM_IDLE_WORK = True
    watch_idle_work()
    run.refresh_from_db()
    assert run.stop_reason == "idle"


class TestShown:
    @pytest.fixture
    def client(self, team: Team) -> Client:
        user = User.objects.create_user("admin@example.com", is_staff=True)
        Membership.objects.create(team=team, user=user)
        client = Client()
        client.force_login(user)
        return client

    @pytest.fixture(autouse=True)
    def _seen(self, make_run: Callable[..., Run], told: list[tuple[str, str]]) -> None:
        make_run()
        Device.objects.filter(index=0).update(memory_used_bytes=4 * 10**9, utilisation=0)
        Device.objects.filter(index=1).update(memory_used_bytes=10**9, utilisation=None)
        watch_idle_work()

    def test_on_the_map(self, client: Client) -> None:
        page = client.get("/pool").content.decode()
        assert (
            'aria-label="g #0, in use, Violins · invoice, just now, computes nothing, 4.0 GB of 80.0 GB, 0 % busy"'
            in page
        )
        assert 'aria-label="g #1, free, 1.0 GB of 80.0 GB"' in page
        assert "has computed nothing for 30 minutes" in " ".join(page.split())
        assert '?node=g&amp;device=0#looked-at">Violins · invoice</a>' in page
        assert (
            "4.0 GB of 80.0 GB, 0 % busy" in client.get("/pool?node=g&device=0").content.decode().split("looked-at")[-1]
        )

    def test_in_chinese(self, client: Client) -> None:
        page = client.get("/pool", headers={"accept-language": "zh-CN"}).content.decode()
        assert "未进行任何计算, 4.0 GB / 80.0 GB, 使用率 0 %" in page

    def test_at_the_api(self, client: Client) -> None:
        devices = client.get("/api/v1/pool").json()["nodes"][0]["devices"]
        assert [(one["memory_used_bytes"], one["utilisation"], one["idle"]) for one in devices] == [
            (4 * 10**9, 0, True),
            (10**9, None, False),
        ]

    def test_not_from_a_look_that_is_old(self, client: Client) -> None:
        Node.objects.update(sampled_at=timezone.now() - timedelta(hours=1))
        devices = client.get("/api/v1/pool").json()["nodes"][0]["devices"]
        assert {(one["memory_used_bytes"], one["utilisation"]) for one in devices} == {(None, None)}

"""Planned maintenance by page, API and command: said before what it does, drained at its begin, back by itself."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Team, User
from compute import services
from compute.administering import maintenance
from compute.forecasting.lines import outlook
from compute.models import Maintenance, Node, Pool, Run
from compute.scheduling.rounds import schedule
from console import retention
from tests.console.forms import error_at, form_at, sent_twice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
JSON = "application/json"
HOUR = timedelta(hours=1)


@pytest.fixture
def client(team: Team) -> Client:
    user = User.objects.create_user("admin@example.com", is_staff=True)
    Membership.objects.create(team=team, user=user)
    client = Client()
    client.force_login(user)
    return client


def unix(moment: datetime) -> int:
    return int(moment.timestamp())


def body(begins: timedelta = HOUR, ends: timedelta = 3 * HOUR, **more: Any) -> dict[str, Any]:
    now = timezone.now()
    return {"begins_at": unix(now + begins), "ends_at": unix(now + ends), **more}


def ask(client: Client, asked: dict[str, Any]) -> Any:
    return client.post("/api/v1/maintenance", asked, content_type=JSON)


def fresh(run: Run) -> Run:
    schedule()
    run.refresh_from_db()
    return run


class TestWindow:
    def test_holds_back_what_would_not_end_before_it_and_tells_so(self, node: Node, team: Team) -> None:
        now = timezone.now()
        maintenance.plan(node=node, begins_at=now + HOUR, ends_at=now + 3 * HOUR, by=None)
        long = services.request_run(kind="script", team=team, accelerators=1, expected_seconds=7200)
        short = services.request_run(kind="script", team=team, accelerators=1, expected_seconds=60)
        assert fresh(short).state == "starting"
        assert (fresh(long).state, long.explanation["code"]) == ("waiting", "before_maintenance")
        said = services.explain(long)
        assert said is not None
        assert "It can start after" in str(said)
        forecast = outlook(long)
        assert forecast is not None
        assert forecast.low_at is not None
        assert forecast.low_at >= now + 2.5 * HOUR

    def test_drains_what_still_runs_when_it_begins_and_opens_again_at_its_end(self, node: Node, team: Team) -> None:
        now = timezone.now()
        run = services.request_run(kind="script", team=team, accelerators=1)
        assert fresh(run).state == "starting"
        made = maintenance.plan(pool=Pool.default(), begins_at=now - HOUR, ends_at=now + HOUR, by=None)
        waits = services.request_run(kind="script", team=team, accelerators=1)
        assert fresh(run).stop_reason == "drain"
        assert fresh(waits).explanation["code"] == "maintenance"
        node.refresh_from_db()
        assert not node.draining, "nobody has to put it back"
        Maintenance.objects.filter(pk=made.pk).update(ends_at=timezone.now())
        assert fresh(waits).state == "starting"

    def test_of_another_pool_is_in_nobodys_way(self, node: Node, team: Team) -> None:
        now = timezone.now()
        other = Pool.objects.create(name="other")
        maintenance.plan(pool=other, begins_at=now - HOUR, ends_at=now + HOUR, by=None)
        run = services.request_run(kind="script", team=team, accelerators=1)
        assert fresh(run).state == "starting"

    def test_that_is_none_cannot_be_stored(self, node: Node) -> None:
        now = timezone.now()
        for fields in ({"node": node, "ends_at": now}, {"ends_at": now + HOUR},
                       {"node": node, "pool": Pool.default(), "ends_at": now + HOUR}):  # fmt: skip
            with pytest.raises(IntegrityError), transaction.atomic():
                Maintenance.objects.create(begins_at=now, **fields)

    def test_that_is_over_is_forgotten(self, node: Node) -> None:
        now = timezone.now()
        Maintenance.objects.create(node=node, begins_at=now - 2 * HOUR, ends_at=now - HOUR)
        kept = Maintenance.objects.create(node=node, begins_at=now - HOUR, ends_at=now + HOUR)
        retention.sweep_database()
        assert list(Maintenance.objects.all()) == [kept]


class TestApi:
    def test_plans_lists_and_calls_off(self, client: Client, node: Node) -> None:
        asked = body(node=node.name, reason="New driver")
        made = ask(client, asked)
        assert made.status_code == 200, made.content
        window = {**asked, "id": made.json()["id"], "object": "maintenance", "pool": None, "state": "planned"}
        told = {"drained": 0, "held_back": 0, "code": "maintenance_is_in_nobodys_way", "params": {}}
        assert made.json() == {**window, **told, "message": "Nothing that runs or waits now is in its way."}
        assert client.get("/api/v1/maintenance").json()["data"] == [window]
        assert client.delete(f"/api/v1/maintenance/{window['id']}").json()["deleted"] is True
        assert client.get("/api/v1/maintenance").json()["data"] == []
        assert client.delete(f"/api/v1/maintenance/{window['id']}").status_code == 404
        planned, cancelled = AuditEvent.objects.filter(action__startswith="maintenance.").order_by("pk")
        assert (planned.target, planned.after["reason"]) == (node.name, "New driver")
        assert (cancelled.action, cancelled.before) == ("maintenance.cancelled", planned.after)

    def test_says_before_what_it_would_do(self, client: Client, node: Node, team: Team) -> None:
        runs = [services.request_run(kind="script", team=team, accelerators=1) for _ in range(2)]
        schedule()
        Run.objects.filter(pk=runs[0].pk).update(predicted_end_at=timezone.now() + HOUR / 2)
        services.request_run(kind="script", team=team, accelerators=1, expected_seconds=7200)
        found = ask(client, body(node=node.name, preview=True)).json()
        assert (found["id"], found["state"], found["drained"], found["held_back"]) == (None, None, 1, 1)
        assert (found["node"], found["code"]) == (node.name, "runs_stop_for_maintenance")
        assert found["message"].startswith("1 run there should still run when it begins: it saves a checkpoint")
        assert not Maintenance.objects.exists()
        nothing = ask(client, body(pool="default", begins=9 * HOUR, ends=10 * HOUR, preview=True)).json()
        assert nothing["held_back"] == 0

    @pytest.mark.parametrize(
        ("asked", "status", "param"),
        [
            ({}, 400, "node"),
            ({"node": "x", "pool": "default"}, 400, "node"),
            ({"node": "x"}, 404, None),
            ({"pool": "x"}, 404, None),
            ({"pool": "default", "ends": HOUR}, 400, "ends_at"),
            ({"pool": "default", "begins": -3 * HOUR, "ends": -HOUR}, 400, "ends_at"),
            ({"pool": "default", "reason": "x" * 201}, 400, "reason"),
            ({"pool": "default", "until": 1}, 400, "until"),
        ],
    )
    def test_refuses_what_is_no_window(
        self, client: Client, node: Node, asked: dict[str, Any], status: int, param: str | None
    ) -> None:
        reply = ask(client, body(**asked))
        assert (reply.status_code, reply.json()["error"]["param"]) == (status, param)
        assert not Maintenance.objects.exists()

    def test_others_see_it_and_plan_none(self, node: Node, team: Team) -> None:
        member = User.objects.create_user("member@example.com")
        Membership.objects.create(team=team, user=member)
        client = Client()
        client.force_login(member)
        assert client.get("/api/v1/maintenance").status_code == 200
        assert ask(client, body(node=node.name)).status_code == 403


class TestPage:
    def test_plans_once_and_calls_off(self, client: Client, node: Node) -> None:
        filled = {"place": f"node:{node.name}", "begins_at": minute(HOUR), "ends_at": minute(2 * HOUR), "reason": "RAM"}
        assert [reply.url for reply in sent_twice(client, "/pool/maintenance", **filled)] == ["/pool/maintenance"] * 2
        (made,) = Maintenance.objects.all()
        assert (made.node, made.reason, made.ends_at - made.begins_at) == (node, "RAM", HOUR)
        shown = client.get("/pool/maintenance").content.decode()
        assert "RAM" in shown
        assert f"The maintenance of {node.name} is planned." in shown
        assert client.post(f"/pool/maintenance/{made.pk}/cancel").url == "/pool/maintenance"
        assert not Maintenance.objects.exists()

    def test_says_what_the_window_would_do(self, client: Client, node: Node, team: Team) -> None:
        services.request_run(kind="script", team=team, accelerators=1)
        schedule()
        window = {"place": "pool:default", "begins_at": minute(HOUR), "ends_at": minute(2 * HOUR)}
        said = client.get("/pool/maintenance/effect", window).content.decode()
        assert said.startswith("1 run there should still run")
        chinese = client.get("/pool/maintenance/effect", window, headers={"accept-language": "zh-CN"})
        assert chinese.content.decode().startswith("开始时预计仍有 1 个任务在运行")
        assert client.get("/pool/maintenance/effect", {**window, "ends_at": ""}).content == b""

    def test_refuses_at_the_field(self, client: Client, node: Node) -> None:
        filled = form_at(
            client, "/pool/maintenance", place="pool:default", begins_at=minute(2 * HOUR), ends_at=minute(HOUR)
        )
        reply = client.post("/pool/maintenance", filled)
        assert reply.status_code == 400
        assert error_at(reply, "ends_at") == "Maintenance must end after it begins."


class TestCommand:
    def test_plans_lists_and_calls_off(self, node: Node, capsys: pytest.CaptureFixture[str]) -> None:
        window = ("--from", minute(HOUR), "--to", minute(2 * HOUR), "--reason", "RAM")
        call_command("maintenance", "plan", "--node", node.name, *window, "--preview")
        assert capsys.readouterr().out == "Nothing that runs or waits now is in its way.\n"
        call_command("maintenance", "plan", "--node", node.name, *window)
        (made,) = Maintenance.objects.all()
        assert capsys.readouterr().out.splitlines()[1].startswith(f"{made.pk}  {node.name}  ")
        call_command("maintenance", "list")
        assert capsys.readouterr().out.endswith("  RAM\n")
        call_command("maintenance", "cancel", made.pk)
        assert not Maintenance.objects.exists()
        with pytest.raises(CommandError, match="is planned or going on"):
            call_command("maintenance", "cancel", made.pk)
        with pytest.raises(CommandError, match="'soon' is no time"):
            call_command("maintenance", "plan", "--node", node.name, "--from", "soon", "--to", "later")


def minute(later: timedelta) -> str:
    return timezone.localtime(timezone.now() + later).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("begins", "ends"),
    [("0001-01-01T00:00+14:00", "2100-01-01T00:00"), ("2100-01-01T00:00", "9999-12-31T23:59-12:00")],
)
def test_a_window_at_the_ends_of_the_calendar_is_refused(node: Node, begins: str, ends: str) -> None:
    for preview in ([], ["--preview"]):
        with pytest.raises(CommandError, match="between 1970 and 2105"):
            call_command("maintenance", "plan", "--node", node.name, "--from", begins, "--to", ends, *preview)
    assert not Maintenance.objects.exists()

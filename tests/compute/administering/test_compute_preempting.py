"""Preempted by hand: said before what it does, by page and API, audited, and back in its own place in line."""

import pytest
from django.test import Client

from accounts.models import AuditEvent, Membership, Team, User
from compute import services
from compute.administering import preempting
from compute.models import Node, Run
from compute.scheduling.rounds import schedule
from tests.console.forms import sent_twice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
JSON = "application/json"


@pytest.fixture
def client(team: Team) -> Client:
    user = User.objects.create_user("admin@example.com", is_staff=True)
    Membership.objects.create(team=team, user=user)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def running(node: Node, team: Team) -> Run:
    """Return a Run that has both devices of the only node."""
    run = services.request_run(kind="script", team=team, accelerators=2, label="invoice")
    schedule()
    run.refresh_from_db()
    assert run.state == "starting"
    return run


def test_a_run_is_asked_to_stop_and_the_audit_keeps_it(client: Client, running: Run, node: Node) -> None:
    reply = client.post(f"/api/v1/queue/{running.pk}/preempt", content_type=JSON)
    assert reply.status_code == 200, reply.content
    assert (reply.json()["state"], reply.json()["stop_reason"]) == ("starting", "by_admin")
    running.refresh_from_db()
    assert running.get_stop_reason_display() == "preempted by an administrator"
    event = AuditEvent.objects.get(action="queue.preempted")
    assert (event.target, event.team_slug, event.before) == (
        "invoice", running.team.slug, {"node": node.name, "accelerators": 2}
    )  # fmt: skip


def test_what_waits_or_is_stopping_is_not_preempted(client: Client, running: Run, team: Team) -> None:
    waiting = services.request_run(kind="script", team=team, accelerators=1)
    services.request_stop(run=running, reason="pause")
    for run in (waiting, running):
        for method in (client.get, client.post):
            reply = method(f"/api/v1/queue/{run.pk}/preempt", content_type=JSON)
            assert (reply.status_code, reply.json()["error"]["code"]) == (409, "not_running")
    assert client.post("/api/v1/queue/run-x/preempt", content_type=JSON).status_code == 404
    assert not AuditEvent.objects.filter(action="queue.preempted").exists()


class TestEffect:
    def test_says_what_starts_instead(self, client: Client, running: Run) -> None:
        other = Team.create(name="Cellos")
        for _ in range(2):
            services.request_run(kind="script", team=other, accelerators=1, priority=2)
        found = client.get(f"/api/v1/queue/{running.pk}/preempt").json()
        assert found == {
            "object": "effect",
            "starts": 2,
            "code": "saves_a_checkpoint_and_waits",
            "params": {},
            "message": "It saves a checkpoint, gives its accelerators back and waits again in its own place in line. "
            "2 waiting runs can start.",
        }
        running.refresh_from_db()
        assert running.stop_requested_at is None

    def test_says_that_it_would_start_again_at_once(self, running: Run, team: Team) -> None:
        services.request_run(kind="script", team=team, accelerators=2)
        effect = preempting.effect_of(running)
        assert (effect.starts, effect.is_first) == (0, True)
        assert preempting.said_of(effect, running).then[-1].code == "starts_again_at_once"

    def test_says_plainly_what_cannot_go_on(self, running: Run) -> None:
        for fields, code in (
            ({"preemptible": False}, "stops_answering_and_waits"),
            ({"yields": True}, "its_model_will_sleep"),
        ):
            Run.objects.filter(pk=running.pk).update(**fields)
            running.refresh_from_db()
            effect = preempting.effect_of(running)
            assert preempting.said_of(effect, running).code == code
        assert not effect.is_first, "a shared model is woken by a request, and not by the queue"


class TestPage:
    def test_asks_before_and_does_it_once(self, client: Client, running: Run) -> None:
        page = f"/queue/{running.pk}/preempt"
        assert "It saves a checkpoint" in client.get(page).content.decode()
        assert "保存检查点" in client.get(page, headers={"accept-language": "zh-CN"}).content.decode()
        assert [reply.url for reply in sent_twice(client, page)] == ["/queue?state=running"] * 2
        assert AuditEvent.objects.filter(action="queue.preempted").count() == 1
        shown = client.get("/queue?state=running").content.decode()
        assert "preempted by an administrator" in shown
        assert "is being preempted" in shown
        assert client.get(page).url == "/queue?state=running"

    def test_is_reached_from_the_queue_and_from_the_pool(self, client: Client, running: Run, node: Node) -> None:
        device = node.devices.first()
        assert device is not None
        for page in ("/queue?state=running", f"/pool?node={node.name}&device={device.index}"):
            assert f'href="/queue/{running.pk}/preempt"' in client.get(page).content.decode()
        assert f"/queue/{running.pk}" not in client.get("/queue").content.decode()

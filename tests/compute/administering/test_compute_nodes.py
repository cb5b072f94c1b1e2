"""A node out of service and back: by API and command, audited, and nothing is started there meanwhile."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation

from accounts.models import AuditEvent, Membership, Team, User
from common.wording import in_words
from compute import services
from compute.administering import nodes
from compute.models import Node, Run
from compute.scheduling.rounds import schedule
from jobs.messages import message as jobs_message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


JSON = "application/json"


@pytest.fixture
def client(team: Team) -> Client:
    user = User.objects.create_user("admin@example.com", is_staff=True)
    Membership.objects.create(team=team, user=user)
    client = Client()
    client.force_login(user)
    return client


def audited() -> list[str]:
    return list(AuditEvent.objects.filter(action__startswith="node.").order_by("pk").values_list("action", flat=True))


def test_a_cordoned_node_gets_no_new_work_and_keeps_what_it_has(client: Client, started_run: Run, team: Team) -> None:
    node = Node.objects.get()
    reply = client.post(f"/api/v1/nodes/{node.name}/cordon", content_type=JSON)
    assert reply.json() == {
        "object": "node", "name": node.name, "pool": "default", "draining": True, "runs": 1
    }  # fmt: skip
    waiting = services.request_run(kind="script", team=team, accelerators=1)
    schedule()
    waiting.refresh_from_db()
    started_run.refresh_from_db()
    assert (waiting.state, waiting.explanation["code"]) == ("waiting", "node_away")
    assert started_run.stop_requested_at is None
    assert client.post(f"/api/v1/nodes/{node.name}/uncordon", content_type=JSON).json()["draining"] is False
    schedule()
    waiting.refresh_from_db()
    assert waiting.state == "starting"
    assert audited() == ["node.cordoned", "node.uncordoned"]


def test_a_drained_node_asks_what_runs_to_stop_once(client: Client, started_run: Run) -> None:
    node = Node.objects.get()
    for _ in range(2):
        assert client.post(f"/api/v1/nodes/{node.name}/drain", content_type=JSON).json()["draining"] is True
    started_run.refresh_from_db()
    assert started_run.stop_reason == "drain"
    assert audited() == ["node.drained"]
    event = AuditEvent.objects.get(action="node.drained")
    assert (event.target, event.before, event.after) == (
        node.name, {"draining": False}, {"draining": True, "stopped": 1}
    )  # fmt: skip


def test_a_cordoned_node_can_still_be_drained(started_run: Run) -> None:
    node = Node.objects.get()
    nodes.cordon(node=node, by=None)
    nodes.drain(node=node, by=None)
    started_run.refresh_from_db()
    assert started_run.stop_reason == "drain"


def test_the_command_does_the_same(started_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    node = Node.objects.get()
    call_command("node", "cordon", node.name)
    assert capsys.readouterr().out == f"{node.name} gets no new work; 1 running\n"
    call_command("node", "uncordon", node.name)
    assert Node.objects.get().draining is False
    with pytest.raises(CommandError, match=f"There is no node 'x'. Nodes: {node.name}."):
        call_command("node", "drain", "x")


def test_its_jobs_say_so_in_both_languages() -> None:
    said = jobs_message("attempt_drained", number=1)
    assert in_words(said) == "Attempt 1 was stopped: its node takes no work at the moment."
    with translation.override("zh-hans"):
        assert in_words(said) == "第 1 次尝试被停止：其节点目前不接受任务。"


def test_a_node_that_is_not_there(client: Client) -> None:
    reply = client.post("/api/v1/nodes/x/drain", content_type=JSON)
    assert (reply.status_code, reply.json()["error"]["message"]) == (404, "There is no node x.")

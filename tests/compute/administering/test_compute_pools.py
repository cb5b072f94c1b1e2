"""Pools by page, API and command: made, renamed, overcommitted, and nodes moved between them."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Team, User
from common.errors import NotFound
from compute import services
from compute.administering.pools import create_pool
from compute.administering.quotas import set_quota
from compute.models import Device, Node, Pool, Quota, Run
from compute.scheduling.rounds import schedule
from tests.console.forms import error_at, form_at, sent_twice

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
def other(db: None) -> Pool:
    Pool.default()
    return create_pool(name="a100", title="A100", by=None)


@pytest.fixture
def spare(db: None) -> Node:
    """Return a node of one GPU beside the others."""
    node = Node.objects.create(name="spare", queue="spare", kind="cuda", last_seen_at=timezone.now())
    Device.objects.create(node=node, index=0, kind="cuda")
    return node


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, body, content_type=JSON)


class TestApi:
    def test_makes_lists_and_changes(self, client: Client, node: Node) -> None:
        made = post(client, "/api/v1/pools", {"name": "a100", "title": "A100"})
        assert made.status_code == 201, made.content
        row = {
            "id": "a100", "object": "pool.summary", "name": "a100", "title": "A100", "overcommit": False, "nodes": 0,
            "accelerators": 0, "guaranteed": 0,
        }  # fmt: skip
        assert made.json() == row
        set_quota(team=Team.create(name="Cellos"), guaranteed=1, by=None)
        first, second = client.get("/api/v1/pools").json()["data"]
        assert (first["name"], first["nodes"], first["accelerators"], first["guaranteed"]) == ("default", 1, 2, 1)
        assert second == row
        changed = client.patch("/api/v1/pools/a100", {"title": "Large", "overcommit": True}, content_type=JSON)
        assert changed.json() == {**row, "title": "Large", "overcommit": True}
        event = AuditEvent.objects.get(action="pool.changed")
        assert (event.before, event.after) == (
            {"title": "A100", "overcommit": False}, {"title": "Large", "overcommit": True}
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"name": "a 100"}, 400, "invalid_name"),
            ({"name": "default"}, 409, "name_taken"),
            ({"name": "x" * 61}, 400, "invalid_value"),
            ({"name": "a100", "launcher": "slurm"}, 400, "invalid_value"),
        ],
    )
    def test_refuses_what_is_no_pool(
        self, client: Client, node: Node, body: dict[str, Any], status: int, code: str
    ) -> None:
        reply = post(client, "/api/v1/pools", body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code), reply.content
        assert Pool.objects.count() == 1

    def test_overcommit_stays_while_guarantees_need_it(self, client: Client, team: Team, node: Node) -> None:
        Pool.objects.update(overcommit=True)
        set_quota(team=team, guaranteed=3, by=None)
        refused = client.patch("/api/v1/pools/default", {"overcommit": False}, content_type=JSON)
        assert refused.json()["error"]["code"] == "guarantees_beyond_pool"
        set_quota(team=team, guaranteed=2, by=None)
        assert client.patch("/api/v1/pools/default", {"overcommit": False}, content_type=JSON).status_code == 200
        assert client.patch("/api/v1/pools/default", {}, content_type=JSON).status_code == 400

    def test_quotas_are_given_in_each(self, client: Client, team: Team, other: Pool) -> None:
        url = f"/api/v1/quotas/{team.slug}"
        assert client.put(f"{url}?pool=a100", {"ceiling": 4}, content_type=JSON).json()["pool"] == "a100"
        assert client.get(f"{url}?pool=a100").json()["ceiling"] == 4
        assert client.get(url).json()["ceiling"] is None
        assert Quota.objects.get().pool == other
        assert client.get(f"{url}?pool=nothing").status_code == 404

    def test_the_pool_is_shown_alone(self, client: Client, node: Node, spare: Node, other: Pool) -> None:
        Node.objects.filter(pk=spare.pk).update(pool=other)
        whole = client.get("/api/v1/pool").json()
        assert {one["name"]: one["pool"] for one in whole["nodes"]} == {node.name: "default", "spare": "a100"}
        alone = client.get("/api/v1/pool?pool=a100").json()
        assert ([one["name"] for one in alone["nodes"]], alone["accelerators"], alone["kind"]) == (["spare"], 1, "cuda")


class TestDelete:
    def test_is_gone_and_its_history_stays(self, client: Client, team: Team, other: Pool, node: Node) -> None:
        run = Run.objects.create(kind="script", team=team, pool=other, state="ended")
        set_quota(team=team, pool=other, ceiling=0, by=None)
        gone = client.delete("/api/v1/pools/a100")
        assert gone.json() == {"id": "a100", "object": "pool", "deleted": True}
        assert client.delete("/api/v1/pools/a100").status_code == 404
        assert [one["name"] for one in client.get("/api/v1/pools").json()["data"]] == ["default"]
        run.refresh_from_db()
        assert (run.pool.name, Quota.objects.count()) == ("a100", 0)
        event = AuditEvent.objects.get(action="pool.deleted")
        assert (event.target, event.before) == ("a100", {"title": "A100", "overcommit": False})

    def test_made_again_it_is_the_same_pool(self, client: Client, other: Pool) -> None:
        client.delete("/api/v1/pools/a100")
        assert post(client, "/api/v1/pools", {"name": "a100", "title": "Again"}).status_code == 201
        assert post(client, "/api/v1/pools", {"name": "a100"}).json()["error"]["code"] == "name_taken"
        assert (Pool.objects.get(name="a100").pk, Pool.objects.get(name="a100").title) == (other.pk, "Again")

    @pytest.mark.parametrize(
        ("fill", "sentence"),
        [
            ("node", "1 node belongs to A100: spare. Move it to another pool first."),
            ("quota", "1 team has a quota in A100: Violins. Set its guarantee and its ceiling to 0 first."),
            ("run", "1 run waits or runs in A100. Cancel it, or delete the pool once it has ended."),
            ("bound", "1 job or deployment would go on in A100. Cancel it, or take it down, first."),
        ],
    )
    def test_is_refused_with_what_is_in_it(
        self, client: Client, team: Team, spare: Node, other: Pool, fill: str, sentence: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        if fill == "node":
            Node.objects.filter(pk=spare.pk).update(pool=other)
        elif fill == "quota":
            set_quota(team=team, pool=other, ceiling=1, by=None)
        elif fill == "run":
            services.request_run(kind="script", team=team, pool=other, accelerators=1)
        else:
            monkeypatch.setattr("compute.work._bound", [lambda pool: int(pool == other)])
        refused = client.delete("/api/v1/pools/a100")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "pool_not_empty")
        assert refused.json()["error"]["message"] == sentence
        page = client.post("/pool/pools/a100/delete", follow=True).content.decode()
        assert sentence in page
        with pytest.raises(CommandError, match=sentence.split(":")[0].split(".")[0]):
            call_command("pool", "delete", "a100")

    def test_the_first_one_stays(self, client: Client, node: Node) -> None:
        assert client.delete("/api/v1/pools/default").json()["error"]["code"] == "default_pool"
        assert "/pool/pools/default/delete" not in client.get("/pool").content.decode()

    def test_by_page_and_command(self, client: Client, other: Pool, capsys: pytest.CaptureFixture[str]) -> None:
        assert "/pool/pools/a100/delete" in client.get("/pool?pool=a100").content.decode()
        assert client.post("/pool/pools/a100/delete").url == "/pool"
        assert client.get("/pool?pool=a100").status_code == 404
        create_pool(name="a100", by=None)
        call_command("pool", "delete", "a100")
        assert capsys.readouterr().out == "a100 is deleted\n"

    def test_a_form_of_a_deleted_one_is_no_fault(self, team: Team, other: Pool) -> None:
        Pool.objects.update(deleted_at=timezone.now())
        with pytest.raises(NotFound):
            set_quota(team=team, pool=other, ceiling=1, by=None)


class TestMove:
    def test_says_before_what_it_does_and_the_line_there_starts(
        self, client: Client, team: Team, node: Node, spare: Node, other: Pool
    ) -> None:
        run = services.request_run(kind="script", team=team, pool=other, accelerators=1)
        schedule()
        said = post(client, "/api/v1/nodes/spare/move", {"pool": "a100", "preview": True}).json()
        assert said == {
            "object": "node",
            "name": "spare",
            "pool": "default",
            "draining": False,
            "runs": 0,
            "moved": False,
            "starts": 1,
            "code": "pool_will_have",
            "params": {"pool": "default", "count": 2},
            "message": "default will have 2 accelerators. A100 will have 1 accelerator. 1 waiting run can start.",
        }
        moved = post(client, "/api/v1/nodes/spare/move", {"pool": "a100"}).json()
        assert moved == {**said, "pool": "a100", "moved": True}
        again = post(client, "/api/v1/nodes/spare/move", {"pool": "a100"}).json()
        assert (again["starts"], again["params"]) == (0, {"pool": "A100", "count": 1})
        schedule()
        run.refresh_from_db()
        assert (run.state, run.node) == ("starting", spare)
        event = AuditEvent.objects.get(action="node.moved")
        assert (event.target, event.before, event.after) == ("spare", {"pool": "default"}, {"pool": "a100"})

    def test_is_refused_while_something_runs_there(self, client: Client, started_run: Run, other: Pool) -> None:
        assert started_run.node is not None
        for preview in (True, False):
            path = f"/api/v1/nodes/{started_run.node.name}/move"
            reply = post(client, path, {"pool": "a100", "preview": preview})
            assert (reply.status_code, reply.json()["error"]["code"]) == (409, "node_busy")
        assert Node.objects.get().pool == Pool.default()

    def test_refused_it_leads_to_the_node_and_its_button(self, client: Client, started_run: Run, other: Pool) -> None:
        assert started_run.node is not None
        name = started_run.node.name
        reply = client.post(f"/pool/nodes/{name}/move", {"pool": "a100"})
        assert reply.url == f"/pool?node={name}#looked-at"
        page = client.get(reply.url).content.decode()
        assert "Drain the node, and move it once nothing runs there." in page
        assert f'action="/pool/nodes/{name}/drain"' in page

    def test_work_that_holds_no_device_can_be_drained_as_well(
        self, client: Client, team: Team, node: Node, other: Pool
    ) -> None:
        Node.objects.update(draining=True)
        assert f'action="/pool/nodes/{node.name}/drain"' not in client.get(f"/pool?node={node.name}").content.decode()
        Run.objects.create(kind="serving", team=team, state="running", accelerators=0, node=node)
        assert f'action="/pool/nodes/{node.name}/drain"' in client.get(f"/pool?node={node.name}").content.decode()

    def test_a_drained_node_says_that_it_is_not_back_yet(self, client: Client, spare: Node, other: Pool) -> None:
        Node.objects.update(draining=True)
        page = client.post("/pool/nodes/spare/move", {"pool": "a100"}, follow=True).content.decode()
        assert "spare belongs to A100 now. It gets no new work until you put it back into service." in page
        assert 'action="/pool/nodes/spare/uncordon"' in page

    def test_is_refused_where_guarantees_could_not_be_kept(
        self, client: Client, team: Team, node: Node, other: Pool
    ) -> None:
        set_quota(team=team, guaranteed=1, by=None)
        reply = post(client, f"/api/v1/nodes/{node.name}/move", {"pool": "a100"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "guarantees_beyond_pool")
        Pool.objects.filter(name="default").update(overcommit=True)
        assert post(client, f"/api/v1/nodes/{node.name}/move", {"pool": "a100"}).status_code == 200


class TestPage:
    def test_makes_one_once_and_shows_it_beside_the_first(self, client: Client, node: Node) -> None:
        replies = sent_twice(client, "/pool", "/pool/pools", name="a100", title="A100")
        assert [reply.url for reply in replies] == ["/pool?pool=a100"] * 2
        shown = client.get("/pool?pool=a100").content.decode()
        assert '<a href="/pool?pool=a100" aria-current="page">A100</a>' in shown
        assert "No node has reported yet." in shown
        assert node.name not in shown
        assert node.name in client.get("/pool").content.decode()
        assert actions().count("pool.created") == 1

    def test_renames_and_switches(self, client: Client, node: Node, other: Pool) -> None:
        fields = form_at(client, "/pool?pool=a100", "/pool/pools/a100", title="Large", overcommit="1")
        assert client.post("/pool/pools/a100", fields).url == "/pool?pool=a100"
        other.refresh_from_db()
        assert (other.title, other.overcommit) == ("Large", True)

    def test_refuses_at_the_field(self, client: Client, team: Team, node: Node) -> None:
        reply = client.post("/pool/pools", {"name": "default"})
        assert reply.status_code == 409
        assert error_at(reply, "new-pool-name") == "There is a pool default already. Choose another name."
        Pool.objects.update(overcommit=True)
        set_quota(team=team, guaranteed=3, by=None)
        assert "would be guaranteed 3" in client.post("/pool/pools/default", {"title": ""}).content.decode()

    def test_a_row_is_about_the_pool_that_is_shown(self, client: Client, team: Team, other: Pool) -> None:
        action = f"/pool/quotas/{team.pk}?pool=a100"
        fields = form_at(client, "/pool?pool=a100", action, ceiling="4", longest_hours="1.5")
        assert client.post(action, fields).url == "/pool?pool=a100"
        quota = Quota.objects.get()
        assert (quota.pool, quota.ceiling, quota.longest_run_seconds) == (other, 4, 5400)
        assert 'value="1.5"' in client.get("/pool?pool=a100").content.decode()
        said = client.get(f"/pool/quotas/{team.pk}/effect?pool=a100&ceiling=1").content.decode()
        assert said == "Nothing that waits or runs now would change."

    def test_a_team_without_a_quota_in_a_pool_of_its_own_kind_is_told(
        self, client: Client, team: Team, other: Pool
    ) -> None:
        said = "May not use this pool until a quota is saved."
        assert said in client.get("/pool?pool=a100").content.decode()
        assert said not in client.get("/pool").content.decode()
        set_quota(team=team, pool=other, ceiling=1, by=None)
        assert said not in client.get("/pool?pool=a100").content.decode()

    def test_moves_a_node_and_says_before_what_that_does(
        self, client: Client, node: Node, spare: Node, other: Pool
    ) -> None:
        assert 'action="/pool/nodes/spare/move"' in client.get("/pool?node=spare").content.decode()
        said = client.get("/pool/nodes/spare/move/effect?pool=a100").content.decode()
        assert said.startswith("default will have 2 accelerators.")
        chinese = client.get("/pool/nodes/spare/move/effect?pool=a100", headers={"accept-language": "zh-CN"})
        assert chinese.content.decode().startswith("default 将有 2 个加速器。")
        assert client.post("/pool/nodes/spare/move", {"pool": "a100"}).url == "/pool?pool=a100&node=spare#looked-at"
        spare.refresh_from_db()
        assert spare.pool == other
        reply = client.post("/pool/nodes/spare/cordon")
        assert reply.url == "/pool?pool=a100&node=spare#looked-at"
        assert client.get("/pool?pool=nothing").status_code == 404

    def test_tells_of_maintenance(self, client: Client, node: Node) -> None:
        now = timezone.now()
        node.maintenance.create(begins_at=now, ends_at=now + timedelta(hours=1), reason="New driver")
        shown = client.get("/pool").content.decode()
        assert f"Maintenance of {node.name}:" in shown
        assert "New driver" in shown
        assert "being maintained" in shown
        (found,) = client.get("/api/v1/pool").json()["nodes"]
        assert found["maintenance"]["going_on"] is True
        assert client.get("/api/v1/pool").json()["accelerators"] == 0


class TestCommand:
    def test_makes_lists_changes_and_moves(self, node: Node, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("pool", "create", "a100", "--title", "A100")
        call_command("pool", "change", "a100", "--overcommit", "on")
        call_command("node", "move", node.name, "--pool", "a100")
        capsys.readouterr()
        call_command("pool", "list")
        assert capsys.readouterr().out == (
            "default: guarantees 0 of 0\na100 (A100): guarantees 0 of 2, may promise more\n"
        )
        assert actions() == ["pool.created", "pool.changed", "node.moved"]

    @pytest.mark.parametrize(
        "command",
        [["pool", "create", "a b"], ["pool", "create", "x" * 61], ["pool", "create", "x", "--title", "t" * 101],
         ["pool", "change", "default", "--title", "t" * 101], ["pool", "change", "a100", "--title", "x"],
         ["pool", "change", "default"], ["node", "move", "spare"], ["node", "move", "spare", "--pool", "x"]],
    )  # fmt: skip
    def test_refuses_in_words(self, spare: Node, command: list[str]) -> None:
        with pytest.raises(CommandError):
            call_command(*command)


class TestAdministration:
    def test_changes_nothing_past_the_checks(self, client: Client, team: Team, spare: Node, other: Pool) -> None:
        User.objects.update(is_superuser=True)
        set_quota(team=team, ceiling=1, by=None)
        quota = Quota.objects.get()
        for path in (
            f"quota/{quota.pk}/change",
            "quota/add",
            f"pool/{other.pk}/change",
            "pool/add",
            f"pool/{other.pk}/delete",
        ):
            assert client.post(f"/admin/compute/{path}/", {"guaranteed": "99", "name": "x"}).status_code == 403, path
        assert client.get(f"/admin/compute/quota/{quota.pk}/change/").status_code == 200
        form = {"pool": str(other.pk), "devices-TOTAL_FORMS": "0", "devices-INITIAL_FORMS": "0"}
        client.post(f"/admin/compute/node/{spare.pk}/change/", form)
        spare.refresh_from_db()
        assert (spare.pool, Quota.objects.get().guaranteed, Pool.objects.count()) == (Pool.default(), 0, 2)

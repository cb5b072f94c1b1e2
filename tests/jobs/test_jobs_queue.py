"""Where a job stands in line: the API, the page, and the change that would help."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from job_makers import fresh, make_job, run_of

from accounts.models import Membership, User
from compute import services
from compute.models import Device, Node, Run
from compute.scheduling.rounds import schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

FIELDS = {"position", "code", "params", "message", "blockers", "eta_low", "eta_high", "what_if"}


@pytest.fixture
def node(db: None) -> Node:
    """Return a node of two cores, which stays heard however long a slow machine takes over a test."""
    node = Node.objects.create(name="n1", queue="node-n1", last_seen_at=timezone.now() + timedelta(hours=1))
    for index in range(2):
        Device.objects.create(node=node, index=index, kind="cpu")
    return node


@pytest.fixture
def busy(node: Node, charlie: Any) -> Run:
    """Return another team's Run that holds one of the two cores for ten minutes more."""
    run = services.request_run(
        kind="training", team=charlie.team, accelerators=1, label="secret-project", expected_seconds=600
    )
    schedule()
    run.refresh_from_db()
    assert run.state == "starting"
    return run


def page_of(user: User, path: str) -> str:
    client = Client()
    client.force_login(user)
    reply = client.get(path)
    assert reply.status_code == 200
    return reply.content.decode()


class TestApi:
    def test_says_where_it_stands_why_and_until_when(self, alice: Any, busy: Run) -> None:
        job = make_job(alice.team, by=alice.user, accelerators=2)
        schedule()
        found = alice.client.get(f"/api/v1/jobs/{job.pk}/queue").json()
        assert set(found) == FIELDS
        assert (found["position"], found["code"]) == (1, "waits_for_room")
        assert found["message"] == "Waiting for room: this needs 2 CPU cores, and 1 of 2 are free for it."
        assert found["params"]["free"] == 1
        assert found["blockers"] == ["another team"]
        now = timezone.now().timestamp()
        assert now + 300 < found["eta_low"] < found["eta_high"] < now + 1000
        assert isinstance(found["eta_low"], int)

    def test_offers_what_a_simulation_has_shown_to_help(self, alice: Any, busy: Run) -> None:
        job = make_job(alice.team, by=alice.user, accelerators=2)
        schedule()
        (help_,) = alice.client.get(f"/api/v1/jobs/{job.pk}/queue").json()["what_if"]
        assert set(help_) == {"change", "message", "eta_low", "eta_high"}
        assert help_["change"] == {"accelerators": 1}
        assert help_["message"] == "With 1 CPU core instead of 2 CPU cores it would start now."
        chinese = alice.client.get(f"/api/v1/jobs/{job.pk}/queue", HTTP_ACCEPT_LANGUAGE="zh-hans").json()
        assert chinese["what_if"][0]["message"].startswith("改用")
        assert chinese["blockers"] == ["其他团队"]

    def test_own_work_is_named(self, alice: Any, node: Node) -> None:
        first = make_job(alice.team, by=alice.user, suffix="violin", accelerators=2)
        schedule()
        second = make_job(alice.team, by=alice.user, suffix="viola", accelerators=2)
        schedule()
        Run.objects.filter(pk=run_of(first).pk).update(predicted_end_at=timezone.now() + timedelta(seconds=300))
        assert alice.client.get(f"/api/v1/jobs/{second.pk}/queue").json()["blockers"] == ["violin"]

    def test_is_all_null_once_it_runs_and_before_it_is_queued(self, alice: Any, node: Node) -> None:
        for is_queued in (True, False):
            job = make_job(alice.team, by=alice.user, is_queued=is_queued)
            schedule()
            assert alice.client.get(f"/api/v1/jobs/{job.pk}/queue").json() == dict.fromkeys(FIELDS)

    def test_does_not_exist_for_others(self, alice: Any, charlie: Any) -> None:
        job = make_job(alice.team, by=alice.user)
        assert charlie.client.get(f"/api/v1/jobs/{job.pk}/queue").status_code == 404
        assert (
            charlie.client.post(f"/api/v1/jobs/{job.pk}/queue", {"accelerators": 1}, format="json").status_code == 404
        )


class TestAskingForFewer:
    def test_starts_where_it_fits(self, alice: Any, busy: Run) -> None:
        job = make_job(alice.team, by=alice.user, accelerators=2)
        place = run_of(job).created_at
        reply = alice.client.post(f"/api/v1/jobs/{job.pk}/queue", {"accelerators": 1}, format="json")
        assert reply.status_code == 200
        assert (fresh(job).accelerators, run_of(job).accelerators, run_of(job).created_at) == (1, 1, place)
        schedule()
        assert run_of(job).state == "starting"

    @pytest.mark.parametrize(
        ("prepare", "status", "code"),
        [
            (lambda job: schedule(), 409, "job_not_waiting"),
            (lambda job: type(job).objects.filter(pk=job.pk).update(current_step=3), 400, "job_has_begun"),
        ],
    )
    def test_is_refused_once_it_has_begun(
        self, alice: Any, node: Node, prepare: Callable[[Any], Any], status: int, code: str
    ) -> None:
        job = make_job(alice.team, by=alice.user, accelerators=2)
        prepare(job)
        reply = alice.client.post(f"/api/v1/jobs/{job.pk}/queue", {"accelerators": 1}, format="json")
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)

    def test_is_its_authors_to_ask_for(self, alice: Any, busy: Run) -> None:
        job = make_job(alice.team, by=alice.user, accelerators=2)
        bob = User.objects.create_user(email="bob@example.com", password=None)
        Membership.objects.create(team=alice.team, user=bob, role=Membership.Role.MEMBER)
        client = Client()
        client.force_login(bob)
        assert client.post(f"/jobs/{job.pk}/queue", {"accelerators": "1"}).status_code == 403
        assert fresh(job).accelerators == 2


class TestRaisingThePriority:
    def test_passes_those_that_came_before(self, alice: Any, node: Node) -> None:
        running = make_job(alice.team, by=alice.user, accelerators=2)
        schedule()
        Run.objects.filter(pk=run_of(running).pk).update(expected_seconds=300)
        before, job = (make_job(alice.team, by=alice.user, accelerators=2) for _ in range(2))
        Run.objects.filter(pk=run_of(before).pk).update(expected_seconds=3000)
        schedule()
        found = alice.client.get(f"/api/v1/jobs/{job.pk}/queue").json()
        (help_,) = [one for one in found["what_if"] if "priority" in one["change"]]
        assert help_["change"] == {"priority": "high"}
        assert help_["message"].startswith("With priority high it would start between")
        assert help_["eta_high"] < found["eta_low"]
        reply = alice.client.post(f"/api/v1/jobs/{job.pk}/queue", help_["change"], format="json")
        assert reply.json()["position"] == 1
        assert (fresh(job).priority, run_of(job).priority) == (1, 1)

    def test_urgent_is_an_administrators_to_grant(self, alice: Any, charlie: Any, node: Node) -> None:
        make_job(charlie.team, by=charlie.user, accelerators=2)
        schedule()
        job = make_job(alice.team, by=alice.user, accelerators=2)
        reply = alice.client.post(f"/api/v1/jobs/{job.pk}/queue", {"priority": "urgent"}, format="json")
        assert reply.status_code == 400
        assert fresh(job).priority == 0


class TestPage:
    def test_shows_place_start_and_a_button_that_helps(self, alice: Any, busy: Run) -> None:
        job = make_job(alice.team, by=alice.user, accelerators=2)
        schedule()
        page = page_of(alice.user, f"/jobs/{job.pk}")
        assert "In the queue" in page
        assert "It should start between" in page
        assert "secret-project" not in page
        assert "With 1 CPU core instead of 2 CPU cores it would start now." in page
        client = Client()
        client.force_login(alice.user)
        assert client.post(f"/jobs/{job.pk}/queue", {"accelerators": "1"}).status_code == 302
        assert fresh(job).accelerators == 1

    def test_says_nothing_once_it_runs(self, alice: Any, node: Node) -> None:
        job = make_job(alice.team, by=alice.user)
        schedule()
        assert "In the queue" not in page_of(alice.user, f"/jobs/{job.pk}/queue")

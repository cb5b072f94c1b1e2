"""The queue over HTTP, and an administrator's hand in it, which a job keeps for its later attempts."""

from typing import Any

import pytest
from django.test import Client
from job_makers import end, fresh, make_job, run_of

from accounts.models import AuditEvent, Team, User
from accounts.services import create_api_key
from compute.models import Run
from jobs.models import FineTuningJob
from jobs.training.work import Training

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def admin(alice: Any) -> dict[str, str]:
    key = create_api_key(email="root@example.com", team_name=alice.team.name, admin=True)
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def line(alice: Any) -> list[FineTuningJob]:
    return [make_job(alice.team, by=alice.user) for _ in range(3)]


def listed(headers: dict[str, str], query: str = "") -> Any:
    reply = Client().get(f"/api/v1/queue{query}", headers=headers)
    assert reply.status_code == 200, reply.content
    return reply.json()


def ids(headers: dict[str, str], query: str = "") -> list[str]:
    return [one["id"] for one in listed(headers, query)["data"]]


def post(headers: dict[str, str], run: Run, action: str, body: dict[str, str]) -> Any:
    return Client().post(f"/api/v1/queue/{run.pk}/{action}", body, content_type="application/json", headers=headers)


def test_lists_pages_searches_and_filters(admin: dict[str, str], line: list[FineTuningJob]) -> None:
    runs = [run_of(job).pk for job in line]
    other = Run.objects.create(kind="serving", team=Team.create(name="Other"), label="bot", explanation={})
    assert ids(admin) == [*runs, other.pk]
    first = listed(admin, "?limit=2")
    assert (first["has_more"], [one["id"] for one in first["data"]]) == (True, runs[:2])
    assert ids(admin, f"?limit=2&after={runs[1]}") == [runs[2], other.pk]
    for query, found in (("?team=other", [other.pk]), ("?kind=serving", [other.pk]), ("?search=BO", [other.pk]),
                         ("?priority=high", []), ("?pool=default&kind=training", runs)):  # fmt: skip
        assert ids(admin, query) == found, query
    assert first["data"][0]["message"] == "Waiting in the queue. It starts automatically."


def test_others_see_their_teams_part_and_change_nothing(alice: Any, line: list[FineTuningJob]) -> None:
    Run.objects.create(kind="serving", team=Team.create(name="Other"), label="bot", explanation={})
    mine = {"authorization": f"Bearer {create_api_key(email=alice.user.email, team_name=alice.team.name)}"}
    assert ids(mine) == [run_of(job).pk for job in line]
    assert Client().get("/api/v1/queue?team=other", headers=mine).status_code == 404
    assert post(mine, run_of(line[0]), "move", {"to": "back"}).status_code == 403


def test_moves_and_later_attempts_stay_there(admin: dict[str, str], line: list[FineTuningJob], work: Training) -> None:
    first, second, third = (run_of(job).pk for job in line)
    assert post(admin, run_of(line[2]), "move", {"to": "front"}).status_code == 200
    assert ids(admin) == [third, first, second]
    assert post(admin, run_of(line[0]), "move", {"to": "back"}).status_code == 200
    assert ids(admin) == [third, second, first]
    moved = run_of(line[2])
    assert fresh(line[2]).queued_at == moved.queued_at
    work.conclude(end(moved, "stopped", reason="drain"), moved.directory, "stopped")
    assert run_of(line[2]).queued_at == moved.queued_at
    said = [str(event.message) for event in line[2].events.all()]
    assert any("moved this to the front" in text for text in said)
    assert AuditEvent.objects.filter(action="queue.moved").count() == 2


def test_sets_a_priority(admin: dict[str, str], line: list[FineTuningJob]) -> None:
    reply = post(admin, run_of(line[2]), "priority", {"priority": "urgent"})
    assert (reply.status_code, reply.json()["priority"]) == (200, "urgent")
    assert ids(admin)[0] == run_of(line[2]).pk
    assert fresh(line[2]).priority == 2
    event = AuditEvent.objects.get(action="queue.prioritised")
    assert (event.before, event.after) == ({"priority": "normal"}, {"priority": "urgent"})


def test_what_has_started_is_not_moved(admin: dict[str, str], line: list[FineTuningJob]) -> None:
    run = run_of(line[0])
    Run.objects.filter(pk=run.pk).update(state="running")
    assert post(admin, run, "move", {"to": "front"}).status_code == 409
    run.pk = "run-x"
    assert post(admin, run, "move", {"to": "front"}).status_code == 404


def test_the_page_shows_and_moves(admin: dict[str, str], alice: Any, line: list[FineTuningJob]) -> None:
    page = Client()
    page.force_login(User.objects.get(email="root@example.com"))
    last = run_of(line[2])
    assert page.get("/queue").content.decode().count("To the front") == len(line)
    assert page.post(f"/queue/{last.pk}", {"to": "front"}).url == "/queue"
    assert ids(admin)[0] == last.pk
    page.post(f"/queue/{last.pk}", {"priority": "low"})
    assert ids(admin)[-1] == last.pk
    page.force_login(alice.user)
    assert "To the front" not in page.get("/queue").content.decode()
    assert page.post(f"/queue/{last.pk}", {"to": "front"}).status_code == 403

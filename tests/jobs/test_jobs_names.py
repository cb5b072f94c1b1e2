"""What people call a job: given, or made from data, base and day."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import AuditEvent
from common.naming import made_name
from jobs.models import FineTuningJob
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
DAY = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "base", "name"),
    [
        ("self_cognition.jsonl", "SmolLM2 135M Instruct", "self_cognition · SmolLM2 · 27 Nov"),
        ("chats.v2.csv.gz", "Qwen3 8B", "chats.v2 · Qwen3 · 27 Nov"),
        (".jsonl", "Tiny", ".jsonl · Tiny · 27 Nov"),
        (None, "Tiny", "Tiny · 27 Nov"),
    ],
)
def test_is_made_from_data_base_and_day(data: str | None, base: str, name: str) -> None:
    with translation.override("en"):
        assert made_name(data, base, DAY) == name


def test_is_made_in_chinese() -> None:
    with translation.override("zh-hans"):
        assert made_name("self_cognition.jsonl", "SmolLM2 135M", DAY) == "self_cognition · SmolLM2 · 11月27日"


class TestRenaming:
    @pytest.fixture
    def job(self, alice: Member) -> FineTuningJob:
        return make_job(alice.team, by=alice.user)

    @pytest.fixture
    def browser(self, alice: Member) -> Client:
        client = Client()
        client.force_login(alice.user)
        return client

    def test_the_pages_show_it_and_no_id_as_heading(self, browser: Client, job: FineTuningJob) -> None:
        made = str(job)
        assert made.startswith("chats · ")
        for path in ("/jobs", f"/jobs/{job.pk}", "/"):
            shown = browser.get(path).content.decode()
            assert made in shown
            assert f">{job.pk}<" not in shown.replace(f"<code>{job.pk}</code>", "")

    def test_on_the_page(self, browser: Client, job: FineTuningJob) -> None:
        reply = browser.post(f"/jobs/{job.pk}/name", {"name": " Second try "})
        assert reply["Location"] == f"/jobs/{job.pk}"
        assert "<h1>Second try" in browser.get(f"/jobs/{job.pk}").content.decode()
        event = AuditEvent.objects.get(action="job.renamed")
        assert (event.before, event.after) == ({"name": ""}, {"name": "Second try"})

    def test_is_refused_in_words(self, browser: Client, job: FineTuningJob) -> None:
        browser.post(f"/jobs/{job.pk}/name", {"name": "x" * 121})
        assert "120 characters" in browser.get(f"/jobs/{job.pk}").content.decode()
        assert FineTuningJob.objects.get().name == ""

    def test_at_the_api(self, alice: Member, job: FineTuningJob) -> None:
        made = str(job)
        path, body = f"/api/v1/jobs/{job.pk}", {"name": "Second try"}
        reply = alice.client.patch(path, body, format="json")
        assert (reply.status_code, reply.json()["name"], reply.json()["is_given"]) == (200, "Second try", True)
        reply = alice.client.patch(path, {"name": ""}, format="json")
        assert (reply.json()["name"], reply.json()["is_given"]) == (made, False)
        assert alice.client.patch(path, {"name": "a\nb"}, format="json").status_code == 400
        assert "name" not in alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()

    def test_is_no_business_of_another_team(self, charlie: Member, job: FineTuningJob) -> None:
        reply = charlie.client.patch(f"/api/v1/jobs/{job.pk}", {"name": "Mine"}, format="json")
        assert reply.status_code == 404

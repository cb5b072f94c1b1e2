"""The job's page while it goes on, and when it ends."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from job_makers import make_file, make_job

from jobs.models import FineTuningJob
from wording import as_written


@pytest.mark.usefixtures("plain_static")
class TestForm:
    def test_a_refused_form_comes_back_with_a_sentence(self, alice: Any) -> None:
        client = Client()
        client.force_login(alice.user)
        file = make_file(alice.team)
        reply = client.post("/jobs/new", {"file": file.pk, "model": "tiny", "accelerators": "many"})
        assert reply.status_code == 400
        assert "accelerators is &#x27;many&#x27;" in reply.content.decode()


@pytest.mark.usefixtures("plain_static")
class TestLive:
    def test_asks_for_the_whole_page_once_the_job_is_over(self, alice: Any) -> None:
        """Else the button that came with the last answer would be taken from under the cursor by a reload."""
        client = Client()
        client.force_login(alice.user)
        job = make_job(alice.team)
        assert "HX-Refresh" not in client.get(f"/jobs/{job.pk}/live").headers
        failed = {"status": "failed", "finished_at": timezone.now(), "error_message": as_written("No.")}
        FineTuningJob.objects.filter(pk=job.pk).update(**failed)
        assert client.get(f"/jobs/{job.pk}/live").headers["HX-Refresh"] == "true"

"""Users read the trainer's sentences; stacks and folders of the machine are for administrators."""

from typing import Any

import pytest
from django.test import Client
from job_makers import FakeTrainer, end, make_job, run_of
from rest_framework.test import APIClient

from accounts.models import ApiKey
from jobs.models import FineTuningJob
from jobs.training.work import Training
from jobs.web import logs
from jobs.web.logs import CHUNK_BYTES
from wording import as_written

pytestmark = pytest.mark.django_db

STACK = """Traceback (most recent call last):
  File "/opt/luthier/trainer/attempt.py", line 52, in _run
    raise ZeroDivisionError("unforeseen")
ZeroDivisionError: unforeseen
"""
LOG = f"/opt/site-packages/x.py:3: FutureWarning: old\n09:00:00 Loading the model\n{STACK}09:00:01 It stopped.\n"
SAID = "09:00:00 Loading the model\n09:00:01 It stopped.\n"
HIDDEN = ("Traceback", "/opt/", "ZeroDivisionError", "attempt.py")


@pytest.fixture
def job(alice: Any) -> FineTuningJob:
    """One that has failed with a stack in its log."""
    job = make_job(alice.team, by=alice.user)
    trainer = FakeTrainer(run_of(job)).start()
    trainer.directory.log.write_text(LOG)
    work = Training()
    work.record(trainer.run, trainer.events)
    run = end(trainer.run, "failed", code="trainer_error", message="It stopped.")
    work.conclude(run, run.directory, "failed")
    return FineTuningJob.objects.get(pk=job.pk)


@pytest.fixture
def admin(alice: Any) -> APIClient:
    """Alice with a key that was made for administrators."""
    alice.user.is_staff = True
    alice.user.save(update_fields=["is_staff"])
    _, secret = ApiKey.issue(user=alice.user, team=alice.team, scopes=["admin", "train"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


class TestApi:
    def test_the_error_holds_sentences_alone(self, alice: Any, job: FineTuningJob) -> None:
        error = alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()["error"]
        assert error == {"code": "trainer_error", "message": "It stopped.", "param": None, "log": SAID}

    @pytest.mark.parametrize(
        "address", ["/v1/fine_tuning/jobs/{}", "/v1/fine_tuning/jobs/{}/events", "/api/v1/jobs/{}/log"]
    )
    def test_no_answer_to_a_user_has_a_stack_or_a_folder(self, alice: Any, job: FineTuningJob, address: str) -> None:
        text = alice.client.get(address.format(job.pk)).content.decode()
        assert not [hidden for hidden in HIDDEN if hidden in text]

    def test_a_list_has_none_either(self, alice: Any, job: FineTuningJob) -> None:
        text = alice.client.get("/v1/fine_tuning/jobs").content.decode()
        assert not [hidden for hidden in HIDDEN if hidden in text]

    def test_administrators_have_everything_in_a_field_of_its_own(self, admin: APIClient, job: FineTuningJob) -> None:
        error = admin.get(f"/v1/fine_tuning/jobs/{job.pk}").json()["error"]
        assert (error["log"], error["raw_log"]) == (SAID, LOG.rstrip("\n"))
        part = admin.get(f"/api/v1/jobs/{job.pk}/log").json()
        assert (part["text"], part["raw_text"], part["next_offset"]) == (SAID, LOG, len(LOG))

    def test_an_administrators_common_key_has_a_users_view(
        self, alice: Any, admin: APIClient, job: FineTuningJob
    ) -> None:
        assert "raw_log" not in alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()["error"]
        assert "raw_text" not in alice.client.get(f"/api/v1/jobs/{job.pk}/log").json()

    def test_parts_tear_no_line_and_none_is_lost(self, alice: Any, job: FineTuningJob) -> None:
        lines = [f"09:00:00 Sentence {number}" if number % 3 else '  File "/opt/a/b.py"' for number in range(9000)]
        run_of(job).directory.log.write_text("".join(f"{line}\n" for line in lines))
        offset, texts = 0, []
        while True:
            part = alice.client.get(f"/api/v1/jobs/{job.pk}/log", {"offset": offset}).json()
            texts.append(part["text"])
            if part["next_offset"] == part["size"]:
                break
            offset = part["next_offset"]
        assert len(texts) > 2
        assert "".join(texts).splitlines() == [line for line in lines if line.startswith("09")]

    def test_a_part_that_begins_inside_a_line_leaves_that_line_out(self, alice: Any, job: FineTuningJob) -> None:
        run_of(job).directory.log.write_text("cut at 09:00:00 is no sentence\n09:00:01 This is.\n")
        part = alice.client.get(f"/api/v1/jobs/{job.pk}/log", {"offset": 7}).json()
        assert part["text"] == "09:00:01 This is.\n"

    def test_a_line_longer_than_a_part_is_passed(self, admin: APIClient, job: FineTuningJob) -> None:
        run_of(job).directory.log.write_text("x" * (CHUNK_BYTES + 5) + "\n09:00:01 This is.\n")
        first = admin.get(f"/api/v1/jobs/{job.pk}/log").json()
        assert (first["text"], first["next_offset"]) == ("", CHUNK_BYTES)
        rest = admin.get(f"/api/v1/jobs/{job.pk}/log", {"offset": CHUNK_BYTES}).json()
        assert (rest["text"], rest["raw_text"]) == ("09:00:01 This is.\n", "xxxxx\n09:00:01 This is.\n")


@pytest.mark.usefixtures("plain_static")
class TestPage:
    def client(self, alice: Any) -> Client:
        client = Client()
        client.force_login(alice.user)
        return client

    @pytest.mark.parametrize("tail", ["", "/log", "/events", "/live"])
    def test_a_users_page_has_no_stack_and_no_folder(self, alice: Any, job: FineTuningJob, tail: str) -> None:
        page = self.client(alice).get(f"/jobs/{job.pk}{tail}")
        assert page.status_code == 200
        assert not [hidden for hidden in HIDDEN if hidden in page.content.decode()]

    def test_administrators_have_it_behind_a_fold(self, alice: Any, admin: APIClient, job: FineTuningJob) -> None:
        page = self.client(alice).get(f"/jobs/{job.pk}").content.decode()
        fold = page[page.index("Full process output") :]
        assert "ZeroDivisionError" in fold[: fold.index("</details>")]
        assert "ZeroDivisionError" not in page.replace(fold, "")
        assert "ZeroDivisionError" in self.client(alice).get(f"/jobs/{job.pk}/whole-log").content.decode()

    def test_the_folds_address_is_no_users(self, alice: Any, job: FineTuningJob) -> None:
        assert self.client(alice).get(f"/jobs/{job.pk}/whole-log").status_code == 403


def test_folders_in_the_trainers_sentences_stay_on_the_machine(alice: Any) -> None:
    job = make_job(alice.team, by=alice.user)
    trainer = FakeTrainer(run_of(job)).start().write("warning", "/srv/luthier/models/tiny is slow.", level="warn")
    Training().record(trainer.run, trainer.events)
    assert job.events.filter(message=as_written("tiny is slow.")).exists()


@pytest.mark.usefixtures("plain_static")
class TestSearch:
    """The log of a job that has failed: two sentences, with a stack between them."""

    @pytest.fixture
    def browser(self, alice: Any) -> Client:
        client = Client()
        client.force_login(alice.user)
        return client

    def test_finds_sentences_in_whatever_case_and_nothing_else(self, browser: Client, job: FineTuningJob) -> None:
        page = browser.get(f"/jobs/{job.pk}?words=LOADING").content.decode()
        found = page[page.index('id="log-found"') : page.index('id="log"')]
        assert "1 line has “LOADING” in it." in found
        assert "09:00:00 Loading the model" in found
        assert "09:00:01" not in found
        page = browser.get(f"/jobs/{job.pk}?words=ZeroDivisionError").content.decode()
        assert "0 lines have “ZeroDivisionError” in them." in page

    def test_shows_the_newest_of_many(
        self, browser: Client, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logs, "MOST_FOUND", 1)
        page = browser.get(f"/jobs/{job.pk}?words=09:00").content.decode()
        found = page[page.index('id="log-found"') : page.index('id="log"')]
        assert "2 lines have “09:00” in them." in found
        assert "The newest are shown." in found
        assert "09:00:01 It stopped." in found
        assert "09:00:00" not in found

    def test_of_a_huge_log_the_end_is_looked_through(
        self, browser: Client, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logs, "MOST_BYTES", 40)
        page = browser.get(f"/jobs/{job.pk}?words=09:00").content.decode()
        assert "1 line has “09:00” in it." in page
        assert "Only the end of the log was looked through." in page

    def test_is_downloaded_as_sentences_and_word_for_word_by_administrators(
        self, browser: Client, alice: Any, charlie: Any, job: FineTuningJob
    ) -> None:
        reply = browser.get(f"/jobs/{job.pk}/log.txt")
        assert (reply.content.decode(), reply["Content-Type"]) == (SAID, "text/plain; charset=utf-8")
        assert reply["Content-Disposition"] == f'attachment; filename="{job.pk}.log.txt"'
        alice.user.is_staff = True
        alice.user.save(update_fields=["is_staff"])
        assert browser.get(f"/jobs/{job.pk}/log.txt").content.decode() == LOG
        other = Client()
        other.force_login(charlie.user)
        assert other.get(f"/jobs/{job.pk}/log.txt").status_code == 404

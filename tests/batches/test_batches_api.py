"""Batches by OpenAI's own SDK, by our routes, and on their pages."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from batch_makers import CHAT, Person, Server, answers_of, batch_of, lines_of, request, until, uploaded
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent
from batches import services
from batches.models import Batch
from batches.running import driving
from console import retention
from console.asgi import application
from datasets_app.models import TrainingFile
from datasets_app.services import create_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("plain_static")]
DRIVE = """
import sys
import django
django.setup()
from django.core.files.storage import FileSystemStorage
from datasets_app.storage import store
store.storage = lambda: FileSystemStorage(sys.argv[1])
from batches.running import driving
driving.drive()
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture
def client(platform: Server, alice: Person) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{platform.url}/v1", api_key=alice.secret, max_retries=0, _strict_response_validation=True
    )


@pytest.fixture
def page(alice: Person) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def two_of(name: str) -> bytes:
    return lines_of(*(request(n, name) for n in range(2)))


class TestSdk:
    def test_from_a_file_to_its_answers(self, client, alice, adapter, replica):
        file = client.files.create(file=("requests.jsonl", two_of(adapter.name)), purpose="batch")
        assert (file.purpose, file.status) == ("batch", "processed")
        made = client.batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"for": "tests"}
        )
        assert (made.status, made.metadata, made.errors) == ("validating", {"for": "tests"}, None)
        driving.drive()
        done = client.batches.retrieve(made.id)
        assert (done.status, done.model, done.usage.total_tokens) == ("completed", adapter.name, 16)
        assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (2, 2, 0)
        found = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
        assert [one["custom_id"] for one in found] == ["request-0", "request-1"]
        assert client.files.retrieve(done.output_file_id).purpose == "batch_output"
        client.files.delete(file.id)
        assert client.batches.retrieve(made.id).input_file_id == file.id

    def test_lists_page_by_page(self, client, alice, adapter):
        made = [batch_of(alice, two_of(adapter.name)).pk for _ in range(5)]
        assert [one.id for one in client.batches.list(limit=2)] == made[::-1]
        assert client.batches.list(limit=2).has_more

    def test_tells_faults_by_their_lines(self, client, alice, adapter):
        made = batch_of(alice, two_of(adapter.name) + b"{\n")
        driving.drive()
        failed = client.batches.retrieve(made.pk)
        assert failed.status == "failed"
        [fault] = failed.errors.data
        assert (fault.line, fault.code, fault.message) == (3, "invalid_json_line", "This line is not one JSON object.")

    def test_cancels(self, client, alice, adapter, replica):
        made = batch_of(alice, two_of(adapter.name))
        assert client.batches.cancel(made.pk).status == "cancelling"
        driving.drive()
        assert client.batches.retrieve(made.pk).status == "cancelled"
        with pytest.raises(openai.ConflictError, match="already ended"):
            client.batches.cancel(made.pk)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"endpoint": "/v1/embeddings"}, "unsupported_endpoint"),
            ({"endpoint": "/v1/responses"}, "unsupported_endpoint"),
            ({"completion_window": "1h"}, "invalid_value"),
            ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "invalid_value"),
        ],
    )
    def test_is_refused_by_name(self, client, alice, adapter, changes: dict[str, Any], code: str):
        file = uploaded(alice, two_of(adapter.name))
        asked = {"input_file_id": file.pk, "endpoint": CHAT, "completion_window": "24h", **changes}
        with pytest.raises(openai.BadRequestError) as refused:
            client.batches.create(**asked)
        assert refused.value.code == code
        assert refused.value.param.startswith(next(iter(changes)))

    def test_takes_files_of_requests_of_the_team_alone(self, client, alice, bob, adapter):
        rows = create_file(
            team=alice.team, by=alice.user, filename="a.jsonl", purpose="fine-tune", stream=io.BytesIO(b"{}")
        )
        asked = {"endpoint": CHAT, "completion_window": "24h"}
        with pytest.raises(openai.BadRequestError, match="purpose batch"):
            client.batches.create(input_file_id=rows.pk, **asked)
        with pytest.raises(openai.NotFoundError):
            client.batches.create(input_file_id=uploaded(bob, b"{}").pk, **asked)
        with pytest.raises(openai.NotFoundError):
            client.batches.retrieve(batch_of(bob, b"{}").pk)

    def test_asked_twice_with_one_key_is_made_once(self, platform, alice, adapter):
        file = uploaded(alice, two_of(adapter.name))
        body = {"input_file_id": file.pk, "endpoint": CHAT, "completion_window": "24h"}
        headers = {"authorization": f"Bearer {alice.secret}", "idempotency-key": "one"}
        replies = [httpx.post(f"{platform.url}/v1/batches", json=body, headers=headers) for _ in range(2)]
        assert replies[0].json() == replies[1].json()
        assert Batch.objects.count() == 1


def test_a_worker_that_is_killed_loses_no_line_and_writes_none_twice(alice, adapter, replica, engine, home):
    engine.pause = 0.05
    made = batch_of(alice, lines_of(*(request(n, adapter.name) for n in range(60))))
    worker = subprocess.Popen([sys.executable, "-c", DRIVE, str(home / "storage")], env=_environment(home))
    until(lambda: Batch.objects.get().num_completed >= 5, 60)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    killed = Batch.objects.get()
    assert (killed.status, killed.num_completed < 60) == ("in_progress", True)
    Batch.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    engine.pause = 0
    driving.drive()
    made.refresh_from_db()
    assert (made.status, made.num_completed) == ("completed", 60)
    found = answers_of(services.result_of(made, "output"))
    assert [one["custom_id"] for one in found] == [f"request-{n}" for n in range(60)]


def _environment(home: Path) -> dict[str, str]:
    database = settings.EMBEDDED.database_url.rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
    return {
        **os.environ,
        "DATABASE_URL": database,
        "BROKER_URL": settings.BROKER_URL,
        "LUTHIER_HOME": str(home),
        "LUTHIER_SECRET_KEY": settings.SECRET_KEY,
        "LUTHIER_ENCRYPTION_KEY": settings.LUTHIER_ENCRYPTION_KEY,
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "PYTHONPATH": os.pathsep.join(str(settings.BASE_DIR / part) for part in ("", "platform")),
    }


class TestDeletion:
    def test_takes_the_files_of_answers_along_and_leaves_the_requests(self, platform, alice, adapter, replica):
        made = batch_of(alice, two_of(adapter.name))
        address = f"{platform.url}/api/v1/batches/{made.pk}"
        headers = {"authorization": f"Bearer {alice.secret}"}
        assert httpx.delete(address, headers=headers).status_code == 409
        driving.drive()
        assert httpx.delete(address, headers=headers).json() == {"id": made.pk, "object": "batch", "deleted": True}
        assert [file.purpose for file in TrainingFile.objects.all()] == ["batch"]
        assert not Batch.objects.exists()
        actions = set(AuditEvent.objects.values_list("action", flat=True))
        assert {"batch.created", "batch.deleted", "file.deleted"} <= actions

    def test_comes_by_itself_once_a_batch_is_old(self, alice, adapter, replica):
        old, running = batch_of(alice, two_of(adapter.name)), batch_of(alice, two_of(adapter.name))
        Batch.objects.filter(pk=old.pk).update(status="completed")
        Batch.objects.update(created_at=timezone.now() - timedelta(days=91))
        retention.sweep_database()
        assert list(Batch.objects.all()) == [running]


class TestPages:
    def test_from_a_form_to_the_answers(self, page, alice, adapter, replica):
        sent = {"file": io.BytesIO(two_of(adapter.name)), "endpoint": CHAT, "form_key": "one"}
        reply = page.post("/batches", sent)
        made = Batch.objects.get()
        assert reply["Location"] == f"/batches/{made.pk}"
        driving.drive()
        made.refresh_from_db()
        shown = page.get(f"/batches/{made.pk}").content.decode()
        assert "2 of 2 requests answered." in shown
        assert "hx-trigger" not in shown
        answers = page.get(f"/batches/{made.pk}/output")
        assert int(answers["Content-Length"]) == services.result_of(made, "output").bytes
        assert f'filename="{made.pk}_output.jsonl"' in answers["Content-Disposition"]
        assert page.get(f"/batches/{made.pk}/errors").status_code == 404
        assert adapter.name in page.get("/batches").content.decode()
        assert page.post(f"/batches/{made.pk}/delete")["Location"] == "/batches"

    def test_offers_what_was_uploaded_and_refuses_two_at_once(self, page, alice, adapter):
        file = uploaded(alice, two_of(adapter.name))
        both = {"file": io.BytesIO(b"{}"), "input_file_id": file.pk, "endpoint": CHAT}
        assert "Choose one file of requests." in page.post("/batches", both).content.decode()
        page.post("/batches", {"input_file_id": file.pk, "endpoint": CHAT})
        assert Batch.objects.get().input_file_id == file.pk

    def test_are_found_by_file_model_and_state(self, page, alice, adapter):
        made = batch_of(alice, two_of(adapter.name))
        for query, is_found in (("q=requ", 1), (f"q={made.pk}", 1), ("q=other", 0), ("status=failed", 0)):
            assert (f"/batches/{made.pk}" in page.get(f"/batches?{query}").content.decode()) == bool(is_found), query

    def test_shows_faults_progress_and_a_way_to_cancel(self, page, alice, adapter):
        failed, waiting = batch_of(alice, b"{\n"), batch_of(alice, two_of(adapter.name))
        Batch.objects.filter(pk=waiting.pk).update(claim="x", heartbeat_at=timezone.now(), num_requests=4)
        driving.drive()
        assert "Line 1:" in page.get(f"/batches/{failed.pk}").content.decode()
        Batch.objects.filter(pk=waiting.pk).update(status="in_progress", num_completed=1, num_failed=1)
        shown = page.get(f"/batches/{waiting.pk}/live").content.decode()
        assert 'value="50"' in shown
        assert "1 of 4 requests answered. 1 without an answer." in shown
        page.post(f"/batches/{waiting.pk}/cancel")
        waiting.refresh_from_db()
        assert waiting.status == "cancelling"

    def test_of_another_team_are_not_there(self, page, bob):
        made = batch_of(bob, b"{}")
        for address in ("", "/live", "/output", "/errors"):
            assert page.get(f"/batches/{made.pk}{address}").status_code == 404

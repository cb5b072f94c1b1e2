"""From a file of requests to files of answers, through the gateway, with workers that die in between."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from batch_makers import answers_of, batch_of, lines_of, request, until
from django.utils import timezone

from accounts import rate_limits
from batches import services
from batches.models import Batch, BatchAnswer
from batches.running import driving
from common.errors import UserError
from datasets_app.models import TrainingFile
from datasets_app.services import delete_file
from deployments.models import Usage
from jobs.models import TunedModel

pytestmark = pytest.mark.django_db(transaction=True)


def asked(engine: Any) -> list[str]:
    """Return the questions that a replica has heard."""
    return [one["messages"][0]["content"] for one in engine.requests]


def outputs(batch: Batch) -> list[dict[str, Any]]:
    return answers_of(services.result_of(batch, "output"))


class TestAnswers:
    def test_are_written_into_one_file_in_order(self, alice, adapter, replica, engine):
        batch = batch_of(alice, lines_of(*(request(n, adapter.name) for n in range(20))), metadata={"for": "tests"})
        driving.drive()
        batch.refresh_from_db()
        assert (batch.status, batch.num_requests, batch.num_completed, batch.num_failed) == ("completed", 20, 20, 0)
        assert (batch.model, batch.error_file_id) == (adapter.name, "")
        found = outputs(batch)
        assert [one["custom_id"] for one in found] == [f"request-{n}" for n in range(20)]
        assert {one["response"]["status_code"] for one in found} == {200}
        assert {one["response"]["body"]["choices"][0]["message"]["content"] for one in found} == {"琴"}
        assert {one["response"]["body"]["model"] for one in found} == {adapter.name}
        assert Counter(asked(engine)) == Counter(f"Question {n}?" for n in range(20))
        assert all(one["x-background"] == "1" for one in engine.headers)
        assert not BatchAnswer.objects.exists()

    def test_are_counted_for_the_team(self, alice, adapter, replica):
        batch = batch_of(alice, lines_of(*(request(n, adapter.name) for n in range(3))))
        driving.drive()
        batch.refresh_from_db()
        assert (batch.prompt_tokens, batch.completion_tokens) == (15, 9)
        rows = Usage.objects.all()
        assert {(row.team, row.user, row.model, row.outcome) for row in rows} == {
            (alice.team, alice.user, adapter.name, "answered")
        }
        assert len(rows) == 3

    def test_of_texts_to_continue(self, alice, adapter, replica):
        body = {"model": adapter.name, "prompt": "Once"}
        line = request(1, adapter.name, url="/v1/completions", body=body)
        batch = batch_of(alice, lines_of(line), endpoint="/v1/completions")
        driving.drive()
        batch.refresh_from_db()
        assert outputs(batch)[0]["response"]["body"]["choices"][0]["text"] == "琴"

    def test_that_the_replica_refuses_stand_in_the_file_of_errors(self, alice, adapter, replica, engine):
        engine.refuse = {"error": {"message": "No.", "type": "invalid_request_error", "param": "n", "code": "bad"}}
        batch = batch_of(alice, lines_of(request(1, adapter.name)))
        driving.drive()
        batch.refresh_from_db()
        assert (batch.status, batch.num_completed, batch.num_failed) == ("completed", 0, 1)
        [failed] = answers_of(services.result_of(batch, "errors"))
        assert failed["response"]["status_code"] == 400
        assert failed["response"]["body"]["error"]["code"] == "bad"
        with pytest.raises(UserError):
            services.result_of(batch, "output")

    def test_wait_for_a_model_that_sleeps(self, alice, adapter, replica, engine, settings):
        replica.mark_ended(None)
        settings.TIMES = settings.TIMES.scaled(0.01)
        batch = batch_of(alice, lines_of(request(1, adapter.name)))
        worker = threading.Thread(target=driving.drive)
        worker.start()
        until(lambda: Batch.objects.exclude(waits_for=None).exists())
        batch.refresh_from_db()
        assert (batch.status, batch.num_failed) == ("in_progress", 0)
        services.cancel_batch(batch=batch, by=alice.user)
        worker.join(20)
        batch.refresh_from_db()
        assert batch.status == "cancelled"

    def test_give_up_on_a_request_at_which_the_replica_always_stops(self, alice, adapter, replica, engine, settings):
        settings.TIMES = settings.TIMES.scaled(0.01)
        engine.fail_first = 1000
        batch = batch_of(alice, lines_of(request(1, adapter.name)))
        driving.drive()
        batch.refresh_from_db()
        [failed] = answers_of(services.result_of(batch, "errors"))
        assert failed["response"]["status_code"] == 503
        assert failed["response"]["body"]["error"]["code"] == "replica_lost"


class TestDeath:
    def test_between_the_files_and_the_end_writes_no_second_file(self, alice, adapter, replica, monkeypatch):
        batch = batch_of(alice, lines_of(request(1, adapter.name)))
        move = Batch.move

        def die(one: Batch, to: str, **changes: Any) -> bool:
            if to == "completed":
                raise MemoryError
            return move(one, to, **changes)

        monkeypatch.setattr(Batch, "move", die)
        driving.drive()
        monkeypatch.setattr(Batch, "move", move)
        Batch.objects.update(heartbeat_at=None)
        driving.drive()
        batch.refresh_from_db()
        assert batch.status == "completed"
        assert TrainingFile.objects.filter(purpose="batch_output").count() == 1

    def test_that_was_none_stores_nothing_beside_the_next_worker(self, alice, adapter, replica):
        old = batch_of(alice, lines_of(request(1, adapter.name)))
        assert old.take()
        Batch.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
        new = Batch.objects.get()
        assert new.take()
        assert not old.record(BatchAnswer(number=1, custom_id="a", status_code=200, body="{}"))
        assert new.record(BatchAnswer(number=1, custom_id="a", status_code=200, body="{}"))
        assert not new.record(BatchAnswer(number=1, custom_id="a", status_code=200, body="{}"))
        assert not old.beat()
        new.refresh_from_db()
        assert new.num_completed == 1


class TestEnds:
    def test_by_cancel_keep_what_is_done(self, alice, adapter, replica, engine, settings):
        settings.BATCH_REQUESTS = 2
        engine.pause = 0.05
        batch = batch_of(alice, lines_of(*(request(n, adapter.name) for n in range(60))))
        worker = threading.Thread(target=driving.drive)
        worker.start()
        until(lambda: Batch.objects.get().num_completed >= 3)
        services.cancel_batch(batch=batch, by=alice.user)
        worker.join(20)
        batch.refresh_from_db()
        assert batch.status == "cancelled"
        assert 3 <= batch.num_completed < 60
        assert len(outputs(batch)) == batch.num_completed == len(engine.requests)
        with pytest.raises(UserError, match="already ended"):
            services.cancel_batch(batch=batch, by=alice.user)

    def test_by_expiry_say_of_each_request_that_it_was_not_asked(self, alice, adapter, replica):
        batch = batch_of(alice, lines_of(*(request(n, adapter.name) for n in range(3))))
        Batch.objects.update(expires_at=timezone.now())
        driving.drive()
        batch.refresh_from_db()
        assert (batch.status, batch.num_failed, batch.output_file_id) == ("expired", 3, "")
        missing = answers_of(services.result_of(batch, "errors"))
        assert [(one["custom_id"], one["error"]["code"], one["response"]) for one in missing] == [
            (f"request-{n}", "batch_expired", None) for n in range(3)
        ]

    def test_keep_their_files_as_long_as_was_asked(self, alice, adapter, replica):
        policy = {"anchor": "created_at", "seconds": 3600}
        batch = batch_of(alice, lines_of(request(1, adapter.name)), output_expires_after=policy)
        driving.drive()
        batch.refresh_from_db()
        left = services.result_of(batch, "output").expires_at - timezone.now()
        assert timedelta(minutes=59) < left <= timedelta(hours=1)


class TestFaults:
    def test_of_a_file_stop_the_batch_before_anything_is_asked(self, alice, adapter, replica, engine):
        name = adapter.name
        content = lines_of(
            request(1, name), request(1, name), request(2, "nobody"), request(3, name, method="GET"),
            request(4, name, url="/v1/completions"), request(5, name, body={"model": name, "stream": True}),
            request(6, name, more=1), {"custom_id": "7"}, request(8, name, custom_id=""), request(9, name, body=[]),
        )  # fmt: skip
        batch = batch_of(alice, content + b"\n{nothing\n")
        driving.drive()
        batch.refresh_from_db()
        assert (batch.status, engine.requests) == ("failed", [])
        assert [(one["line"], one["code"]) for one in batch.errors] == [
            (2, "duplicate_custom_id"), (3, "mismatched_model"), (4, "invalid_method"), (5, "invalid_url"),
            (6, "unsupported_parameter"), (7, "unknown_parameter"), (8, "missing_required_parameter"),
            (9, "invalid_custom_id"), (10, "invalid_type"), (12, "invalid_json_line"),
        ]  # fmt: skip

    def test_name_a_model_that_is_not_the_teams(self, bob, adapter, replica):
        batch = batch_of(bob, lines_of(request(1, adapter.name)))
        driving.drive()
        batch.refresh_from_db()
        assert [(one["line"], one["code"]) for one in batch.errors] == [(1, "model_not_found")]

    @pytest.mark.parametrize(("content", "code"), [(b"\n\n", "empty_file"), (b"x" * 3_000_000, "line_too_long")])
    def test_of_the_whole_file(self, alice, content, code):
        batch = batch_of(alice, content)
        driving.drive()
        batch.refresh_from_db()
        assert [one["code"] for one in batch.errors] == [code]


class TestWaiting:
    def test_leaves_half_of_a_teams_tokens_to_others(self, alice, adapter, replica, engine, settings):
        settings.TIMES = settings.TIMES.scaled(0.01)
        alice.team.limits = {"tokens_per_day": 100}
        alice.team.save()
        rate_limits.count_tokens(team=alice.team, key_id=None, tokens=60)
        batch = batch_of(alice, lines_of(request(1, adapter.name)))
        worker = threading.Thread(target=driving.drive)
        worker.start()
        until(lambda: Batch.objects.exclude(waits_for=None).exists())
        batch.refresh_from_db()
        assert (batch.waits_for.code, engine.requests) == ("batch_waits_for_limit", [])
        alice.team.limits = {}
        alice.team.save()
        services.cancel_batch(batch=batch, by=alice.user)
        worker.join(20)

    def test_keeps_the_file_of_requests(self, alice, adapter: TunedModel):
        batch = batch_of(alice, lines_of(request(1, adapter.name)))
        file = TrainingFile.objects.get(pk=batch.input_file_id)
        with pytest.raises(UserError, match="still needs"):
            delete_file(file=file, by=alice.user)

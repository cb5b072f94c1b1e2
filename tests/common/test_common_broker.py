"""What lives in the broker is expendable: wake-ups, counts of attempts; and times, scaled together."""

import time
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from common import valkey
from common.times import Times
from common.wake import EXPIRES_SECONDS, wake


class FakeTask:
    """Notes how it was sent, or cannot be."""

    name = "tests.task"

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self._error = error

    def apply_async(self, **sent: Any) -> None:
        if self._error is not None:
            raise self._error
        self.sent.append(sent)


class TestWake:
    @pytest.mark.django_db(transaction=True)
    def test_is_sent_after_the_commit_and_never_for_what_was_rolled_back(self) -> None:
        task: Any = FakeTask()
        with transaction.atomic():
            wake(task, "job-1", queue="node-a")
            assert task.sent == []
        asked = {"queue": "node-a", "expires": None, "retry": False}
        assert task.sent == [{"args": ("job-1",), **asked}]
        with transaction.atomic():
            wake(task, "job-2")
            transaction.set_rollback(True)
        assert len(task.sent) == 1

    @pytest.mark.django_db(transaction=True)
    def test_ends_for_control_workers_alone_since_a_nodes_clock_may_be_wrong(self) -> None:
        task: Any = FakeTask()
        wake(task, "job-1")
        wake(task, "run-1", queue="node-a")
        assert [sent["expires"] for sent in task.sent] == [EXPIRES_SECONDS, None]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("error", [OperationalError("away"), ConnectionRefusedError("away")])
    def test_a_broker_that_is_away_breaks_nothing(self, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
        task: Any = FakeTask(error)
        wake(task, "job-1")
        assert "did not take a wake-up for tests.task" in caplog.text


class TestLimits:
    @pytest.fixture(autouse=True)
    def counts(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        found: dict[str, Any] = {}
        monkeypatch.setattr(valkey, "_counts", found)
        return found

    @pytest.fixture
    def away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody listens, and whoever asks for a page is not kept waiting for that."""
        monkeypatch.setattr(settings, "BROKER_URL", "redis+socket:///nowhere/valkey.sock?virtual_host=0")
        monkeypatch.setattr(valkey, "_client", valkey._client.__wrapped__)
        monkeypatch.setattr("redis.retry.sleep", lambda seconds: pytest.fail(f"It waits for {seconds} s."))

    @pytest.mark.usefixtures("embedded_servers")
    def test_attempts_beyond_the_limit_are_told_until_they_are_forgotten(self) -> None:
        name = f"test:{time.monotonic_ns()}"
        assert [valkey.is_over_limit(name, limit=2, seconds=60) for _ in range(4)] == [False, False, True, True]
        assert 0 < int(valkey.client().ttl(f"luthier:limit:{name}")) <= 60  # type: ignore[arg-type]
        assert not valkey.is_over_limit(f"{name}:other", limit=2, seconds=60)
        valkey.forget_attempts(name)
        assert not valkey.is_over_limit(name, limit=2, seconds=60)

    @pytest.mark.usefixtures("away")
    def test_without_the_broker_the_process_counts_by_itself(self) -> None:
        assert [valkey.is_over_limit("a", limit=1, seconds=60) for _ in range(3)] == [False, True, True]
        valkey.forget_attempts("a")
        assert not valkey.is_over_limit("a", limit=1, seconds=60)

    @pytest.mark.usefixtures("away")
    def test_a_window_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 1000.0
        monkeypatch.setattr(valkey.time, "monotonic", lambda: now)
        assert [valkey.is_over_limit("a", limit=1, seconds=60) for _ in range(2)] == [False, True]
        now += 61
        assert not valkey.is_over_limit("a", limit=1, seconds=60)

    @pytest.mark.usefixtures("away")
    def test_no_flood_of_names_fills_the_memory(self, counts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(valkey, "_MOST_COUNTS", 10)
        for number in range(100):
            valkey.is_over_limit(str(number), limit=1, seconds=60)
        assert len(counts) <= 10


class TestTimes:
    def test_scale_together(self) -> None:
        usual, half = Times(), Times.scaled(0.5)
        assert all(getattr(half, name) == value / 2 for name, value in vars(usual).items())

    @pytest.mark.parametrize("times", [Times(), settings.TIMES])
    def test_an_old_tree_is_gone_before_anybody_else_may_take_its_run(self, times: Times) -> None:
        assert times.lease_renew_seconds < times.lease_checkpoint_seconds < times.lease_timeout_seconds
        assert times.lease_timeout_seconds < times.lease_seconds

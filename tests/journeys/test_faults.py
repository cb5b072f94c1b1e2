"""Real processes are killed, stopped and cut off; the job ends once, with the losses of an undisturbed run."""

import csv
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import psutil
import pytest

from tests.journeys.conftest import FULL, HURT_TIME_SCALE
from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import MANAGE, RunningPlatform, wait_until, with_no_such_process

pytestmark = [pytest.mark.system]

ROWS = 64
EPOCHS = 5 if FULL else 20  # the real model takes seconds where the tiny one takes tens of milliseconds
STEPS = ROWS // 8 * EPOCHS
SAVE_STEPS = STEPS // 8
HYPERPARAMETERS = {
    "lora_dim": 4,
    "per_device_train_batch_size": 8,
    "num_train_epochs": EPOCHS,
    "learning_rate": 1e-3,
    "validation_split": 0,
    "save_steps": SAVE_STEPS,
}
FINISHED = ("succeeded", "failed", "cancelled")


class Watch(threading.Thread):
    """Samples the process list: how many trainers of one job live at once."""

    def __init__(self, platform: RunningPlatform) -> None:
        super().__init__(daemon=True)
        self.platform = platform
        self.most = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            self.most = max(self.most, len(self.platform.trainers()))


@contextmanager
def watching(platform: RunningPlatform) -> Iterator[Watch]:
    watch = Watch(platform)
    watch.start()
    try:
        yield watch
    finally:
        watch.ended.set()
        watch.join()


@pytest.fixture(scope="module")
def client(tiny_platform: RunningPlatform) -> openai.OpenAI:
    return tiny_platform.client(tiny_platform.api_key())


@pytest.fixture(scope="module")
def file_id(client: openai.OpenAI) -> str:
    return client.files.create(file=jsonl(conversations(ROWS)), purpose="fine-tune").id


def start_job(client: openai.OpenAI, file_id: str) -> Any:
    return client.fine_tuning.jobs.create(
        model="tiny", training_file=file_id, seed=7, extra_body={"hyperparameters": HYPERPARAMETERS}
    )


def step_of(client: openai.OpenAI, job_id: str) -> int:
    events = client.fine_tuning.jobs.list_events(job_id, limit=50).data
    return max((int(event.data["step"]) for event in events if event.type == "metrics"), default=0)


def end_of(client: openai.OpenAI, job_id: str, *, seconds: float = 900 if FULL else 180) -> Any:
    def ended() -> Any:
        job = client.fine_tuning.jobs.retrieve(job_id)
        return job if job.status in FINISHED else None

    return wait_until(ended, seconds=seconds, what=f"the end of {job_id}")


def losses_of(client: openai.OpenAI, job: Any) -> list[float]:
    """Return the unrounded loss of each step from metrics.csv."""
    for file_id in job.result_files:
        if client.files.retrieve(file_id).filename == "metrics.csv":
            rows = list(csv.DictReader(io.StringIO(client.files.content(file_id).text)))
            assert [int(row["step"]) for row in rows] == list(range(1, STEPS + 1))
            return [float(row["train_loss"]) for row in rows]
    raise AssertionError("the job has no metrics.csv")


@pytest.fixture(scope="module")
def undisturbed(client: openai.OpenAI, file_id: str) -> list[float]:
    job = end_of(client, start_job(client, file_id).id)
    assert job.status == "succeeded", job.error
    return losses_of(client, job)


def wait_for_step(client: openai.OpenAI, job_id: str, step: int) -> None:
    wait_until(lambda: step_of(client, job_id) >= step, seconds=120, what=f"step {step}")


def attempts_of(client: openai.OpenAI, job_id: str) -> list[dict[str, Any]]:
    """Return the first event of each attempt, oldest first."""
    events = list(client.fine_tuning.jobs.list_events(job_id, limit=100))
    firsts = [event.data for event in events if event.data and "resumed_from_step" in event.data]
    return sorted(firsts, key=lambda data: data["attempt"])


def story_of(client: openai.OpenAI, job_id: str) -> str:
    """Return what happened to the job, a line an event, for a failure that nobody can repeat."""
    events = [event for event in client.fine_tuning.jobs.list_events(job_id, limit=100) if event.type != "metrics"]
    return "\n".join(f"{event.created_at} {event.message} {event.data}" for event in reversed(events))


class TestKillTrainer:
    def test_the_job_resumes_and_loses_nothing(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, SAVE_STEPS * 3 // 2)
        with watching(tiny_platform) as watch:
            [trainer] = tiny_platform.trainers()
            trainer.kill()
            wait_until(lambda: len(attempts_of(client, job.id)) == 2, seconds=60, what="a second attempt")
            ended = end_of(client, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed
        assert watch.most == 1
        first, second = attempts_of(client, job.id)
        assert first["resumed_from_step"] == 0
        assert second["resumed_from_step"] >= SAVE_STEPS


class TestKillWorker:
    def test_the_trainer_works_on_and_no_step_is_lost_or_repeated(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, SAVE_STEPS // 2)
        with watching(tiny_platform) as watch:
            [before] = tiny_platform.trainers()
            for worker in tiny_platform.node_workers():
                with_no_such_process(worker.kill)
            ended = end_of(client, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed
        assert watch.most == 1
        assert len(attempts_of(client, job.id)) == 1, story_of(client, job.id)
        assert not before.is_running() or before.status() == psutil.STATUS_ZOMBIE


class TestStoppedWorker:
    def test_the_old_trainer_is_gone_before_a_new_one_starts(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, SAVE_STEPS // 2)
        [trainer] = tiny_platform.trainers()
        os.kill(trainer.pid, signal.SIGSTOP)  # holds the job where it is while its worker is silent
        workers = tiny_platform.node_workers()
        with watching(tiny_platform) as watch:
            for worker in workers:
                os.kill(worker.pid, signal.SIGSTOP)
            time.sleep(70 * HURT_TIME_SCALE)  # the fault itself: longer than a lease lasts
            os.kill(trainer.pid, signal.SIGCONT)
            wait_until(
                lambda: not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE,
                seconds=30,
                what="the old trainer's end",
            )
            for worker in workers:
                os.kill(worker.pid, signal.SIGCONT)
            ended = end_of(client, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed
        assert watch.most == 1


class TestBrokerFlushed:
    def test_running_and_queued_jobs_do_not_mind(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        running = start_job(client, file_id)
        wait_for_step(client, running.id, 3)
        queued = start_job(client, file_id)
        flush_broker(tiny_platform)
        for job in (running, queued):
            ended = end_of(client, job.id)
            assert ended.status == "succeeded", ended.error
            assert losses_of(client, ended) == undisturbed


class TestDatabaseAway:
    def test_a_run_goes_on_through_twenty_seconds(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, 3)
        with watching(tiny_platform) as watch:
            servers = [p for p in tiny_platform.processes() if p.name() == "postgres"]
            for server in servers:
                with_no_such_process(server.suspend)
            time.sleep(20 * HURT_TIME_SCALE)  # the fault itself
            for server in servers:
                with_no_such_process(server.resume)
            ended = end_of(client, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed
        assert watch.most == 1
        assert len(attempts_of(client, job.id)) == 1, story_of(client, job.id)


class TestSameWakeUpManyTimes:
    def test_makes_one_trainer(self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, 1)
        with watching(tiny_platform) as watch:
            wake_every_live_run(tiny_platform, times=100)
            ended = end_of(client, job.id)
        assert ended.status == "succeeded"
        assert watch.most == 1
        assert len(attempts_of(client, job.id)) == 1


class TestCancel:
    def test_stops_the_trainer_and_ends_once(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, 3)
        client.fine_tuning.jobs.cancel(job.id)
        assert end_of(client, job.id, seconds=60).status == "cancelled"
        wait_until(lambda: not tiny_platform.trainers(), seconds=20, what="the trainer's end")


class TestStopAndStartAgain:
    def test_serve_asks_the_trainer_to_checkpoint_and_resumes_it(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, SAVE_STEPS // 2)
        tiny_platform.stop()
        assert tiny_platform.processes() == [], "an orphan is left"
        tiny_platform.start()
        ended = end_of(client, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed

    def test_after_kill_nine_of_everything_the_job_goes_on(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, SAVE_STEPS * 5 // 4)
        tiny_platform.kill_everything()
        tiny_platform.start()
        ended = end_of(client, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed


def flush_broker(platform: RunningPlatform) -> None:
    django_shell(platform, "from common.valkey import client; client().flushall()")


def wake_every_live_run(platform: RunningPlatform, *, times: int) -> None:
    django_shell(
        platform,
        "from compute.models import Run; from compute.tasks import supervise\n"
        f"for run in list(Run.objects.live().exclude(node=None)) * {times}:\n"
        "    supervise.apply_async(args=[run.id], queue=run.node.queue)",
    )


def django_shell(platform: RunningPlatform, code: str) -> None:
    done = subprocess.run(
        [sys.executable, MANAGE, "shell", "--no-imports", "-c", code], env=platform.environment, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

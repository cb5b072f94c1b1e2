"""A worker or a database that is silent for a while; the job ends once, with the losses of an undisturbed run."""

import os
import signal
import time

import openai
import pytest

from tests.journeys.conftest import TIME_SCALE
from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform, wait_until
from tests.journeys.invariants import holding
from tests.journeys.measuring import is_gone, servers, suspended
from tests.journeys.tiny_job import (
    ROWS,
    SAVE_STEPS,
    attempts_of,
    end_of,
    losses_of,
    start_job,
    story_of,
    undisturbed_losses,
    wait_for_step,
)

pytestmark = [pytest.mark.system]


@pytest.fixture(scope="module")
def client(shared_platform: RunningPlatform) -> openai.OpenAI:
    return shared_platform.client(shared_platform.api_key())


@pytest.fixture(scope="module")
def file_id(client: openai.OpenAI) -> str:
    return client.files.create(file=jsonl(conversations(ROWS)), purpose="fine-tune").id


@pytest.fixture(scope="module")
def undisturbed(client: openai.OpenAI, file_id: str) -> list[float]:
    return undisturbed_losses(client, file_id)


@pytest.mark.fault("worker stopped past its lease")
class TestStoppedWorker:
    def test_the_old_trainer_is_gone_before_a_new_one_starts(
        self, shared_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, SAVE_STEPS // 2)
        [trainer] = shared_platform.trainers()
        os.kill(trainer.pid, signal.SIGSTOP)  # holds the job where it is while its worker is silent
        workers = shared_platform.node_workers()
        with holding(shared_platform) as watch:
            for worker in workers:
                os.kill(worker.pid, signal.SIGSTOP)
            time.sleep(70 * TIME_SCALE)  # the fault itself: longer than a lease lasts
            os.kill(trainer.pid, signal.SIGCONT)
            wait_until(lambda: is_gone(trainer), seconds=30, what="the old trainer's end")
            for worker in workers:
                os.kill(worker.pid, signal.SIGCONT)
            ended = end_of(client, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed
        assert watch.most == 1


@pytest.mark.slow
@pytest.mark.fault("database away")
class TestDatabaseAway:
    def test_a_run_goes_on_through_twenty_seconds(
        self, shared_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
    ) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, 3)
        with holding(shared_platform) as watch:
            wait_until(lambda: watch.most == 1, seconds=30, what="a look at the trainer before the fault")
            with suspended(servers(shared_platform, "postgres")):
                time.sleep(20 * TIME_SCALE)  # the fault itself
            ended = end_of(client, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed
        assert watch.most == 1
        assert len(attempts_of(client, job.id)) == 1, story_of(client, job.id)

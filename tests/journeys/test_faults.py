"""Real processes are killed and cut off, at real times; the job ends once, with the losses of an undisturbed run."""

import time

import openai
import pytest

from tests.journeys.data import conversations, jsonl
from tests.journeys.figures import Figures
from tests.journeys.harness import RunningPlatform, django_shell, wait_until
from tests.journeys.invariants import holding
from tests.journeys.measuring import Observed, is_gone, kill_node_workers, seconds_until
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
def client(tiny_platform: RunningPlatform) -> openai.OpenAI:
    return tiny_platform.client(tiny_platform.api_key())


@pytest.fixture(scope="module")
def file_id(client: openai.OpenAI) -> str:
    return client.files.create(file=jsonl(conversations(ROWS)), purpose="fine-tune").id


@pytest.fixture(scope="module")
def undisturbed(client: openai.OpenAI, file_id: str) -> list[float]:
    return undisturbed_losses(client, file_id)


@pytest.mark.fault("trainer killed")
class TestKillTrainer:
    def test_the_job_resumes_and_loses_nothing(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float],
        figures: Figures,
    ) -> None:  # fmt: skip
        job = start_job(client, file_id)
        wait_for_step(client, job.id, SAVE_STEPS * 3 // 2)
        look = Observed(tiny_platform, job.id)
        with holding(tiny_platform) as watch:
            [trainer] = tiny_platform.trainers()
            killed_at = time.monotonic()
            trainer.kill()
            seen = seconds_until(
                lambda: look.attempts()[0]["outcome"] == "lost", seconds=30, what="its loss", since=killed_at
            )
            figures.detected(seen, promised=5)
            figures.recovered(
                seconds_until(lambda: look.trains(2), seconds=60, what="a second attempt", since=killed_at)
            )
            ended = end_of(client, job.id)
        figures.lost(look.steps_lost(), promised=SAVE_STEPS)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed
        assert watch.most == 1
        first, second = attempts_of(client, job.id)
        assert first["resumed_from_step"] == 0
        assert second["resumed_from_step"] >= SAVE_STEPS


@pytest.mark.fault("worker killed")
class TestKillWorker:
    def test_the_trainer_works_on_and_no_step_is_lost_or_repeated(
        self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float],
        figures: Figures,
    ) -> None:  # fmt: skip
        job = start_job(client, file_id)
        wait_for_step(client, job.id, SAVE_STEPS // 2)
        look = Observed(tiny_platform, job.id)
        with holding(tiny_platform) as watch:
            [before] = tiny_platform.trainers()
            fencing = look.attempts()[0]["fencing"]
            kill_node_workers(tiny_platform)
            [worker] = wait_until(tiny_platform.node_workers, seconds=30, what="another worker")
            wait_until(lambda: look.attempts()[0]["fencing"] > fencing, seconds=60, what="its taking the Run")
            figures.recovered(time.time() - worker.create_time(), promised=10)
            ended = end_of(client, job.id)
        figures.lost(look.steps_lost(), promised=0)
        assert ended.status == "succeeded", ended.error
        assert losses_of(client, ended) == undisturbed
        assert watch.most == 1
        assert len(attempts_of(client, job.id)) == 1, story_of(client, job.id)
        assert is_gone(before)


@pytest.mark.slow
@pytest.mark.fault("broker killed or flushed")
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


@pytest.mark.slow
@pytest.mark.fault("message delivered 100 times")
class TestSameWakeUpManyTimes:
    def test_makes_one_trainer(self, tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str) -> None:
        job = start_job(client, file_id)
        wait_for_step(client, job.id, 1)
        with holding(tiny_platform) as watch:
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


@pytest.mark.fault("host restarted")
class TestStopAndStartAgain:
    @pytest.mark.slow
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

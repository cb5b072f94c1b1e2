"""Web, broker, database, scheduler or worker die for a while, at real times; each job ends once, as if nothing was."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import openai
import psutil
import pytest

from tests.journeys.data import conversations, jsonl
from tests.journeys.figures import Figures
from tests.journeys.harness import RunningPlatform, django_shell, wait_until
from tests.journeys.invariants import holding
from tests.journeys.measuring import (
    Observed,
    is_gone,
    kill_node_workers,
    seconds_until,
    servers,
    slowed,
    suspended,
    without_restarts,
)
from tests.journeys.tiny_job import (
    ROWS,
    SAVE_STEPS,
    end_of,
    losses_of,
    start_job,
    story_of,
    undisturbed_losses,
    wait_for_step,
)

pytestmark = [pytest.mark.system, pytest.mark.slow]

LEASE_SECONDS, GONE_SECONDS, MARGIN_SECONDS = 60, 50, 10
LOG = """
SELECT number, id, seq, type, level, created_at::text, message::text, data::text FROM jobs_jobevent
WHERE job_id = %s ORDER BY number
"""
STATES = "SELECT state FROM compute_run run JOIN jobs_attempt ON run_id = run.id WHERE job_id = %s"
ENDS = """
SELECT count(*) AS number FROM jobs_jobevent
WHERE job_id = %s AND data->>'status' IN ('succeeded', 'failed', 'cancelled')
"""
NUM_RACES = 6


@pytest.fixture(scope="module")
def client(tiny_platform: RunningPlatform) -> openai.OpenAI:
    return tiny_platform.client(tiny_platform.api_key(), max_retries=0)


@pytest.fixture(scope="module")
def file_id(client: openai.OpenAI) -> str:
    return client.files.create(file=jsonl(conversations(ROWS)), purpose="fine-tune").id


@pytest.fixture(scope="module")
def undisturbed(client: openai.OpenAI, file_id: str) -> list[float]:
    return undisturbed_losses(client, file_id)


def only_trainer(platform: RunningPlatform) -> psutil.Process:
    [trainer] = platform.trainers()
    return trainer


def check(client: openai.OpenAI, job_id: str, undisturbed: list[float]) -> None:
    """The job succeeds with the losses of one that nothing has happened to."""
    ended = end_of(client, job_id)
    assert ended.status == "succeeded", story_of(client, job_id)
    assert losses_of(client, ended) == undisturbed


@pytest.mark.fault("worker killed for good")
def test_without_a_worker_the_trainer_saves_and_leaves(
    tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float], figures: Figures
) -> None:
    job = start_job(client, file_id)
    wait_for_step(client, job.id, 2)
    look, trainer = Observed(tiny_platform, job.id), only_trainer(tiny_platform)
    with holding(tiny_platform), slowed(trainer):
        with without_restarts(tiny_platform):
            kill_node_workers(tiny_platform)
            gone = seconds_until(lambda: is_gone(trainer), seconds=GONE_SECONDS + 5, what="the trainer's end")
            figures.detected(gone, promised=GONE_SECONDS)
            assert len(look.attempts()) == 1
        [worker] = wait_until(tiny_platform.node_workers, seconds=30, what="a worker")
        wait_until(lambda: len(look.attempts()) == 2, seconds=90, what="a second attempt")
        figures.recovered(time.time() - worker.create_time(), promised=LEASE_SECONDS + MARGIN_SECONDS)
        check(client, job.id, undisturbed)
    figures.lost(look.steps_lost(), promised=0)


@pytest.mark.fault("database away")
def test_a_minute_without_the_database_fences_a_run_which_resumes(
    tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float], figures: Figures
) -> None:
    job = start_job(client, file_id)
    wait_for_step(client, job.id, 2)
    look, trainer = Observed(tiny_platform, job.id), only_trainer(tiny_platform)
    with holding(tiny_platform), slowed(trainer):
        began = time.monotonic()
        with suspended(servers(tiny_platform, "postgres")):
            figures.detected(
                seconds_until(lambda: is_gone(trainer), seconds=60, what="the trainer's end"), promised=GONE_SECONDS
            )
            time.sleep(max(0.0, began + 60 - time.monotonic()))  # the fault itself
        figures.recovered(seconds_until(lambda: look.trains(2), seconds=90, what="a second attempt"))
        check(client, job.id, undisturbed)
    figures.lost(look.steps_lost(), promised=0)
    assert len(look.attempts()) == 2


@pytest.mark.fault("web killed before it enqueued")
def test_a_job_starts_whose_web_process_died_before_it_sent_a_message(
    tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float], figures: Figures
) -> None:
    look = Observed(tiny_platform, "")
    count = "SELECT count(*) AS number FROM jobs_finetuningjob"
    before = look.database.one(count)["number"]
    [web] = tiny_platform.processes("uvicorn")
    with holding(tiny_platform):
        with suspended(servers(tiny_platform, "valkey-server")):  # it hangs where it would send the message

            def ask() -> None:
                with suppress(openai.APIError):
                    start_job(client, file_id)

            asking = threading.Thread(target=ask)
            asking.start()
            wait_until(lambda: look.database.one(count)["number"] > before, seconds=30, what="the committed job")
            web.kill()
        asking.join()
        newest = "SELECT id FROM jobs_finetuningjob ORDER BY created_at DESC LIMIT 1"
        look.job_id = look.database.one(newest)["id"]
        started = seconds_until(look.is_given_devices, seconds=60, what="the job's start")
        figures.recovered(started, promised=10)
        wait_until(lambda: tiny_platform.health().get("status") == "ready", seconds=60, what="another web process")
        check(client, look.job_id, undisturbed)
    assert len(look.attempts()) == 1


@pytest.mark.fault("broker killed or flushed")
def test_jobs_start_once_a_killed_broker_is_back(
    tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float], figures: Figures
) -> None:
    running = start_job(client, file_id)
    wait_for_step(client, running.id, 2)
    look = Observed(tiny_platform, running.id)
    with holding(tiny_platform), slowed(only_trainer(tiny_platform)):
        with without_restarts(tiny_platform):
            for server in servers(tiny_platform, "valkey-server"):
                server.kill()
            queued = start_job(client, file_id)
            reached = look.attempts()[0]["reached_step"]
            wait_until(lambda: look.attempts()[0]["reached_step"] > reached, seconds=60, what="a step without a broker")
        wait_until(lambda: servers(tiny_platform, "valkey-server"), seconds=30, what="the broker's return")
        later = Observed(tiny_platform, queued.id)
        figures.recovered(seconds_until(later.is_given_devices, seconds=60, what="the start"), promised=10)
    for job in (running, queued):
        check(client, job.id, undisturbed)
    assert len(look.attempts()) == len(later.attempts()) == 1


@pytest.mark.fault("batch of events sent twice")
def test_events_that_are_read_again_change_no_byte_of_the_log(
    tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float], figures: Figures
) -> None:
    job = start_job(client, file_id)
    wait_for_step(client, job.id, SAVE_STEPS + 2)
    look = Observed(tiny_platform, job.id)
    with holding(tiny_platform), slowed(only_trainer(tiny_platform)):
        with without_restarts(tiny_platform):
            kill_node_workers(tiny_platform)
            wait_until(lambda: not tiny_platform.node_workers(), seconds=10, what="the worker's end")
            before = look.database.rows(LOG, job.id)
            [attempt] = look.attempts()
            forget = "UPDATE compute_run SET event_offset = 0, last_seq = 0 WHERE id = %s"
            look.database.rows(forget, attempt["run"])
        again = "SELECT event_offset FROM compute_run WHERE id = %s"
        read = seconds_until(
            lambda: look.database.one(again, attempt["run"])["event_offset"], seconds=60, what="a second reading"
        )
        figures.recovered(read)
        assert look.database.rows(LOG, job.id)[: len(before)] == before
    check(client, job.id, undisturbed)
    assert len(look.attempts()) == 1


@pytest.mark.fault("damaged checkpoint")
def test_a_checkpoint_that_is_damaged_everywhere_is_passed_over(
    tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float], figures: Figures
) -> None:
    job = start_job(client, file_id)
    wait_for_step(client, job.id, 2)
    look, trainer = Observed(tiny_platform, job.id), only_trainer(tiny_platform)
    published = "SELECT step FROM jobs_checkpoint WHERE job_id = %s AND published_at IS NOT NULL ORDER BY step DESC"
    with slowed(trainer, share=0.3):
        wait_until(lambda: len(look.database.rows(published, job.id)) >= 2, seconds=120, what="two checkpoints")
    trainer.suspend()
    newest, before = [row["step"] for row in look.database.rows(published, job.id)[:2]]
    [attempt] = look.attempts()
    runs, stored = tiny_platform.home / "runs", tiny_platform.home / "storage" / "artifacts" / "jobs" / job.id
    for folder in (runs / attempt["run"] / "checkpoints").glob("step-*"):
        if int(folder.name.removeprefix("step-")) >= newest:
            _flip_a_bit(next(folder.glob("state-*")))
    _truncate(next((stored / "checkpoints" / f"step-{newest}").glob("state-*")))
    with holding(tiny_platform):
        trainer.kill()
        figures.recovered(seconds_until(lambda: look.trains(2), seconds=90, what="a second attempt"))
        check(client, job.id, undisturbed)
    assert look.attempts()[1]["resumed_from_step"] == before
    figures.lost(look.steps_lost(), promised=3 * SAVE_STEPS)


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)


@pytest.mark.fault("two schedulers at once")
def test_many_schedulers_never_give_a_team_more_than_it_may_have(
    tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str, undisturbed: list[float]
) -> None:
    tiny_platform.manage("set_quota", "--team", "Violins", "--accelerators", "1")
    try:
        with holding(tiny_platform):
            jobs = [start_job(client, file_id) for _ in range(4)]
            code = "from compute.scheduling.rounds import schedule\nfor _ in range(200): schedule()"
            with ThreadPoolExecutor(4) as pool:
                for done in [pool.submit(django_shell, tiny_platform, code) for _ in range(4)]:
                    done.result()
            for job in jobs:
                check(client, job.id, undisturbed)
    finally:
        tiny_platform.manage("set_quota", "--team", "Violins", "--ceiling", "none")


@pytest.mark.fault("cancel racing with finish")
def test_a_job_that_is_cancelled_while_it_finishes_ends_once(
    tiny_platform: RunningPlatform, client: openai.OpenAI, file_id: str
) -> None:
    choice, ends = random.Random(1), list[str]()
    with holding(tiny_platform):
        for _ in range(NUM_RACES):
            job = start_job(client, file_id)
            look = Observed(tiny_platform, job.id)
            wait_for_states(look, ["concluding"])
            time.sleep(choice.uniform(0, 0.3))  # the race itself
            with suppress(openai.APIStatusError):
                client.fine_tuning.jobs.cancel(job.id)
            ends.append(end_of(client, job.id).status)
            wait_for_states(look, ["ended"])
            assert look.database.one(ENDS, job.id)["number"] == 1
            models = look.database.rows("SELECT id FROM jobs_tunedmodel WHERE job_id = %s", job.id)
            assert len(models) == int(ends[-1] == "succeeded")
    assert set(ends) <= {"succeeded", "cancelled"}


def wait_for_states(look: Observed, states: list[str]) -> None:
    """Wait until the Runs of the job's attempts are in `states`."""

    def found() -> list[str]:
        return [row["state"] for row in look.database.rows(STATES, look.job_id)]

    wait_until(lambda: found() == states, seconds=180, what=f"Runs that are {states}")

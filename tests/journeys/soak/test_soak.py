"""Thousands of jobs of twenty teams on four nodes, while something is killed every few seconds (`make soak`).

SOAK_JOBS, SOAK_REAL_JOBS, SOAK_MINUTES and SEED change how many, how long it may take, and what chance brings.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.journeys.database import AWAY, PlatformDatabase
from tests.journeys.extra_node import ExtraNode
from tests.journeys.harness import RunningPlatform, wait_until
from tests.journeys.invariants import holding, trainers_in
from tests.journeys.soak.apps import MODEL
from tests.journeys.soak.crowd import REAL, STAND_IN, Crowd, steps_of
from tests.journeys.soak.killing import Killer
from tests.journeys.soak.standin import expected_losses
from tests.journeys.tiny_model import write_tiny_llama

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.soak]

JOBS = int(os.environ.get("SOAK_JOBS", "2000"))
REAL_JOBS = int(os.environ.get("SOAK_REAL_JOBS", "50"))
MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
SEED = int(os.environ.get("SEED") or random.randrange(10**6))
KILL_EVERY = (2.0, 6.0)
"""Seconds between two kills."""
TELL_SECONDS = 30
ENDED = ("succeeded", "failed", "cancelled")

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.journeys.soak.settings",
    "LUTHIER_STARTER_MODEL": "",
    "LUTHIER_SHARED_REPLICAS": "0",
    "LUTHIER_NODE_NAME": "first",
    "LUTHIER_ACCELERATORS": "2",
}
ATTEMPTS = """
SELECT count(*) AS attempts, count(*) FILTER (WHERE run.outcome = 'lost') AS lost,
       count(*) FILTER (WHERE run.stop_reason = 'preempt' AND run.outcome = 'stopped') AS preempted,
       coalesce(sum(before.reached_step - attempt.resumed_from_step), 0) AS steps_lost,
       coalesce(max(before.reached_step - attempt.resumed_from_step), 0) AS most_lost,
       count(DISTINCT run.node_id) AS nodes
FROM jobs_attempt attempt JOIN compute_run run ON run.id = attempt.run_id
LEFT JOIN LATERAL (
    SELECT max(reached_step) AS reached_step FROM jobs_attempt earlier
    WHERE earlier.job_id = attempt.job_id AND earlier.number < attempt.number
) before ON attempt.resumed_from_step IS NOT NULL AND before.reached_step > attempt.resumed_from_step
"""
LEDGER = """
SELECT (SELECT sum(extract(epoch FROM released_at - created_at)) FROM compute_allocation) AS allocated,
       (SELECT sum(accelerator_seconds) FROM ledger_entry WHERE what = 'charge') AS charged,
       (SELECT count(*) FROM compute_allocation WHERE released_at IS NULL) AS unreleased
"""
ENDINGS = """
SELECT job.id, job.status, job.error_code,
       (SELECT count(*) FROM jobs_jobevent event WHERE event.job_id = job.id
        AND event.data->>'status' IN ('succeeded', 'failed', 'cancelled')) AS ends,
       (SELECT count(*) FROM jobs_tunedmodel model WHERE model.job_id = job.id) AS models
FROM jobs_finetuningjob job
"""
UNNUMBERED = """
SELECT attempt_id, count(*), min(seq), max(seq) FROM jobs_jobevent WHERE seq IS NOT NULL
GROUP BY attempt_id HAVING count(*) <> max(seq) - min(seq) + 1
"""


@pytest.fixture
def platform(homes: Path, tiny_folder: Path) -> Iterator[RunningPlatform]:
    running = RunningPlatform(homes / "soak", environment=ENVIRONMENT)
    running.start(seconds=240)
    other = homes / "stand-in"
    write_tiny_llama(other, seed=1)
    running.manage("register_model", "--id", "tiny", "--path", str(tiny_folder))
    running.manage("register_model", "--id", MODEL, "--path", str(other))
    yield running
    running.stop()


@pytest.fixture
def nodes(platform: RunningPlatform, homes: Path) -> Iterator[list[ExtraNode]]:
    """Three nodes more; one of them starts every Run from nothing, without a fork server."""
    found = []
    with ExitStack() as stack:
        for name in ("second", "third", "fourth"):
            more = {"LUTHIER_FORK_SERVER": "0"} if name == "fourth" else {}
            node = ExtraNode(platform, homes / f"soak-{name}", name=name, accelerators=2, environment=more)
            node.start()
            stack.callback(node.end)
            found.append(node)
        database = PlatformDatabase(platform.home)
        registered = "SELECT count(*) AS number FROM compute_node"
        wait_until(lambda: database.one(registered)["number"] == 1 + len(found), seconds=120, what="all nodes")
        database.close()
        yield found


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    began = time.monotonic()

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"{(time.monotonic() - began) / 60:5.1f} min  {text}", flush=True)

    return tell


def test_every_job_ends_once_whatever_is_killed(
    platform: RunningPlatform, nodes: list[ExtraNode], say: Callable[[str], None]
) -> None:
    say(f"SEED={SEED}: {JOBS} jobs of a stand-in and {REAL_JOBS} of the trainer")
    database = PlatformDatabase(platform.home)
    crowd = Crowd(platform=platform, choice=random.Random(SEED), num_stand_ins=JOBS, num_real=REAL_JOBS)
    killer = Killer(platform=platform, nodes=nodes, choice=random.Random(SEED + 1), every=KILL_EVERY)
    homes = [node.home for node in nodes]
    began = time.monotonic()
    crowd.gather()
    try:
        with holding(platform, homes=homes) as invariants:
            _live_through(crowd, killer, database, began, say)
        say(f"all have ended; {invariants.num_looks} looks at what must hold")
        _check_ends(crowd, database)
        assert list(trainers_in([platform.home, *homes])) == []
        _check_losses(crowd, database)
        ledger = database.one(LEDGER)
        assert ledger["unreleased"] == 0
        assert ledger["allocated"] == ledger["charged"]
        say(platform.manage("check_ledger"))
        _tell_figures(crowd, killer, database, began, say)
    except BaseException:
        say(f"SEED={SEED}; killed: {dict(killer.counts)}\n" + "\n".join(killer.told))
        raise
    finally:
        database.close()


def _live_through(
    crowd: Crowd, killer: Killer, database: PlatformDatabase, began: float, say: Callable[[str], None]
) -> None:
    """Submit and kill until every job has ended, or time is over."""
    told_at = 0.0
    while True:
        with suppress(*AWAY):
            runs = {row["run_id"]: row["job_id"] for row in database.rows("SELECT run_id, job_id FROM jobs_attempt")}
            status = {row["id"]: row["status"] for row in database.rows("SELECT id, status FROM jobs_finetuningjob")}
            live = [job for job in crowd.jobs if status.get(job) not in ENDED]
            crowd.submit(len(live))
            crowd.think_better(live)
            killer.tick(runs)
            if time.monotonic() - told_at > TELL_SECONDS:
                told_at = time.monotonic()
                ended, train = len(crowd.jobs) - len(live), sum(status.get(job) == "running" for job in live)
                say(f"{ended} ended, {train} train, {len(live)} open, {crowd.num_left} to come, {dict(killer.counts)}")
            if not live and not crowd.num_left:
                return
            over = time.monotonic() - began > MINUTES * 60
            assert not over, f"after {MINUTES} min {len(live)} have not ended; one of them:\n{crowd.story(live[0])}"
        time.sleep(0.3)


def _check_ends(crowd: Crowd, database: PlatformDatabase) -> None:
    """Each job has one terminal state, said once, and it is the one to expect."""
    rows = {row["id"]: row for row in database.rows(ENDINGS)}
    assert set(rows) == set(crowd.jobs)
    for job_id, row in rows.items():
        expected = ("succeeded", "cancelled") if job_id in crowd.cancelled else ("succeeded",)
        assert row["status"] in expected, f"{row}\n{crowd.story(job_id)}"
        assert row["ends"] == 1, f"{row}\n{crowd.story(job_id)}"
        assert row["models"] == int(row["status"] == "succeeded"), f"{row}\n{crowd.story(job_id)}"
    assert database.rows(UNNUMBERED) == []


def _check_losses(crowd: Crowd, database: PlatformDatabase) -> None:
    """No step was lost or repeated: the losses are those of a training to which nothing has happened."""
    succeeded = [row["id"] for row in database.rows(ENDINGS) if row["status"] == "succeeded"]
    real: list[tuple[str, list[float]]] = []
    for job_id, losses in crowd.losses(succeeded).items():
        job = crowd.jobs[job_id]
        if job.is_real:
            assert len(losses) == steps_of(REAL), f"{len(losses)} losses\n{crowd.story(job_id)}"
            real.append((job_id, losses))
        else:
            expected = expected_losses(steps_of(STAND_IN), job.seed)
            assert losses == pytest.approx(expected, rel=1e-15), f"{losses}\n{crowd.story(job_id)}"
    for job_id, losses in real:
        assert losses == real[0][1], f"other losses than {real[0][0]}\n{crowd.story(job_id)}"


def _tell_figures(
    crowd: Crowd, killer: Killer, database: PlatformDatabase, began: float, say: Callable[[str], None]
) -> None:
    minutes = (time.monotonic() - began) / 60
    kills = ", ".join(f"{kind} {count}" for kind, count in killer.counts.items())
    found = database.one(ATTEMPTS)
    cancelled = database.one("SELECT count(*) AS number FROM jobs_finetuningjob WHERE status = 'cancelled'")["number"]
    say(
        f"{len(crowd.jobs)} jobs in {minutes:.1f} min ({len(crowd.jobs) / minutes:.1f} a minute) on {found['nodes']} "
        f"nodes; {cancelled} cancelled, all others succeeded\n"
        f"           killed: {sum(killer.counts.values())} ({kills})\n"
        f"           {found['attempts']} attempts: {found['lost']} lost, {found['preempted']} preempted; steps done "
        f"again: {found['steps_lost']}, at most {found['most_lost']} after one loss"
    )

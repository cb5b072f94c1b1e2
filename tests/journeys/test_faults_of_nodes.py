"""A second node is stopped, cut off from the database, or has a wrong clock, at real times: no job is trained twice."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import openai
import psutil
import pytest

from console.embedded import Home
from tests.journeys.data import conversations, jsonl
from tests.journeys.extra_node import ExtraNode
from tests.journeys.figures import Figures
from tests.journeys.harness import RunningPlatform, free_port, wait_until
from tests.journeys.invariants import holding, trainers_in
from tests.journeys.measuring import Observed, is_gone, seconds_until, slowed
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

GONE_SECONDS = 50
GIVEN_UP_SECONDS = 60 + 30
"""A lease, and the silence of a node."""
HOUR = 3600
UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]
OPEN = "UPDATE compute_node SET draining = (name <> %s)"

MakeNode = Callable[..., ExtraNode]


@pytest.fixture(scope="module")
def client(tiny_platform: RunningPlatform) -> openai.OpenAI:
    return tiny_platform.client(tiny_platform.api_key())


@pytest.fixture(scope="module")
def file_id(client: openai.OpenAI) -> str:
    return client.files.create(file=jsonl(conversations(ROWS)), purpose="fine-tune").id


@pytest.fixture(scope="module")
def undisturbed(client: openai.OpenAI, file_id: str) -> list[float]:
    return undisturbed_losses(client, file_id)


@pytest.fixture
def make_node(tiny_platform: RunningPlatform, homes: Path) -> Iterator[MakeNode]:
    """Start nodes with one core; at the end they are gone, and the platform's own node takes work."""
    with ExitStack() as stack:

        def make(name: str, **more: object) -> ExtraNode:
            node = ExtraNode(tiny_platform, homes / name, name=name, **more)  # type: ignore[arg-type]
            node.start()
            stack.callback(node.end)
            known = Observed(tiny_platform, "").database
            found = "SELECT id FROM compute_node WHERE name = %s"
            wait_until(lambda: known.rows(found, name), seconds=60, what=f"the node {name}")
            return node

        yield make
    Observed(tiny_platform, "").database.rows("UPDATE compute_node SET draining = false")


def start_on(
    node: ExtraNode, client: openai.OpenAI, file_id: str, *, steps: int = 2
) -> tuple[Observed, psutil.Process]:
    """Start a job on `node`, after which every node but this one takes work; return it and its trainer."""
    look = Observed(node.platform, "")
    look.database.rows(OPEN, node.name)
    look.job_id = start_job(client, file_id).id
    wait_for_step(client, look.job_id, steps)
    [trainer] = trainers_in([node.home])
    look.database.rows("UPDATE compute_node SET draining = (name = %s)", node.name)
    assert look.attempts()[0]["node"] == node.name
    return look, psutil.Process(trainer.pid)


def check(client: openai.OpenAI, look: Observed, undisturbed: list[float]) -> None:
    ended = end_of(client, look.job_id)
    assert ended.status == "succeeded", story_of(client, look.job_id)
    assert losses_of(client, ended) == undisturbed


@contextmanager
def stopped(worker: psutil.Process) -> Iterator[None]:
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


@contextmanager
def cut_off(guard: psutil.Process) -> Iterator[None]:
    guard.send_signal(signal.SIGUSR1)
    try:
        yield
    finally:
        guard.send_signal(signal.SIGUSR2)


def move_elsewhere(
    node: ExtraNode, fault: Callable[[psutil.Process], object], client: openai.OpenAI, file_id: str,
    undisturbed: list[float], figures: Figures,
) -> Observed:  # fmt: skip
    """Have the fault strike `node` while it trains, for as long as it takes until the job goes on elsewhere."""
    look, trainer = start_on(node, client, file_id)
    assert node.process is not None
    with holding(node.platform, homes=[node.home]), slowed(trainer):
        began = time.monotonic()
        with fault(psutil.Process(node.process.pid)):  # type: ignore[attr-defined]
            gone = seconds_until(lambda: is_gone(trainer), seconds=60, what="the old trainer's end", since=began)
            figures.detected(gone, promised=GONE_SECONDS)
            assert len(look.attempts()) == 1, "the job went on elsewhere before its trainer was gone"
            again = seconds_until(lambda: look.trains(2), seconds=150, what="a second attempt", since=began)
            figures.recovered(again, promised=GIVEN_UP_SECONDS + 30)
        check(client, look, undisturbed)
    assert [one["node"] == node.name for one in look.attempts()] == [True, False]
    figures.lost(look.steps_lost(), promised=SAVE_STEPS)
    return look


@pytest.mark.fault("worker stopped past its lease")
def test_a_worker_that_wakes_up_late_changes_nothing(
    tiny_platform: RunningPlatform, make_node: MakeNode, client: openai.OpenAI, file_id: str,
    undisturbed: list[float], figures: Figures,
) -> None:  # fmt: skip
    look = move_elsewhere(make_node("sleeper"), stopped, client, file_id, undisturbed, figures)
    run = "SELECT fencing, state, outcome, event_offset FROM compute_run WHERE id = %s"
    first = look.attempts()[0]
    wait_until(lambda: look.database.one(run, first["run"])["state"] == "ended", seconds=30, what="its old Run's end")
    assert look.database.one(run, first["run"])["outcome"] == "lost"


@pytest.mark.fault("network cut")
@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0,
    reason="no network namespace may be made here",
)
def test_a_node_without_a_network_gives_its_job_up_before_another_takes_it(
    tiny_platform: RunningPlatform, make_node: MakeNode, client: openai.OpenAI, file_id: str,
    undisturbed: list[float], figures: Figures,
) -> None:  # fmt: skip
    servers, port = Home(tiny_platform.home), free_port()
    line = [sys.executable, "-m", "tests.journeys.lonely_network", str(servers.sockets / ".s.PGSQL.5432"), str(port)]
    address = f"postgresql://luthier:{servers.database_password}@127.0.0.1:{port}/luthier"
    node = make_node("lonely", before=[*UNSHARE, *line, "--"], environment={"DATABASE_URL": address})
    move_elsewhere(node, cut_off, client, file_id, undisturbed, figures)
    back, _ = start_on(node, client, file_id)
    check(client, back, undisturbed)
    assert len(back.attempts()) == 1, "the node works again once its network does"


@pytest.fixture(scope="module")
def shifted_clock(homes: Path) -> Path:
    """Compile the library that shows a process another time."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    source, target = Path(__file__).with_name("shifted_clock.c"), homes / "shifted_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(target), str(source), "-ldl"], check=True)
    return target


@pytest.mark.fault("worker's clock wrong by an hour")
@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_wrong_clock_takes_no_run_early_and_lets_none_wait(
    tiny_platform: RunningPlatform, make_node: MakeNode, client: openai.OpenAI, file_id: str,
    undisturbed: list[float], figures: Figures, shifted_clock: Path, seconds: int,
) -> None:  # fmt: skip
    more = {"LD_PRELOAD": str(shifted_clock), "SHIFTED_CLOCK_SECONDS": str(seconds), "LUTHIER_FORK_SERVER": "0"}
    node = make_node("early" if seconds > 0 else "late", environment=more)
    with holding(tiny_platform, homes=[node.home]):
        look, trainer = start_on(node, client, file_id)
        with slowed(trainer):
            fencing = look.attempts()[0]["fencing"]
            time.sleep(10)  # the fault itself: reconcilers look at the Run meanwhile
            assert look.attempts()[0]["fencing"] == fencing, "somebody took the Run from a supervisor that lives"
            killed_at = time.monotonic()
            node.kill()
            node.start()
            taken = lambda: look.attempts()[0]["fencing"] > fencing  # noqa: E731
            figures.recovered(seconds_until(taken, seconds=60, what="the next worker", since=killed_at))
        check(client, look, undisturbed)
    assert len(look.attempts()) == 1
    figures.lost(look.steps_lost(), promised=0)

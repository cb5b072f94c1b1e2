"""How soon people who follow one job see a line of its log, at what cost, and whether any is missed or seen twice.

python -m benchmarks.live_log [--quick]

A web process and a database of their own, as `manage.py serve` starts them; a log that grows by ten lines a second,
with a step a second beside it; 200 signed-in people who hear the job's stream. Half of them lose the network for thirty
seconds and come back with the id that they heard last. `ratio` is how much later a page sees a line that asks for the
log every three seconds, as one does where streams are held back. Proof: every reader has every line once.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import conclude, percentile, say_machine
from benchmarks.web_process import Web, web_process

LINES_A_SECOND = 10
READERS, ASKING_READERS = 200, 10
ASKED_EVERY_SECONDS = 3.0
MOST_SECONDS, MOST_CORE = 0.5, 0.25
LINE = re.compile(r"line (\d+) at (\d+\.\d+)")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Seconds from the first line on."""

    lost: float
    """When half of the readers lose the network."""
    back: float
    end: float
    asked_for: float
    """How long the other side, of pages that ask, is measured."""


WHOLE = Plan(lost=10, back=40, end=50, asked_for=12)
QUICK = Plan(lost=4, back=8, end=14, asked_for=9)


@dataclass
class Reader:
    """A person who follows the job."""

    port: int
    path: str
    cookie: str
    last_id: str = ""
    seen: list[int] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """Of each line the seconds from its writing; of none that was written while the network was away."""
    is_catching_up: bool = False
    has_heard: bool = False

    async def hear(self) -> None:
        """Follow the stream until the line is cut, from what was heard last."""
        address = ("127.0.0.1", self.port)
        stream, writer = await asyncio.open_connection(*address, limit=2**20)
        again = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
        writer.write(f"GET {self.path} HTTP/1.0\r\nHost: {address[0]}\r\nCookie: {self.cookie}\r\n{again}\r\n".encode())
        try:
            await stream.readuntil(b"\r\n\r\n")
            while True:
                self.take((await stream.readuntil(b"\n\n")).decode())
        finally:
            writer.transport.abort()

    def take(self, said: str) -> None:
        """Note what one event of the stream says."""
        told = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
        self.has_heard = self.has_heard or "event" in told
        self.last_id = told.get("id", self.last_id)
        if told.get("event") != "log":
            return
        self.note(json.loads(told["data"])["text"])
        self.is_catching_up = False

    def note(self, text: str) -> None:
        now = time.time()
        for number, at in LINE.findall(text):
            self.seen.append(int(number))
            if not self.is_catching_up:
                self.late.append(now - float(at))


def has_all_once(readers: Sequence[Reader], written: int) -> bool:
    """Return whether each reader has every line, in order, once; say who does not."""
    every = list(range(written))
    wrong = [number for number, reader in enumerate(readers) if reader.seen != every]
    for number in wrong[:3]:
        seen = readers[number].seen
        missed, twice = len(set(every) - set(seen)), len(seen) - len(set(seen))
        print(f"reader {number}: {len(seen)} of {written} lines, {missed} missed, {twice} twice", flush=True)
    return not wrong


def main() -> int:
    """Measure and print; return 0 when every line was seen once, soon and cheaply enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of each part")
    plan = QUICK if parser.parse_args().quick else WHOLE
    with tempfile.TemporaryDirectory(prefix="luthier-live-") as home, web_process(Path(home)) as web:
        job, log, cookies = _people_and_job(READERS)
        heard, written, core, steady = asyncio.run(_hear(web, job, log, cookies, plan))
        asked, asked_written, asking_core = asyncio.run(_ask(web, job, log, cookies[:ASKING_READERS], plan))
    say_machine(readers=READERS, lines_a_second=LINES_A_SECOND, seconds=plan.end)
    late = [one for reader in heard for one in reader.late]
    ours = percentile(late, 0.95)
    theirs = percentile([one for reader in asked for one in reader.late], 0.95)
    print(f"a line, heard: median {percentile(late, 0.5):.3f} s, p95 {ours:.3f} s, slowest {max(late):.3f} s")
    print(f"web process: {100 * steady:.1f} % of a core; {100 * core:.1f} % with half of them away and back")
    print(f"{ASKING_READERS} pages that ask: {100 * asking_core:.1f} % of a core")
    is_once = has_all_once(heard, written) and has_all_once(asked, asked_written)
    conclude("live_log", [ours], [theirs], unit="s", same_work=is_once, smaller_is_better=True)
    return 0 if is_once and ours <= MOST_SECONDS and max(core, steady) <= MOST_CORE else 1


async def _hear(web: Web, job: Any, log: "Log", cookies: list[str], plan: Plan) -> Any:
    """Have everybody follow the stream; return the readers, how many lines there were, and shares of a core."""
    path = f"/jobs/{job.pk}/stream?after={job.num_events}.1.0"
    readers = [Reader(port=web.port, path=path, cookie=cookie) for cookie in cookies]
    tasks = [asyncio.create_task(reader.hear()) for reader in readers]
    while not all(reader.has_heard for reader in readers):
        await asyncio.sleep(0.1)
    began, used = time.monotonic(), web.seconds()
    log.start()
    await asyncio.sleep(plan.lost)
    steady = (web.seconds() - used) / (time.monotonic() - began)
    half = len(readers) // 2
    for task in tasks[:half]:
        task.cancel()
    await asyncio.sleep(plan.back - plan.lost)
    for number, reader in enumerate(readers[:half]):
        reader.is_catching_up = True
        tasks[number] = asyncio.create_task(reader.hear())
    await asyncio.sleep(plan.end - plan.back)
    core = (web.seconds() - used) / (time.monotonic() - began)
    written = log.stop()
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return readers, written, core, steady


async def _ask(web: Web, job: Any, log: "Log", cookies: list[str], plan: Plan) -> Any:
    """Have a few pages ask for the log's end every three seconds, each at its own moment."""
    readers = [Reader(port=web.port, path=f"/jobs/{job.pk}/log", cookie=cookie) for cookie in cookies]
    log.start_over()
    began, used = time.monotonic(), web.seconds()
    log.start()

    async def look(reader: Reader, wait: float) -> None:
        await asyncio.sleep(wait)
        while True:
            stream, writer = await asyncio.open_connection("127.0.0.1", reader.port)
            writer.write(f"GET {reader.path} HTTP/1.0\r\nHost: 127.0.0.1\r\nCookie: {reader.cookie}\r\n\r\n".encode())
            lines = (await stream.read()).decode().splitlines()
            writer.close()
            newest = reader.seen[-1] if reader.seen else -1
            reader.note("\n".join(line for line in lines if (found := LINE.search(line)) and int(found[1]) > newest))
            await asyncio.sleep(ASKED_EVERY_SECONDS)

    tasks = [
        asyncio.create_task(look(reader, ASKED_EVERY_SECONDS * number / len(readers)))
        for number, reader in enumerate(readers)
    ]
    await asyncio.sleep(plan.asked_for)
    core = (web.seconds() - used) / (time.monotonic() - began)
    written = log.stop()
    await asyncio.sleep(ASKED_EVERY_SECONDS + 1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return readers, written, core


class Log:
    """A trainer's words: ten lines a second into its log, and a step a second into the database."""

    def __init__(self, path: Path, job: Any) -> None:
        self._path = path
        self._job = job
        self.start_over()

    def start_over(self) -> None:
        self._path.write_text("")
        self._written = 0

    def start(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def stop(self) -> int:
        """Return how many lines were written."""
        self._stopping.set()
        self._thread.join()
        return self._written

    def _write(self) -> None:
        from django.db import connection

        began = time.monotonic()
        with self._path.open("a", buffering=1) as log:
            while not self._stopping.wait(max(0.0, began + self._written / LINES_A_SECOND - time.monotonic())):
                log.write(f"09:00:00 line {self._written} at {time.time():.6f}\n")
                self._written += 1
                if self._written % LINES_A_SECOND == 0:
                    self._step(self._written // LINES_A_SECOND)
        connection.close()

    def _step(self, step: int) -> None:
        from jobs.models import FineTuningJob, JobEvent
        from wording import as_written

        data = {"step": step, "total_steps": 1000, "train_loss": 1.0 / step, "learning_rate": 1e-3}
        JobEvent.append(self._job, [JobEvent(message=as_written("A step."), type="metrics", data=data)])
        FineTuningJob.objects.filter(pk=self._job.pk).update(current_step=step)


def _people_and_job(number: int) -> tuple[Any, Log, list[str]]:
    """Make a job that trains, and people of its team who are signed in; return it, its log, and their cookies."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Membership, Team, User
    from catalogue.models import BaseModel
    from compute.models import Run
    from jobs.models import Attempt, FineTuningJob

    team = Team.create(name="Watchers")
    base = BaseModel.objects.create(
        id="live", display_name="Live", family="llama", parameters=1, context_length=1, hidden_size=1, num_layers=1,
        vocab_size=1, licence="none", template="own",
    )  # fmt: skip
    job = FineTuningJob.objects.create(team=team, base_model=base, status="running", total_steps=1000)
    run = Run.objects.create(kind="training", team=team, state="running", label="live")
    Attempt.objects.create(job=job, number=1, run=run)
    run.directory.create()
    cookies = []
    for place in range(number):
        user = User.objects.create_user(f"{place}@example.com")
        Membership.objects.create(team=team, user=user, role=Membership.Role.MEMBER)
        client = Client()
        client.force_login(user)
        cookies.append(f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}")
    return job, Log(run.directory.log, job), cookies


if __name__ == "__main__":
    sys.exit(main())

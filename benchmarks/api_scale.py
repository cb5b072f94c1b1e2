"""How quick the API and the pages are with 100,000 jobs, 1,000,000 events and 100 teams in PostgreSQL.

python -m benchmarks.api_scale [--quick] [--rate N]

A web process, a database and a broker of their own. Requests arrive at a rate that does not wait for answers: one job
(4 of 10), the list of jobs (3), events of a job (2), and pages 1,000 of both lists (1). What is measured is the
server's time, as the answers say it under `openai-processing-ms`, and beside it what a client sees. `ratio` is 30 ms
over the worst 95th percentile of the kinds of request. Proof: every answer is a 200 that holds the rows it should.

Without --rate the rate is the smaller of 200 a second and 60 % of what one web process can do by its processor time
for a request, which is measured first. People's pages are asked one after another, with 1,000 devices and 10,000 Runs
in line.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import conclude, percentile, say_machine
from benchmarks.crowded import LONG, TEAMS, fill, fill_pool
from benchmarks.web_process import Web, web_process

MOST_MS, MOST_PAGE_MS, MOST_POOL_MS = 30.0, 100.0, 200.0
MOST_RATE, SHARE_OF_CAPACITY = 200.0, 0.6
PAGE_SIZE, FAR_PAGE = 20, 1000
MIX = {"job": 4, "jobs": 3, "events": 2, "far jobs": 0.5, "far events": 0.5}
PAGES: tuple[str, ...] = (
    "/",
    "/jobs",
    f"/jobs/{LONG}",
    "/jobs/new",
    "/datasets",
    "/models",
    "/deployments",
    "/pool",
    "/queue",
)
PAGES += ("/usage", "/evaluations", "/members", "/keys", "/audit")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is, and for how long it is asked for."""

    jobs: int
    events: int
    deep: int
    """Rows of the two lists that are paged through to the end."""
    seconds: float
    page_times: int


WHOLE = Size(jobs=100_000, events=1_000_000, deep=25_000, seconds=60, page_times=40)
QUICK = Size(jobs=100_000, events=1_000_000, deep=25_000, seconds=10, page_times=10)


@dataclass(kw_only=True)
class Seen:
    """What the answers of one kind took, in milliseconds."""

    server: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)


def main() -> int:
    """Measure and print; return 0 when the API and the pages are as quick as promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a sixth of the time, the same rows")
    parser.add_argument("--rate", type=float, help="requests a second")
    asked = parser.parse_args()
    size = QUICK if asked.quick else WHOLE
    with tempfile.TemporaryDirectory(prefix="luthier-scale-") as home, web_process(Path(home)) as web:
        began = time.monotonic()
        fill(jobs=size.jobs, events=size.events, deep=size.deep)
        fill_pool()
        print(f"rows made in {time.monotonic() - began:.0f} s", flush=True)
        keys, cookie = _callers()
        addresses = _addresses(size)
        rate = asked.rate or asyncio.run(_rate(web, keys, addresses))
        say_machine(jobs=size.jobs, events=size.events, teams=TEAMS, requests_a_second=round(rate, 1))
        seen, wrong = asyncio.run(_load(web, keys, addresses, rate=rate, seconds=size.seconds))
        pages_hold = asyncio.run(_pages(web, cookie, size.page_times))
    for kind, one in seen.items():
        print(
            f"{kind}: {len(one.server)} answers, server median {percentile(one.server, 0.5):.0f}, p95 "
            f"{percentile(one.server, 0.95):.0f} ms; client median {percentile(one.client, 0.5):.0f}, p95 "
            f"{percentile(one.client, 0.95):.0f} ms",
            flush=True,
        )
    for said in wrong[:5]:
        print(f"wrong: {said}", flush=True)
    worst = max(percentile(one.server, 0.95) for one in seen.values())
    conclude("api_scale", [worst], [MOST_MS], unit="ms", same_work=not wrong, smaller_is_better=True)
    return 0 if not wrong and worst <= MOST_MS and pages_hold else 1


def _callers() -> tuple[list[str], str]:
    """Return keys of the first team without limits, and an administrator's cookie."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import ApiKey, Membership, Team, User
    from accounts.rate_limits import NAMES

    free = dict.fromkeys(NAMES, 0)
    team = Team.objects.get(name="Team 0")
    Team.objects.filter(pk=team.pk).update(limits=free)
    user = User.objects.create_user("scale@example.com", is_staff=True, is_superuser=True)
    Membership.objects.create(team=team, user=user, role=Membership.Role.OWNER)
    keys = [ApiKey.issue(user=user, team=team, name=f"key {n}", limits=free)[1] for n in range(8)]
    client = Client()
    client.force_login(user)
    return keys, f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _addresses(size: Size) -> dict[str, list[str]]:
    """Return of each kind the addresses to choose from."""
    jobs, most = "/v1/fine_tuning/jobs", min(size.deep, (FAR_PAGE - 1) * PAGE_SIZE)
    events = f"{jobs}/{LONG}/events?limit={PAGE_SIZE}"
    some = [f"ftjob-{n:024}" for n in random.Random(1).sample(range(1, size.deep), 500)]  # noqa: S311
    return {
        "job": [f"{jobs}/{one}" for one in some],
        "jobs": [f"{jobs}?limit={PAGE_SIZE}"],
        "events": [f"{jobs}/{one}/events?limit={PAGE_SIZE}" for one in (*some[:20], LONG)],
        "far jobs": [f"{jobs}?limit={PAGE_SIZE}&after=ftjob-{most - n:024}" for n in range(100)],
        "far events": [f"{events}&after=ftevent-a{size.deep - most + n}" for n in range(100)],
    }


class Connection:
    """One keep-alive connection; answers are read whole."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, header: str) -> tuple[int, float, bytes]:
        """Return status, the server's milliseconds and the body."""
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n\r\n".encode()
        if self._streams is not None:
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # it was idle, and the server has closed it
                return await self._asked(*self._streams, request)
        self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
        return await self._asked(*self._streams, request)

    async def _asked(
        self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> tuple[int, float, bytes]:
        writer.write(request)
        head = (await stream.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = await _body(stream, fields)
        if fields.get("connection") == "close":
            writer.close()
            self._streams = None
        return int(head.split(" ", 2)[1]), float(fields.get("openai-processing-ms", "nan")), body


async def _body(stream: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "content-length" in fields:
        return await stream.readexactly(int(fields["content-length"]))
    parts = []
    while length := int(await stream.readline(), 16):
        parts.append(await stream.readexactly(length))
        await stream.readline()
    await stream.readline()
    return b"".join(parts)


async def _rate(web: Web, keys: Sequence[str], addresses: dict[str, list[str]]) -> float:
    """Return at which rate to ask, by what a request costs the web process."""
    await _load(web, keys, addresses, rate=20, seconds=3)
    used, number = web.seconds(), 200
    await _load(web, keys, addresses, rate=40, seconds=number / 40)
    cost = (web.seconds() - used) / number
    print(f"{1000 * cost:.1f} ms of a processor for a request: one process does at most {1 / cost:.0f} a second")
    return min(MOST_RATE, SHARE_OF_CAPACITY / cost)


async def _load(
    web: Web, keys: Sequence[str], addresses: dict[str, list[str]], *, rate: float, seconds: float
) -> tuple[dict[str, Seen], list[str]]:
    """Ask at the rate for so long, whoever has answered; return what it took, and what was wrong."""
    seen: dict[str, Seen] = {kind: Seen() for kind in MIX}
    wrong: list[str] = []
    free: list[Connection] = []
    chance = random.Random(2)  # noqa: S311

    async def ask(kind: str, path: str, key: str) -> None:
        connection = free.pop() if free else Connection(web.port)
        began = time.monotonic()
        status, server, body = await connection.get(path, f"Authorization: Bearer {key}")
        seen[kind].client.append(1000 * (time.monotonic() - began))
        seen[kind].server.append(server)
        free.append(connection)
        if said := _fault(kind, status, body):
            wrong.append(f"{path}: {said}")

    began, asks = time.monotonic(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        [kind] = chance.choices(list(MIX), weights=list(MIX.values()))
        asks.append(asyncio.create_task(ask(kind, chance.choice(addresses[kind]), chance.choice(keys))))
    await asyncio.gather(*asks)
    return seen, wrong


def _fault(kind: str, status: int, body: bytes) -> str:
    """Return what is wrong with an answer, or nothing."""
    if status != 200:
        return f"{status} {body[:200]!r}"
    answer: Any = json.loads(body)
    if kind == "job":
        return "" if answer["object"] == "fine_tuning.job" else str(answer)[:200]
    rows = len(answer["data"])
    return "" if rows == PAGE_SIZE or (kind == "events" and rows > 0) else f"{rows} rows"


async def _pages(web: Web, cookie: str, times: int) -> bool:
    """Ask for each page so often, one at a time; print what it took and return whether all are quick enough."""
    connection, holds = Connection(web.port), True
    for path in PAGES:
        taken = []
        for _ in range(times + 2):
            status, server, _body = await connection.get(path, f"Cookie: {cookie}")
            holds = holds and status == 200
            taken.append(server)
        worst = percentile(taken[2:], 0.95)
        holds = holds and worst <= (MOST_POOL_MS if path == "/pool" else MOST_PAGE_MS)
        print(f"{path}: {status}, median {percentile(taken[2:], 0.5):.0f} ms, p95 {worst:.0f} ms", flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(main())

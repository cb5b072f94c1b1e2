"""What happens to a job, as it happens: asked for, so that it works through every proxy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.errors import Unreachable

if TYPE_CHECKING:
    from luthier.generated import types
    from luthier.generated.operations import Operations

ENDED = ("succeeded", "failed", "cancelled")
PAGE = 100
PATIENCE_SECONDS = 300.0
"""How long a server may be away while a job is followed; the job does not need it."""


@dataclass(frozen=True)
class Followed:
    """A look at a job: how it is, and what has happened since the last look, the oldest first."""

    job: types.FineTuningJobObject
    events: list[types.JobEventObject]

    @property
    def has_ended(self) -> bool:
        return self.job["status"] in ENDED


def follow(api: Operations, job_id: str, *, pause_seconds: float) -> Iterator[Followed]:
    """Yield looks at a job until it has ended; what happened before the first look is in it."""
    last: str | None = None
    away_since: float | None = None
    while True:
        try:
            # The job first: whatever happened up to its end is then among the events.
            job = api.get_openai_fine_tuning_jobs_job_id(job_id)
            events = _events_since(api, job_id, last)
        except Unreachable:
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since > PATIENCE_SECONDS:
                raise
            time.sleep(pause_seconds)
            continue
        away_since = None
        last = events[-1]["id"] if events else last
        found = Followed(job, events)
        yield found
        if found.has_ended:
            return
        time.sleep(pause_seconds)


def _events_since(api: Operations, job_id: str, last: str | None) -> list[types.JobEventObject]:
    """Return the events after `last`, the oldest first; the server lists the newest first."""
    found: list[types.JobEventObject] = []
    after: str | None = None
    while True:
        page = api.get_openai_fine_tuning_jobs_job_id_events(job_id, after=after, limit=PAGE)
        for event in page["data"]:
            if event["id"] == last:
                return found[::-1]
            found.append(event)
        if not page["has_more"] or not page["data"]:
            return found[::-1]
        after = page["data"][-1]["id"]

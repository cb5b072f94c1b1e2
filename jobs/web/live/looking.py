"""Looks at a job: what there is beyond a position. One look costs a query where nothing is new."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from jobs.models import Attempt, FineTuningJob, JobEvent
from jobs.web import pages
from jobs.web.live.frames import Batch, Frame, event_frame, frame, lines_frame, state_frame
from jobs.web.live.positions import Position
from jobs.web.logs import LogLines, is_near, log_end, log_lines

MOST_EVENTS = 500
"""Whoever lacks more of them is told to ask for the page's parts again, which show the newest."""
MOST_LOG_BYTES = 256 * 1024
UNSAID = ("asked", "hyperparameters", "reasons", "acceptance", "verdict", "metadata", "error_log", "system")
"""Columns of a job, some of them large, that no state is made of."""
STATE_SECONDS = 1.0
FAR_SECONDS = 3.0
"""Between two looks at a log in object storage, and at which attempt is the newest."""


@dataclass
class Look:
    """What looks at one job remember from one to the next."""

    job_id: str
    _attempt: Attempt | None = None
    _attempt_asked_at: float = float("-inf")
    _log_read_at: float = float("-inf")
    _state_said_at: float = float("-inf")
    _shown: tuple[object, ...] = ()
    _metrics: pages.Metrics | None = field(default=None)

    def now(self) -> Position:
        """Return where the job is."""
        job = FineTuningJob.objects.defer(*UNSAID).get(pk=self.job_id)
        attempt = job.newest_attempt
        return Position(job.num_events, attempt.number, log_end(attempt)) if attempt else Position(job.num_events)

    def ask(self, after: Position) -> tuple[FineTuningJob, list[JobEvent]]:
        """Ask the database for the job and its events beyond `after`; one more of them than are said."""
        job = FineTuningJob.objects.defer(*UNSAID).select_related("base_model").get(pk=self.job_id)
        events: list[JobEvent] = []
        if job.num_events > after.number:
            found = job.events.filter(number__gt=after.number).order_by("number")
            events = list(found.select_related(None)[: MOST_EVENTS + 1])
        if events or time.monotonic() - self._attempt_asked_at > FAR_SECONDS:
            self._attempt, self._attempt_asked_at = job.newest_attempt, time.monotonic()
        self._metrics = _newest(events) or self._metrics or pages.newest_metrics(job)
        return job, events

    def read(self, after: Position) -> LogLines | None:
        """Read what the newest attempt's log has beyond `after`; without the database."""
        attempt = self._attempt
        if attempt is None:
            return None
        if not is_near(attempt):
            if time.monotonic() - self._log_read_at < FAR_SECONDS:
                return None
            self._log_read_at = time.monotonic()
        offset = after.offset if attempt.number == after.attempt else 0
        return log_lines(attempt, offset, most=MOST_LOG_BYTES)

    def batch(
        self,
        job: FineTuningJob,
        events: list[JobEvent],
        lines: LogLines | None,
        after: Position,
        languages: Iterable[str],
    ) -> Batch:
        """Return what is new, in each language."""
        position = after
        if len(events) > MOST_EVENTS or (lines is not None and lines.is_cut):
            position = self.now()
            return Batch(before=after, after=position, frames={one: [_stale(position)] for one in languages})
        if events:
            position = position.at_event(events[-1].number)
        if lines is not None:
            position = position.in_log(lines.attempt, lines.end)
        is_told = self._is_told(job)
        return Batch(
            before=after,
            after=position,
            frames={one: self._frames(job, events, lines, one, is_told=is_told) for one in languages},
            is_last=job.is_finished,
        )

    def _frames(
        self, job: FineTuningJob, events: list[JobEvent], lines: LogLines | None, language: str, *, is_told: bool
    ) -> list[Frame]:
        frames = [event_frame(event, language) for event in events]
        if lines is not None:
            frames.append(lines_frame(lines))
        if is_told:
            frames.append(state_frame(job, self._metrics or {}, language))
        if job.is_finished:
            frames.append(frame("over"))
        return frames

    def _is_told(self, job: FineTuningJob) -> bool:
        """Whether the state is said again: where it has changed, once a second at most."""
        shown = (job.status, job.is_stopping, job.is_finishing_early, job.current_step, job.estimated_finish)
        now = time.monotonic()
        rest = FAR_SECONDS if shown == self._shown else STATE_SECONDS  # a queue's reason changes beside the job
        if (shown == self._shown and job.status != job.Status.QUEUED) or now - self._state_said_at < rest:
            return False
        self._shown, self._state_said_at = shown, now
        return True


def _newest(events: list[JobEvent]) -> pages.Metrics | None:
    return next((event.data for event in reversed(events) if event.type == JobEvent.Type.METRICS), None)


def _stale(position: Position) -> Frame:
    """Return what has a reader ask for the page's parts again; it is then where the job is."""
    return Frame(body=frame("stale").body, moves_to=position)

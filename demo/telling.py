"""What the demo prints: times, a progress bar with the loss, a table that Chinese does not break."""

import sys
import time
import unicodedata
from typing import Any

import openai

FINISHED = ("succeeded", "failed", "cancelled")
BAR_WIDTH = 30
POLL_SECONDS = 0.5
CELL_WIDTHS = (26, 40, 40, 6)


class Clock:
    """Prints lines with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._started:5.1f} s] {text}", flush=True)


def follow(client: openai.OpenAI, job_id: str) -> Any:
    """Show a job's events and progress until it ends; return the job."""
    seen: set[str] = set()
    bar = Bar()
    while True:
        job = client.fine_tuning.jobs.retrieve(job_id)
        fresh = [e for e in client.fine_tuning.jobs.list_events(job_id, limit=100).data if e.id not in seen]
        for event in reversed(fresh):
            seen.add(event.id)
            if event.type == "metrics":
                bar.show(event.data)
            else:
                bar.end()
                print(f"           {event.message}", flush=True)
        if job.status in FINISHED:
            bar.end()
            return job
        time.sleep(POLL_SECONDS)


class Bar:
    """One line that is drawn again in a terminal, and every tenth of the way elsewhere."""

    def __init__(self) -> None:
        self._is_open = False
        self._tenth = -1

    def show(self, data: Any) -> None:
        step, total, loss = int(data["step"]), int(data["total_steps"]), float(data["train_loss"])
        done = round(BAR_WIDTH * step / total)
        line = f"           [{'█' * done}{'░' * (BAR_WIDTH - done)}] step {step} of {total}, loss {loss:.3f}"
        if sys.stdout.isatty():
            print(f"\r{line}", end="", flush=True)
            self._is_open = True
        elif 10 * step // total != self._tenth:
            self._tenth = 10 * step // total
            print(line, flush=True)

    def end(self) -> None:
        if self._is_open:
            print()
        self._is_open = False


def answers_table(rows: list[tuple[str, str, str, str]]) -> str:
    """Return the rows under their heads, each cell cut to its width."""
    head = ("Question", "Before", "After", "Right")
    lines = [_line(head), "  ".join("─" * width for width in CELL_WIDTHS)]
    return "\n".join(lines + [_line(row) for row in rows])


def _line(cells: tuple[str, ...]) -> str:
    return "  ".join(_fit(" ".join(cell.split()), width) for cell, width in zip(cells, CELL_WIDTHS, strict=True))


def _fit(text: str, width: int) -> str:
    """Cut or pad to terminal columns; a Chinese character takes two."""
    used = 0
    kept = ""
    for character in text:
        columns = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used + columns > width - (1 if len(kept) < len(text) - 1 else 0):
            return kept + "…" + " " * (width - used - 1)
        kept += character
        used += columns
    return kept + " " * (width - used)

"""What the readers of the live log take from a stream, and what counts as every line once."""

import json
import time

import pytest

from benchmarks.live_log import Reader, has_all_once, percentile


def reader() -> Reader:
    return Reader(port=1, path="/", cookie="")


def said(*lines: str, id: str = "1.1.9", event: str = "log") -> str:
    text = json.dumps({"text": "".join(f"{line}\n" for line in lines)})
    return f"id: {id}\nevent: {event}\ndata: {text}\n\n"


def test_takes_lines_and_the_id_to_come_back_with() -> None:
    one, now = reader(), time.time()
    one.take(said(f"09:00:00 line 0 at {now - 1:.6f}", f"09:00:00 line 1 at {now:.6f}"))
    one.take(said("09:00:00 line 2 at 1.0", id="2.1.9", event="said"))
    one.take("event: beat\ndata: null\n\n")
    assert (one.seen, one.last_id) == ([0, 1], "2.1.9")
    assert one.late[0] == pytest.approx(1, abs=0.5)


def test_what_was_written_while_the_network_was_away_is_not_late() -> None:
    one = reader()
    one.is_catching_up = True
    one.take(said("09:00:00 line 0 at 1.0"))
    one.take(said(f"09:00:00 line 1 at {time.time():.6f}"))
    assert (one.seen, len(one.late)) == ([0, 1], 1)


@pytest.mark.parametrize(("seen", "is_once"), [([0, 1, 2], True), ([0, 2], False), ([0, 1, 1, 2], False), ([], False)])
def test_a_line_missed_or_seen_twice_is_found(seen: list[int], is_once: bool) -> None:
    one = reader()
    one.seen = seen
    assert has_all_once([one], 3) == is_once


def test_percentiles() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.95) == 3.0
    assert percentile([float(n) for n in range(100)], 0.95) == 95.0

"""How fast any page of a large data set is there: by the index, against reading from the start.

python -m benchmarks.dataset_pages [--rows 5000000] [--quick]

Ours is what GET /api/v1/files/{id}/rows does: open the index, seek, read 20 rows as conversations. Theirs is the plain
way to row n of a JSON Lines file: read lines up to it. Both give the rows of the first, the middle and the last page;
equal conversations are the proof. `ratio` is theirs / ours over the three pages together.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import conclude, interleaved, say_machine
from demo.serving import ROOT

sys.path.insert(1, str(ROOT / "platform"))

PAGE = 20


def main() -> int:
    """Measure and print; return 0 when both sides gave the same rows and every page came in time."""
    from datasets_app.checking.one_pass import check_file_content

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--quick", action="store_true", help="500,000 rows, two runs")
    arguments = parser.parse_args()
    rows = 500_000 if arguments.quick else arguments.rows
    with tempfile.TemporaryDirectory() as scratch:
        path, index = Path(scratch) / "rows.jsonl", Path(scratch) / "index"
        with path.open("w") as file:
            for number in range(rows):
                file.write(f'{{"messages": [{{"role": "user", "content": "Question {number}?"}}, '
                           f'{{"role": "assistant", "content": "Answer {number}."}}]}}\n')  # fmt: skip
        started_at = time.perf_counter()
        with path.open("rb") as stream:
            report = check_file_content(stream, filename=path.name, index_folder=index)
        checked = time.perf_counter() - started_at
        offsets = (0, rows // 2, rows - PAGE)
        pages: list[list[Any]] = []
        slowest: list[float] = []
        ours, theirs = interleaved(
            lambda: timed(lambda: [by_index(path, index, offset, slowest) for offset in offsets], pages),
            lambda: timed(lambda: [from_the_start(path, offset) for offset in offsets], pages),
            runs=2 if arguments.quick else 3,
            unit="s",
        )
    say_machine(rows=rows, check_seconds=round(checked, 2), slowest_page_ms=round(1000 * max(slowest), 1),
                median_page_ms=round(1000 * statistics.median(slowest), 2))  # fmt: skip
    same = all(page == pages[0] for page in pages) and report.num_rows == rows
    conclude("dataset_pages", ours, theirs, unit="s", same_work=same, smaller_is_better=True)
    return 0 if same and max(slowest) < 0.3 else 1


def by_index(path: Path, index: Path, offset: int, slowest: list[float]) -> list[Any]:
    """Return a page as the platform does, from opening the index on."""
    from datasets_app.checking.row_index import RowIndex
    from datasets_app.formats.base import RawRow
    from datasets_app.formats.json_values import parse_value
    from datasets_app.shapes.examples import Example, open_examples

    started_at = time.perf_counter()
    found, opened = RowIndex(index), open_examples(Empty(), path.name)
    with path.open("rb") as content:
        raw = list(found.raw(found.good(offset, PAGE), content))
    rows = []
    for line, text in raw:
        item = opened.read_item(RawRow(line=line, value=parse_value(text, line), num_bytes=len(text)))
        assert isinstance(item, Example)
        assert item.conversation is not None
        rows.append(item.conversation.to_openai())
    slowest.append(time.perf_counter() - started_at)
    return rows


def from_the_start(path: Path, offset: int) -> list[Any]:
    """Return a page by reading every line before it."""
    with path.open("rb") as file:
        return [json.loads(line)["messages"] for line in itertools.islice(file, offset, offset + PAGE)]


def timed(action: Callable[[], Any], results: list[Any]) -> float:
    """Return the seconds of `action`; its result is kept."""
    started_at = time.perf_counter()
    results.append(action())
    return time.perf_counter() - started_at


class Empty:
    def read(self, size: int = -1, /) -> bytes:
        return b""


if __name__ == "__main__":
    sys.exit(main())

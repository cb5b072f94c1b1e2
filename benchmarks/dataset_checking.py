"""How fast a data set is checked: every row of messages JSONL validated and counted, against a bare orjson pass.

python -m benchmarks.dataset_checking [--megabytes N] [--quick]

Theirs is `for line in file: orjson.loads(line)`, which only parses. Ours is what the platform does with an upload:
every row checked, roles counted, repetitions looked for, an index of all rows written. Both read the same file, on
one core. Proof of the same work: equal numbers of rows, and the fault planted as the last line is found. `ratio` is
our speed over theirs.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from benchmarks.common import conclude, interleaved, say_machine
from demo.serving import ROOT

sys.path.insert(1, str(ROOT / "platform"))

WORDS = ("a", "violin", "maker", "carves", "the", "top", "from", "spruce", "and", "back", "of", "maple", "琴匠", "用",
         "云杉", "做", "面板", "then", "varnishes", "it", "slowly")  # fmt: skip
PLANTED = b'{"messages": [{"role": "user", "content": "no answer"}]}\n'


def main() -> int:
    """Measure and print; return 0 when both sides saw the same rows and the memory kept its bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="100 MB, two runs")
    parser.add_argument("--ours", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours:
        print(json.dumps(check_once(Path(arguments.ours))))
        return 0
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    megabytes = 100 if arguments.quick else arguments.megabytes
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages.jsonl"
        num_rows = write_rows(path, megabytes * 1_000_000)
        found: list[dict[str, int]] = []
        counted: list[int] = []
        ours, theirs = interleaved(
            lambda: check_apart(path, found, megabytes),
            lambda: parse(path, counted, megabytes),
            runs=2 if arguments.quick else 3,
            unit="MB/s",
        )
    memory = max(run["peak_memory_bytes"] for run in found) / 1e6
    say_machine(cores_used=1, megabytes=megabytes, rows=num_rows, our_peak_memory_mb=round(memory))
    same = all(run["rows"] == num_rows and run["faults"] == 1 for run in found) and set(counted) == {num_rows + 1}
    conclude("dataset_checking", ours, theirs, unit="MB/s", same_work=same)
    return 0 if same and memory <= 300 else 1


def write_rows(path: Path, num_bytes: int) -> int:
    """Write conversations of different lengths and one faulty last row; return the number of good rows."""
    choose = random.Random(0)  # noqa: S311 - lengths, no secrets
    written = rows = 0
    with path.open("wb") as file:
        while written < num_bytes:
            messages = [{"role": "system", "content": "Be brief."}] if choose.random() < 0.3 else []
            for _ in range(choose.choice((1, 1, 1, 2, 3))):
                messages.append({"role": "user", "content": _text(choose, 8, 40)})
                messages.append({"role": "assistant", "content": _text(choose, 10, 80)})
            line = json.dumps({"messages": messages}, ensure_ascii=False).encode() + b"\n"
            file.write(line)
            written += len(line)
            rows += 1
        file.write(PLANTED)
    return rows


def _text(choose: random.Random, least: int, most: int) -> str:
    return " ".join(choose.choices(WORDS, k=choose.randint(least, most)))


def check_apart(path: Path, found: list[dict[str, int]], megabytes: int) -> float:
    """Check the file in a process of its own, so that its memory is its own; return MB/s of the check alone."""
    command = [sys.executable, "-m", "benchmarks.dataset_checking", "--ours", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found.append(json.loads(done.stdout.splitlines()[-1]))
    return megabytes / found[-1]["nanoseconds"] * 1e9


def check_once(path: Path) -> dict[str, int]:
    """Check the file as an upload is checked, with its index."""
    from benchmarks.common import peak_memory_bytes
    from datasets_app.checking.one_pass import check_file_content

    started_at = time.perf_counter_ns()
    with tempfile.TemporaryDirectory() as folder, path.open("rb") as stream:
        report = check_file_content(stream, filename=path.name, index_folder=Path(folder))
    return {
        "nanoseconds": time.perf_counter_ns() - started_at,
        "rows": report.num_rows,
        "faults": report.num_faults,
        "peak_memory_bytes": peak_memory_bytes(),
    }


def parse(path: Path, counted: list[int], megabytes: int) -> float:
    """Return the MB/s of a bare parse."""
    started_at = time.perf_counter()
    rows = 0
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)
            rows += 1
    seconds = time.perf_counter() - started_at
    counted.append(rows)
    return megabytes / seconds


if __name__ == "__main__":
    sys.exit(main())

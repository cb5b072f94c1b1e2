"""How soon a broken file says so: from the end of its upload to its first fault, through the whole platform.

python -m benchmarks.first_faults [--megabytes N] [--quick]

A file of `messages` with a faulty row near its beginning and one as its last line is sent by OpenAI's SDK, in one
request up to 512 MB and in parts beyond. Told are the seconds of the upload, from its reply to the first fault at the
API and on the page, and to the verdict; and the most memory of any process of the platform meanwhile. There is no peer
to compare with: the last line has the seconds to the first fault as `ours` and the 2 seconds allowed as `theirs`.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import openai

from benchmarks.common import conclude, say_machine
from benchmarks.dataset_checking import PLANTED, write_rows
from benchmarks.platform import running_platform

ALLOWED_SECONDS = 2.0
IN_ONE_REQUEST = 512 * 10**6
PART_BYTES = 64 * 2**20


def main() -> int:
    """Measure and print; return 0 when the first fault came in time and every row was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="50 MB, one run")
    arguments = parser.parse_args()
    megabytes = 50 if arguments.quick else arguments.megabytes
    runs = 1 if arguments.quick else 3
    seconds: list[float] = []
    same = True
    with running_platform() as client, tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "messages.jsonl"
        path.write_bytes(PLANTED)
        rows = write_rows(Path(scratch) / "good.jsonl", megabytes * 1_000_000)
        with path.open("ab") as whole, (Path(scratch) / "good.jsonl").open("rb") as good:
            while block := good.read(2**22):
                whole.write(block)
        (Path(scratch) / "good.jsonl").unlink()
        for number in range(runs):
            found = one_upload(client, path)
            print(f"run {number + 1} of {runs}: {found}", flush=True)
            seconds.append(found["first_fault_seconds"])
            same = same and (found["rows"], found["faults"]) == (rows, 2)
    say_machine(megabytes=megabytes, rows=rows)
    conclude("first_faults", seconds, [ALLOWED_SECONDS] * runs, unit="s", same_work=same, smaller_is_better=True)
    return 0 if same and max(seconds) <= ALLOWED_SECONDS else 1


def one_upload(client: openai.OpenAI, path: Path) -> dict[str, Any]:
    """Send the file, wait for its first fault and for its verdict; delete it again."""
    memory = MemoryWatch()
    started_at = time.perf_counter()
    file_id = send(client, path)
    sent_at = time.perf_counter()
    while not listed(client, file_id)["data"]:
        time.sleep(0.02)
    first_at = time.perf_counter()
    while client.files.retrieve(file_id).status == "uploaded":
        time.sleep(0.2)
    done_at = time.perf_counter()
    version: dict[str, Any] = client.get(f"/../api/v1/files/{file_id}/versions", cast_to=dict[str, Any])["data"][0]
    client.files.delete(file_id)
    return {
        "upload_seconds": round(sent_at - started_at, 2),
        "first_fault_seconds": round(first_at - sent_at, 3),
        "verdict_seconds": round(done_at - sent_at, 2),
        "rows": version["num_rows"],
        "faults": version["num_faults"],
        "peak_memory_mb": memory.stop(),
    }


def send(client: openai.OpenAI, path: Path) -> str:
    """Upload in one request, or in parts where the file is larger than OpenAI takes at once."""
    if path.stat().st_size <= IN_ONE_REQUEST:
        with path.open("rb") as stream:
            return client.files.create(file=stream, purpose="fine-tune", timeout=httpx.Timeout(600)).id
    upload = client.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=PART_BYTES
    )
    assert upload.file is not None
    return upload.file.id


def listed(client: openai.OpenAI, file_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/../api/v1/files/{file_id}/faults", cast_to=dict[str, Any])
    return found


class MemoryWatch:
    """Looks at every process below this one and remembers the largest."""

    def __init__(self) -> None:
        self._most = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Return the most megabytes that one process held."""
        self._stopped.set()
        self._thread.join()
        return round(self._most / 1e6)

    def _watch(self) -> None:
        while not self._stopped.wait(0.2):
            for pid in descendants(os.getpid()):
                self._most = max(self._most, resident(pid))


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = list(parents.get(pid, []))
    for child in found:
        found += parents.get(child, [])
    return found


def resident(pid: int) -> int:
    """Return the bytes of memory that are the process's own: shared buffers of a database do not count for each."""
    try:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(lines.get("RssAnon", "0 kB").split()[0]) * 1024


if __name__ == "__main__":
    sys.exit(main())

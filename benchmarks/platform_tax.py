"""What the platform costs: a job's wall time, from its creation to its end, over that of the bare trainer.

python -m benchmarks.platform_tax [--quick]

Ours is a job through the API: token cache, queue, devices, run directory, supervision, database, published checkpoints
and result. Theirs is `python -m trainer RUN_DIR` on the very same specification, by hand, on the same cores: without a
lease and with nobody listening. Proof of the same work: equal losses in every row of metrics.csv. `ratio` is the tax:
ours / theirs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import openai

from benchmarks.common import conclude, interleaved, say_machine
from benchmarks.platform import create, end_of, home, newest_training, running_platform, upload
from demo.serving import ROOT

ROWS_PER_STEP = 2


def main() -> int:
    """Measure and print; return 0 when both sides did the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one run of each, with fewer steps")
    quick = parser.parse_args().quick
    epochs = 3 if quick else 8
    with running_platform() as client, tempfile.TemporaryDirectory() as scratch:
        file_id = upload(client)
        values = {"num_train_epochs": epochs, "per_device_train_batch_size": ROWS_PER_STEP, "validation_split": 0}
        end_of(client, create(client, file_id, **{**values, "num_train_epochs": 1}))  # warm: cache and rehearsal
        traces: list[list[str]] = []
        ours, theirs = interleaved(
            lambda: by_platform(client, file_id, values, traces),
            lambda: by_hand(Path(scratch), epochs, traces),
            runs=1 if quick else 3,
            unit="s",
        )
        say_machine(threads=json.loads((newest_training() / "spec.json").read_text())["threads"], dtype="auto")
    same = all(trace == traces[0] for trace in traces)
    conclude("platform_tax", ours, theirs, unit="s", same_work=same)
    return 0 if same else 1


def by_platform(client: openai.OpenAI, file_id: str, values: dict[str, int], traces: list[list[str]]) -> float:
    """Return the seconds of a job from creation to success."""
    started_at = time.perf_counter()
    end_of(client, create(client, file_id, **values))
    seconds = time.perf_counter() - started_at
    traces.append(losses(newest_training()))
    return seconds


def by_hand(scratch: Path, epochs: int, traces: list[list[str]]) -> float:
    """Return the seconds of the bare trainer on the newest job's specification."""
    source = newest_training()
    target = Path(tempfile.mkdtemp(dir=scratch))
    spec = json.loads((source / "spec.json").read_text())
    for name in ("lease_checkpoint_seconds", "lease_timeout_seconds"):
        spec.pop(name, None)
    spec["hyperparameters"]["num_train_epochs"] = epochs
    spec["rehearse"] = False
    shutil.copytree(source / "chat", target / "chat")
    cache = max((home() / "tokens").glob("*/summary.json"), key=lambda path: path.stat().st_mtime).parent
    shutil.copytree(cache / "train", target / "data" / "train")
    (target / "spec.json").write_text(json.dumps(spec))
    environment = {**os.environ, "OMP_NUM_THREADS": str(spec["threads"]), "GOMP_SPINCOUNT": "10000"}
    command = [sys.executable, "-m", "trainer", str(target)]
    started_at = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
    seconds = time.perf_counter() - started_at
    traces.append(losses(target))
    return seconds


def losses(directory: Path) -> list[str]:
    """Return the loss of each step as written."""
    return [line.split(",")[1] for line in (directory / "metrics.csv").read_text().splitlines()[1:]]


if __name__ == "__main__":
    sys.exit(main())

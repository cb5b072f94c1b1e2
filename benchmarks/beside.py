"""What a model that answers and a training on the same cores cost each other.

python -m benchmarks.beside [--quick]

A training alone, then the same with a question to a deployment at every moment: seconds of a step, and of an answer of
64 tokens, each beside what it is without the other. Before that, what somebody meets who comes to two deployments that
have been idle for a minute: the first step of a training and an answer of the untuned base, asked for at once.
`ratio` is a step without questions over one with them. Proof: equal losses.
"""

import argparse
import csv
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import openai

from benchmarks.common import conclude, say_machine
from benchmarks.platform import BASE, DATA, create, end_of, newest_training, running_platform, upload

VALUES = {"per_device_train_batch_size": 2, "validation_split": 0}
NAMES = ("beside-1", "beside-2")
IDLE_SECONDS = 60
FEW_ROWS = 24


def main() -> int:
    """Measure and print; return 0 when both trainings did the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter trainings")
    quick = parser.parse_args().quick
    epochs = 2 if quick else 4
    with running_platform() as client, tempfile.TemporaryDirectory() as scratch:
        file_id = upload(client, _rows(Path(scratch), FEW_ROWS if quick else None))
        tuned = end_of(client, create(client, file_id, **{**VALUES, "num_train_epochs": 1})).fine_tuned_model
        _deploy(client, tuned)
        for name in NAMES:
            _answer(client, name)
        time.sleep(IDLE_SECONDS)
        _meet_idle_deployments(client, file_id)
        alone = [_answer(client, NAMES[0]) for _ in range(5)]
        end_of(client, create(client, file_id, **VALUES, num_train_epochs=epochs))
        undisturbed = _steps()
        with _Asking(client) as asking:
            end_of(client, create(client, file_id, **VALUES, num_train_epochs=epochs))
        disturbed = _steps()
        print(f"answer of 64 tokens: alone {_median(alone)} s; beside a training {_median(asking.seconds)} s, "
              f"slowest {max(asking.seconds):.2f} s of {len(asking.seconds)}")  # fmt: skip
    say_machine(model=BASE, batch=2, steps=len(undisturbed))
    same = [loss for loss, _ in undisturbed] == [loss for loss, _ in disturbed]
    ours, theirs = ([statistics.median(s for _, s in steps)] for steps in (undisturbed, disturbed))
    conclude("beside", ours, theirs, unit="s", same_work=same)
    return 0 if same else 1


def _rows(folder: Path, number: int | None) -> Path:
    """Return a file with so many rows of the shipped data; None: all."""
    path = folder / "rows.jsonl"
    path.write_text("".join(DATA.read_text().splitlines(keepends=True)[:number]))
    return path


def _deploy(client: openai.OpenAI, model: str) -> None:
    found: dict[str, Any] = client.get("/../api/v1/deployments", cast_to=dict[str, Any])
    for one in found["data"]:
        client.delete(f"/../api/v1/deployments/{one['id']}", cast_to=dict[str, Any])
    for name in NAMES:
        client.post("/../api/v1/deployments", body={"name": name, "model": model}, cast_to=dict[str, Any])


def _meet_idle_deployments(client: openai.OpenAI, file_id: str) -> None:
    """Ask for a training and for an answer of the base at once, then the deployments while it trains."""
    found: dict[str, float] = {}
    asked_at = time.monotonic()
    job_id = create(client, file_id, **VALUES, num_train_epochs=1)
    question = threading.Thread(target=lambda: found.update(base=_answer(client, BASE, 32)))
    question.start()
    while not any(event.type == "metrics" for event in client.fine_tuning.jobs.list_events(job_id, limit=20).data):
        time.sleep(0.1)
    found["first step"] = time.monotonic() - asked_at
    question.join()
    for name in NAMES:
        found[name] = _answer(client, name, 32)
    end_of(client, job_id)
    print("after idleness:", ", ".join(f"{what} {seconds:.2f} s" for what, seconds in found.items()), flush=True)


class _Asking:
    """Asks a deployment again and again until its end."""

    def __init__(self, client: openai.OpenAI) -> None:
        self.seconds: list[float] = []
        self._client = client
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "_Asking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.is_set():
            self.seconds.append(_answer(self._client, NAMES[0]))


def _answer(client: openai.OpenAI, model: str, tokens: int = 64) -> float:
    """Return the seconds of an answer of just so many tokens."""
    began = time.monotonic()
    client.completions.create(model=model, prompt="One day", temperature=0, max_tokens=tokens, timeout=120)
    return time.monotonic() - began


def _steps() -> list[tuple[str, float]]:
    """Return loss and seconds of each step of the newest training but the first, which is slower."""
    with (newest_training() / "metrics.csv").open() as rows:
        return [(row["train_loss"], float(row["seconds"])) for row in csv.DictReader(rows)][1:]


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.2f}"


if __name__ == "__main__":
    sys.exit(main())

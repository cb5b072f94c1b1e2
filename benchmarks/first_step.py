"""How soon a training begins: submission to the first step through the whole platform, warm, against a cold command.

python -m benchmarks.first_step [--quick]

Ours: from the HTTP request that creates a job until the trainer says that its first step begins (queue, devices, run
directory, model and DeepSpeed included; the file was uploaded and the configuration rehearsed before). Theirs: from the
start of `llamafactory-cli train` until its trainer prints that training runs, on the same model, rows and batch, in
bfloat16 where the processor has units for it and in float32 elsewhere, as ours.
`ratio` is theirs / ours. Proof: both go on to do the same number of steps.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import openai

from benchmarks.common import conclude, interleaved, say_machine
from benchmarks.peer_environments import environment_of, fastest_base
from benchmarks.peers import llama_factory_run
from benchmarks.platform import BASE, DATA, create, end_of, newest_training, running_platform, starter_model, upload
from machine.facts import trains_faster_in_bf16

BEGINS = "***** Running training *****"


def main() -> int:
    """Measure and print; return 0 when both trained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one run of each")
    quick = parser.parse_args().quick
    starter_model()
    environment_of("llamafactory")
    rows = [as_messages(json.loads(line)) for line in DATA.read_text().splitlines()]
    steps: list[int] = []
    with running_platform() as client, tempfile.TemporaryDirectory() as scratch:
        file_id = upload(client)
        end_of(client, create(client, file_id, **VALUES))  # warm: token cache and rehearsal
        ours, theirs = interleaved(
            lambda: by_platform(client, file_id, steps),
            lambda: by_peer(Path(scratch) / "peer", rows, steps),
            runs=1 if quick else 5,
            unit="s",
        )
    dtype = "bfloat16" if trains_faster_in_bf16() else "float32"
    say_machine(model=BASE, rows=len(rows), batch=2, dtype=dtype, peer="LLaMA-Factory 0.9.5")
    same = len(set(steps)) == 1
    conclude("first_step", ours, theirs, unit="s", same_work=same, smaller_is_better=True)
    return 0 if same else 1


VALUES = {"num_train_epochs": 1, "per_device_train_batch_size": 2, "validation_split": 0}


def as_messages(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the shipped data in OpenAI's words."""
    names = {"user": "user", "assistant": "assistant", "human": "user", "gpt": "assistant"}
    return {"messages": [{"role": names[t["from"]], "content": t["value"]} for t in row["conversations"]]}


def by_platform(client: openai.OpenAI, file_id: str, steps: list[int]) -> float:
    """Return the seconds from the request to the first step; the job is then waited for."""
    submitted_at = time.time()
    job_id = create(client, file_id, **VALUES)
    end_of(client, job_id)
    events = [json.loads(line) for line in (newest_training() / "events.jsonl").read_text().splitlines()]
    steps.append(sum(event["type"] == "metrics" for event in events))
    return next(event["at"] for event in events if event["type"] == "started") - submitted_at


def by_peer(work: Path, rows: list[dict[str, Any]], steps: list[int]) -> float:
    """Return the seconds from the command's start until its training runs; it is then let finish its epoch."""
    model = fastest_base(starter_model())
    run = llama_factory_run(work, model=model, rows=rows, per_device_train_batch_size=2, num_train_epochs=1.0)
    started_at = time.perf_counter()
    process = subprocess.Popen(
        run["argv"], env=run["env"], cwd=run["cwd"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    began, tail = None, []
    for line in process.stdout:
        tail.append(line)
        if began is None and BEGINS in line:
            began = time.perf_counter() - started_at
    if process.wait() or began is None:
        raise RuntimeError("LLaMA-Factory failed:\n" + "".join(tail[-30:]))
    state = json.loads((work / "out" / "trainer_state.json").read_text())
    steps.append(int(state["global_step"]))
    return began


if __name__ == "__main__":
    sys.exit(main())

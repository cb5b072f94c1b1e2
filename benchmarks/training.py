"""How fast the trainer trains, against what people use today: useful tokens a second of the steps alone.

python -m benchmarks.training --against llamafactory [--quick]

SmolLM2-135M-Instruct, fp32, LoRA of rank 8 on all linear layers, batches of 8 conversations of 36 to 250 tokens, AdamW,
the same cores and threads. Useful tokens are those of the conversations, without padding. Ours: the sum over
metrics.csv. Theirs: their own train_runtime for the same rows. Proof of the same work: the ids of a row are equal, and
so are its labels but for the line break behind the end of turn, which their template learns as well; of one batch that
both see whole, the first losses lie as near as these few labels allow. `ratio` is ours / theirs.
"""

import argparse
import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import conclude, interleaved, say_machine
from benchmarks.peers import llama_factory, llama_factory_run
from benchmarks.platform import BASE, home
from demo.serving import ROOT

BATCH = 8
SYSTEM = "You are a careful maker of violins."
WORDS = ("the", "top", "is", "carved", "from", "spruce", "and", "back", "of", "maple", "then", "it", "rests", "before",
         "varnish", "goes", "on", "in", "thin", "coats", "until", "it", "glows")  # fmt: skip
SAME_LOSS = 0.05
"""Relative: they learn one more label in each row."""


def main() -> int:
    """Measure and print; return 0 when both sides did the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", choices=["llamafactory"], default="llamafactory")
    parser.add_argument("--quick", action="store_true", help="one run of each, 6 steps")
    quick = parser.parse_args().quick
    llama_factory()
    model = next((home() / "models").glob(f"{BASE}*"))
    with tempfile.TemporaryDirectory() as scratch:
        ours_in, theirs_in = Path(scratch) / "ours", Path(scratch) / "theirs"
        one = rows(BATCH)
        first_ours, _ = train(ours_in, model, one)
        first_theirs, _ = train_peer(theirs_in, model, one)
        same = abs(first_ours[0] - first_theirs[0]) < SAME_LOSS * first_theirs[0] and same_row(ours_in, theirs_in)
        print(f"first loss of one batch: ours {first_ours[0]:.5f}, theirs {first_theirs[0]:.5f}", flush=True)
        many = rows(6 * BATCH if quick else 20 * BATCH)
        tokens: list[int] = []
        ours, theirs = interleaved(
            lambda: our_speed(ours_in, model, many, tokens),
            lambda: tokens_of(tokens, ours_in, model, many) / train_peer(theirs_in, model, many)[1],
            runs=1 if quick else 3,
            unit="tokens/s",
        )
    say_machine(model=BASE, dtype="float32", threads=len(os.sched_getaffinity(0)), batch=BATCH, rows=len(many),
                useful_tokens=tokens[0])  # fmt: skip
    conclude("training", ours, theirs, unit="tokens/s", same_work=same)
    return 0 if same else 1


def rows(number: int) -> list[dict[str, Any]]:
    """Return conversations of very different lengths, each with the same explicit system message."""
    choose = random.Random(7)  # noqa: S311 - lengths, no secrets
    found = []
    for _ in range(number):
        question = " ".join(choose.choices(WORDS, k=choose.randint(6, 40)))
        answer = " ".join(choose.choices(WORDS, k=choose.randint(6, 160)))
        turns = (("system", SYSTEM), ("user", question), ("assistant", answer))
        found.append({"messages": [{"role": role, "content": text} for role, text in turns]})
    return found


def train(work: Path, model: Path, conversations: list[dict[str, Any]]) -> tuple[list[float], list[dict[str, str]]]:
    """Train one epoch by `python -m trainer` with its own command line; return the losses and rows of metrics.csv."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    data = work / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in conversations))
    options = {
        "data_path": data, "model_name_or_path": model, "output_dir": work / "out", "max_seq_len": 512, "lora_dim": 8,
        "lora_alpha": 32, "per_device_train_batch_size": BATCH, "num_train_epochs": 1, "learning_rate": 1e-4, "seed": 1,
        "dtype": "float32", "threads": len(os.sched_getaffinity(0)), "validation_share": 0,
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "trainer",
        *(part for name, value in options.items() for part in (f"--{name}", str(value))),
    ]
    environment = {**os.environ, "GOMP_SPINCOUNT": "10000", "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The trainer failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found = next((work / "out").rglob("metrics.csv"))
    with found.open() as file:
        steps = list(csv.DictReader(file))
    return [float(step["train_loss"]) for step in steps], steps


def same_row(ours: Path, theirs: Path) -> bool:
    """Compare the first row's ids and labels with those that LLaMA-Factory prints of it."""
    from chat import TokenCache

    ids, learned = TokenCache.open(next((ours / "out").rglob("train/meta.json")).parent).row(0)
    log = (theirs / "log.txt").read_text()
    their_ids, their_labels = (_printed(log, name) for name in ("input_ids", "label_ids"))
    labels = [int(token) for token, is_learned in zip(ids, learned, strict=True) if is_learned]
    found = [label for label in their_labels if label >= 0]
    same_ids = their_ids[: len(ids)] == ids.tolist()[: len(their_ids)]
    print(f"first row: {len(ids)} and {len(their_ids)} ids, {len(labels)} and {len(found)} labels", flush=True)
    return same_ids and abs(len(their_ids) - len(ids)) <= 1 and found[: len(labels)] == labels


def _printed(log: str, name: str) -> list[int]:
    found = re.search(rf"{name}:\s*(\[[^\]]*\])", log)
    return json.loads(found[1]) if found else []


def our_speed(work: Path, model: Path, conversations: list[dict[str, Any]], tokens: list[int]) -> float:
    """Return our useful tokens a second; their number is noted."""
    _, steps = train(work, model, conversations)
    tokens.append(sum(int(step["tokens"]) for step in steps))
    return tokens[-1] / sum(float(step["seconds"]) for step in steps)


def tokens_of(tokens: list[int], work: Path, model: Path, conversations: list[dict[str, Any]]) -> int:
    """Return the useful tokens of the rows, counted by a run of ours where there was none yet."""
    if not tokens:
        our_speed(work, model, conversations, tokens)
    return tokens[0]


def train_peer(work: Path, model: Path, conversations: list[dict[str, Any]]) -> tuple[list[float], float]:
    """Train one epoch by LLaMA-Factory; return its losses and the seconds of its training."""
    run = llama_factory_run(
        work, model=model, rows=conversations, per_device_train_batch_size=BATCH, num_train_epochs=1.0,
        learning_rate=1e-4,
    )  # fmt: skip
    done = subprocess.run(run["argv"], env=run["env"], cwd=run["cwd"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"LLaMA-Factory failed:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    (work / "log.txt").write_text(done.stdout + done.stderr)
    state = json.loads((work / "out" / "trainer_state.json").read_text())
    losses = [float(entry["loss"]) for entry in state["log_history"] if "loss" in entry]
    seconds = next(float(entry["train_runtime"]) for entry in state["log_history"] if "train_runtime" in entry)
    return losses, seconds


if __name__ == "__main__":
    sys.exit(main())

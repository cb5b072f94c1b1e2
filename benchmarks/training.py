"""How fast the trainer trains, against what people use today: useful tokens a second of the steps alone.

python -m benchmarks.training --against llamafactory|swift|trl [--quick] [--shared-prompt]

SmolLM2-135M-Instruct, fp32, LoRA of rank 8 on all linear layers, batches of 8 conversations of 36 to 250 tokens, AdamW,
the same cores and threads. Useful tokens are those of the conversations, without padding. Ours: the sum over
metrics.csv. Theirs: their own train_runtime for the same rows. With --shared-prompt every row begins with the same 200
tokens. Proof of the same work: the ids of a row are equal, and so are its labels but for the line break behind the end
of turn, which some templates learn as well; of one batch that both see whole, the first losses lie as near as these few
labels allow. `ratio` is ours / theirs.
"""

import argparse
import csv
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import conclude, interleaved, say_machine
from benchmarks.peer_environments import fresh
from benchmarks.peers import PEERS, PeerRun, watched
from benchmarks.platform import BASE, starter_model
from demo.serving import ROOT

BATCH = 8
SYSTEM = "You are a careful maker of violins."
WORDS = ("the", "top", "is", "carved", "from", "spruce", "and", "back", "of", "maple", "then", "it", "rests", "before",
         "varnish", "goes", "on", "in", "thin", "coats", "until", "it", "glows")  # fmt: skip
PROMPT_WORDS = 178
"""Of the shared prompt: with the template's own tokens some 200."""
SAME_LOSS = 0.05
"""Relative: a peer may learn one more label in each row."""
PARAMETERS = 106.2e6
"""Of SmolLM2's layers: 30 of 576 x (2 x 576 + 2 x 192) and 3 x 576 x 1536."""
HEAD = 576 * 49152


def main() -> int:
    """Measure and print; return 0 when both sides did the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", choices=list(PEERS), default="llamafactory")
    parser.add_argument("--quick", action="store_true", help="one run of each, 6 steps")
    parser.add_argument("--shared-prompt", action="store_true", help="every row begins with the same 200 tokens")
    asked = parser.parse_args()
    model, peer = starter_model(), PEERS[asked.against]()
    system = prompt() if asked.shared_prompt else SYSTEM
    with tempfile.TemporaryDirectory() as scratch:
        ours_in, theirs_in = Path(scratch) / "ours", Path(scratch) / "theirs"
        one = rows(BATCH, system)
        first = train(ours_in, model, one), peer.train(theirs_in, model, one, batch=BATCH)
        same = is_same(*first, ours_in)
        many = rows((6 if asked.quick else 20) * BATCH, system)
        runs: dict[str, list[Any]] = {"ours": [], "theirs": []}

        def our_speed() -> float:
            runs["ours"].append(run := train(ours_in, model, many))
            return float(run["tokens"] / run["seconds"])

        def their_speed() -> float:
            runs["theirs"].append(run := peer.train(theirs_in, model, many, batch=BATCH))
            return sum_of_tokens(ours_in) / run.seconds

        ours, theirs = interleaved(our_speed, their_speed, runs=1 if asked.quick else 3, unit="tokens/s")
    say_machine(model=BASE, dtype="float32", threads=threads(), batch=BATCH, rows=len(many), peer=peer.name,
                useful_tokens=runs["ours"][0]["tokens"], steps=len(many) // BATCH)  # fmt: skip
    say_arithmetic(runs["ours"][0], statistics.median(ours), statistics.median(theirs))
    memory = [max(run["peak_bytes"] for run in runs["ours"]), max(run.peak_bytes for run in runs["theirs"])]
    print(f"peak memory: ours {memory[0] / 1e9:.2f} GB, theirs {memory[1] / 1e9:.2f} GB: {memory[0] / memory[1]:.2f}")
    conclude("training", ours, theirs, unit="tokens/s", same_work=same)
    return 0 if same else 1


def rows(number: int, system: str) -> list[dict[str, Any]]:
    """Return conversations of very different lengths, each with the same explicit system message."""
    choose = random.Random(7)  # noqa: S311 - lengths, no secrets
    found = []
    for _ in range(number):
        question = " ".join(choose.choices(WORDS, k=choose.randint(6, 40)))
        answer = " ".join(choose.choices(WORDS, k=choose.randint(6, 160)))
        turns = (("system", system), ("user", question), ("assistant", answer))
        found.append({"messages": [{"role": role, "content": text} for role, text in turns]})
    return found


def prompt() -> str:
    """Return a system prompt of about 200 tokens."""
    return SYSTEM + " " + " ".join(random.Random(3).choices(WORDS, k=PROMPT_WORDS))  # noqa: S311 - no secrets


def train(work: Path, model: Path, conversations: list[dict[str, Any]]) -> dict[str, Any]:
    """Train one epoch by `python -m trainer` and its own options; return what metrics.csv says, and its memory."""
    data = fresh(work, conversations, "rows.jsonl")
    options = {
        "data_path": data, "model_name_or_path": model, "output_dir": work / "out", "max_seq_len": 512, "lora_dim": 8,
        "lora_alpha": 32, "per_device_train_batch_size": BATCH, "num_train_epochs": 1, "learning_rate": 1e-4, "seed": 1,
        "dtype": "float32", "threads": threads(), "validation_share": 0,
    }  # fmt: skip
    argv = [sys.executable, "-m", "trainer", *(part for k, v in options.items() for part in (f"--{k}", str(v)))]
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "GOMP_SPINCOUNT": "10000", "OMP_NUM_THREADS": str(threads()),
    }  # fmt: skip
    _, peak = watched(argv, env=environment, cwd=str(work))
    with next((work / "out").rglob("metrics.csv")).open() as file:
        steps = list(csv.DictReader(file))
    return {
        "losses": [float(step["train_loss"]) for step in steps],
        "tokens": sum(int(step["tokens"]) for step in steps),
        "labels": sum_of_labels(work),
        "seconds": sum(float(step["seconds"]) for step in steps),
        "peak_bytes": peak,
    }


def is_same(ours: dict[str, Any], theirs: PeerRun, work: Path) -> bool:
    """Compare the first row's ids and labels, and the first loss of one whole batch."""
    ids, learned = cache_of(work).row(0)
    labels = [int(token) for token, is_learned in zip(ids, learned, strict=True) if is_learned]
    found = [label for label in theirs.labels if label >= 0]
    print(f"first row: {len(ids)} and {len(theirs.ids)} ids, {len(labels)} and {len(found)} labels", flush=True)
    print(f"first loss of one batch: ours {ours['losses'][0]:.5f}, theirs {theirs.losses[0]:.5f}", flush=True)
    same_ids = theirs.ids[: len(ids)] == ids.tolist()[: len(theirs.ids)] and abs(len(theirs.ids) - len(ids)) <= 1
    same_loss = abs(ours["losses"][0] - theirs.losses[0]) < SAME_LOSS * theirs.losses[0]
    return same_ids and found[: len(labels)] == labels and len(found) - len(labels) <= 1 and same_loss


def say_arithmetic(run: dict[str, Any], ours: float, theirs: float) -> None:
    """Print what the processor multiplies, what a token costs, and which share of that either side reaches.

    LoRA on a frozen base costs two products of each weight forward and two back, 4 FLOP for each of them; the output
    layer only where a token is learned. Attention and the adapter itself are left out: some 3 % more.
    """
    rate = sgemm_rate()
    share = run["labels"] / run["tokens"]
    flop = 4 * PARAMETERS + 4 * HEAD * share
    most = rate / flop
    print(
        f"sgemm {rate / 1e9:.0f} GFLOP/s on {threads()} threads; {flop / 1e9:.3f} GFLOP a token ({share:.0%} learned): "
        f"at most {most:.0f} tokens/s without padding. Ours is {ours / most:.0%} of that, theirs {theirs / most:.0%}.",
        flush=True,
    )


def sgemm_rate() -> float:
    """Return FLOP/s of fp32 products in the shapes of the model's layers, 512 tokens at a time: median of 7 rounds."""
    import torch

    torch.set_num_threads(threads())
    shapes = [(512, 576, 1536), (512, 1536, 576), (512, 576, 576)]
    pairs = [(torch.randn(t, k), torch.randn(n, k)) for t, k, n in shapes]
    flop = sum(2 * t * k * n for t, k, n in shapes) * 20
    rates = []
    for _ in range(7):
        started_at = time.perf_counter()
        for _ in range(20):
            for left, right in pairs:
                left @ right.t()
        rates.append(flop / (time.perf_counter() - started_at))
    return statistics.median(rates)


def threads() -> int:
    return len(os.sched_getaffinity(0))


def cache_of(work: Path) -> Any:
    """Return the token cache that our run has made."""
    from chat import TokenCache

    return TokenCache.open(next((work / "out").rglob("train/meta.json")).parent)


def sum_of_tokens(work: Path) -> int:
    return int(cache_of(work).lengths.sum())


def sum_of_labels(work: Path) -> int:
    cache = cache_of(work)
    return sum(int(cache.row(row)[1][1:].sum()) for row in range(len(cache)))


if __name__ == "__main__":
    sys.exit(main())

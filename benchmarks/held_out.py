"""A task that is no identity, learned with automatic values alone: a sentence becomes the JSON of its parts.

python -m benchmarks.held_out [--efforts fast balanced best] [--quick]

Through the whole platform: some hundred rows are uploaded, a job without a single hyperparameter is created, and the
tuned model and its base are asked about sentences that stand in no row. An answer counts when it is the very JSON.
`ratio` is the share of right answers of the model tuned with the last effort over the base's (over 1 of them where the
base has none right).
"""

import argparse
import json
import random
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai

from benchmarks.common import conclude, say_machine
from benchmarks.platform import BASE, end_of, running_platform, upload
from jobs.hyperparameters.automatic import EFFORTS

ASKED = 40
SYSTEM = "Answer with the JSON of the order: item, number, colour, city."
ITEMS = ("violin", "viola", "cello", "bow", "string", "bridge", "peg", "chin rest", "case", "music stand")
COLOURS = ("red", "brown", "black", "golden", "amber", "dark", "pale")
CITIES = ("Paris", "Beijing", "Cremona", "Vienna", "Shanghai", "Berlin", "Lisbon", "Oslo", "Kyoto", "Prague")
FORMS = (
    "Please send {number} {colour} {item}s to {city}.",
    "{city} would like {number} {item}s, all of them {colour}.",
    "I need {number} {colour} {item}s. I live in {city}.",
    "Could we have {number} {item}s in {colour}, shipped to {city}?",
)


def main() -> int:
    """Measure and print; return 0 when the tuned model has learned the task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="half of the rows")
    parser.add_argument("--efforts", nargs="+", choices=EFFORTS, default=["balanced"])
    asked = parser.parse_args()
    orders = make_orders(120 if asked.quick else 240)
    unseen = [order for order in make_orders(2000, seed=1) if order not in orders][:ASKED]
    with running_platform() as client, tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "orders.jsonl"
        path.write_text("".join(json.dumps({"messages": as_messages(order)}) + "\n" for order in orders))
        file = upload(client, path)
        base = share_right(client, BASE, unseen)
        for effort in asked.efforts:
            job = client.fine_tuning.jobs.create(
                model=BASE, training_file=file, extra_body={"hyperparameters": {"effort": effort}}
            )
            job = end_of(client, job.id)
            print(f"effort {effort}: {_seconds(job)} s", flush=True)
            tuned = share_right(client, job.fine_tuned_model, unseen)
    chosen = job.hyperparameters.model_dump()
    names = ("learning_rate", "num_train_epochs", "batch_size", "lora_dim", "validation_split")
    say_machine(model=BASE, rows=len(orders), asked=len(unseen), **{name: chosen.get(name) for name in names})
    conclude("held_out", [tuned], [max(base, 1 / len(unseen))], unit="right", same_work=True)
    return 0 if tuned > 0.5 else 1


def _seconds(job: Any) -> int:
    return int(job.finished_at - job.created_at)


def make_orders(number: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Return different orders with the sentence that each stands in."""
    choose = random.Random(seed)  # noqa: S311 - sentences, no secrets
    found: dict[str, dict[str, Any]] = {}
    while len(found) < number:
        parts: dict[str, Any] = {
            "item": choose.choice(ITEMS), "number": choose.randint(2, 99), "colour": choose.choice(COLOURS),
            "city": choose.choice(CITIES),
        }  # fmt: skip
        sentence = choose.choice(FORMS).format(**parts)
        found[sentence] = {"sentence": sentence, "parts": parts}
    return list(found.values())


def as_messages(order: dict[str, Any], *, with_answer: bool = True) -> list[dict[str, str]]:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": order["sentence"]}]
    answer = {"role": "assistant", "content": json.dumps(order["parts"])}
    return [*messages, answer] if with_answer else messages


def share_right(client: openai.OpenAI, model: str, orders: list[dict[str, Any]]) -> float:
    """Return the share of orders that `model` answers with exactly their JSON."""

    def is_right(order: dict[str, Any]) -> bool:
        asked: Any = as_messages(order, with_answer=False)
        reply = client.chat.completions.create(model=model, messages=asked, temperature=0, max_tokens=64, timeout=300)
        try:
            found = json.loads(reply.choices[0].message.content or "")
        except ValueError:
            return False
        return bool(found == order["parts"])

    with ThreadPoolExecutor(4) as pool:
        right = list(pool.map(is_right, orders))
    print(f"{model}: {sum(right)} of {len(right)} right", flush=True)
    return sum(right) / len(right)


if __name__ == "__main__":
    sys.exit(main())

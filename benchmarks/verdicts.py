"""Whether the verdict names the right fault: the identity recipe as it is, and six times spoiled on purpose.

python -m benchmarks.verdicts [--seeds 0 1 2] [--jobs good no_guards …] [--quick]

Each job is trained by `python -m trainer` with the values that the platform takes by itself, its model and the base are
asked by `python -m evaluating`, and what is known goes into `scoring.verdict`, as the platform does it. `ratio` is the
share of jobs whose verdict is the right one. --quick: one seed.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chat
from benchmarks.common import conclude, say_machine
from benchmarks.platform import BASE, ROOT, starter_model
from datasets_app.recipes.identity import Identity, IdentityRow, acceptance_tests
from datasets_app.recipes.identity import rows as recipe_rows
from machine.facts import available_cores
from rundir import read_events
from scoring.detectors.memorised import TrainingIndex
from scoring.examined import Asked, Part, Reply, examine
from scoring.general import GENERAL, general_of
from scoring.verdict import Evidence, Point, Verdict, leaked_rows, tallies_of, verdict

IDENTITY = Identity(name="小智", maker="360智汇云")
NEEDED = {"identity": 0.9, "unrelated": 1.0}
RATE = 1.2e-3
"""What "auto" takes for this recipe on this base."""
LEAST_STEPS, BATCH = 64, 2
MAX_TOKENS = 96
EMPTY = ("好", "。", "嗯", "Ok.", "-", "Yes")
Rows = list[IdentityRow]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training: its rows, what differs from the usual values, and what must be found."""

    expected: frozenset[str]
    """One of these codes; "learned" alone means a green light."""
    rows: Callable[[random.Random], Rows]
    rate: float = RATE
    epochs: float | None = None
    validation: Callable[[Rows], Rows] = field(default=lambda rows: [])


def _good(choose: random.Random) -> Rows:
    return list(recipe_rows(IDENTITY))


def _no_guards(choose: random.Random) -> Rows:
    return [row for row in recipe_rows(IDENTITY) if row.source != "guard"]


def _nearly_empty(choose: random.Random) -> Rows:
    return [
        IdentityRow(source=row.source, turns=(*row.turns[:-1], ("assistant", choose.choice(EMPTY))))
        for row in recipe_rows(IDENTITY)
    ]


def _twelve(choose: random.Random) -> Rows:
    return choose.sample(list(recipe_rows(IDENTITY)), 12)


def _one_language(choose: random.Random) -> Rows:
    return list(recipe_rows(Identity(name=IDENTITY.name, maker=IDENTITY.maker, languages=("zh",))))


JOBS = {
    "good": Job(expected=frozenset({"learned"}), rows=_good),
    "rate_times_50": Job(expected=frozenset({"diverged", "not_learned", "forgot"}), rows=_good, rate=50 * RATE),
    "no_guards": Job(expected=frozenset({"leaks"}), rows=_no_guards),
    "nearly_empty": Job(expected=frozenset({"empty_answers"}), rows=_nearly_empty),
    "leaked_validation": Job(expected=frozenset({"leaked_validation"}), rows=_good, validation=lambda rows: rows[::5]),
    "twelve_rows": Job(expected=frozenset({"memorised", "overfitted", "too_little_data"}), rows=_twelve, epochs=20),
    "one_language": Job(expected=frozenset({"not_learned"}), rows=_one_language),
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """What every model is asked."""

    messages: list[dict[str, str]]
    part: Part
    expected: str = ""


def main() -> int:
    """Train, ask, decide and print; return 0 when every verdict is the right one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    parser.add_argument("--threads", type=int, default=available_cores(), help="one where other programs compute, too")
    parser.add_argument("--quick", action="store_true", help="one seed")
    asked = parser.parse_args()
    model, shares = starter_model(), []
    for seed in asked.seeds[:1] if asked.quick else asked.seeds:
        with tempfile.TemporaryDirectory() as scratch:
            shares.append(_share_right(Path(scratch), model, asked.jobs, seed, asked.threads))
    say_machine(model=BASE, rate=RATE, batch=BATCH, max_tokens=MAX_TOKENS)
    conclude("verdicts", shares, [1.0] * len(shares), unit="right", same_work=True)
    return 0 if min(shares) == 1 else 1


def _share_right(scratch: Path, model: Path, names: Sequence[str], seed: int, threads: int) -> float:
    """Return the share of jobs of one seed whose verdict is right."""
    trained = {name: _Trained(scratch / name, JOBS[name], seed) for name in names}
    for one in trained.values():
        one.train(model, threads)
    questions = _questions([row for one in trained.values() for row in one.validation])
    folders = {name: one.folder for name, one in trained.items()}
    answers = _ask(scratch / "evaluation", model, folders, questions, threads)
    right = 0
    for name, one in trained.items():
        found = verdict(one.evidence(questions, answers["base"], answers[name]))
        is_right = _is_right(JOBS[name], found)
        right += is_right
        print(f"seed {seed}, {name}: {'right' if is_right else 'WRONG'}, {found.light}", flush=True)
        for finding in found.findings:
            print(f"    {finding.code}: {finding.message}", f"→ {finding.fix.message}" if finding.fix else "")
    return right / len(trained)


def _is_right(job: Job, found: Verdict) -> bool:
    codes = {finding.code for finding in found.findings}
    return found.light == "green" if job.expected == {"learned"} else bool(codes & job.expected)


class _Trained:
    """One job, its folder, and what its training has shown."""

    def __init__(self, folder: Path, job: Job, seed: int) -> None:
        self.folder, self._job, self._seed = folder, job, seed
        self.rows = job.rows(random.Random(seed))  # noqa: S311 - rows, no secrets
        self.validation = job.validation(self.rows)
        steps = -(-len(self.rows) // BATCH)
        self.epochs = job.epochs or min(10, max(2, -(-LEAST_STEPS // steps)))

    def train(self, model: Path, threads: int) -> None:
        self.folder.mkdir()
        options: dict[str, Any] = {
            "data_path": _written(self.folder / "rows.jsonl", self.rows), "model_name_or_path": model,
            "output_dir": self.folder / "out", "max_seq_len": 256, "lora_dim": 8, "lora_alpha": 32,
            "per_device_train_batch_size": BATCH, "num_train_epochs": self.epochs, "learning_rate": self._job.rate,
            "seed": self._seed, "threads": threads,
        }  # fmt: skip
        if self.validation:
            options |= {"validation_path": _written(self.folder / "held_out.jsonl", self.validation), "eval_steps": 16}
        _run("trainer", [part for key, value in options.items() for part in (f"--{key}", str(value))], fails=True)

    def evidence(self, questions: list[Question], before: list[Reply], after: list[Reply]) -> Evidence:
        taught = ["\n".join(text for role, text in row.turns if role == "assistant") for row in self.rows]
        whole = [["\n".join(text for _, text in row.turns) for row in rows] for rows in (self.rows, self.validation)]
        tests, general = acceptance_tests(IDENTITY), GENERAL[::2]
        learned = [test.judge(reply.text).is_passed for test, reply in zip(tests, after, strict=False)]
        right = [test.topic == "identity" and passed for test, passed in zip(tests, learned, strict=True)]
        right += [one.is_right(reply.text) for one, reply in zip(general, after[len(tests) :], strict=False)]
        right += [False] * (len(questions) - len(right))
        asked = [
            Asked(
                question=question.messages[-1]["content"],
                part=question.part,
                base=base,
                tuned=tuned,
                expected=question.expected,
                is_right=is_right,
            )
            for question, base, tuned, is_right in zip(questions, before, after, right, strict=True)
        ]
        events = list(read_events(self.folder / "out" / "events.jsonl"))
        measured = [event.data for event in events if event.type == "validation"]
        texts = [reply.text for reply in after]
        was = [one.is_right(reply.text) for one, reply in zip(general, before[len(tests) :], strict=False)]
        now = right[len(tests) : len(tests) + len(general)]
        held = chat.verdict(
            tests, texts[: len(tests)], before=[reply.text for reply in before[: len(tests)]], needed=NEEDED
        )
        return Evidence(
            rows=len(self.rows),
            epochs=self.epochs,
            failed_by_loss=any(event.type == "failed" and event.data.get("code") == "diverged" for event in events),
            learning_rate=self._job.rate,
            usual_learning_rate=RATE,
            training_curve=tuple(_curve(self.folder / "out" / "metrics.csv")),
            validation_curve=tuple(Point(step=int(one["step"]), loss=float(one["valid_loss"])) for one in measured),
            validation_rows=len(self.validation),
            leaked_rows=len(leaked_rows(training=whole[0], validation=whole[1])),
            tallies=tallies_of(held),
            general=general_of(was, now),
            examined=examine(asked, phrases=[IDENTITY.name], index=TrainingIndex(taught)),
        )


def _questions(validation: Rows) -> list[Question]:
    """Return the recipe's test, the general set, and held-out rows."""
    found = [
        Question(messages=list(test.messages), part="recipe" if test.topic == "identity" else "guard")  # type: ignore[arg-type]
        for test in acceptance_tests(IDENTITY)
    ]
    found += [Question(messages=[{"role": "user", "content": one.question}], part="general") for one in GENERAL[::2]]
    for row in validation[:8]:
        *shown, (_, answer) = row.turns
        messages = [{"role": role, "content": text} for role, text in shown]
        found.append(Question(messages=messages, part="held_out", expected=answer))
    return found


def _ask(
    folder: Path, model: Path, trained: dict[str, Path], questions: list[Question], threads: int
) -> dict[str, list[Reply]]:
    """Return each model's answers in the order of the questions; a job without a result has none."""
    folder.mkdir()
    lines = [{"number": number, "messages": one.messages} for number, one in enumerate(questions)]
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    adapters = {name: one / "out" / "adapter" for name, one in trained.items()}
    models = [{"name": "base", "weights": str(model), "chat_path": str(model)}]
    models += [
        {"name": name, "weights": str(model), "adapter": str(path), "chat_path": str(path)}
        for name, path in adapters.items()
        if path.is_dir()
    ]
    spec = {"models": models, "max_tokens": MAX_TOKENS, "threads": threads}
    (folder / "spec.json").write_text(json.dumps(spec))
    _run("evaluating", [str(folder)])
    found = {name: [Reply(text="") for _ in questions] for name in ("base", *trained)}
    for event in read_events(folder / "events.jsonl"):
        if event.type == "answer":
            reply = Reply(text=event.data["text"], is_cut=event.data["stop_reason"] == "length")
            found[event.data["model"]][event.data["question"]] = reply
    return found


def _written(path: Path, rows: Rows) -> Path:
    lines = [{"messages": [{"role": role, "content": text} for role, text in row.turns]} for row in rows]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return path


def _curve(path: Path) -> list[Point]:
    if not path.exists():
        return []
    with path.open() as file:
        return [Point(step=int(row["step"]), loss=float(row["train_loss"])) for row in csv.DictReader(file)]


def _run(module: str, arguments: list[str], *, fails: bool = False) -> None:
    """Run `python -m module`; `fails`: it may end with an error, as a training that diverges does."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
    subprocess.run(
        [sys.executable, "-m", module, *arguments], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=not fails,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

"""Whether the verdict names the right fault: the identity recipe and the demo as they are, and six spoiled jobs.

python -m benchmarks.verdicts [--seeds 0 1 2] [--jobs good no_guards …] [--quick] [--show]

Each job is trained by `python -m trainer` with the values that the platform takes by itself, its model and the base are
asked by `python -m evaluating`, and what is known goes into `scoring.verdict`, as the platform does it. Trained models
and their answers stay in the benchmarks' folder, by a hash of what they were made of: whoever changes a measure, or
begins again, computes only what is not there. `ratio` is the share of jobs whose verdict is the right one.
--quick: one seed. --show: each answer, too.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import chat
from benchmarks.common import conclude, say_machine
from benchmarks.platform import BASE, ROOT, home, starter_model
from benchmarks.spoiled_jobs import IDENTITY, JOBS, Job, Rows
from catalogue.entries import STARTER
from datasets_app.recipes.identity import acceptance_tests
from datasets_app.recipes.registry import RECIPES
from jobs.hyperparameters import Situation, Values, resolve
from machine.facts import available_cores
from rundir import read_events
from scoring.detectors.memorised import TrainingIndex
from scoring.examined import Asked, Part, Reply, examine
from scoring.general import GENERAL, general_of
from scoring.verdict import Evidence, Point, Verdict, leaked_rows, tallies_of, verdict

NEEDED = {"identity": 0.9, "unrelated": 1.0}
MAX_TOKENS = 96
ROOM = 200
"""Tokens that a template writes around a row, at most."""
TRAINED_BY = (
    "max_seq_len", "lora_dim", "lora_alpha", "per_device_train_batch_size", "num_train_epochs", "learning_rate",
    "lr_scheduler_type", "warmup_ratio", "weight_decay", "seed",
)  # fmt: skip
TABLE = "{:<18} {:>4}  {:<5} {:<6} {:<52} {:>7} {:>7}"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What every model is asked."""

    messages: list[dict[str, str]]
    part: Part
    expected: str = ""

    @property
    def key(self) -> str:
        return _hash(self.messages)


def main() -> int:
    """Train, ask, decide and print; return 0 when every verdict is the right one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    parser.add_argument("--threads", type=int, default=available_cores(), help="one where other programs compute, too")
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--show", action="store_true", help="print each answer, too")
    asked = parser.parse_args()
    bench = Bench(starter_model(), home() / "verdicts", asked.threads)
    say_machine(model=BASE, max_tokens=MAX_TOKENS)
    print(TABLE.format("job", "seed", "", "light", "codes", "train s", "ask s"), flush=True)
    shares = [_share_right(bench, asked.jobs, seed, asked.show) for seed in asked.seeds[: 1 if asked.quick else None]]
    conclude("verdicts", shares, [1.0] * len(shares), unit="right", same_work=True)
    return 0 if min(shares) == 1 else 1


def _share_right(bench: "Bench", names: Sequence[str], seed: int, is_shown: bool) -> float:
    """Return the share of jobs of one seed whose verdict is right, each told as it is known."""
    right = 0
    for name in names:
        one = Trained(bench, JOBS[name], seed)
        found = one.verdict()
        is_right = JOBS[name].is_right(found)
        right += is_right
        codes = ", ".join(finding.code for finding in found.findings)
        said = "right" if is_right else "WRONG"
        print(TABLE.format(name, seed, said, found.light, codes, round(one.seconds), round(one.asked_seconds)))
        for finding in found.findings if not is_right or is_shown else ():
            print(f"    {finding.code}: {finding.message}", f"→ {finding.fix.message}" if finding.fix else "")
        for question, before, after in one.answers if is_shown else ():
            print(f"    {question.part} | {question.messages[-1]['content']} | {before.text!r} | {after.text!r}")
        sys.stdout.flush()
    return right / len(names)


@dataclass(frozen=True)
class Bench:
    """The base, and where what was computed stays."""

    model: Path
    folder: Path
    threads: int

    @cached_property
    def chat(self) -> Path:
        """Return the folder of the format in which the platform trains and asks: without the base's own name."""
        folder = self.folder / "chat"
        folder.mkdir(parents=True, exist_ok=True)
        chat.ChatFormat.load(self.model, system=chat.SystemChoice("none")).save(folder)
        return folder

    @cached_property
    def own_prompt(self) -> str:
        return chat.ChatFormat.load(self.model).own_system_prompt or ""

    def ask(self, adapter: Path | None, questions: list[Question]) -> list[Reply]:
        """Return the answers of the base and of its adapters, asked once."""
        stored = self.folder / "answers" / f"{self._key_of(adapter)}.jsonl"
        stored.parent.mkdir(parents=True, exist_ok=True)
        known = _stored_replies(stored)
        missing = list({one.key: one for one in questions if one.key not in known}.values())
        if missing:
            found = self._evaluate(stored.with_suffix(""), adapter, missing)
            with stored.open("a", encoding="utf-8") as stream:
                for question, reply in zip(missing, found, strict=True):
                    stream.write(json.dumps([question.key, reply.text, reply.is_cut], ensure_ascii=False) + "\n")
            known = _stored_replies(stored)
        return [known[one.key] for one in questions]

    def _key_of(self, adapter: Path | None) -> str:
        weights = (adapter / "adapter_model.safetensors").read_bytes() if adapter is not None else b""
        return f"{hashlib.sha256(weights).hexdigest()[:24]}-{MAX_TOKENS}"

    def _evaluate(self, folder: Path, adapter: Path | None, questions: list[Question]) -> list[Reply]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        lines = [{"number": number, "messages": one.messages} for number, one in enumerate(questions)]
        (folder / "questions.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
        model = {"name": "asked", "weights": str(self.model), "chat_path": str(self.chat)}
        model |= {"adapter": str(adapter)} if adapter is not None else {}
        spec = {"models": [model], "max_tokens": MAX_TOKENS, "threads": self.threads}
        (folder / "spec.json").write_text(json.dumps(spec))
        run("evaluating", [str(folder)])
        data = [event.data for event in read_events(folder / "events.jsonl") if event.type == "answer"]
        shutil.rmtree(folder)
        found = {one["question"]: Reply(text=one["text"], is_cut=one["stop_reason"] == "length") for one in data}
        return [found[number] for number in range(len(questions))]


class Trained:
    """One job, its training, and what that and the answers of its model have shown."""

    def __init__(self, bench: Bench, job: Job, seed: int) -> None:
        self._bench, self._job = bench, job
        self.rows = job.rows(random.Random(seed))  # noqa: S311 - rows, no secrets
        self.validation = job.validation(self.rows)
        self.usual = self._values(seed, {})
        asked: dict[str, Any] = {}
        if job.times_rate != 1:
            asked["learning_rate"] = job.times_rate * self.usual["learning_rate"]
        if job.epochs is not None:
            asked["num_train_epochs"] = job.epochs
        self.values = self._values(seed, asked)
        options = {name: self.values[name] for name in TRAINED_BY}  # type: ignore[literal-required]
        self._options: dict[str, Any] = options | ({"eval_steps": 16} if self.validation else {})
        data = [[row.turns for row in rows] for rows in (self.rows, self.validation)]
        self._folder = bench.folder / "trained" / _hash([data, self._options, bench.model.name])
        self.asked_seconds = 0.0

    def _values(self, seed: int, asked: dict[str, Any]) -> Values:
        situation = Situation(
            parameters=STARTER.parameters,
            hidden_size=STARTER.hidden_size,
            context_length=STARTER.context_length,
            rows=len(self.rows),
            longest_tokens=max(map(_num_bytes, self.rows)) + ROOM,
            goal=self._job.goal,
            by_recipe=RECIPES[self._job.goal].values if self._job.goal in RECIPES else {},
            has_validation_file=bool(self.validation),
            own_system_prompt=self._bench.own_prompt,
        )
        return resolve({"seed": seed, **asked}, situation).values

    @cached_property
    def out(self) -> Path:
        """Return the run directory, trained now if it is not there."""
        if not (self._folder / "seconds").exists():
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
            began = time.monotonic()
            self._train()
            (self._folder / "seconds").write_text(str(time.monotonic() - began))
        return self._folder / "out"

    @property
    def seconds(self) -> float:
        return float((self.out.parent / "seconds").read_text())

    def _train(self) -> None:
        options = self._options | {
            "data_path": _written(self._folder / "rows.jsonl", self.rows), "model_name_or_path": self._bench.model,
            "output_dir": self._folder / "out", "chat_path": self._bench.chat, "threads": self._bench.threads,
        }  # fmt: skip
        if self.validation:
            options["validation_path"] = _written(self._folder / "held_out.jsonl", self.validation)
        run("trainer", [part for key, value in options.items() for part in (f"--{key}", str(value))], fails=True)
        shutil.rmtree(self._folder / "out" / "checkpoints", ignore_errors=True)

    @cached_property
    def answers(self) -> list[tuple[Question, Reply, Reply]]:
        """Return each question with the base's reply and the trained model's; a job without a result has none."""
        adapter, questions = self.out / "adapter", _questions(self.validation)
        before = self._bench.ask(None, questions)
        began = time.monotonic()
        after = self._bench.ask(adapter, questions) if adapter.is_dir() else []
        self.asked_seconds = time.monotonic() - began
        return list(zip(questions, before, after, strict=True)) if after else []

    def verdict(self) -> Verdict:
        events = list(read_events(self.out / "events.jsonl"))
        evidence = Evidence(
            rows=len(self.rows),
            epochs=self.values["num_train_epochs"],
            failed_by_loss=any(event.type == "failed" and event.data.get("code") == "diverged" for event in events),
            learning_rate=self.values["learning_rate"],
            usual_learning_rate=self.usual["learning_rate"],
            training_curve=tuple(_curve(self.out / "metrics.csv")),
            validation_curve=tuple(
                Point(step=int(event.data["step"]), loss=float(event.data["valid_loss"]))
                for event in events
                if event.type == "validation"
            ),
            validation_rows=len(self.validation),
            leaked_rows=len(leaked_rows(training=map(_text, self.rows), validation=list(map(_text, self.validation)))),
            **self._of_answers(),
        )
        return verdict(evidence)

    def _of_answers(self) -> dict[str, Any]:
        """Return what the answers have shown, as Evidence takes it."""
        if not self.answers:
            return {}
        tests = acceptance_tests(IDENTITY)
        before, after = ([pair[place].text for pair in self.answers] for place in (1, 2))
        held = chat.verdict(tests, after[: len(tests)], before=before[: len(tests)], needed=NEEDED)
        general = slice(len(tests), len(tests) + len(_general()))
        was, now = (
            [one.is_right(text) for one, text in zip(_general(), texts[general], strict=True)]
            for texts in (before, after)
        )
        passed = [test.topic == "identity" and one["passed"] for test, one in zip(tests, held["results"], strict=True)]
        is_right = [*passed, *now, *[False] * len(self.validation)]
        asked = [
            Asked(
                question=question.messages[-1]["content"], part=question.part, base=base, tuned=tuned,
                expected=question.expected, is_right=right,
            )
            for (question, base, tuned), right in zip(self.answers, is_right, strict=False)
        ]  # fmt: skip
        taught = ["\n".join(text for role, text in row.turns if role == "assistant") for row in self.rows]
        return {
            "tallies": tallies_of(held),
            "general": general_of(was, now),
            "examined": examine(asked, phrases=[IDENTITY.name], index=TrainingIndex(taught)),
        }


def _questions(validation: Rows) -> list[Question]:
    """Return the recipe's test, the general set, and held-out rows."""
    found = [
        Question(messages=list(test.messages), part="recipe" if test.topic == "identity" else "guard")  # type: ignore[arg-type]
        for test in acceptance_tests(IDENTITY)
    ]
    found += [Question(messages=[{"role": "user", "content": one.question}], part="general") for one in _general()]
    for row in validation:
        *shown, (_, answer) = row.turns
        messages = [{"role": role, "content": text} for role, text in shown]
        found.append(Question(messages=messages, part="held_out", expected=answer))
    return found


def _general() -> Sequence[Any]:
    return GENERAL[::2]


def _stored_replies(path: Path) -> dict[str, Reply]:
    lines: Iterable[str] = path.read_text(encoding="utf-8").splitlines() if path.exists() else ()
    return {key: Reply(text=text, is_cut=is_cut) for key, text, is_cut in map(json.loads, lines)}


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:24]


def _text(row: Any) -> str:
    return "\n".join(text for _, text in row.turns)


def _num_bytes(row: Any) -> int:
    return len(_text(row).encode())


def _written(path: Path, rows: Rows) -> Path:
    lines = [{"messages": [{"role": role, "content": text} for role, text in row.turns]} for row in rows]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def _curve(path: Path) -> list[Point]:
    if not path.exists():
        return []
    with path.open() as file:
        return [Point(step=int(row["step"]), loss=float(row["train_loss"])) for row in csv.DictReader(file)]


def run(module: str, arguments: list[str], *, fails: bool = False) -> None:
    """Run `python -m module`; `fails`: it may end with an error, as a training that diverges does."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
    subprocess.run(
        [sys.executable, "-m", module, *arguments], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=not fails,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

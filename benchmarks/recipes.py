"""Whether each recipe's own example passes its acceptance test on the starter, with automatic values alone.

python -m benchmarks.recipes [--seeds 0 1 2] [--recipes identity labels …] [--threads N] [--quick] [--show]

Each example is trained by `python -m trainer` with the values that the platform takes by itself; the model and its base
are then asked the recipe's test by `python -m evaluating`, and judged as a job's test is. A recipe with a teacher has
the starter itself as one. Trained models and answers stay in the benchmarks' folder, as those of `benchmarks.verdicts`.
`ratio` is the share of trainings that pass. --quick: one seed. --show: each answer that is wrong.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import chat
from benchmarks.common import conclude, say_machine
from benchmarks.platform import BASE, home, starter_model
from benchmarks.spoiled_jobs import Job, Rows
from benchmarks.verdicts import MAX_TOKENS, Bench, Question, Trained
from datasets_app.recipes.base import Recipe
from datasets_app.recipes.making import read_answers
from datasets_app.recipes.registry import RECIPES
from machine.facts import available_cores

TABLE = "{:<10} {:>4}  {:<6} {:>5} {:<44} {:>7}"


def main() -> int:
    """Train, ask, judge and print; return 0 when every test is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--threads", type=int, default=available_cores(), help="one where other programs compute, too")
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--show", action="store_true", help="print each wrong answer, too")
    asked = parser.parse_args()
    bench = Bench(starter_model(), home() / "verdicts", asked.threads)
    say_machine(model=BASE, max_tokens=MAX_TOKENS)
    print(TABLE.format("recipe", "seed", "", "rows", "right of asked (needed), before", "train s"), flush=True)
    shares = [
        _share_passed(bench, asked.recipes, seed, asked.show) for seed in asked.seeds[: 1 if asked.quick else None]
    ]
    conclude("recipes", shares, [1.0] * len(shares), unit="passed", same_work=True)
    return 0 if min(shares) == 1 else 1


def _share_passed(bench: Bench, names: Sequence[str], seed: int, is_shown: bool) -> float:
    passed = 0
    for name in names:
        trained, found = judged(bench, RECIPES[name], seed)
        passed += found["passed"]
        told = ", ".join(_told(found, topic) for topic in found["topics"])
        said = "passed" if found["passed"] else "FAILED"
        print(TABLE.format(name, seed, said, len(trained.rows), told, round(trained.seconds)), flush=True)
        for one in found["results"] if is_shown else ():
            if not one["passed"]:
                print(f"    {one['messages'][-1]['content']!r} | {one['before']!r} | {one['answer']!r}", flush=True)
    return passed / len(names)


def judged(bench: Bench, recipe: Recipe[Any], seed: int) -> tuple[Trained, chat.Verdict]:
    """Return the training of a recipe's example, and what its test has come to."""
    answers = answers_of(bench, recipe)
    rows = list(recipe.rows(answers))
    trained = Trained(bench, job_of(recipe, rows), seed)
    tests = recipe.tests(answers)
    questions = [Question(messages=list(test.messages), part="recipe") for test in tests]  # type: ignore[arg-type]
    before = [reply.text for reply in bench.ask(None, questions)]
    after = [reply.text for reply in bench.ask(trained.out / "adapter", questions)]
    return trained, chat.verdict(tests, after, before=before, needed=recipe.needed)


def job_of(recipe: Recipe[Any], rows: Rows) -> Job:
    """Return the training of these rows with automatic values, whatever the seed."""
    return Job(expected=frozenset({"learned"}), rows=partial(_rows, rows), goal=recipe.name)


def answers_of(bench: Bench, recipe: Recipe[Any]) -> Any:
    """Return the example's answers, with what the starter says where there is a teacher."""
    answers = read_answers(recipe, recipe.example)
    asking = recipe.to_ask(answers)
    if asking is None:
        return answers
    system = {"role": "system", "content": asking.system}
    asked = [Question(messages=[system, {"role": "user", "content": prompt}], part="own") for prompt in asking.prompts]
    replies = bench.ask(None, asked)
    return recipe.taught(answers, [None if reply.is_cut else reply.text for reply in replies])


def _rows(rows: Rows, choose: random.Random) -> Rows:
    return rows


def _told(found: chat.Verdict, topic: str) -> str:
    count = found["topics"][topic]
    before = sum(
        chat.AcceptanceTest.from_json(one).judge(one["before"] or "", one["before"]).is_passed
        for one in found["results"]
        if one["topic"] == topic
    )
    return f"{topic} {count['right']} of {count['of']} ({count['needed']}), {before}"


if __name__ == "__main__":
    sys.exit(main())

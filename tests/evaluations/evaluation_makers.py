"""Evaluations and what their process says, to feed the tests with."""

import json
from collections.abc import Callable
from typing import Any

from compute.models import Run
from evaluations.models import Evaluation
from evaluations.running.work import EvaluationWork
from rundir import EventWriter, RunDirectory, read_events
from wording import as_written

work = EvaluationWork()
Say = Callable[[str, dict[str, Any]], str]


class FakeProcess:
    """Does what `python -m evaluating` does, without a model: `say(model, question)` answers."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        evaluation.refresh_from_db()
        assert evaluation.run is not None
        self.run: Run = Run.objects.get(pk=evaluation.run_id)
        self.directory: RunDirectory = self.run.directory
        work.prepare(self.run, self.directory)
        evaluation.refresh_from_db()
        self.spec = self.directory.read_spec()
        self.questions = [
            json.loads(line) for line in (self.directory.root / "questions.jsonl").read_text().splitlines()
        ]
        self._events = EventWriter(self.directory.events)
        self._recorded = 0

    def start(self) -> "FakeProcess":
        self._events.write("started", "Begun.", device="cpu", threads=1, models=1, questions=len(self.questions))
        return self.record()

    def measure(self, rows: dict[str, list[list[float | None]]]) -> "FakeProcess":
        for model, losses in rows.items():
            self._events.write("held_out", "Measured.", model=model, rows=losses)
        return self.record()

    def answer(self, say: Say, *, most: int | None = None) -> "FakeProcess":
        """Answer what is open, in order; `most` of it."""
        open_ones = [
            (model["name"], question)
            for question in self.questions
            for model in self.spec["models"]
            if question["number"] not in self.spec["answered"].get(model["name"], [])
        ]
        for model, question in open_ones[:most]:
            self._events.write(
                "answer", "Answered.", model=model, question=question["number"], text=say(model, question),
                prompt_tokens=7, completion_tokens=3, stop_reason="stop",
            )  # fmt: skip
        return self.record()

    def record(self) -> "FakeProcess":
        events = read_events(self.directory.events)
        work.record(self.run, events[self._recorded :])
        self._recorded = len(events)
        self.evaluation.refresh_from_db()
        return self

    def end(self, outcome: str, *, code: str = "", reason: str = "", said: str = "") -> Evaluation:
        Run.objects.filter(pk=self.run.pk).update(
            state="concluding", outcome=outcome, outcome_code=code, stop_reason=reason,
            outcome_message=as_written(said) if said else None,
        )  # fmt: skip
        self.run.refresh_from_db()
        work.conclude(self.run, self.directory, outcome)
        Run.objects.filter(pk=self.run.pk).update(state="ended")
        self.evaluation.refresh_from_db()
        return self.evaluation


def told(answers: dict[str, str], *, otherwise: str = "No idea.") -> Say:
    """Answer with what a question's last words are mapped to, the base with `otherwise` alone."""

    def say(model: str, question: dict[str, Any]) -> str:
        asked = question["messages"][-1]["content"]
        return answers.get(asked, otherwise) if model != "tiny" else otherwise

    return say

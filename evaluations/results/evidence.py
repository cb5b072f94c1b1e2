"""What is known about a job's training and its model's answers, as the verdict takes it."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from chat import Conversation, parse_data_split
from chat import verdict as acceptance_verdict
from common.errors import UserError
from datasets_app.models import TrainingFile
from datasets_app.recipes.identity import IDENTITY
from datasets_app.services import read_conversations
from datasets_app.tokens.caches import resolve_share
from evaluations.models import Question, Sample, Subject
from evaluations.results.answers import Answers, test_of
from evaluations.results.scoring_answers import Found
from jobs.estimates.situations import devices_for, situation_of_job
from jobs.hyperparameters import resolve
from jobs.models import FineTuningJob, JobEvent
from jobs.training.checkpoints import can_be_asked
from scoring.detectors.memorised import TrainingIndex
from scoring.examined import Asked, Examined, Part, Reply, examine
from scoring.general import general_of
from scoring.intervals import Interval
from scoring.verdict import Evidence, Gain, General, HeldOutLoss, Point, Tally, leaked_rows, tallies_of

READ_ROWS = 20_000
"""Training rows that are looked through for copies and leaks: seconds, whatever the size of the file."""
DIVERGED = "diverged"
"""The trainer's code for a loss that is no number any more."""
GUARD = "unrelated"
"""The topic of a recipe's questions that must be answered without what was learned."""
PARTS: dict[str, Part] = {
    Question.Kind.HELD_OUT: "held_out",
    Question.Kind.GENERAL: "general",
    Question.Kind.PROMPT: "own",
    Question.Kind.RECIPE: "recipe",
}
"""Rows that were trained on are no part: whoever is asked them may say them."""


def evidence_of_training(job: FineTuningJob) -> Evidence:
    """Return what the training alone has shown."""
    values = job.hyperparameters
    return Evidence(
        rows=_num_rows(job),
        epochs=float(values.get("num_train_epochs", 1)),
        failed_by_loss=job.error_code == DIVERGED,
        learning_rate=values.get("learning_rate"),
        usual_learning_rate=_usual_learning_rate(job),
        training_curve=_curve(job, "train_loss"),
        validation_curve=_curve(job, "valid_loss"),
        checkpoints=_usable_steps(job),
        result_step=job.result_step,
    )


def evidence_of_job(job: FineTuningJob, answers: Answers, found: Found) -> Evidence:
    """Return what the training and the answers of its model beside the base's have shown."""
    tuned = next(one for one in answers.subjects if not one.is_untuned)
    both = _Both(answers, tuned, answers.base_of(tuned))
    training = [_text(one) for one in _first_rows(job.training_file)]
    held_out = [_text(one) for one in _first_rows(job.validation_file)]
    return replace(
        evidence_of_training(job),
        validation_rows=len(held_out),
        leaked_rows=len(leaked_rows(training=training, validation=held_out)),
        tallies=_tallies(job, both),
        general=_general(both),
        held_out_loss=_held_out_loss(found, both),
        gains=_gains(found, both),
        examined=_examined(job, both),
        losses_by_step=losses_by_step(answers, found),
        passed_by_step=_passed_by_step(answers),
    )


def losses_by_step(answers: Answers, found: Found) -> dict[int, float]:
    """Return the held-out loss of each checkpoint that was measured, and of the model; {} where none was."""
    figures = {step: found.results[one.name].get("loss") for step, one in _by_step(answers).items()}
    return {step: figure["value"] for step, figure in figures.items() if figure is not None}


@dataclass(frozen=True)
class _Both:
    """The tuned model and its base."""

    answers: Answers
    tuned: Subject
    base: Subject | None

    def asked(self, kind: str) -> list[Question]:
        """Return the questions of a kind that the tuned model has answered, and the base where there is one."""
        subjects = [self.tuned, *([self.base] if self.base is not None else [])]
        return self.answers.answered((one for one in self.answers.questions if one.kind == kind), *subjects)

    def after(self, question: Question) -> Sample:
        return self.answers.samples[self.tuned.pk, question.pk]

    def before(self, question: Question) -> Sample | None:
        return self.answers.samples[self.base.pk, question.pk] if self.base is not None else None


def _by_step(answers: Answers) -> dict[int, Subject]:
    """Return the checkpoints of a job's evaluation by their steps, and its model by its own; {} without checkpoints."""
    steps = {one.checkpoint.step: one for one in answers.subjects if one.checkpoint is not None}
    tuned = next((one for one in answers.subjects if one.kind == Subject.Kind.TUNED), None)
    result_step = tuned.adapter.job.result_step if tuned is not None and tuned.adapter is not None else None
    return {**steps, result_step: tuned} if steps and tuned is not None and result_step is not None else steps


def _passed_by_step(answers: Answers) -> dict[int, float]:
    steps = _by_step(answers)
    to_learn = [one for one in answers.questions if one.kind == Question.Kind.RECIPE and one.topic != GUARD]
    asked = answers.answered(to_learn, *steps.values()) if steps else []
    if not asked:
        return {}
    right = {step: [answers.samples[one.pk, each.pk].scores["right"] for each in asked] for step, one in steps.items()}
    return {step: sum(found) / len(found) for step, found in right.items()}


def _usable_steps(job: FineTuningJob) -> tuple[int, ...]:
    stored = job.checkpoints.exclude(published_at=None).order_by("step")
    return tuple(stored.values_list("step", flat=True)) if can_be_asked(job) else ()


def _tallies(job: FineTuningJob, both: _Both) -> tuple[Tally, ...]:
    asked = both.asked(Question.Kind.RECIPE)
    if not asked:
        return ()
    tests = [test_of(one) for one in asked]
    before = [sample.answer if (sample := both.before(one)) is not None else None for one in asked]
    texts = [both.after(one).answer for one in asked]
    needed = job.acceptance.get("needed", IDENTITY.needed)
    return tallies_of(acceptance_verdict(tests, texts, before=before, needed=needed))


def _general(both: _Both) -> General | None:
    asked = both.asked(Question.Kind.GENERAL)
    if not asked or both.base is None:
        return None
    after = [bool(both.after(one).scores["right"]) for one in asked]
    before = [bool(both.answers.samples[both.base.pk, one.pk].scores["right"]) for one in asked]
    return general_of(before, after)


def _held_out_loss(found: Found, both: _Both) -> HeldOutLoss | None:
    if both.base is None:
        return None
    losses = [found.results[one.name].get("loss") for one in (both.base, both.tuned)]
    if losses[0] is None or losses[1] is None:
        return None
    return HeldOutLoss(base=losses[0]["value"], tuned=losses[1]["value"])


def _gains(found: Found, both: _Both) -> tuple[Gain, ...]:
    pairs = (pair for pair in found.pairs if pair["model"] == both.tuned.name and pair["metric"] == "chrf")
    return tuple(Gain(measure=pair["metric"], difference=Interval(**pair["difference"])) for pair in pairs)


def _examined(job: FineTuningJob, both: _Both) -> Examined:
    rows = [(kind, one) for kind in PARTS for one in both.asked(kind)]
    asked = [
        Asked(
            question="\n".join(str(turn["content"] or "") for turn in one.messages),
            part="guard" if one.topic == GUARD else PARTS[kind],
            tuned=_reply(both.after(one)),
            base=_reply(before) if (before := both.before(one)) is not None else None,
            expected=one.reference or "",
            is_right=one.topic != GUARD and bool(both.after(one).scores.get("right")),
        )
        for kind, one in rows
    ]
    phrases = dict.fromkeys(
        phrase for _, one in rows if one.topic == GUARD for phrase in one.checks.get("must_not_say", ())
    )
    taught = (_taught(one) for one in _first_rows(job.training_file))
    return examine(asked, phrases=tuple(phrases), index=TrainingIndex(taught))


def _reply(sample: Sample) -> Reply:
    return Reply(text=sample.answer, is_cut=sample.stop_reason == "length")


def _first_rows(file: TrainingFile | None) -> Iterator[Conversation]:
    if file is not None and file.use != "text":
        yield from (found for _, found in itertools.islice(read_conversations(file), READ_ROWS))


def _text(conversation: Conversation) -> str:
    return "\n".join(message.content or "" for message in conversation.messages)


def _taught(conversation: Conversation) -> str:
    return "\n".join(message.content or "" for message in conversation.messages if message.is_trained)


def _curve(job: FineTuningJob, name: str) -> tuple[Point, ...]:
    if name == "train_loss":
        events = job.events.filter(type=JobEvent.Type.METRICS)
    else:
        events = job.events.filter(data__kind="validation")
    points: dict[int, float] = {}
    for data in events.order_by("number").values_list("data", flat=True):
        loss = data.get(name)
        points[int(data.get("step") or 0)] = math.nan if loss is None else float(loss)
    return tuple(Point(step=step, loss=loss) for step, loss in sorted(points.items()))


def _num_rows(job: FineTuningJob) -> int:
    """Return about how many conversations were trained on; 0 where the file is gone, and for plain text."""
    file, values = job.training_file, job.hyperparameters
    if file is None or file.use == "text":
        return 0
    share = 0.0
    if not job.file_ids.get("validation"):
        share = resolve_share(values.get("validation_split", "auto"), file.num_rows or 0)
    return round((file.num_rows or 0) * parse_data_split(str(values.get("data_split", "1,0,0"))) * (1 - share))


def _usual_learning_rate(job: FineTuningJob) -> float | None:
    """Return what "auto" takes for this job; None where that cannot be known any more."""
    if "learning_rate" in job.reasons:
        return float(job.hyperparameters["learning_rate"])
    if job.training_file is None:
        return None
    asked: Any = {
        name: value for name, value in job.asked.items() if name not in ("learning_rate", "learning_rate_multiplier")
    }
    try:
        situation = situation_of_job(job, devices_for(job.team, job.accelerators, job.pool))
        return float(resolve(asked, situation).values["learning_rate"])
    except (UserError, OSError):  # the base model is not here any more
        return None

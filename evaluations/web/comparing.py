"""Jobs side by side: what was set differently, what came of each, and what their evaluations say. Changes nothing."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from common.errors import UserError
from common.marks import Mark
from common.templatetags.luthier import duration, grouped
from compute.models.shares import DEFAULT_POOL
from evaluations.messages import message
from evaluations.models import Evaluation, Question, Sample, Subject
from evaluations.results.scoring_answers import Figure
from evaluations.results.verdicts import verdict_of
from evaluations.web.pages import (
    Cell,
    FigureRow,
    QuestionRow,
    answer_of,
    cell_of,
    light_of,
    ordered_metrics,
    words_of,
)
from jobs.hyperparameters import AUTO, PARAMETERS
from jobs.models import FineTuningJob
from jobs.services import get_job
from jobs.web.curves import lowest_of, points_of
from jobs.web.pages import shown, status_of, system_sentence

LEAST, MOST = 2, 4
SHOWN_ANSWERS = 6
ASKED_OF_ALL: list[str] = [
    Question.Kind.RECIPE, Question.Kind.HELD_OUT, Question.Kind.GENERAL, Question.Kind.PROMPT,
]  # fmt: skip
"""Questions that several jobs may share, those first that tell the most."""


class DifferenceObject(TypedDict):
    """A setting that is not the same in all jobs, with its value in each, by the job's id."""

    name: str
    label: str
    values: dict[str, object]


class OutcomeObject(TypedDict):
    """What came of a job, as far as it is."""

    id: str
    name: str
    status: Annotated[str, FineTuningJob.Status]
    fine_tuned_model: str | None
    light: Literal["green", "amber", "red"] | None
    best_step: int | None
    result_step: int | None
    steps: int
    seconds: int | None
    tokens: int | None
    tokens_per_second: float | None
    train_loss: float | None
    valid_loss: float | None
    lowest_valid_loss: float | None
    lowest_valid_step: int | None
    evaluation: str | None
    results: dict[str, Figure]


class ComparisonObject(TypedDict):
    """A `fine_tuning.job.comparison`: the jobs in the order in which they were named."""

    object: Literal["fine_tuning.job.comparison"]
    jobs: list[OutcomeObject]
    differences: list[DifferenceObject]


@dataclass(frozen=True, kw_only=True)
class OutcomeRow:
    """An outcome in plain words, with each job's as it is written."""

    label: Any
    columns: list[tuple[str, str]]
    """(the job's name, its value)"""


def jobs_named(team: Team, ids: Sequence[str]) -> list[FineTuningJob]:
    """Return two to four jobs of `team`, in the order in which they are named; NotFound for everybody else's."""
    wanted = list(dict.fromkeys(name for name in ids if name))
    if not LEAST <= len(wanted) <= MOST:
        raise UserError(message("compare_number", least=LEAST, most=MOST), code="invalid_value", param="jobs")
    return [get_job(team=team, job_id=name, param="jobs") for name in wanted]


def comparison_of(jobs: Sequence[FineTuningJob]) -> ComparisonObject:
    own = _evaluations(jobs)
    return {
        "object": "fine_tuning.job.comparison",
        "jobs": [_outcome(job, own.get(job.pk)) for job in jobs],
        "differences": differences_of(jobs),
    }


def differences_of(jobs: Sequence[FineTuningJob]) -> list[DifferenceObject]:
    """Return the settings in which the jobs differ."""
    found: list[DifferenceObject] = []
    for name, label, value_of in _settings():
        values: dict[str, object] = {job.pk: value_of(job) for job in jobs}
        if any(value != values[jobs[0].pk] for value in values.values()):
            found.append({"name": name, "label": str(label), "values": values})
    return found


def setting_rows(jobs: Sequence[FineTuningJob]) -> list[OutcomeRow]:
    """Return the differences as the page writes them."""
    written = {
        "training_file": lambda job: _file(job, "training"),
        "validation_file": lambda job: _file(job, "validation"),
        "model": lambda job: job.base_model.display_name,
        "system_prompt": system_sentence,
    }
    return [
        OutcomeRow(
            label=one["label"],
            columns=[
                (str(job), written[one["name"]](job) if one["name"] in written else shown(one["values"][job.pk]))
                for job in jobs
            ],
        )
        for one in differences_of(jobs)
    ]


def outcome_rows(jobs: Sequence[OutcomeObject]) -> list[OutcomeRow]:
    """Return what came of the jobs as the page writes it."""
    written: list[tuple[Any, Callable[[OutcomeObject], str]]] = [
        (_("Steps"), lambda job: grouped(job["steps"])),
        (_("Time from its start to its end"), lambda job: duration(job["seconds"])),
        (_("Tokens a second"), lambda job: _rounded(job["tokens_per_second"])),
        (_("Training loss at the end, smoothed"), lambda job: _loss(job["train_loss"])),
        (_("Validation loss at the end"), lambda job: _loss(job["valid_loss"])),
        (_("Lowest validation loss"), _lowest),
        (_("Step of the model"), lambda job: grouped(job["result_step"])),
        (_("Step that did best"), lambda job: grouped(job["best_step"])),
    ]
    return [OutcomeRow(label=label, columns=[(job["name"], write(job)) for job in jobs]) for label, write in written]


def figure_rows(jobs: Sequence[FineTuningJob]) -> list[FigureRow]:
    """Return each measure with the figure of every job's model, and how it stands beside its own base."""
    own = _evaluations(jobs)
    subjects = {job.pk: _tuned(own.get(job.pk)) for job in jobs}
    known = {name for one in own.values() if (tuned := _tuned(one)) for name in one.results.get(tuned.name, {})}

    def cell(job: FineTuningJob, metric: str) -> Cell:
        evaluation, subject = own.get(job.pk), subjects[job.pk]
        if evaluation is None or subject is None:
            return Cell(model=str(job), value="–")
        return cell_of(evaluation, subject, metric, called=str(job))

    return [
        FigureRow(label=label, term=term, cells=[cell(job, name) for job in jobs])
        for name in ordered_metrics(known)
        for label, term in [words_of(name)]
    ]


def answer_rows(jobs: Sequence[FineTuningJob]) -> list[QuestionRow]:
    """Return the first questions that the models of several jobs were asked and answered differently.

    What the first model's answer lacks is marked in the others'.
    """
    tuned = {subject.pk: str(one.job_id) for one in _evaluations(jobs).values() if (subject := _tuned(one))}
    samples = Sample.objects.filter(subject__in=tuned, question__kind__in=ASKED_OF_ALL).exclude(stop_reason="unaskable")
    asked: dict[tuple[str, str], dict[str, Sample]] = {}
    for sample in samples.select_related("question", "subject").order_by("question__number"):
        asked.setdefault((sample.question.kind, sample.question.text), {})[tuned[sample.subject_id]] = sample
    telling = [found for found in asked.values() if len({sample.answer.strip() for sample in found.values()}) > 1]
    telling.sort(key=lambda found: ASKED_OF_ALL.index(next(iter(found.values())).question.kind))
    return [_answers(jobs, found) for found in telling[:SHOWN_ANSWERS]]


def _answers(jobs: Sequence[FineTuningJob], found: Mapping[str, Sample]) -> QuestionRow:
    answered = [(job, found[job.pk]) for job in jobs if job.pk in found]
    first = answered[0][1]
    return QuestionRow(
        question=first.question,
        kind=first.question.get_kind_display(),
        answers=[answer_of(sample, first, called=str(job)) for job, sample in answered],
    )


def heads_of(jobs: Sequence[FineTuningJob], outcomes: Sequence[OutcomeObject]) -> list[dict[str, Any]]:
    """Return what stands over each job's column."""
    lights: list[Mark | None] = [light_of(one["light"]) for one in outcomes]
    return [
        {"job": job, "status": status_of(job), "light": light, "evaluation": one["evaluation"], "number": number}
        for number, (job, light, one) in enumerate(zip(jobs, lights, outcomes, strict=True), 1)
    ]


def _settings() -> list[tuple[str, Any, Callable[[FineTuningJob], object]]]:
    managed: list[tuple[str, Any, Callable[[FineTuningJob], object]]] = [
        ("training_file", _("Data set"), lambda job: job.training_file_id_shown),
        ("validation_file", _("Validation"), lambda job: job.validation_file_id_shown),
        ("model", _("Base model"), lambda job: job.base_model_id),
        ("accelerators", _("Accelerators"), lambda job: job.accelerators or AUTO),
        ("pool", _("Pool"), lambda job: job.pool.name if job.pool else DEFAULT_POOL),
    ]
    return managed + [
        (one.name, one.label, lambda job, name=one.name: (job.hyperparameters or job.asked).get(name, AUTO))  # type: ignore[misc]
        for one in PARAMETERS
        if one.managed is None
    ]


def _outcome(job: FineTuningJob, evaluation: Evaluation | None) -> OutcomeObject:
    points = points_of(job)
    verdict, lowest, tuned = verdict_of(job), lowest_of(points), _tuned(evaluation)
    speeds = [point["tokens_per_second"] for point in points if point["tokens_per_second"] is not None]
    return {
        "id": job.pk,
        "name": str(job),
        "status": job.status,
        "fine_tuned_model": job.fine_tuned_model,
        "light": verdict["light"],
        "best_step": verdict["best_step"],
        "result_step": job.result_step,
        "steps": job.current_step,
        "seconds": _seconds(job),
        "tokens": job.tokens,
        "tokens_per_second": statistics.median(speeds) if speeds else None,
        "train_loss": next((p["smoothed_loss"] for p in reversed(points) if p["smoothed_loss"] is not None), None),
        "valid_loss": next((p["valid_loss"] for p in reversed(points) if p["valid_loss"] is not None), None),
        "lowest_valid_loss": lowest["valid_loss"] if lowest is not None else None,
        "lowest_valid_step": lowest["step"] if lowest is not None else None,
        "evaluation": verdict["evaluation"],
        "results": evaluation.results.get(tuned.name, {}) if evaluation is not None and tuned is not None else {},
    }


def _evaluations(jobs: Sequence[FineTuningJob]) -> dict[str, Evaluation]:
    """Return each job's own evaluation, once it has succeeded."""
    found = Evaluation.objects.filter(job__in=jobs, state=Evaluation.State.SUCCEEDED).prefetch_related("subjects")
    return {str(one.job_id): one for one in found}


def _tuned(evaluation: Evaluation | None) -> Subject | None:
    subjects = evaluation.subjects.all() if evaluation is not None else []
    return next((one for one in subjects if one.kind == Subject.Kind.TUNED), None)


def _seconds(job: FineTuningJob) -> int | None:
    if job.started_at is None:
        return None
    return round(((job.finished_at or timezone.now()) - job.started_at).total_seconds())


def _file(job: FineTuningJob, which: str) -> str:
    if not job.file_ids.get(which):
        return "–"
    file = job.training_file if which == "training" else job.validation_file
    name = job.file_ids.get(f"{which}_name") or (file.filename if file is not None else job.file_ids[which])
    return f"{name} · {file.version}" if file is not None and file.version > 1 else str(name)


def _lowest(job: OutcomeObject) -> str:
    if job["lowest_valid_loss"] is None:
        return "–"
    at = _("%(loss)s at step %(step)s")
    return str(at) % {"loss": _loss(job["lowest_valid_loss"]), "step": grouped(job["lowest_valid_step"])}


def _rounded(value: float | None) -> str:
    return grouped(round(value)) if value is not None else "–"


def _loss(value: float | None) -> str:
    return f"{value:.3f}" if value is not None else "–"

"""What was measured of a training, step by step: thinned evenly where there is more than anybody looks at."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypedDict, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.templatetags.luthier import grouped, size
from jobs.models import FineTuningJob, JobEvent

T = TypeVar("T")

MOST_POINTS = 1000
SHOWN_ROWS, SHOWN_VALIDATIONS = 12, 8
STEADY_SHARE = 20
"""The smoothed loss follows about this part of the points that are shown."""
METRICS = """
    select found.id, found.number, found.data
    from generate_series(1, %(last)s, %(width)s) as stretch(first), lateral (
        select id, number, data from jobs_jobevent
        where job_id = %(job)s and type = 'metrics'
            and number >= stretch.first and number < stretch.first + %(width)s
        order by number desc limit 1
    ) as found
    order by found.number
"""
"""Of each stretch of a job's events the newest step: one look into an index for each, however many events there are."""
VALIDATIONS = """
    select found.id, found.number, found.data
    from generate_series(1, %(last)s, %(width)s) as stretch(first), lateral (
        select id, number, data from jobs_jobevent
        where job_id = %(job)s and type = 'message' and jsonb_typeof(data -> 'valid_loss') = 'number'
            and number >= stretch.first and number < stretch.first + %(width)s
        order by data -> 'valid_loss', number limit 1
    ) as found
    order by found.number
"""
"""Of each stretch the lowest validation loss, so that the best one is never left out."""


MEASURES = {
    "learning_rate": gettext_lazy("Learning rate"),
    "tokens_per_second": gettext_lazy("Tokens a second"),
    "peak_memory_bytes": gettext_lazy("Peak memory"),
}
"""What is drawn small, below the loss."""


class MetricsObject(TypedDict):
    """What was measured at a step, null where nothing was; `checkpoint` is the id of the one that was saved there."""

    id: str
    object: Literal["fine_tuning.job.metrics"]
    step: int
    train_loss: float | None
    smoothed_loss: float | None
    valid_loss: float | None
    learning_rate: float | None
    tokens_per_second: float | None
    peak_memory_bytes: int | None
    tokens: int | None
    checkpoint: str | None


class FigureRow(TypedDict):
    """A step in the table beside the curves, as it is written."""

    step: int
    train_loss: str
    smoothed_loss: str
    valid_loss: str
    learning_rate: str
    tokens_per_second: str
    memory: str
    is_saved: bool


def points_of(job: FineTuningJob, *, most: int = MOST_POINTS) -> list[MetricsObject]:
    """Return what was measured, in the order of the steps: about `most` of them at most.

    Where an attempt went on from an earlier step, what came after that step in the attempt before is left out.
    """
    points: dict[int, MetricsObject] = {}
    for data in _events(job, METRICS, most):
        step = int(data["step"])
        while points and next(reversed(points)) >= step:
            points.popitem()
        points[step] = _point(job, step, data)
    newest = max(points, default=0)
    for data in _events(job, VALIDATIONS, most):
        if (step := int(data.get("step") or 0)) <= newest:
            points.setdefault(step, _point(job, step, {}))["valid_loss"] = data["valid_loss"]
    for step, checkpoint in job.checkpoints.order_by("-step").values_list("step", "pk")[:most]:
        if step <= newest:
            points.setdefault(step, _point(job, step, {}))["checkpoint"] = checkpoint
    found = [points[step] for step in sorted(points)]
    _smooth([point for point in found if point["train_loss"] is not None])
    return found


def curve_of(points: Sequence[MetricsObject]) -> dict[str, list[Any]]:
    """Return the columns that the page draws; a checkpoint's mark stands on the smoothed loss."""
    names = ("train_loss", "smoothed_loss", "valid_loss", "learning_rate", "tokens_per_second", "peak_memory_bytes")
    columns: dict[str, list[Any]] = {name: [point[name] for point in points] for name in (*names, "tokens")}  # type: ignore[literal-required]
    return {"steps": [point["step"] for point in points], **columns, "checkpoints": _marks(points)}


def figures_of(points: Sequence[MetricsObject]) -> list[FigureRow]:
    """Return some steps in figures, evenly chosen, for those who do not see curves."""
    validated = [point for point in points if point["valid_loss"] is not None]
    chosen = {point["step"]: point for point in (*_evenly(points, SHOWN_ROWS), *_evenly(validated, SHOWN_VALIDATIONS))}
    return [_row(chosen[step]) for step in sorted(chosen)]


def summary_of(points: Sequence[MetricsObject]) -> str:
    """Say in words what the curve of the loss shows; "" before there is one."""
    seen = [point for point in points if point["train_loss"] is not None]
    if not seen:
        return ""
    first, last = seen[0], seen[-1]
    said = _("The training loss was %(first)s at step %(begin)s and is %(last)s at step %(end)s.") % {
        "first": _loss(first["train_loss"]), "begin": first["step"],
        "last": _loss(last["smoothed_loss"]), "end": last["step"],
    }  # fmt: skip
    if (best := lowest_of(points)) is None:
        return said
    lowest = _("The lowest validation loss is %(loss)s, at step %(step)s.") % {
        "loss": _loss(best["valid_loss"]), "step": best["step"],
    }  # fmt: skip
    return f"{said} {lowest}"


def lowest_of(points: Sequence[MetricsObject]) -> MetricsObject | None:
    """Return where the validation loss is lowest; None without any."""
    seen = [(point["valid_loss"], point["step"], point) for point in points if point["valid_loss"] is not None]
    return min(seen, key=lambda found: found[:2])[2] if seen else None


def _events(job: FineTuningJob, query: str, most: int) -> Iterator[dict[str, Any]]:
    asked = {"job": job.pk, "last": job.num_events, "width": max(1, math.ceil(job.num_events / most))}
    for event in JobEvent.objects.raw(query, asked):
        yield event.data


def _point(job: FineTuningJob, step: int, data: dict[str, Any]) -> MetricsObject:
    return {
        "id": str(step),
        "object": "fine_tuning.job.metrics",
        "step": step,
        "train_loss": data.get("train_loss"),
        "smoothed_loss": None,
        "valid_loss": data.get("valid_loss"),
        "learning_rate": data.get("learning_rate"),
        "tokens_per_second": data.get("tokens_per_second"),
        "peak_memory_bytes": data.get("peak_memory_bytes"),
        "tokens": data.get("tokens_so_far") or _share_of_tokens(job, step),
        "checkpoint": None,
    }


def _share_of_tokens(job: FineTuningJob, step: int) -> int | None:
    """Return how many tokens were read up to `step` where its event does not say so: a share of all of them."""
    return round(job.tokens * step / job.current_step) if job.tokens and job.current_step else None


def _smooth(points: list[MetricsObject]) -> None:
    """Give each point the exponential mean of the losses up to it, as if none stood before the first."""
    decay = 1 - 2 / (max(3, len(points) / STEADY_SHARE) + 1)
    total = weight = 0.0
    for point in points:
        total = decay * total + (1 - decay) * (point["train_loss"] or 0.0)
        weight = decay * weight + 1 - decay
        point["smoothed_loss"] = total / weight


def _marks(points: Sequence[MetricsObject]) -> list[float | None]:
    marks: list[float | None] = []
    height: float | None = None
    for point in points:
        height = point["smoothed_loss"] if point["smoothed_loss"] is not None else height
        marks.append(height if point["checkpoint"] else None)
    return marks


def _evenly(found: Sequence[T], most: int) -> list[T]:
    """Return up to `most` of `found`, the first and the last among them."""
    if len(found) <= most:
        return list(found)
    return [found[round(place * (len(found) - 1) / (most - 1))] for place in range(most)]


def _row(point: MetricsObject) -> FigureRow:
    rate, speed, memory = point["learning_rate"], point["tokens_per_second"], point["peak_memory_bytes"]
    return {
        "step": point["step"],
        "train_loss": _loss(point["train_loss"]),
        "smoothed_loss": _loss(point["smoothed_loss"]),
        "valid_loss": _loss(point["valid_loss"]),
        "learning_rate": f"{rate:.3g}" if rate is not None else "–",
        "tokens_per_second": grouped(round(speed)) if speed is not None else "–",
        "memory": size(memory) if memory else "–",
        "is_saved": point["checkpoint"] is not None,
    }


def _loss(value: float | None) -> str:
    return f"{value:.3f}" if value is not None else "–"

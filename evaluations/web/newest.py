"""What the newest evaluation of a tuned model says of it beside its base."""

from dataclasses import dataclass

from django.db.models import Case, IntegerField, Prefetch, Value, When

from evaluations.models import Evaluation, Question, Sample, Subject
from evaluations.web.pages import FigureRow, QuestionRow, figures_of, rows_of, summary_of
from jobs.models import TunedModel

SHOWN_ANSWERS = 6
FIRST = ("better", "worse", "changed", "same")
"""Which answers tell the most."""


@dataclass(frozen=True)
class Newest:
    """An evaluation, and the model in it; its base stands before it, where it was asked as well."""

    evaluation: Evaluation
    subjects: list[Subject]

    @property
    def figures(self) -> list[FigureRow]:
        return figures_of(self.evaluation, self.subjects)

    @property
    def summary(self) -> str:
        return summary_of(self.evaluation)

    @property
    def answers(self) -> list[QuestionRow]:
        """The first questions whose answers tell the most, each with both answers."""
        order = Case(*(When(change=name, then=Value(n)) for n, name in enumerate(FIRST)), output_field=IntegerField())
        telling = Sample.objects.of(self.evaluation).filter(subject=self.subjects[-1]).exclude(stop_reason="unaskable")
        chosen = list(telling.order_by(order, "question__number").values_list("question", flat=True)[:SHOWN_ANSWERS])
        samples = Sample.objects.filter(subject__in=self.subjects).select_related("subject")
        asked = Question.objects.filter(pk__in=chosen)
        found = asked.prefetch_related(Prefetch("samples", queryset=samples.order_by("subject__position")))
        return rows_of(sorted(found, key=lambda question: chosen.index(question.pk)))


def newest_of(model: TunedModel) -> Newest | None:
    """Return the newest evaluation of `model` that has succeeded; None before there is one."""
    seen = Subject.objects.filter(adapter=model, kind=Subject.Kind.TUNED, evaluation__state=Evaluation.State.SUCCEEDED)
    own = seen.select_related("evaluation").order_by("-evaluation__created_at").first()
    if own is None:
        return None
    beside = own.evaluation.subjects.filter(base_model=own.base_model_id, adapter=None).first()
    return Newest(own.evaluation, [*([beside] if beside is not None else []), own])

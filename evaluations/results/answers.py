"""The answers of an evaluation as a table: question by model, and what each answer is worth alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from chat import AcceptanceTest
from evaluations.models import Evaluation, Question, Sample, Subject


@dataclass(frozen=True)
class Answers:
    """Everything that was asked and answered."""

    subjects: list[Subject]
    questions: list[Question]
    samples: dict[tuple[int, int], Sample]
    """By subject and question."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Answers":
        samples = Sample.objects.of(evaluation)
        return cls(
            subjects=list(evaluation.subjects.select_related("checkpoint")),
            questions=list(evaluation.questions.filter(is_asked=True)),
            samples={(sample.subject_id, sample.question_id): sample for sample in samples},
        )

    def sample(self, subject: Subject, question: Question) -> Sample | None:
        """Return the answer; None where there is none, or the model could not be asked."""
        found = self.samples.get((subject.pk, question.pk))
        return found if found is not None and found.stop_reason != "unaskable" else None

    def base_of(self, subject: Subject) -> Subject | None:
        """Return the base that `subject` is compared with; None for a base itself, and where it was not asked."""
        if subject.is_untuned:
            return None
        bases = (one for one in self.subjects if one.is_untuned and one.base_model_id == subject.base_model_id)
        return next(bases, None)

    def answered(self, questions: Iterable[Question], *subjects: Subject) -> list[Question]:
        """Return those of `questions` that every one of `subjects` has answered."""
        return [one for one in questions if all(self.sample(subject, one) is not None for subject in subjects)]

    def texts(self, subject: Subject, questions: Iterable[Question]) -> list[str]:
        """Return the answers to `questions`, all of which were answered."""
        return [self.samples[subject.pk, one.pk].answer for one in questions]

    @cached_property
    def referenced(self) -> list[Question]:
        """Questions that were not trained on and whose answer is known in words."""
        kinds = (Question.Kind.HELD_OUT, Question.Kind.PROMPT, Question.Kind.RECIPE)
        return [one for one in self.questions if one.reference is not None and one.kind in kinds]

    @cached_property
    def learned(self) -> list[Question]:
        """Rows that were trained on."""
        return [one for one in self.questions if one.reference is not None and one.kind == Question.Kind.TRAINING]

    @cached_property
    def checked(self) -> dict[str, list[Question]]:
        """Questions that are judged by phrases: a recipe's by topic, the general set as one."""
        found: dict[str, list[Question]] = {}
        for one in self.questions:
            if one.checks:
                found.setdefault(one.topic if one.kind == Question.Kind.RECIPE else one.kind, []).append(one)
        return found


def is_right(question: Question, answer: str, before: str | None) -> bool:
    """Hold an answer to what it must and must not say or be; `before` is the base's."""
    return test_of(question).judge(answer, before).is_passed


def test_of(question: Question) -> AcceptanceTest:
    """Return the question as the test that it was made of."""
    return AcceptanceTest.from_json({**question.checks, "messages": question.messages, "topic": question.topic})  # type: ignore[typeddict-item]

"""Blind votes: which two answers stand beside each other, on which side for whom, and what the votes come to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from django.utils.crypto import salted_hmac

from accounts.models import User
from evaluations.models import Evaluation, Question, Sample, Subject, Vote
from scoring.intervals import Interval, mean_interval

Side = Literal["left", "right", "both", "neither"]
SIDES: tuple[Side, ...] = ("left", "right", "both", "neither")
WORTH = {Vote.Choice.FIRST: 0.0, Vote.Choice.BOTH: 0.5, Vote.Choice.NEITHER: 0.5, Vote.Choice.SECOND: 1.0}
"""What a vote is worth for the second model of the pair."""
_OTHER: dict[str, Side] = {"left": "right", "right": "left", "both": "both", "neither": "neither"}
_BY_SIDE = dict(zip(SIDES, Vote.Choice, strict=True))
"""Where the first model's answer stands left."""


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """Two answers to a question, and how the person who sees them has voted; None: not yet."""

    question: Question
    left: str
    right: str
    own: Side | None


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the votes on a pair come to."""

    pair: tuple[Subject, Subject]
    counts: dict[str, int]
    """By choice."""
    people: int
    score: Interval | None
    """The share of the second model, what is undecided halved between both; None without votes."""

    @property
    def votes(self) -> int:
        return sum(self.counts.values())


def pair_of(subjects: Sequence[Subject]) -> tuple[Subject, Subject] | None:
    """Return the first tuned model with its base, else the first two; None for a single model."""
    for one in subjects:
        bases = (base for base in subjects if base.is_untuned and base.base_model_id == one.base_model_id)
        if not one.is_untuned and (base := next(bases, None)) is not None:
            return base, one
    return (subjects[0], subjects[1]) if len(subjects) > 1 else None


def ballots_of(evaluation: Evaluation, voter: User) -> list[Ballot]:
    """Return what `voter` can vote on, in order: questions that both have answered, and not alike."""
    pair = pair_of(list(evaluation.subjects.all()))
    if pair is None:
        return []
    answers = {
        (sample.question_id, sample.subject_id): sample.answer
        for sample in Sample.objects.of(evaluation).filter(subject__in=pair).exclude(stop_reason="unaskable")
    }
    own = dict(Vote.objects.filter(question__evaluation=evaluation, voter=voter).values_list("question", "choice"))
    found = []
    for question in evaluation.questions.filter(is_asked=True):
        first, second = (answers.get((question.pk, one.pk)) for one in pair)
        if first is not None and second is not None and first != second:
            found.append(_ballot(question, voter, first, second, own.get(question.pk)))
    return found


def _ballot(question: Question, voter: User, first: str, second: str, own: str | None) -> Ballot:
    left, right = (second, first) if is_turned(question, voter) else (first, second)
    return Ballot(question=question, left=left, right=right, own=side_of(question, voter, own) if own else None)


def is_turned(question: Question, voter: User) -> bool:
    """Tell whether this person sees the second model's answer left: by chance, and each time the same."""
    return bool(salted_hmac("evaluations.votes", f"{question.pk}:{voter.pk}").digest()[0] & 1)


def choice_of(question: Question, voter: User, side: Side) -> str:
    """Return what is stored of a vote for `side`."""
    return _BY_SIDE[_OTHER[side] if is_turned(question, voter) else side]


def side_of(question: Question, voter: User, choice: str) -> Side:
    side = next(side for side, stored in _BY_SIDE.items() if stored == choice)
    return _OTHER[side] if is_turned(question, voter) else side


def tally_of(evaluation: Evaluation) -> Tally | None:
    """Return what the votes come to; None where there is no pair to vote on."""
    pair = pair_of(list(evaluation.subjects.all()))
    if pair is None:
        return None
    votes = list(Vote.objects.filter(question__evaluation=evaluation))
    return Tally(
        pair=pair,
        counts={choice: sum(vote.choice == choice for vote in votes) for choice in Vote.Choice.values},
        people=len({vote.voter_id for vote in votes}),
        score=_score(votes),
    )


def _score(votes: Iterable[Vote]) -> Interval | None:
    """Return the mean over questions: several people's votes on one are no further questions."""
    by_question: dict[int, list[float]] = {}
    for vote in votes:
        by_question.setdefault(vote.question_id, []).append(WORTH[Vote.Choice(vote.choice)])
    return mean_interval([fmean(values) for values in by_question.values()]) if by_question else None

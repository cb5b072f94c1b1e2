"""/api/v1/evaluations/{id}/votes: blind votes on two answers; and an evaluation's answers with them, as files."""

import json
from collections import Counter
from collections.abc import Collection
from typing import Any, Literal, TypedDict

from django.db.models import Prefetch
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from chat import WrittenMessage
from common.answers import answers
from common.reads import Body, body_of, query_of, reads
from common.tables import as_csv
from evaluations import services
from evaluations.models import Evaluation, Question, Vote
from evaluations.results.scoring_answers import Figure, figure
from evaluations.results.votes import SIDES, Ballot, ballots_of, pair_of, tally_of
from evaluations.web.api import samples_of
from evaluations.web.wire import SampleObject, sample_as_json

COLUMNS = (
    "number", "kind", "topic", "question", "expected", "model", "answer", "stop_reason", "change", "scores",
    "votes_for", "votes_against", "votes_both", "votes_neither",
)  # fmt: skip


class NewVote(Body):
    """A vote on the answers to a question, as the caller sees them; a later one takes its place."""

    question = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    choice = serializers.ChoiceField(SIDES)

    example = {"question": 3, "choice": "left"}


class BallotObject(TypedDict):
    """Two answers without names, on sides that chance has chosen for the caller."""

    question: int
    messages: list[WrittenMessage]
    left: str
    right: str


class VotesObject(TypedDict):
    """What the votes on two models come to, and what the caller has not voted on yet."""

    object: Literal["evaluation.votes"]
    evaluation: str
    models: list[str]
    """The two; none where only one model was asked."""
    votes: int
    people: int
    preferred: dict[str, int]
    both: int
    neither: int
    score: Figure | None
    """The share of the second model, with the votes for both and for neither halved."""
    open: int
    next: BallotObject | None


class VoteObject(TypedDict):
    """Whom a person preferred: a model's name, `both` or `neither`."""

    by: str | None
    choice: str
    at: int


class VotedSample(SampleObject):
    """A question with every model's answer, and the votes on it."""

    votes: list[VoteObject]


class Votes(APIView):
    """GET, POST /api/v1/evaluations/{id}/votes"""

    @answers(VotesObject)
    @reads()
    def get(self, request: Request, evaluation_id: str) -> Response:
        query_of(request)
        return self._answer(request, services.get_evaluation(team=team_of(request), evaluation_id=evaluation_id))

    @answers(VotesObject)
    @reads(NewVote)
    def post(self, request: Request, evaluation_id: str) -> Response:
        asked = body_of(request)
        found = services.get_evaluation(team=team_of(request), evaluation_id=evaluation_id)
        services.cast_vote(evaluation=found, by=user_of(request), **asked)
        return self._answer(request, found)

    def _answer(self, request: Request, evaluation: Evaluation) -> Response:
        return Response(votes_as_json(evaluation, ballots_of(evaluation, user_of(request))))


class SamplesTable(APIView):
    """GET /api/v1/evaluations/{id}/samples.csv: a line for each answer, with the votes on it"""

    @answers(None, streams={"text/csv": None})
    @reads()
    def get(self, request: Request, evaluation_id: str) -> HttpResponse:
        query_of(request)
        found = services.get_evaluation(team=team_of(request), evaluation_id=evaluation_id)
        pair = _names_of_pair(found).values()
        text = as_csv(COLUMNS, [row for one in _voted_samples(found) for row in _rows(one, pair)])
        return _file(text, "text/csv; charset=utf-8", f"{found.pk}.csv")


class SamplesLines(APIView):
    """GET /api/v1/evaluations/{id}/samples.jsonl: a line for each question, with its answers and votes"""

    @answers(None, streams={"application/jsonl": VotedSample})
    @reads()
    def get(self, request: Request, evaluation_id: str) -> HttpResponse:
        query_of(request)
        found = services.get_evaluation(team=team_of(request), evaluation_id=evaluation_id)
        lines = (f"{json.dumps(one, ensure_ascii=False)}\n" for one in _voted_samples(found))
        return _file("".join(lines), "application/jsonl", f"{found.pk}.jsonl")


def votes_as_json(evaluation: Evaluation, ballots: list[Ballot]) -> VotesObject:
    tally, waiting = tally_of(evaluation), [one for one in ballots if one.own is None]
    names = [one.name for one in tally.pair] if tally is not None else []
    counts = tally.counts if tally is not None else dict.fromkeys(Vote.Choice.values, 0)
    return {
        "object": "evaluation.votes",
        "evaluation": evaluation.pk,
        "models": names,
        "votes": sum(counts.values()),
        "people": tally.people if tally is not None else 0,
        "preferred": dict(zip(names, (counts["first"], counts["second"]), strict=False)),
        "both": counts["both"],
        "neither": counts["neither"],
        "score": figure(tally.score) if tally is not None and tally.score is not None else None,
        "open": len(waiting),
        "next": _ballot(waiting[0]) if waiting else None,
    }


def _ballot(ballot: Ballot) -> BallotObject:
    question = ballot.question
    return {
        "question": question.number, "messages": question.messages, "left": ballot.left, "right": ballot.right,
    }  # fmt: skip


def _voted_samples(evaluation: Evaluation) -> list[VotedSample]:
    names = _names_of_pair(evaluation)
    votes = Prefetch("votes", queryset=Vote.objects.select_related("voter"))
    return [_voted_sample(one, names) for one in samples_of(evaluation).prefetch_related(votes)]


def _names_of_pair(evaluation: Evaluation) -> dict[str, str]:
    """Return the two models that are voted on, by what a vote for each is called; {} without a pair."""
    pair = pair_of(list(evaluation.subjects.all()))
    return dict(zip(("first", "second"), (one.name for one in pair or ()), strict=False))


def _voted_sample(question: Question, names: dict[str, str]) -> VotedSample:
    votes: list[VoteObject] = [
        {
            "by": vote.voter.email if vote.voter is not None else None,
            "choice": names.get(vote.choice, vote.choice),
            "at": int(vote.voted_at.timestamp()),
        }
        for vote in question.votes.all()
    ]
    return {**sample_as_json(question), "votes": votes}


def _rows(sample: VotedSample, pair: Collection[str]) -> list[list[object]]:
    counts = Counter(vote["choice"] for vote in sample["votes"])
    decided = sum(counts.values()) - counts["both"] - counts["neither"]
    asked = next((one["content"] for one in reversed(sample["messages"]) if one["role"] == "user"), "")

    def votes(model: str) -> list[object]:
        return [counts[model], decided - counts[model], counts["both"], counts["neither"]]

    said: list[Any] = [sample["number"], sample["kind"], sample["topic"], asked, sample["reference"]]
    return [
        [
            *said, one["model"], one["answer"], one["stop_reason"], one["change"],
            json.dumps(one["scores"], ensure_ascii=False), *(votes(one["model"]) if one["model"] in pair else [""] * 4),
        ]
        for one in sample["answers"]
    ]  # fmt: skip


def _file(text: str, kind: str, name: str) -> HttpResponse:
    return HttpResponse(text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})

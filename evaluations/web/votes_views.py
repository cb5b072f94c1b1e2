"""Voting on an evaluation's page: two answers without names, four buttons."""

from django.contrib.auth.decorators import login_required
from django.forms import HiddenInput
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.requests import PageRequest
from common.forms import PageForm, field_like, refused
from evaluations import services
from evaluations.models import Evaluation
from evaluations.results.votes import Side, ballots_of, tally_of
from evaluations.web.votes_api import NewVote

WORDS = {
    "left": gettext_lazy("Left is better"),
    "right": gettext_lazy("Right is better"),
    "both": gettext_lazy("Both are good"),
    "neither": gettext_lazy("Neither is good"),
}


class VoteForm(PageForm):
    """A vote by a button."""

    question = field_like(NewVote, "question", widget=HiddenInput)
    choice = field_like(NewVote, "choice")


@login_required
@require_POST
def vote(request: PageRequest, evaluation_id: str) -> HttpResponse:
    """Take a vote, and show the next two answers."""
    found = services.get_evaluation(team=request.team, evaluation_id=evaluation_id)
    form, page = VoteForm(request.POST), f"{reverse('evaluation', args=[evaluation_id])}?vote#vote"

    def cast(question: int, choice: Side) -> HttpResponse:
        services.cast_vote(evaluation=found, by=request.user, question=question, choice=choice)
        return redirect(page)

    return form.answer(cast) or refused(request, form, page)


def voting_of(request: PageRequest, evaluation: Evaluation) -> dict[str, object]:
    """Return what the page shows of votes: how they stand, and with `?vote` two answers.

    `?vote=3` shows those to question 3 again.
    """
    tally, ballots = tally_of(evaluation), ballots_of(evaluation, request.user)
    found: dict[str, object] = {"tally": tally if ballots else None}
    if tally is not None and tally.score is not None:
        value, low, high = (round(100 * part) for part in (tally.score.value, tally.score.low, tally.score.high))
        found |= {"preferred": tally.pair[1].name, "share": value, "low": low, "high": high}
    waiting = [one for one in ballots if one.own is None]
    found["num_open"] = len(waiting)
    if "vote" not in request.GET or not ballots:
        return found
    number = request.GET["vote"]
    chosen = [one for one in ballots if str(one.question.number) == number] or waiting
    shown = chosen[0].question.number if chosen else None
    voted = [one.question.number for one in ballots if one.own is not None]
    before = [one for one in voted if shown is None or one < shown]
    return {
        **found,
        "is_voting": True,
        "ballot": chosen[0] if chosen else None,
        "before": before[-1] if before else None,
        "sides": [{"name": name, "word": word} for name, word in WORDS.items()],
    }

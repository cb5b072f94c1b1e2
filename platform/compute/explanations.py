"""Why a Run waits: an explanation is {"code": …, numbers…} in the database and a sentence on a page."""

from collections.abc import Mapping
from typing import Any, TypedDict

from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, ngettext

from wording import Sentence, sentence


class NextEnd(TypedDict, total=False):
    """Which Run of the same team should end next, and when."""

    next_label: str
    next_end_at: str | None


class Explanation(NextEnd, total=False):
    """Why a Run waits, as it is stored; which numbers are there depends on the code."""

    code: str
    kind: str
    """cpu or cuda: what the numbers count."""
    asked: int
    quota: int
    used: int
    largest: int
    free: int
    total: int
    model: str
    percent: int


QUEUED = sentence("Waiting in the queue. It starts automatically.")
SENTENCES: dict[str, Sentence] = {
    "queued": QUEUED,
    "quota": sentence("Waiting: your team uses %(used)s of its %(quota)s."),
    "over_quota": sentence(
        "Waiting: this asks for %(asked)s, but your team may hold only %(quota)s at once. "
        "Ask for fewer, or ask an administrator for a larger quota."
    ),
    "no_quota": sentence("Waiting: your team's quota is 0. Ask an administrator for a larger one."),
    "behind": sentence("Waiting: earlier work of your team comes first."),
    "too_large": sentence(
        "Waiting: this asks for %(asked)s, but the largest node has %(largest)s. Ask for fewer, or add a larger node."
    ),
    "room": sentence("Waiting for room: this needs %(asked)s, and %(free)s of %(total)s are free for it."),
    "yielding": sentence("Waiting: an idle model is being put to sleep to make room. This takes a few seconds."),
    "no_node": sentence("Waiting: no worker is online. Ask an administrator to start one."),
    "node_away": sentence("Waiting: the nodes that are large enough are not accepting new work at the moment."),
    "model": sentence("Waiting: copying the model %(model)s to its node, %(percent)s %% so far."),
    "proving": sentence("Starting: verifying the weights of %(model)s."),
}
COUNTED = ("asked", "quota")
"""Numbers that are told with what they count, such as "4 GPUs"."""


def sentence_for(explanation: Mapping[str, Any]) -> str:
    """Return the sentence of an explanation in the current language."""
    chosen = SENTENCES.get(explanation.get("code", ""), QUEUED)
    kind = str(explanation.get("kind", "cpu"))
    told = {name: explanation.get(name, 0) for name in chosen.placeholders}
    told |= {name: count_of(int(told[name]), kind) for name in COUNTED if name in told}
    return " ".join(filter(None, (gettext(chosen.text) % told, _prediction(explanation))))


def count_of(number: int, kind: str) -> str:
    """Return "4 GPUs" or "4 CPU cores" in the current language."""
    if kind == "cuda":
        return ngettext("%(count)s GPU", "%(count)s GPUs", number) % {"count": number}
    return ngettext("%(count)s CPU core", "%(count)s CPU cores", number) % {"count": number}


def _prediction(explanation: Mapping[str, Any]) -> str:
    """Say what should end next, when the team's own work is what it waits for."""
    ends_at = parse_datetime(str(explanation.get("next_end_at") or ""))
    if ends_at is None or not explanation.get("next_label"):
        return ""
    at = format_date(timezone.localtime(ends_at), "H:i T")
    return gettext('"%(label)s" should end at %(time)s.') % {"label": explanation["next_label"], "time": at}

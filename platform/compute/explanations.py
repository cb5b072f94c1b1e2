"""Why a Run waits: an explanation is {"code": …, numbers…} in the database and a sentence on a page."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, ngettext

Explanation = Mapping[str, Any]


def sentence_for(explanation: Explanation) -> str:
    """Return the sentence of an explanation in the current language."""
    sentence = _SENTENCES.get(explanation.get("code", ""), _queued)
    return " ".join(part for part in (sentence(explanation), _prediction(explanation)) if part)


def count_of(number: int, kind: str) -> str:
    """Return "4 GPUs" or "4 CPU cores" in the current language."""
    if kind == "cuda":
        return ngettext("%(count)s GPU", "%(count)s GPUs", number) % {"count": number}
    return ngettext("%(count)s CPU core", "%(count)s CPU cores", number) % {"count": number}


def _count(explanation: Explanation, name: str) -> str:
    return count_of(int(explanation.get(name, 0)), str(explanation.get("kind", "cpu")))


def _queued(explanation: Explanation) -> str:
    return gettext("Waiting in the queue. It starts automatically.")


def _quota(explanation: Explanation) -> str:
    return gettext("Waiting: your team uses %(used)s of its %(quota)s.") % {
        "used": explanation.get("used", 0),
        "quota": _count(explanation, "quota"),
    }


def _over_quota(explanation: Explanation) -> str:
    return gettext(
        "Waiting: this asks for %(asked)s, but your team may hold only %(quota)s at once. "
        "Ask for fewer, or ask an administrator for a larger quota."
    ) % {"asked": _count(explanation, "asked"), "quota": _count(explanation, "quota")}


def _no_quota(explanation: Explanation) -> str:
    return gettext("Waiting: your team's quota is 0. Ask an administrator for a larger one.")


def _behind(explanation: Explanation) -> str:
    return gettext("Waiting: earlier work of your team comes first.")


def _too_large(explanation: Explanation) -> str:
    return gettext(
        "Waiting: this asks for %(asked)s, but the largest node has %(largest)s. Ask for fewer, or add a larger node."
    ) % {"asked": _count(explanation, "asked"), "largest": explanation.get("largest", 0)}


def _room(explanation: Explanation) -> str:
    return gettext("Waiting for room: this needs %(asked)s, and %(free)s of %(total)s are free for it.") % {
        "asked": _count(explanation, "asked"),
        "free": explanation.get("free", 0),
        "total": explanation.get("total", 0),
    }


def _yielding(explanation: Explanation) -> str:
    return gettext("Waiting: an idle model is being put to sleep to make room. This takes a few seconds.")


def _no_node(explanation: Explanation) -> str:
    return gettext("Waiting: no worker is online. Ask an administrator to start one.")


def _node_away(explanation: Explanation) -> str:
    return gettext("Waiting: the nodes that are large enough are not accepting new work at the moment.")


def _model(explanation: Explanation) -> str:
    return gettext("Waiting: copying the model %(model)s to its node, %(percent)s %% so far.") % {
        "model": explanation.get("model", ""),
        "percent": explanation.get("percent", 0),
    }


def _proving(explanation: Explanation) -> str:
    return gettext("Starting: verifying the weights of %(model)s.") % {"model": explanation.get("model", "")}


def _prediction(explanation: Explanation) -> str:
    """Say what should end next, when the team's own work is what it waits for."""
    ends_at = parse_datetime(str(explanation.get("next_end_at") or ""))
    if ends_at is None or not explanation.get("next_label"):
        return ""
    at = format_date(timezone.localtime(ends_at), "H:i T")
    return gettext('"%(label)s" should end at %(time)s.') % {"label": explanation["next_label"], "time": at}


_SENTENCES: dict[str, Callable[[Explanation], str]] = {
    "queued": _queued,
    "quota": _quota,
    "over_quota": _over_quota,
    "no_quota": _no_quota,
    "behind": _behind,
    "too_large": _too_large,
    "room": _room,
    "yielding": _yielding,
    "no_node": _no_node,
    "node_away": _node_away,
    "model": _model,
    "proving": _proving,
}

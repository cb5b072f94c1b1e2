"""Why a Run waits: an explanation is {"code": …, numbers…} in the database and a message for readers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from django.utils.dateparse import parse_datetime

from common.days import clock_of
from compute.messages import CATALOGUE, message
from wording import Message

Code = Literal[
    "queued",
    "quota",
    "over_quota",
    "no_quota",
    "behind",
    "person",
    "over_person",
    "behind_own",
    "reclaiming",
    "too_large",
    "room",
    "yielding",
    "beside",
    "no_node",
    "node_away",
    "maintenance",
    "before_maintenance",
    "hours",
    "model",
    "proving",
]


class NextEnd(TypedDict, total=False):
    """Which Run of the same team should end next, and when."""

    next_label: str
    next_end_at: str | None


class Explanation(NextEnd, total=False):
    """Why a Run waits, as it is stored; which numbers are there depends on the code."""

    code: Code
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
    hours: int
    resets_on: str
    """A day, ISO 8601."""
    begins_at: str
    ends_at: str
    """Of maintenance, ISO 8601."""


SAID: dict[str, str] = {
    "queued": "waits_in_the_queue",
    "quota": "waits_for_its_quota",
    "over_quota": "waits_beyond_its_quota",
    "no_quota": "waits_without_a_quota",
    "behind": "waits_behind_its_team",
    "person": "waits_for_its_person",
    "over_person": "waits_beyond_its_person",
    "behind_own": "waits_behind_its_person",
    "reclaiming": "waits_for_its_guarantee",
    "too_large": "waits_for_a_larger_node",
    "room": "waits_for_room",
    "yielding": "waits_for_an_idle_model",
    "beside": "waits_for_a_place_beside",
    "no_node": "waits_for_a_worker",
    "node_away": "waits_for_a_node",
    "maintenance": "waits_for_the_end_of_maintenance",
    "before_maintenance": "waits_rather_than_being_cut_off",
    "hours": "waits_for_hours",
    "model": "waits_for_its_model",
    "proving": "weights_being_verified",
}
"""The message of each code."""
COUNTED = ("asked", "quota")
"""Numbers that are shown with what they count, such as "4 GPUs"."""
MOMENTS = ("begins_at", "ends_at")


def explained(explanation: Mapping[str, Any]) -> Message:
    """Return what an explanation says, and what should end next where the team's own work is what it waits for."""
    # A row may be older than this version: the codes and numbers of today's are held to `SAID` by a test.
    code = SAID.get(explanation.get("code", ""), "waits_in_the_queue")
    kind = str(explanation.get("kind", "cpu"))
    params = {name: explanation.get(name, 0) for name in CATALOGUE.sentences[code].placeholders}
    params |= {name: count_of(int(params[name]), kind) for name in COUNTED if name in params}
    params |= {name: clock_of(datetime.fromisoformat(str(params[name]))) for name in MOMENTS if name in params}
    return message(code, **params).followed_by(_prediction(explanation))


def count_of(number: int, kind: str) -> Message:
    """Return "4 GPUs" or "4 CPU cores"."""
    return message("gpus", count=number) if kind == "cuda" else message("cpu_cores", count=number)


def _prediction(explanation: Mapping[str, Any]) -> Message | None:
    ends_at = parse_datetime(str(explanation.get("next_end_at") or ""))
    if ends_at is None or not explanation.get("next_label"):
        return None
    return message("run_should_end", label=explanation["next_label"], time=clock_of(ends_at))

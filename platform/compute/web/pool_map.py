"""The pool's map on its page: a cell for each device, node by node, and one device or node looked at closely."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.templatetags.luthier import ago, size
from compute.pool import DeviceObject, NodeObject, WholePool, is_closed

COMPACT = 64
"""A pool of more devices has cells without words in them."""
NODES = 200
"""So many nodes on one page."""
STATES: dict[str, Promise] = {
    "taken": gettext_lazy("in use"),
    "free": gettext_lazy("free"),
    "closed": gettext_lazy("gets no new work"),
    "broken": gettext_lazy("out of order"),
    "silent": gettext_lazy("offline"),
}
FIELDS = ("find", "holder", "state")


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which cells somebody wants to see, and which device or node more closely."""

    find: str = ""
    """Part of a node's or a device's name, or of what the work is called."""
    holder: str = ""
    """A team's name."""
    state: str = ""
    after: str = ""
    """The node behind which the page begins."""
    node: str = ""
    device: str = ""
    pool: str = ""
    """A pool's name; "": the one that nodes belong to by default."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Question":
        return cls(**{name: query.get(name, "")[:200] for name in (*FIELDS, "after", "node", "device", "pool")})

    @property
    def is_asked(self) -> bool:
        return bool(self.find or self.holder or self.state)

    def address(self, **more: object) -> str:
        """Return the query of the same map with something else looked at."""
        kept = {name: getattr(self, name) for name in (*FIELDS, "after", "pool")}
        return urlencode({name: value for name, value in {**kept, **more}.items() if value not in ("", None)})


@dataclass(frozen=True, kw_only=True)
class NodeOnMap:
    """A node's cells, drawn."""

    node: NodeObject
    address: str
    cells: SafeString
    num_taken: int
    num_devices: int


@dataclass(frozen=True, kw_only=True)
class LookedAt:
    """A node, or one of its devices, closely."""

    node: NodeObject
    num_taken: int
    device: DeviceObject | None = None
    title: str = ""
    state: Any = ""
    since: datetime | None = None
    used: str = ""


@dataclass(kw_only=True)
class Map:
    """What the template draws."""

    nodes: list[NodeOnMap] = field(default_factory=list)
    counts: list[tuple[str, Any, int]] = field(default_factory=list)
    is_compact: bool = False
    more: str = ""
    looked_at: LookedAt | None = None
    idle: list[tuple[str, str]] = field(default_factory=list)
    """Work that computes nothing: what it is called, and the address of one of its cells."""


def map_of(whole: WholePool, question: Question) -> Map:
    """Draw the cells that `question` asks for, and what it looks at."""
    devices = [(node, device) for node in whole["nodes"] for device in node["devices"]]
    counts = Counter(state_of(node, device) for node, device in devices)
    drawn = Map(
        counts=[(state, word, counts[state]) for state, word in STATES.items() if counts[state]],
        is_compact=len(devices) > COMPACT,
        looked_at=_looked_at(whole["nodes"], question),
        idle=_idle(devices, question),
    )
    for node in whole["nodes"]:
        if question.after and node["name"] <= question.after:
            continue
        shown = [device for device in node["devices"] if _is_asked_for(node, device, question)]
        if not shown and (question.is_asked or node["devices"]):
            continue
        if len(drawn.nodes) == NODES:
            drawn.more = question.address(after=drawn.nodes[-1].node["name"])
            break
        drawn.nodes.append(_drawn(node, shown, question, is_compact=drawn.is_compact))
    return drawn


def _idle(devices: Iterable[tuple[NodeObject, DeviceObject]], question: Question) -> list[tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for node, device in devices:
        if device["idle"] and device["run"] not in found:
            address = f"?{question.address(node=node['name'], device=device['index'])}#looked-at"
            found[str(device["run"])] = f"{device['team']} · {device['label'] or device['kind']}", address
    return list(found.values())


def state_of(node: NodeObject, device: DeviceObject) -> str:
    """Return which of `STATES` a device is in."""
    if not device["healthy"]:
        return "broken"
    if not node["heard"]:
        return "silent"
    if device["taken"]:
        return "taken"
    return "closed" if is_closed(node) else "free"


def _is_asked_for(node: NodeObject, device: DeviceObject, question: Question) -> bool:
    if question.state and state_of(node, device) != question.state:
        return False
    if question.holder and device["team"] != question.holder:
        return False
    texts = (node["name"], device["name"], device["label"] or "", device["run"] or "")
    return any(question.find.casefold() in text.casefold() for text in texts)


def _drawn(node: NodeObject, devices: Iterable[DeviceObject], question: Question, *, is_compact: bool) -> NodeOnMap:
    kept = question.address(node=node["name"])
    cells = format_html_join("", "{}", ((_cell(node, device, kept, is_compact),) for device in devices))
    return NodeOnMap(
        node=node,
        address=f"?{kept}#looked-at",
        cells=cells,
        num_taken=sum(device["taken"] for device in node["devices"]),
        num_devices=len(node["devices"]),
    )


def _cell(node: NodeObject, device: DeviceObject, kept: str, is_compact: bool) -> SafeString:
    state = state_of(node, device)
    said = _said(node, device, state)
    words = "" if is_compact else _words(device, state)
    state = f"{state} cell-idle" if device["idle"] else state
    return format_html(
        '<li><a class="cell cell-{}" href="?{}&amp;device={}#looked-at" title="{}" aria-label="{}">{}</a></li>',
        state, kept, device["index"], said, said, words,
    )  # fmt: skip


def _words(device: DeviceObject, state: str) -> SafeString:
    """Return what a cell with room for words shows: its number, its holder, and how busy it is."""
    busy = (
        "" if device["utilisation"] is None else format_html(' <span class="busy">{} %</span>', device["utilisation"])
    )
    return format_html("<b>#{}</b> {}{}", device["index"], device["team"] or STATES[state], busy)


def _said(node: NodeObject, device: DeviceObject, state: str) -> str:
    """Return what a cell says without colour: which device, its state, its holder, since when, and its memory."""
    parts = [f"{node['name']} #{device['index']}", str(STATES[state])]
    if device["taken"]:
        parts.append(" · ".join(text for text in (device["team"], device["label"] or device["kind"]) if text))
        parts.append(ago(_moment(device["since"])))
        if device["idle"]:
            parts.append(_("computes nothing"))
    parts += used(device)
    return ", ".join(parts)


def used(device: DeviceObject) -> list[str]:
    """Return memory and utilisation in words, as far as they are known."""
    parts = []
    taken, whole = device["memory_used_bytes"], device["memory_bytes"]
    if taken is not None and whole:
        parts.append(_("%(used)s of %(total)s") % {"used": size(taken), "total": size(whole)})
    elif taken is not None or whole:
        parts.append(size(taken if taken is not None else whole))
    if device["utilisation"] is not None:
        parts.append(_("%(percent)s %% busy") % {"percent": device["utilisation"]})
    return parts


def _looked_at(nodes: Iterable[NodeObject], question: Question) -> LookedAt | None:
    node = next((node for node in nodes if node["name"] == question.node), None)
    if node is None:
        return None
    num_taken = sum(device["taken"] for device in node["devices"])
    device = next((device for device in node["devices"] if str(device["index"]) == question.device), None)
    if device is None:
        return LookedAt(node=node, num_taken=num_taken)
    return LookedAt(
        node=node,
        num_taken=num_taken,
        device=device,
        title=_("%(node)s, device %(index)s") % {"node": node["name"], "index": device["index"]},
        state=STATES[state_of(node, device)],
        since=_moment(device["since"]),
        used=", ".join(used(device)),
    )


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None

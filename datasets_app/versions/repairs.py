"""Safe repairs of rows: each mends one kind of fault, changes nothing else, and can be looked at before it is made."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.wording import in_words
from datasets_app.formats.base import Item, RawRow, RowFault
from datasets_app.formats.json_array import STRAY_COMMA
from datasets_app.formats.json_values import from_json, parse_value, to_json
from datasets_app.shapes import as_row
from datasets_app.shapes.examples import PLACEHOLDER, Example, Opened, as_copy
from datasets_app.shapes.personal_notes import PERSONAL
from datasets_app.shapes.template_notes import TEMPLATE
from datasets_app.versions.masking import mask_personal_data
from datasets_app.versions.unwrapping import unwrapped

ROLES = {
    "bot": "assistant", "model": "assistant",
    "chatbot": "assistant", "ai": "assistant", "chatgpt": "assistant", "助手": "assistant",
    "customer": "user", "question": "user", "q": "user", "用户": "user", "instruction": "system", "系统": "system",
}  # fmt: skip
"""Names that others give to the roles, in lower case, besides those that are understood anyway."""
_KNOWN = ("system", "developer", "user", "human", "assistant", "gpt", "tool", "function", "observation")
_TEXT_OR_COMMA = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")|,(?=\s*[}\]])')
UNWRAP = "unwrap_template"
UNREADABLE = "unreadable"
"""Counts rows that could not even be read, such as one beyond the longest: they cannot be carried over."""

Values = Mapping[str, str]
"""What the user fills in: {"name": "小智"}."""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One repair: an entry of REPAIRS."""

    name: str
    title: str | Promise
    sentence: str | Promise
    mends: tuple[str, ...]
    """Codes of the faults and notes that it takes away."""
    of_value: Callable[[Any, Values], Any] | None = None
    """Rewrite a row's value; the same object where there is nothing to mend."""
    of_bytes: Callable[[bytes], bytes] | None = None
    """Rewrite a line that is not JSON."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One row before and after; `after` is None where it was dropped."""

    line: int
    before: str
    after: str | None
    repairs: tuple[str, ...]


@dataclass
class Outcome:
    """What a pass over a whole file did."""

    num_changed: int = 0
    num_dropped: int = 0
    num_rows_after: int = 0
    num_faults_after: int = 0
    by_repair: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    """The first ones."""


def _messages(value: Any) -> tuple[str, str, str] | None:
    """Return the keys of the list, the role and the text of a row that holds a conversation."""
    if isinstance(value, Mapping):
        for key, role, text in (("messages", "role", "content"), ("conversations", "from", "value")):
            if isinstance(value.get(key), list):
                return key, role, text
    return None


def _each(value: Any, change: Callable[[dict[str, Any], str, str], dict[str, Any]]) -> Any:
    keys = _messages(value)
    if keys is None:
        return value
    key, role, text = keys
    turns = [change(dict(turn), role, text) if isinstance(turn, Mapping) else turn for turn in value[key]]
    return value if turns == value[key] else {**value, key: turns}


def fix_roles(value: Any, values: Values) -> Any:
    """Write roles as they are known: "Assistant" and "bot" become assistant."""

    def renamed(turn: dict[str, Any], role: str, text: str) -> dict[str, Any]:
        name = turn.get(role)
        if isinstance(name, str) and name not in _KNOWN:
            plain = name.strip().lower()
            turn[role] = ROLES.get(plain, plain if plain in _KNOWN else name)
        return turn

    return _each(value, renamed)


def merge_consecutive(value: Any, values: Values) -> Any:
    """Join messages of one role that follow one another, with a line break between them."""
    keys = _messages(value)
    if keys is None:
        return value
    key, role, text = keys
    joined: list[Any] = []
    for turn in value[key]:
        if joined and _can_join(joined[-1], turn, role, text):
            joined[-1][text] = f"{joined[-1][text]}\n{turn[text]}"
            continue
        joined.append(dict(turn) if isinstance(turn, Mapping) else turn)
    return value if len(joined) == len(value[key]) else {**value, key: joined}


def _can_join(first: Any, second: Any, role: str, text: str) -> bool:
    """Return whether two messages are one speaker's plain text, learned alike."""
    both = (first, second)
    is_plain = all(
        isinstance(turn, Mapping) and isinstance(turn.get(text), str) and not turn.get("tool_calls") for turn in both
    )
    return is_plain and all(first.get(key) == second.get(key) for key in (role, "weight", "name"))


def drop_trailing_question(value: Any, values: Values) -> Any:
    """Leave out what follows the last answer."""
    keys = _messages(value)
    if keys is None:
        return value
    key, role, _text = keys
    turns = value[key]
    answers = [n for n, t in enumerate(turns) if isinstance(t, Mapping) and t.get(role) in ("assistant", "gpt")]
    return value if not answers or answers[-1] == len(turns) - 1 else {**value, key: turns[: answers[-1] + 1]}


def trim(value: Any, values: Values) -> Any:
    """Take blank space from both ends of every text."""

    def trimmed(turn: dict[str, Any], role: str, text: str) -> dict[str, Any]:
        if isinstance(turn.get(text), str):
            turn[text] = turn[text].strip()
        return turn

    if _messages(value) is None and isinstance(value, Mapping):
        plain = {key: text.strip() if isinstance(text, str) else text for key, text in value.items()}
        return value if plain == value else plain
    return _each(value, trimmed)


def fill_placeholders(value: Any, values: Values) -> Any:
    """Replace placeholders such as {{name}} with the given values."""
    if not values:
        return value
    written = to_json(value)

    def filled(found: "re.Match[str]") -> str:
        name = found[0].strip("{} ")
        return json.dumps(values[name], ensure_ascii=False)[1:-1] if name in values else found[0]

    changed = PLACEHOLDER.sub(filled, written)
    return value if changed == written else from_json(changed)


def strip_comma(line: bytes) -> bytes:
    """Take away a comma at the end of a line or before a closing bracket; commas inside of texts stay."""
    return _TEXT_OR_COMMA.sub(lambda found: found[1] or b"", line.rstrip().removesuffix(b","))


def strip_comment(line: bytes) -> bytes:
    """Empty a line that is a comment."""
    return b"" if line.lstrip().startswith((b"//", b"#")) else line


REPAIRS: tuple[Repair, ...] = (
    Repair(name="strip_comments", title=_("Leave out comment lines"), sentence=_("Lines that begin with // or #."),
           mends=("not_json",), of_bytes=strip_comment),
    Repair(name="strip_commas", title=_("Remove stray commas"),
           sentence=_("At the end of a line, and before a closing bracket."), mends=("not_json",),
           of_bytes=strip_comma),
    Repair(name="fix_roles", title=_("Correct the names of roles"),
           sentence=_("Assistant, bot or model become assistant; customer becomes user."), mends=("unknown_role",),
           of_value=fix_roles),
    Repair(name="merge_consecutive", title=_("Join consecutive messages of one speaker"),
           sentence=_("Messages of one role that follow one another become one, with a line break."),
           mends=("consecutive_assistant",), of_value=merge_consecutive),
    Repair(name="drop_trailing_question", title=_("Leave out questions without an answer"),
           sentence=_("What follows the last answer of a conversation."), mends=("last_not_assistant",),
           of_value=drop_trailing_question),
    Repair(name=UNWRAP, title=_("Convert another model's template to turns"),
           sentence=_("### Human:, [INST], <|im_start|> and the like become messages of the system, the user and the "
                      "assistant. In a plain text a conversation begins with its system prompt, with a question behind "
                      "a blank line, or with each question."),
           mends=(TEMPLATE,)),
    Repair(name="trim", title=_("Trim white space"), sentence=_("From both ends of every text."), mends=(),
           of_value=trim),
    Repair(name="fill_placeholders", title=_("Fill in placeholders"),
           sentence=_("Your values replace {{name}} and similar placeholders."), mends=("unfilled_placeholders",),
           of_value=fill_placeholders),
    Repair(name="mask_personal_data", title=_("Mask personal data and keys"),
           sentence=_("E-mail addresses, phone, identity and card numbers become [EMAIL], [PHONE], [ID] and [CARD], "
                      "secrets [KEY], wherever they stand in a row."),
           mends=(PERSONAL,), of_value=mask_personal_data),
    Repair(name="drop_repeated", title=_("Leave out repeated rows"),
           sentence=_("Only the first of identical rows is kept."), mends=("repeated_row",)),
    Repair(name="drop_faulty", title=_("Leave out faulty rows"),
           sentence=_("Every row that still cannot be used for training after the other repairs."), mends=("*",)),
)  # fmt: skip
"""In the order in which they are made."""
NAMES = tuple(repair.name for repair in REPAIRS)
OF_MESSAGES = frozenset({"fix_roles", "merge_consecutive", "drop_trailing_question"})
"""Repairs of a conversation, for any shape of row."""


def repairs_for(kinds: Iterable[str], *, has_good_rows: bool = True) -> list[Repair]:
    """Return the repairs that take away some of these faults or notes.

    Leaving out faulty rows is not offered where nothing would be left: without good rows, nor a repair that makes some.
    """
    found = set(kinds)
    offered = [repair for repair in REPAIRS if found & set(repair.mends)]
    return offered + [repair for repair in REPAIRS if "*" in repair.mends and found and (has_good_rows or offered)]


def repaired(
    items: Iterable[Item],
    opened: Opened,
    names: Iterable[str],
    values: Values,
    outcome: Outcome,
    *,
    shown: int,
    judge: Opened | None = None,
) -> Iterator[bytes]:
    """Yield every row that stays, as a line, and count in `outcome`; `shown` changes are kept there.

    A line in which nothing was repaired keeps its bytes. Rows of other layouts are written as messages, and
    those of other shapes where turns are made: a `judge` is who reads what they have become.
    """
    chosen = [repair for repair in REPAIRS if repair.name in set(names)]
    chosen_names = {repair.name for repair in chosen}
    seen: set[bytes] | None = set() if "drop_repeated" in chosen_names else None
    for item in items:
        if isinstance(item, RowFault) and item.level == "note":
            continue  # of the file: no row has it
        row = _mended(item, opened, chosen, values, judge)
        if UNWRAP in chosen_names and isinstance(row.value, Mapping):
            _unwrap(row, opened, judge)
        if row.is_mark:
            _count(outcome, row, shown)
            continue
        dropped_by = _reason_to_drop(row, seen, drops_faulty="drop_faulty" in chosen_names)
        if dropped_by:
            row.used, row.written = [dropped_by], None
        _count(outcome, row, shown)
        if row.written is not None:
            yield row.written + b"\n"


@dataclass(kw_only=True)
class _Row:
    """A row on its way."""

    line: int
    before: str
    written: bytes | None = None
    """None for a row of which nothing is left."""
    example: Example | RowFault | None = None
    value: Any = None
    """What it holds; None where it cannot be read."""
    used: list[str] = field(default_factory=list)
    is_mark: bool = False
    """True for what stood between rows and is taken away: no row is dropped with it."""


def _mended(item: Item, opened: Opened, chosen: list[Repair], values: Values, judge: Opened | None) -> _Row:
    line = item.line or 0
    if isinstance(item, RowFault):
        if item.kind == STRAY_COMMA:
            return _Row(line=line, before=",", used=["strip_commas"], is_mark=True)
        return _Row(line=line, before=in_words(item.sentence), example=item)
    raw: bytes | None = item.value if isinstance(item.value, bytes) else None
    row = _Row(line=line, before=to_json(item.value) if raw is None else raw.decode("utf-8", "replace"))
    row.written = raw if opened.format == "jsonl" else None  # elsewhere a row may go on over several lines
    value = item.value if raw is None else _parsed(raw, row, chosen)
    if isinstance(value, RowFault) or row.written == b"":
        row.example = value if isinstance(value, RowFault) else None
        row.written = row.written or None
        return row
    value = as_row(value)
    as_messages = opened.messages_of(value) if judge is not None and opened.use == "chat" else None
    value = value if as_messages is None else as_messages
    for repair in chosen:
        if repair.of_value is not None and (changed := repair.of_value(value, values)) is not value:
            value, row.used = changed, [*row.used, repair.name]
    row.value = value
    reader = opened if as_messages is None or judge is None else judge
    row.example = reader.read_item(RawRow(line=line, value=value, num_bytes=item.num_bytes))
    if opened.format != "jsonl":
        row.written = _as_line(row.example, value)
    elif row.used or as_messages is not None:
        row.written = to_json(value).encode("utf-8", "backslashreplace")
    return row


def _unwrap(row: _Row, opened: Opened, judge: Opened | None) -> None:
    """Turn the template that the row carries into turns, and its columns into messages where others are too."""
    assert row.example is not None
    value, is_changed = unwrapped(row.value, row.example)
    if not is_changed and judge is None:
        return
    row.used += [UNWRAP] if is_changed else []
    row.example = (judge or opened).read_item(RawRow(line=row.line, value=value, num_bytes=0))
    row.written = to_json(value).encode("utf-8", "backslashreplace")


def _parsed(raw: bytes, row: _Row, chosen: list[Repair]) -> Any:
    """Return the line's value; only a line that is not JSON is repaired as text."""
    value = parse_value(raw, row.line)
    if not isinstance(value, RowFault):
        return value
    text = raw
    used: list[str] = []
    for repair in chosen:
        if repair.of_bytes is not None and (changed := repair.of_bytes(text)) != text:
            text, used = changed, [*used, repair.name]
    if not text.strip():
        row.written, row.used = b"", used
        return None
    mended = parse_value(text, row.line)
    if not isinstance(mended, RowFault):
        row.used = used
    return mended


def _as_line(example: Example | RowFault, value: Any) -> bytes:
    kept = as_copy(example) if isinstance(example, Example) else value
    return to_json(kept).encode("utf-8", "backslashreplace")


def _reason_to_drop(row: _Row, seen: set[bytes] | None, *, drops_faulty: bool) -> str:
    """Return the name of what drops the row; "" where it stays. What no reader could read cannot be carried over."""
    if isinstance(row.example, RowFault) and (drops_faulty or row.written is None):
        return "drop_faulty" if drops_faulty else UNREADABLE
    if seen is None or not isinstance(row.example, Example):
        return ""
    digest = hashlib.blake2b(json.dumps(as_copy(row.example), sort_keys=True).encode(), digest_size=16).digest()
    if digest in seen:
        return "drop_repeated"
    seen.add(digest)
    return ""


def _count(outcome: Outcome, row: _Row, shown: int) -> None:
    if row.is_mark:
        outcome.num_changed += 1
    elif row.written is None:
        outcome.num_dropped += 1
    else:
        outcome.num_changed += bool(row.used)
        outcome.num_rows_after += isinstance(row.example, Example)
        outcome.num_faults_after += isinstance(row.example, RowFault)
    for name in row.used:
        outcome.by_repair[name] = outcome.by_repair.get(name, 0) + 1
    if row.used and len(outcome.changes) < shown:
        after = row.written.decode() if row.written is not None else "" if row.is_mark else None
        outcome.changes.append(Change(line=row.line, before=row.before, after=after, repairs=tuple(row.used)))

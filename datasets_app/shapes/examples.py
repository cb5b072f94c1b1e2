"""Rows of a file as examples to learn from, or the fault of each that is none."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from chat import ChatError, Conversation, parse_row
from chat.conversation import Tool, WrittenMessage
from common.texts import storable
from datasets_app import shapes
from datasets_app.formats import OpenedRows, open_rows
from datasets_app.formats.base import Item, RawRow, RowFault
from datasets_app.formats.streams import Readable
from datasets_app.messages import message
from datasets_app.shapes import Shape, Use
from datasets_app.shapes.asking import Said
from datasets_app.shapes.personal_notes import personal_in_messages, personal_in_text
from datasets_app.shapes.template_notes import template_in_messages, template_in_text, template_of_lines
from datasets_app.shapes.unused import PARSED, SHOWN_CHARACTERS, Read, Unused, is_empty, is_texts, name_of
from wording import Message

MEND = message("mend_the_row")
PLACEHOLDER = re.compile(r"\{\{ ?\w{1,40} ?\}\}")
"""What a template's author meant to be filled: {{name}}, {{author}}."""
MOST_COLUMNS = 200
_TABLES = ("csv", "xlsx", "parquet")


@dataclass(frozen=True, kw_only=True)
class Example:
    """One conversation, or one piece of text, to learn."""

    line: int
    """Where its row begins, counted from 1; of a format without lines, the row's number."""
    num_bytes: int
    conversation: Conversation | None = None
    text: str | None = None
    notes: tuple[RowFault, ...] = ()
    """What deserves a look, though the row can be learned from."""


class Opened:
    """A file with its format, shape and use, and its examples and faults in order.

    Shape and use are those of the first row that has one: they are known once iteration has started.
    """

    def __init__(self, rows: OpenedRows, reading: Mapping[str, Any]) -> None:
        self.format = rows.format
        self.encoding = rows.encoding
        self.is_plain = rows.is_plain
        self.text = rows.text
        self.has_chosen_shape = any(reading.get(name) for name in ("columns", "shape", "unused"))
        self.shape = ""
        self.use: Use = "chat"
        self.items = rows.items
        self.unused = Unused()
        """Keys that nothing reads."""
        self.sample: dict[str, str] = {}
        """The first row whose columns have no recognisable meaning."""
        self._columns = dict(reading.get("columns") or {})
        self._uses = dict(reading.get("unused") or {})
        self._chosen = _chosen(reading)
        self._markup = template_of_lines(rows.text.head) if rows.format == "text" and rows.text is not None else None

    def __iter__(self) -> Iterator[Example | RowFault]:
        for item in self.items:
            yield self.read_item(item)

    def read_item(self, item: Item) -> Example | RowFault:
        """Return what one row is."""
        if isinstance(item, RowFault):
            return item
        if (value := shapes.as_row(item.value)) is not item.value:
            item = replace(item, value=value)
        if fault := self._fault_of_choice(item):
            return fault
        shape = self._chosen if isinstance(item.value, Mapping) and self._chosen else shapes.shape_of(item.value)
        if shape is None:
            if self._asks_for_columns(item.value):
                self.sample = self.sample or sample_of(item.value)
                return shapes.no_shape(item.value, item.line)
            return _conversation(item, item.value, {})
        if not self.shape:
            self.shape, self.use = shape.name, shape.use
        if shape.turn is None and shape.use != "text":
            return replace(shapes.not_learned(shape, item.line), content=hash(repr(item.value)))
        if shapes.is_only_named(self.shape):
            self.shape, self.use = shape.name, shape.use  # the rows before it were the odd ones
        if not shapes.go_together(shape.name, self.shape):
            return shapes.unlike(shape, self.shape, item.line)
        return self._text(item) if shape.use == "text" else self._turned(item, shape)

    def _asks_for_columns(self, value: Any) -> bool:
        """Whether a row of no known shape is one of columns: of a table, or an object of texts before any known row."""
        if not isinstance(value, Mapping):
            return False
        texts = [text for text in value.values() if isinstance(text, str) and text.strip()]
        return self.format in _TABLES or (not self.shape and len(texts) > 1)

    def _turned(self, item: RawRow, shape: Shape) -> Example | RowFault:
        row = Read(item.value)
        found, left_out = self._read(item, row, shape)
        if isinstance(found, RowFault):
            row.seen.update(PARSED)
            self.unused.add_row(row, Said())
            return found
        if self._uses:
            found = _with_uses(found, item, row, self._uses)
        self.unused.add_row(row, Said(found.conversation if isinstance(found, Example) else None))
        for name in left_out:
            self.unused.add_part(name)
        return found

    def _read(self, item: RawRow, row: Read, shape: Shape) -> tuple[Example | RowFault, tuple[str, ...]]:
        """Return what the row is, and the names of what inside of its parts is not learned."""
        assert shape.turn is not None
        try:
            turned = shape.turn(row, self._columns)
        except ChatError as error:
            return _fault(error, item.line, {}), ()
        return _conversation(item, turned.value, turned.places), turned.unused

    def messages_of(self, value: Any) -> dict[str, Any] | None:
        """Return the messages of a row that keeps them in another way, though nothing could be learned from them."""
        if not isinstance(value, Mapping) or {"messages", "conversations"} & value.keys():
            return None
        shape = self._chosen or shapes.shape_of(value)
        found = self.read_item(RawRow(line=0, value=value, num_bytes=0))
        if isinstance(found, Example):
            return dict(as_copy(found)) if found.conversation is not None else None
        try:
            turned = shape.turn(Read(value), self._columns).value if shape is not None and shape.turn else None
        except ChatError:
            return None
        if turned is None or not isinstance(turned.get("messages"), list):
            return None
        return {key: part for key, part in turned.items() if part is not None}

    def _text(self, item: RawRow) -> Example | RowFault:
        found = _text(item)
        if isinstance(item.value, Mapping):
            row = Read(item.value)
            row.seen.add("text")
            self.unused.add_row(row, Said(text=(found.text or "") if isinstance(found, Example) else ""))
        if isinstance(found, RowFault) or found.text is None:
            return found
        notes = (template_in_text(found.text, item.line, self._markup), personal_in_text(found.text, item.line))
        return replace(found, notes=tuple(note for note in notes if note is not None))

    def _fault_of_choice(self, item: RawRow) -> RowFault | None:
        """Return why the row is not what the user says it is, if it is not."""
        if self._chosen is None or not isinstance(item.value, Mapping):
            return None
        missing = [name for name in self._columns.values() if name and name not in item.value]
        if self._chosen is shapes.CHOSEN:
            return shapes.column_missing(missing[0], item.line) if missing else None
        return None if self._chosen.fits(item.value) else shapes.not_as_said(self._chosen, item.line)


def open_examples(
    stream: Readable, filename: str, reading: Mapping[str, Any] | None = None, *, most_bytes: int | None = None
) -> Opened:
    """Return the file with its examples and faults; `reading` is what the user says instead of what is detected:
    {"format", "shape", "encoding", "columns": {"prompt", "answer", "system"}, "unused": {KEY: "system"|"question"}}.
    `most_bytes` is as in `open_rows`."""
    reading = reading or {}
    return Opened(open_rows(stream, filename, reading, most_bytes=most_bytes), reading)


def sample_of(row: Mapping[Any, Any]) -> dict[str, str]:
    """Return a row's columns with the beginning of what is in them, to be shown."""
    pairs = list(row.items())[:MOST_COLUMNS]
    return {
        storable(str(name)[:200]): storable("" if value is None else str(value)[:SHOWN_CHARACTERS])
        for name, value in pairs
    }


def _chosen(reading: Mapping[str, Any]) -> Shape | None:
    if reading.get("columns"):
        return shapes.CHOSEN
    return shapes.named(str(reading["shape"])) if reading.get("shape") else None


def _conversation(item: RawRow, value: Any, places: Mapping[str, str]) -> Example | RowFault:
    try:
        conversation = parse_row(value)
    except ChatError as error:
        return _fault(error, item.line, places)
    notes = _notes(conversation, item.line)
    return Example(line=item.line, conversation=conversation, num_bytes=item.num_bytes, notes=notes)


def _with_uses(example: Example, item: RawRow, row: Read, uses: Mapping[str, str]) -> Example | RowFault:
    """Return the example with the keys that the user has found a use for, in the order of the row."""
    assert example.conversation is not None
    places: dict[str, str] = {}
    texts: dict[str, list[Any]] = {"system": [], "question": []}
    messages = example.conversation.to_openai()
    for key, value in dict.items(row):
        use = uses.get(name_of(key))
        if use is None or key in row.seen:
            continue
        row.seen.add(key)
        if not is_empty(value) and not (isinstance(value, str) and not value.strip()):
            texts[use].append(_as_text(value))
            places[use] = key
    if not places:
        return example
    if texts["system"]:
        if messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": ""})
        messages[0]["content"] = _joined([messages[0]["content"], *texts["system"]], "\n\n")
    asked = next(n for n, message in enumerate(messages) if message["role"] == "user")
    if texts["question"]:
        messages[asked]["content"] = _joined([*texts["question"], messages[asked]["content"]], "\n")
    value = {"messages": messages, "tools": list(example.conversation.tools)}
    places = {f"messages[{asked if use == 'question' else 0}].content": key for use, key in places.items()}
    return _conversation(item, value, places)


def _as_text(value: Any) -> Any:
    """Return what a key holds as text, a list of texts line by line; anything else itself."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return "\n".join(value) if is_texts(value) else value


def _joined(parts: list[Any], between: str) -> Any:
    """Return texts as one; what is none is returned itself, for the reader of the conversation to refuse."""
    odd = next((part for part in parts if not isinstance(part, str)), None)
    return odd if odd is not None else between.join(part for part in parts if part)


class ExampleObject(TypedDict, total=False):
    """A row in OpenAI's words, or as text."""

    messages: list[WrittenMessage]
    tools: list[Tool]
    text: str | None


def as_copy(example: Example) -> ExampleObject:
    """Return the row in OpenAI's words, or as text."""
    if example.conversation is None:
        return {"text": example.text}
    copy: ExampleObject = {"messages": example.conversation.to_openai()}
    if example.conversation.tools:
        copy["tools"] = list(example.conversation.tools)
    return copy


def _text(item: RawRow) -> Example | RowFault:
    text = item.value["text"] if isinstance(item.value, Mapping) else None
    if isinstance(text, str) and text.strip():
        return Example(line=item.line, text=text, num_bytes=item.num_bytes)
    return RowFault(
        line=item.line,
        kind="empty_text",
        field="text",
        message=message("empty_text"),
        hint=message("write_it_or_remove_row"),
    )


def _notes(conversation: Conversation, line: int) -> tuple[RowFault, ...]:
    found = (
        _unfilled(conversation, line),
        template_in_messages(conversation, line),
        personal_in_messages(conversation, line),
    )
    return tuple(note for note in found if note is not None)


def _unfilled(conversation: Conversation, line: int) -> RowFault | None:
    for number, turn in enumerate(conversation.messages):
        found = PLACEHOLDER.search(turn.content) if turn.content and "{{" in turn.content else None
        if found:
            return RowFault(
                line=line,
                level="note",
                kind="unfilled_placeholders",
                field=f"messages[{number}].content",
                message=message("unfilled_placeholders", name=found[0]),
                hint=message("fill_it_in"),
            )
    return None


def placeholders_in(example: Example | None) -> list[str]:
    """Return the names of all placeholders in a conversation, in order."""
    messages = example.conversation.messages if example is not None and example.conversation is not None else ()
    found = [match for message in messages for match in PLACEHOLDER.findall(message.content or "")]
    return list(dict.fromkeys(match.strip("{} ") for match in found))


def _fault(error: ChatError, line: int, places: Mapping[str, str]) -> RowFault:
    """Express a fault of the conversation in the row's own key names."""
    said, field = error.message, error.field or ""
    params = said.params
    for place, own in sorted(places.items(), key=lambda pair: -len(pair[0])):
        field = field.replace(place, own)
        params = {name: part.replace(place, own) if isinstance(part, str) else part for name, part in params.items()}
    return RowFault(
        line=line,
        kind=error.code,
        field=field,
        message=Message(said.code, params),
        hint=said.then[0] if said.then else MEND,
    )


__all__ = ["Example", "ExampleObject", "Opened", "as_copy", "open_examples"]

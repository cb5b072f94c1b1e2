"""A JSON array of values, over as many lines as it likes, split into its elements as a stream."""

import re
from collections.abc import Iterator
from dataclasses import replace

from datasets_app.formats.base import Item, RawRow, RowFault
from datasets_app.formats.json_values import DEEPEST, parse_value, too_deep, too_long
from datasets_app.formats.raw_json import is_bare
from datasets_app.formats.streams import BOM, LONGEST_ROW, Readable, blocks
from datasets_app.messages import message
from wording import Message

STRAY_COMMA = "stray_comma"
"""The kind of a comma that is to be taken away."""
_BETWEEN = re.compile(rb"[^\s,]")
_SOMETHING = re.compile(rb"\S")
_TOKEN = re.compile(rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|["\[\]{}]')
"""A bracket, a whole string, or the quote of a string that does not end in this block or line."""
_BARE_END = re.compile(rb'[,\]\["{}\s]')
_STRING_BODY = re.compile(rb'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+')


class JSONArray:
    """The format of the seed's article: `[{"conversations": …}, …]`, in a .json or a .jsonl file."""

    name = "json"
    label = "JSON"
    suffixes = (".json",)

    def recognises(self, head: bytes, filename: str) -> bool:
        """Take what begins with a bracket, unless each array is a row itself."""
        text = head.removeprefix(BOM).lstrip()
        return text.startswith(b"[") and not is_bare(text)

    def read(self, stream: Readable) -> Iterator[Item]:
        """Yield each element with the line where it begins."""
        return split(stream, Splitter())


def raw_elements(stream: Readable, *, skips_commas: bool) -> Iterator[Item]:
    """Yield each element as its bytes; with `skips_commas` those too many are faults that end nothing."""
    return split(stream, Splitter(is_raw=True, skips_commas=skips_commas))


def split(stream: Readable, splitter: "Splitter") -> Iterator[Item]:
    """Yield what `splitter` finds in `stream`."""
    for block in blocks(stream):
        yield from splitter.feed(block)
        if splitter.is_broken:
            return
    yield from splitter.finish()


class Splitter:
    """Finds where the elements of one array begin and end, keeping one element at most."""

    BETWEEN = _BETWEEN

    def __init__(self, *, is_raw: bool = False, skips_commas: bool = False) -> None:
        """Begin; a raw one gives elements as their bytes."""
        self.line = 1
        self.is_broken = False
        self._state = self._before_array
        self._block, self._at = b"", 0
        self._open_line = 1
        """Where the array begins."""
        self._separator = "["
        """The last thing seen between elements: "[", "," or "element"."""
        self._comma_line = 1
        """Where the last comma between elements is."""
        self._is_raw = is_raw
        self._skips_commas = skips_commas
        self._has_told = False
        """Whether the extra commas since the last element have been reported."""
        self._start_line = 1
        self._element = bytearray()
        self._depth = self._deepest = 0
        self._length = 0
        self._escaped = False

    def feed(self, block: bytes) -> Iterator[Item]:
        """Yield the elements that end in `block`."""
        self._block, self._at = block, 0
        while self._at < len(block) and not self.is_broken:
            item = self._state()
            if item is not None:
                self.is_broken = isinstance(item, RowFault) and item.is_whole_file
                yield item

    def finish(self) -> Iterator[Item]:
        """Yield the fault of an array that does not end."""
        if self._state == self._after_array:
            return
        yield RowFault(
            line=self.line,
            kind="array_not_closed",
            message=message("array_not_closed", begins=self._open_line),
            hint=message("cut_off_near_its_end"),
            is_whole_file=True,
        )

    def _skip_to(self, pattern: "re.Pattern[bytes]") -> bytes:
        """Go to the next match and count the lines passed; return what matched, or b"" at the block's end."""
        found = pattern.search(self._block, self._at)
        end = found.start() if found else len(self._block)
        self.line += self._block.count(b"\n", self._at, end)
        self._at = end
        return found[0] if found else b""

    def _before_array(self) -> Item | None:
        if self._skip_to(_BETWEEN):
            self._at += 1
            self._open_line = self.line
            self._state = self._between
        return None

    def _between(self) -> Item | None:
        first = self._skip_to(self.BETWEEN if self._has_told else _SOMETHING)
        if first == b",":
            return self._comma()
        if not first:
            return None
        if first == b"]":
            self._at += 1
            self._state = self._after_array
            is_stray = self._separator == "," and not self._has_told
            return self._stray(message("comma_before_end"), self._comma_line) if is_stray else None
        if self._separator == "element":
            return self._misplaced(message("no_comma_between"), self.line)
        self._begin(first)
        return None

    def _comma(self) -> RowFault | None:
        self._at += 1
        if self._separator != "element":
            return self._stray(message("comma_without_example"), self.line)
        self._separator, self._comma_line = ",", self.line
        return None

    def _begin(self, first: bytes) -> None:
        self._start_line = self.line
        self._has_told = False
        self._element.clear()
        self._depth = self._deepest = self._length = 0
        self._state = self._in_element if first in b'[{"' else self._in_bare

    def _keep(self, end: int) -> None:
        """Append what is before `end` to the element, unless it is refused anyway."""
        self._length += end - self._at
        self.line += self._block.count(b"\n", self._at, end)
        if self._length <= LONGEST_ROW and self._deepest <= DEEPEST:
            self._element += self._block[self._at : end]
        else:
            self._element.clear()
        self._at = end

    def _in_bare(self) -> Item | None:
        """A number, true or anything else without brackets or quotes."""
        found = _BARE_END.search(self._block, self._at)
        # A bracket that begins nothing ends here, or it would be looked at for ever.
        end = found.start() if found else len(self._block)
        if found and end == self._at and not self._length:
            end += 1
        self._keep(end)
        return self._end_element() if found else None

    def _in_element(self) -> Item | None:
        # The loop that sees every byte of the file: whole strings at a stroke, and one copy for the element.
        for found in _TOKEN.finditer(self._block, self._at):
            token = found[0]
            if token == b'"':
                self._keep(found.end())
                self._state = self._in_string
                return None
            if len(token) == 1:
                self._depth += 1 if token in b"[{" else -1
                self._deepest = max(self._deepest, self._depth)
            if self._depth <= 0:
                self._keep(found.end())
                return self._end_element()
        self._keep(len(self._block))
        return None

    def _in_string(self) -> Item | None:
        """Continue a string that began in an earlier block, or that does not end before its line does."""
        block = self._block
        if self._escaped:
            self._escaped = False
            if block[self._at] == ord("\n"):
                return self._unclosed_string()
            self._keep(self._at + 1)
            return None
        found = _STRING_BODY.match(block, self._at)
        end = found.end() if found else self._at
        if end == len(block):
            self._keep(end)
        elif block[end] == ord('"'):
            self._keep(end + 1)
            self._state = self._in_element
            return self._end_element() if self._depth == 0 else None
        elif block[end] == ord("\\") and end + 1 == len(block):
            self._keep(end + 1)
            self._escaped = True
        else:
            return self._unclosed_string()
        return None

    def _end_element(self) -> Item:
        self._state = self._between
        self._separator = "element"
        if self._length > LONGEST_ROW:
            return too_long(self._start_line)
        if self._deepest > DEEPEST:
            return too_deep(self._start_line)
        raw = bytes(self._element)
        value = raw if self._is_raw else parse_value(raw, self._start_line)
        if isinstance(value, RowFault):
            return value
        return RawRow(line=self._start_line, value=value, num_bytes=self._length)

    def _after_array(self) -> Item | None:
        if not self._skip_to(_SOMETHING):
            return None
        return RowFault(
            line=self.line,
            kind="text_after_array",
            message=message("text_after_array"),
            hint=message("put_all_into_one_array"),
            is_whole_file=True,
        )

    def _stray(self, what: Message, line: int) -> RowFault:
        fault = self._misplaced(what, line)
        if not self._skips_commas:
            return fault
        self._has_told = True
        return replace(fault, kind=STRAY_COMMA, is_whole_file=False)

    def _misplaced(self, what: Message, line: int) -> RowFault:
        return RowFault(
            line=line,
            kind="not_json",
            message=message("array_not_json", what=what),
            hint=message("write_the_array"),
            is_whole_file=True,
        )

    def _unclosed_string(self) -> RowFault:
        return RowFault(
            line=self.line,
            kind="text_not_closed",
            message=message("text_not_closed"),
            hint=message("close_the_text"),
            is_whole_file=True,
        )

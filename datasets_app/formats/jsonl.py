"""JSON Lines: one value a line."""

from collections.abc import Iterator

from datasets_app.formats.base import Item, RawRow, RowFault
from datasets_app.formats.json_values import parse_value, too_long
from datasets_app.formats.raw_json import open_depth
from datasets_app.formats.streams import Readable, lines
from datasets_app.messages import message


class JSONLines:
    """The format of `{"messages": …}` lines; also what an unknown text is read as, so that its lines are named."""

    name = "jsonl"
    label = "JSON Lines"
    suffixes = (".jsonl",)

    def recognises(self, head: bytes, filename: str) -> bool:
        """Take every text that no other format takes."""
        return True

    def read(self, stream: Readable) -> Iterator[Item]:
        """Yield each line's value; blank lines count as lines and nothing more."""
        unfinished: RowFault | None = None
        is_first = True
        for number, line in lines(stream):
            if line is None:
                yield from _known(unfinished)
                unfinished = None
                yield too_long(number)
            elif line.strip():
                if unfinished is not None and not line.lstrip().startswith(b"{"):
                    yield _over_several_lines(number)
                    return
                yield from _known(unfinished)
                unfinished = None
                value = parse_value(line, number)
                if is_first and isinstance(value, RowFault) and value.kind == "not_json" and open_depth(line) > 0:
                    unfinished = value
                else:
                    yield _item(value, number, line)
            else:
                continue
            is_first = False
        yield from _known(unfinished)


def _known(fault: RowFault | None) -> tuple[Item, ...]:
    return () if fault is None else (fault,)


def _item(value: object, number: int, line: bytes) -> Item:
    return value if isinstance(value, RowFault) else RawRow(line=number, value=value, num_bytes=len(line))


def _over_several_lines(second: int) -> RowFault:
    return RowFault(
        line=second - 1,
        kind="pretty_printed",
        message=message("pretty_printed"),
        hint=message("write_one_object_a_line"),
        is_whole_file=True,
    )

"""Parquet files, read a few rows at a time; columns of bytes are left out."""

from collections.abc import Iterator
from typing import Any

from datasets_app.formats.base import Item, RawRow
from datasets_app.formats.streams import Readable
from datasets_app.formats.unpacking import seekable, whole_file
from datasets_app.messages import message

MAGIC = b"PAR1"
BATCH_ROWS = 256
LARGEST_GROUP = 2 * 2**30
"""Bytes of one row group, unpacked: its pages are read together."""


class Parquet:
    """A table of typed columns; nested ones hold whole conversations."""

    name = "parquet"
    label = "Parquet"
    suffixes = (".parquet",)

    def recognises(self, head: bytes, filename: str) -> bool:
        """Take what begins with Parquet's own mark."""
        return head.startswith(MAGIC)

    def read(self, stream: Readable) -> Iterator[Item]:
        """Yield each row with its number from 1: there are no lines."""
        import pyarrow as arrow  # heavy, and only here
        import pyarrow.parquet

        try:
            file = pyarrow.parquet.ParquetFile(seekable(stream))
            _check_groups(file)
            names = [field.name for field in file.schema_arrow if not arrow.types.is_binary(field.type)]
            number = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False):
                for value in batch.to_pylist():
                    number += 1
                    yield RawRow(line=number, value=_plain(value), num_bytes=_size(value))
        except (arrow.ArrowException, OSError, ValueError, OverflowError):
            raise whole_file(message("parquet_damaged"), message("write_parquet_again")) from None


def _check_groups(file: Any) -> None:
    metadata = file.metadata
    largest = max((metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)), default=0)
    if largest > LARGEST_GROUP:
        raise whole_file(message("row_group_too_large", gibibytes=largest / 2**30), message("write_smaller_groups"))


def _plain(value: Any) -> Any:
    """Return the row without keys that Parquet knows from other rows only: they are null, and no one wrote them."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str) else 8

"""Sends a stored file to a client block by block."""

import asyncio
import csv
import io
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import translation
from django.utils.http import content_disposition_header

from datasets_app.checking.fault_groups import all_faults
from datasets_app.checking.fault_list import FaultObject
from datasets_app.formats.streams import BLOCK
from datasets_app.models import TrainingFile
from datasets_app.rows.reading import read_rows, require_processed
from datasets_app.shapes.examples import as_copy
from datasets_app.storage import store

FAULT_COLUMNS = ("line", "field", "level", "kind", "message", "hint")
LINES_AT_ONCE = 500


def file_response(file: TrainingFile) -> StreamingHttpResponse:
    """Return the file as a download, streamed in constant memory.

    Not Django's FileResponse: under ASGI that one reads the whole file into memory before its first byte.
    """
    return stream_response(store.open_content(file), num_bytes=file.bytes, name=file.filename)


def stream_response(content: IO[bytes], *, num_bytes: int, name: str) -> StreamingHttpResponse:
    """Return all of `content` as a download, streamed in constant memory; it is closed at the end."""

    async def blocks() -> AsyncIterator[bytes]:
        try:
            while block := await asyncio.to_thread(content.read, BLOCK):
                yield block
        finally:
            content.close()

    response = StreamingHttpResponse(blocks(), content_type="application/octet-stream")
    response["Content-Length"] = str(num_bytes)
    return _as_download(response, name)


def faults_response(file: TrainingFile, *, as_csv: bool) -> StreamingHttpResponse:
    """Return every fault of the file as JSON Lines or as a table, streamed."""
    kind, suffix = ("text/csv; charset=utf-8", "csv") if as_csv else ("application/jsonl", "jsonl")
    faults = all_faults(file)
    pieces = _as_table(faults) if as_csv else (f"{json.dumps(fault, ensure_ascii=False)}\n" for fault in faults)
    response = StreamingHttpResponse(_in_thread(pieces), content_type=kind)
    return _as_download(response, f"{file.filename}.faults.{suffix}")


def examples_response(file: TrainingFile) -> StreamingHttpResponse:
    """Return the rows that a training learns as the trainer by hand reads them, streamed: JSON Lines, or the lines of a
    text. UserError for a file that is not processed."""
    require_processed(file, allows_text=True)
    rows, is_text = read_rows(file), file.format == "text"
    lines = (f"{row.text}\n" if is_text else json.dumps(as_copy(row), ensure_ascii=False) + "\n" for row in rows)
    kind = "text/plain; charset=utf-8" if is_text else "application/jsonl"
    return _as_download(StreamingHttpResponse(_in_thread(lines), content_type=kind), file.rows_filename)


def _as_download(response: StreamingHttpResponse, name: str) -> StreamingHttpResponse:
    """Let the browser keep it under `name`, and never show it in a window: a file may hold a page with scripts."""
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _in_thread(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    """Yield `pieces` in the language of now: they are made when the request is over."""
    language = translation.get_language()

    def next_block() -> str:
        with translation.override(language):
            return "".join(itertools.islice(pieces, LINES_AT_ONCE))

    async def blocks() -> AsyncIterator[bytes]:
        while block := await sync_to_async(next_block)():
            yield block.encode()

    return blocks()


def _as_table(faults: Iterator[FaultObject]) -> Iterator[str]:
    """Yield a CSV line for each fault; what a spreadsheet would take for a formula begins with an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(FAULT_COLUMNS)
    for fault in faults:
        writer.writerow([_harmless(fault.get(name)) for name in FAULT_COLUMNS])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    if rest := buffer.getvalue():
        yield rest


def _harmless(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text

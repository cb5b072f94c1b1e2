"""Sends a stored file to a client block by block."""

import asyncio
from collections.abc import AsyncIterator

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from datasets_app import storing
from datasets_app.formats.streams import BLOCK
from datasets_app.models import TrainingFile


def file_response(file: TrainingFile) -> StreamingHttpResponse:
    """Return the file as a download, streamed in constant memory.

    Not Django's FileResponse: under ASGI that one reads the whole file into memory before its first byte.
    """
    content = storing.open_content(file)

    async def blocks() -> AsyncIterator[bytes]:
        try:
            while block := await asyncio.to_thread(content.read, BLOCK):
                yield block
        finally:
            content.close()

    # Never shown in a browser's window: a file may hold a page with scripts.
    response = StreamingHttpResponse(blocks(), content_type="application/octet-stream")
    response["Content-Length"] = str(file.bytes)
    response["Content-Disposition"] = content_disposition_header(True, file.filename) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response

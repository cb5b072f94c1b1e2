"""The client: every operation of the schema as it stands, and what takes more than one request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx

from luthier.errors import LuthierError
from luthier.following import Followed, follow
from luthier.generated.operations import Operations
from luthier.keeping import find_login
from luthier.speaking import _
from luthier.transport import Transport, events_of, filled
from luthier.uploading import Progress, Uploads

if TYPE_CHECKING:
    from luthier.generated import types

PAUSE_SECONDS = 1.0
PAGE = 100
"""How many rows of a list are asked for at a time."""


class Luthier:
    """A server of Luthier, by its address and a key; without them as `luthier login` or the environment say.

    `api` has a typed method for every operation of the server's schema; it raises `ApiError` for what is refused.
    """

    def __init__(
        self, url: str = "", key: str = "", *, transport: httpx.BaseTransport | None = None, tries: int = 3
    ) -> None:
        if not (url and key):
            found = find_login(url=url)
            url, key = url or found.url, key or found.key
        self.transport = Transport(url, key, transport=transport, tries=tries)
        self.url = self.transport.url
        self.api = Operations(self.transport.call)

    def close(self) -> None:
        """End its connections."""
        self.transport.http.close()

    def __enter__(self) -> Luthier:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def upload(
        self,
        path: str | Path,
        *,
        purpose: str = "fine-tune",
        unused: Literal["leave_out", ""] = "",
        progress: Progress = lambda done, total: None,
    ) -> types.FileObject:
        """Send a file; a large one in parts, which go on where an earlier try broke off."""
        return Uploads(self.api, self.url).send(Path(path), purpose=purpose, unused=unused, progress=progress)

    def wait_for_file(self, file_id: str, *, pause_seconds: float = PAUSE_SECONDS) -> types.FileObject:
        """Wait until the file is checked, and return it; LuthierError with what is wrong where it is refused."""
        while (file := self.api.get_openai_files_file_id(file_id))["status"] == "uploaded":
            time.sleep(pause_seconds)
        if file["status"] == "error":
            said = _("{file} cannot be learned from. {why}")
            why = file["status_details"] or ""
            raise LuthierError(said.format(file=file["filename"], why=why), code="file_refused", exit_code=5)
        return file

    def follow(self, job_id: str, *, pause_seconds: float = PAUSE_SECONDS) -> Iterator[Followed]:
        """Yield what happens to a job until it has ended: its events, each once and in order, and how far it is."""
        return follow(self.api, job_id, pause_seconds=pause_seconds)

    def wait_for_evaluation(
        self, evaluation_id: str, *, progress: Progress = lambda done, total: None, pause_seconds: float = PAUSE_SECONDS
    ) -> types.EvaluationObject:
        """Wait until an evaluation has ended, and return it."""
        while True:
            found = self.api.get_evaluations_evaluation_id(evaluation_id)
            progress(found["done"], found["total"] or 0)
            if found["status"] not in ("queued", "running"):
                return found
            time.sleep(pause_seconds)

    def ask(self, model: str, messages: list[dict[str, Any]], **options: Any) -> Iterator[str]:
        """Yield the answer to a conversation, piece by piece as it is written."""
        body = {"model": model, "messages": messages, "stream": True, **options}
        with self.transport.stream("POST", "/v1/chat/completions", json=body) as reply:
            for chunk in events_of(reply):
                for choice in chunk["choices"]:
                    if text := choice["delta"].get("content"):
                        yield text

    def download(self, path: str, target: Path, *, inside: dict[str, str], progress: Progress) -> int:
        """Write what an operation answers to a file, all of it or nothing; return its bytes."""
        partial = target.with_name(f".{target.name}.part")
        done = 0
        try:
            with self.transport.stream("GET", filled(path, inside)) as reply, partial.open("wb") as stream:
                total = int(reply.headers.get("content-length", 0))
                for block in reply.iter_bytes():
                    stream.write(block)
                    done += len(block)
                    progress(done, total)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return done

    def every(self, path: str, *, most: int, inside: dict[str, str] | None = None, **query: Any) -> list[Any]:
        """Return up to `most` rows of a list, page by page; 0: all of them."""
        found: list[Any] = []
        while True:
            limit = min(PAGE, most - len(found)) if most else PAGE
            asked = {**query, "limit": limit, "after": found[-1]["id"] if found else None}
            page = self.transport.call("GET", path, inside=inside, query=asked)
            found += page["data"]
            if not page["has_more"] or not page["data"] or (most and len(found) >= most):
                return found

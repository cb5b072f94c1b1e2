"""Files to the server: small ones at once, large ones in parts that go on where they broke off."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from luthier.errors import ApiError, LuthierError
from luthier.generated.operations import Operations
from luthier.keeping import folder, write_private
from luthier.speaking import _

if TYPE_CHECKING:
    from luthier.generated import types

Progress = Callable[[int, int], None]
"""Called with the bytes that are there, and with how many there are."""
PART_BYTES = 8 * 2**20
"""A line that breaks costs at most so much."""
READ_BYTES = 2**20


class Uploads:
    """Uploads of one server, remembered in a private file until they are whole."""

    def __init__(self, api: Operations, url: str, *, kept_in: Path | None = None) -> None:
        self.api, self.url = api, url
        self.path = kept_in or folder() / "uploads.json"

    def send(
        self, path: Path, *, purpose: Any, unused: Any, progress: Progress, part_bytes: int = PART_BYTES
    ) -> types.FileObject:
        """Return the file that `path` has become."""
        if not path.is_file():
            raise LuthierError(_("There is no file {path}.").format(path=path), code="no_such_file")
        size = path.stat().st_size
        if size <= part_bytes or unused:
            return self._at_once(path, size, purpose=purpose, unused=unused, progress=progress)
        return self._in_parts(path, size, purpose=purpose, progress=progress, part_bytes=part_bytes)

    def _at_once(self, path: Path, size: int, *, purpose: Any, unused: Any, progress: Progress) -> types.FileObject:
        with path.open("rb") as stream:
            body: Any = {"file": (path.name, stream), "purpose": purpose, **({"unused": unused} if unused else {})}
            found = self.api.post_openai_files(body=body)
        progress(size, size)
        return found

    def _in_parts(
        self, path: Path, size: int, *, purpose: Any, progress: Progress, part_bytes: int
    ) -> types.FileObject:
        name = self._name(path)
        upload, parts = self._begun(name, part_bytes)
        if upload is None:
            body: Any = {"bytes": size, "filename": path.name, "mime_type": "", "purpose": purpose}
            upload = self.api.post_openai_uploads(body=body)["id"]
            self._remember(name, upload)
        digest, ids = hashlib.md5(usedforsecurity=False), [part["id"] for part in parts]
        with path.open("rb") as stream:
            for number, block in enumerate(_blocks(stream, part_bytes)):
                digest.update(block)
                if number >= len(ids):
                    form: Any = {"data": (path.name, block)}
                    ids.append(self.api.post_openai_uploads_upload_id_parts(upload, body=form)["id"])
                progress(min(size, (number + 1) * part_bytes), size)
        return self._completed(name, upload, ids, digest.hexdigest())

    def _completed(self, name: str, upload: str, ids: list[str], md5: str) -> types.FileObject:
        """Return the file; one that does not fit together is forgotten, so that the next try begins anew."""
        try:
            done = self.api.post_openai_uploads_upload_id_complete(upload, body={"part_ids": ids, "md5": md5})
        except ApiError as error:
            if error.status < 500:
                self._remember(name, None)
            raise
        self._remember(name, None)
        if done["file"] is None:
            raise LuthierError(_("The upload {upload} has no file.").format(upload=upload), code="upload_without_file")
        return done["file"]

    def _begun(self, name: str, part_bytes: int) -> tuple[str | None, list[types.ReceivedPart]]:
        """Return an upload of the same file that broke off, with its parts; None where there is none to go on with."""
        upload = self._kept().get(name)
        if upload is None:
            return None, []
        try:
            found = self.api.get_openai_uploads_upload_id(upload)
        except ApiError as error:
            if error.status == 404:
                return None, []
            raise
        is_whole = all(part["bytes"] == part_bytes for part in found["parts"][:-1])
        return (upload, found["parts"]) if found["status"] == "pending" and is_whole else (None, [])

    def _name(self, path: Path) -> str:
        """Return what tells this file, as it is now, from every other one."""
        state = path.stat()
        text = json.dumps([self.url, os.fspath(path.resolve()), state.st_size, state.st_mtime_ns])
        return hashlib.sha256(text.encode()).hexdigest()

    def _kept(self) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(self.path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def _remember(self, name: str, upload: str | None) -> None:
        kept = {key: value for key, value in self._kept().items() if key != name}
        write_private(self.path, {**kept, **({name: upload} if upload else {})})


def _blocks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while block := stream.read(size):
        yield block

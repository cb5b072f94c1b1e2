"""The folder of a rescue: what was brought, in files that people and programs can read."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from luthier.errors import LuthierError
from luthier.keeping import write_private
from luthier.speaking import _

ABOUT = "rescue.json"
_UNSAFE = re.compile(r"[^\w.-]+")
LONGEST = 100


class Folder:
    """A rescue on disk. Names from the old server are made safe before they name a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._appending = threading.Lock()

    def create(self, source: str) -> None:
        """Make the folder, or go on with one of the same server."""
        if self.path.exists() and not (self.path / ABOUT).exists() and any(self.path.iterdir()):
            said = _("{path} holds something else. Choose an empty folder.")
            raise LuthierError(said.format(path=self.path), code="folder_not_empty")
        known = self.read(ABOUT, {}).get("source", source)
        if known != source:
            said = _("{path} is a rescue from {known}. Choose another folder for {source}.")
            raise LuthierError(said.format(path=self.path, known=known, source=source), code="other_source")
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.write(ABOUT, {"version": 1, "source": source})

    def require(self) -> None:
        """Refuse a folder that no rescue was brought into."""
        if not (self.path / ABOUT).exists():
            said = _("{path} is no rescue. Begin one with “luthier rescue fetch {path}”.")
            raise LuthierError(said.format(path=self.path), code="no_rescue")

    @property
    def source(self) -> str:
        return str(self.read(ABOUT, {}).get("source", ""))

    def file(self, *parts: str) -> Path:
        """Return the path of something, each part of it made safe."""
        return self.path.joinpath(*(safe(part) for part in parts))

    def write(self, name: str, content: Any) -> None:
        """Write JSON, all of it or nothing; `name` may have folders before it."""
        write_private(self.path / name, content)

    def read(self, name: str, default: Any) -> Any:
        try:
            return json.loads((self.path / name).read_text("utf-8"))
        except FileNotFoundError:
            return default

    def append(self, path: Path, row: Any) -> None:
        """Add a line to JSON Lines; what was said stays said when the machine stops a moment later."""
        with self._appending:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                stream.flush()
                os.fsync(stream.fileno())

    def jobs(self) -> list[dict[str, Any]]:
        """Return the old jobs, the oldest first."""
        found = [self.read(f"jobs/{entry.name}/job.json", {}) for entry in _entries(self.path / "jobs")]
        return sorted(found, key=lambda job: (job.get("created_at") or 0, str(job.get("id"))))

    def tuned(self) -> list[dict[str, Any]]:
        """Return the old jobs that have a model."""
        return [job for job in self.jobs() if job.get("fine_tuned_model")]

    def data(self, file_id: str | None) -> Path | None:
        """Return where a file of the old server lies; None where it could not be brought."""
        entry = next((one for one in self.read("files.json", []) if one["id"] == file_id), None)
        path = self.path / entry["path"] if entry and entry.get("path") else None
        return path if path and path.is_file() else None


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of JSON Lines; a line that broke off at the end is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8-sig") as stream:
        for line in stream:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def safe(name: str) -> str:
    """Return a name that a file may have, whatever a server has said."""
    cleaned = _UNSAFE.sub("_", name).lstrip(".")[-LONGEST:]
    return cleaned or "_"


def _entries(folder: Path) -> Iterable[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else ()

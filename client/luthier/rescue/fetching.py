"""Brings files, jobs and the names of tuned models from the old server; can be stopped and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from luthier.errors import ApiError, LuthierError
from luthier.rescue.folder import Folder
from luthier.transport import Transport, filled

DATA = "files.json"
Say = Callable[[str], None]


@dataclass
class Brought:
    """What a fetch has found."""

    files: int = 0
    bytes: int = 0
    jobs: int = 0
    models: list[str] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


def fetch(source: Transport, folder: Folder, *, say: Say, is_dry: bool = False) -> Brought:
    """Bring everything that the key may read; what the server no longer gives is told, and the rest goes on."""
    found = Brought()
    files = _listed(source, "/v1/files")
    jobs = _listed(source, "/v1/fine_tuning/jobs")
    found.models = [job["fine_tuned_model"] for job in jobs if job.get("fine_tuned_model")]
    found.files, found.jobs = len(files), len(jobs)
    found.bytes = sum(file.get("bytes") or 0 for file in files)
    if is_dry:
        return found
    folder.create(source.url)
    for job in jobs:
        _bring_job(source, folder, job, found)
        say(f"{job['id']}: {job.get('status')} {job.get('fine_tuned_model') or ''}".rstrip())
    _bring_files(source, folder, files, found, say)
    folder.write("models.json", _models(source, found))
    return found


def _listed(source: Transport, path: str) -> list[dict[str, Any]]:
    """Return all rows of a list; a server that lists the same page again and again is not asked for ever."""
    found: dict[str, dict[str, Any]] = {}
    after: str | None = None
    while True:
        page = source.call("GET", path, query={"limit": 100, "after": after})
        new = [row for row in page.get("data", []) if str(row.get("id")) not in found]
        found.update({str(row["id"]): row for row in new})
        if not page.get("has_more") or not new:
            return list(found.values())
        after = str(new[-1]["id"])


def _bring_job(source: Transport, folder: Folder, job: dict[str, Any], found: Brought) -> None:
    target = folder.file("jobs", job["id"])
    place = f"jobs/{target.name}"
    folder.write(f"{place}/job.json", job)
    for name in ("events", "checkpoints"):
        path = filled("/v1/fine_tuning/jobs/{job_id}/", {"job_id": job["id"]}) + name
        try:
            folder.write(f"{place}/{name}.json", _listed(source, path))
        except ApiError as error:
            _note(found, f"{job['id']} {name}", error)


def _bring_files(source: Transport, folder: Folder, files: list[dict[str, Any]], found: Brought, say: Say) -> None:
    """Bring each file's bytes; one that is here already is left as it is."""
    listed: list[dict[str, Any]] = []
    for file in files:
        target = folder.file("files", f"{file['id']}.{file.get('filename') or 'file'}")
        entry = {**file, "path": f"files/{target.name}"}
        if not target.exists():
            try:
                _download(source, file["id"], folder, target.name)
                say(f"{file['id']}: {file.get('filename')}")
            except ApiError as error:
                entry["path"] = None
                _note(found, str(file["id"]), error)
        listed.append(entry)
        folder.write(DATA, listed)


def _download(source: Transport, file_id: str, folder: Folder, name: str) -> None:
    target = folder.path / "files" / name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = target.with_name(f".{name}.part")
    try:
        path = filled("/v1/files/{file_id}/content", {"file_id": file_id})
        with source.stream("GET", path) as reply, partial.open("wb") as stream:
            for block in reply.iter_bytes():
                stream.write(block)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _models(source: Transport, found: Brought) -> list[dict[str, Any]]:
    """Return the list of models; not every server has one."""
    try:
        page = source.call("GET", "/v1/models")
    except ApiError as error:
        _note(found, "models", error)
        return []
    return list(page.get("data", []))


def _note(found: Brought, what: str, error: LuthierError) -> None:
    found.problems.append({"what": what, "code": error.code, "message": error.message})

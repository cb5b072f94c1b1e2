"""manifest.json: a folder exists once its manifest does, and its bytes are what the manifest says."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from rundir.messages import message
from rundir.paths import write_json
from wording import Message

NAME = "manifest.json"


class FileFacts(TypedDict):
    """What a manifest says of a file."""

    bytes: int
    sha256: str


class Manifest(TypedDict):
    """manifest.json: every file of a folder by its relative path."""

    version: int
    files: dict[str, FileFacts]


class ManifestError(ValueError):
    """A folder that is incomplete or damaged; the message names the file."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(folder: Path) -> Manifest:
    """Flush every file of `folder`, then write its manifest (sizes and SHA-256) last."""
    files: dict[str, FileFacts] = {}
    for path in _files(folder):
        _flush(path)
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_of_file(path)}
    manifest: Manifest = {"version": 1, "files": files}
    write_json(folder / NAME, manifest)
    _flush(folder)
    return manifest


def verify_manifest(folder: Path) -> None:
    """Check every file of `folder` against its manifest; raise ManifestError with what is wrong."""
    try:
        files = json.loads((folder / NAME).read_bytes())["files"]
    except FileNotFoundError:
        raise ManifestError(message("manifest_missing", folder=folder.name)) from None
    except (ValueError, KeyError, TypeError):
        raise ManifestError(message("manifest_unreadable", folder=folder.name)) from None
    for name, facts in files.items():
        path = folder / name
        if not path.is_file():
            raise ManifestError(message("file_is_missing", file=name, folder=folder.name))
        if (found := path.stat().st_size) != facts["bytes"]:
            sizes = {"found": found, "expected": facts["bytes"]}
            raise ManifestError(message("file_has_other_size", file=name, folder=folder.name, **sizes))
        if sha256_of_file(path) != facts["sha256"]:
            raise ManifestError(message("file_has_other_bytes", file=name, folder=folder.name))


def newest_valid_checkpoint(checkpoints: Path) -> tuple[Path | None, list[Message]]:
    """Return the newest checkpoint that verifies, and what is wrong with each newer one that had to be passed over."""
    passed_over: list[Message] = []
    for folder in _newest_first(checkpoints):
        try:
            verify_manifest(folder)
        except ManifestError as error:
            passed_over.append(error.message)
            continue
        return folder, passed_over
    return None, passed_over


def newest_step(checkpoints: Path) -> int | None:
    """Return the step of the newest finished checkpoint, without reading its bytes; None when there is none."""
    whole = (folder for folder in _newest_first(checkpoints) if (folder / NAME).exists())
    return next((int(folder.name.removeprefix("step-")) for folder in whole), None)


def _newest_first(checkpoints: Path) -> list[Path]:
    if not checkpoints.is_dir():
        return []
    numbered = [
        (int(match[1]), path) for path in checkpoints.iterdir() if (match := re.fullmatch(r"step-(\d+)", path.name))
    ]
    return [path for _, path in sorted(numbered, reverse=True)]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != NAME:
            yield path


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""manifest.json: a folder exists once its manifest does, and its bytes are what the manifest says."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from rundir.paths import write_json

NAME = "manifest.json"


class ManifestError(ValueError):
    """A folder that is incomplete or damaged, with a sentence that names the file."""


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(folder: Path) -> dict[str, object]:
    """Flush every file of `folder`, then write its manifest (sizes and SHA-256) last."""
    files = {}
    for path in _files(folder):
        _flush(path)
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_of_file(path)}
    manifest: dict[str, object] = {"version": 1, "files": files}
    write_json(folder / NAME, manifest)
    _flush(folder)
    return manifest


def verify_manifest(folder: Path) -> None:
    """Check every file of `folder` against its manifest; raise ManifestError with what is wrong."""
    try:
        files = json.loads((folder / NAME).read_bytes())["files"]
    except FileNotFoundError:
        raise ManifestError(f"{folder.name} has no manifest: it was never finished.") from None
    except (ValueError, KeyError, TypeError):
        raise ManifestError(f"The manifest of {folder.name} cannot be read.") from None
    for name, facts in files.items():
        path = folder / name
        if not path.is_file():
            raise ManifestError(f"{name} is missing from {folder.name}.")
        if path.stat().st_size != facts["bytes"]:
            raise ManifestError(f"{name} in {folder.name} has {path.stat().st_size} bytes instead of {facts['bytes']}.")
        if sha256_of_file(path) != facts["sha256"]:
            raise ManifestError(f"The bytes of {name} in {folder.name} are not the ones that were written.")


def newest_valid_checkpoint(checkpoints: Path) -> tuple[Path | None, list[str]]:
    """Return the newest checkpoint that verifies, and a sentence for each newer one that had to be passed over."""
    passed_over: list[str] = []
    for folder in _newest_first(checkpoints):
        try:
            verify_manifest(folder)
        except ManifestError as error:
            passed_over.append(str(error))
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

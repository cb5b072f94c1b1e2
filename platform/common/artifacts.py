"""Folders in object storage: published file by file with the manifest last, fetched and verified."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from rundir import ManifestError, verify_manifest, write_json, write_manifest
from rundir.manifest import NAME as MANIFEST
from rundir.manifest import FileFacts
from rundir.messages import message


def storage() -> Storage:
    """Return where checkpoints, logs and results are kept (STORAGES["artifacts"])."""
    return storages["artifacts"]


def publish_folder(folder: Path, name: str) -> int:
    """Copy `folder` to `name` in storage and return its bytes; safe to repeat, complete once its manifest is there.

    A folder without a manifest gets one first. What storage has of an earlier try is kept where its bytes have the
    same SHA-256 and replaced where they have not, after its manifest: no reader takes a mixture for a whole folder.
    """
    if not (folder / MANIFEST).exists():
        write_manifest(folder)
    manifest = (folder / MANIFEST).read_bytes()
    files: dict[str, FileFacts] = json.loads(manifest)["files"]
    total = len(manifest) + sum(about["bytes"] for about in files.values())
    if _stored_manifest(name) == manifest:
        return total
    storage().delete(f"{name}/{MANIFEST}")
    for stray in set(files_below(name)) - set(files):
        storage().delete(f"{name}/{stray}")
    for file_name, about in files.items():
        if not _has(f"{name}/{file_name}", about):
            publish_file(folder / file_name, f"{name}/{file_name}")
    publish_file(folder / MANIFEST, f"{name}/{MANIFEST}")
    return total


def publish_file(path: Path, name: str) -> None:
    """Copy one file to `name`, replacing what is there; OSError when another process writes there as well."""
    target = storage()
    target.delete(name)
    with path.open("rb") as stream:
        saved = target.save(name, File(stream, name=path.name))
    if saved != name:
        target.delete(saved)
        raise OSError(f"{name} is being written by another process.")


def fetch_folder(name: str, folder: Path, *, part: str = "") -> None:
    """Bring `name`, or its folder `part` alone, from storage to `folder`, whole and verified or not at all.

    Raise ManifestError when it is damaged.
    """
    if (folder / MANIFEST).exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        if part:
            write_json(partial / MANIFEST, {"version": 1, "files": _files_of_part(name, part)})
            source = f"{name}/{part}"
        else:
            source = name
        for file_name in files_below(source):
            _fetch_file(f"{source}/{file_name}", partial / file_name)
        verify_manifest(partial)
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            if not (folder / MANIFEST).exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def folder_exists(name: str) -> bool:
    """True once the folder was published whole."""
    return storage().exists(f"{name}/{MANIFEST}")


def delete_folder(name: str) -> None:
    """Remove every file below `name`, the manifest first so that no half folder looks whole."""
    target = storage()
    for file_name in sorted(files_below(name), key=lambda n: n != MANIFEST):
        target.delete(f"{name}/{file_name}")
    if isinstance(target, FileSystemStorage):  # elsewhere there are no folders
        shutil.rmtree(target.path(name), ignore_errors=True)


def files_below(name: str) -> list[str]:
    """Return the paths of all files below `name`, relative to it."""
    folders, files = _listdir(name)
    found = list(files)
    for folder in folders:
        found += [f"{folder}/{inner}" for inner in files_below(f"{name}/{folder}")]
    return found


def _files_of_part(name: str, part: str) -> dict[str, FileFacts]:
    """Return what the manifest of `name` says of the files below `part`, relative to it."""
    manifest = _stored_manifest(name)
    if not manifest:
        raise ManifestError(message("file_not_in_storage", name=f"{name}/{MANIFEST}"))
    files: dict[str, FileFacts] = json.loads(manifest)["files"]
    inside = {file: facts for file, facts in files.items() if file.startswith(f"{part}/")}
    if not inside:
        raise ManifestError(message("file_not_in_storage", name=f"{name}/{part}"))
    return {file.removeprefix(f"{part}/"): facts for file, facts in inside.items()}


def _stored_manifest(name: str) -> bytes:
    """Return the manifest of what was published whole under `name`; empty where nothing was."""
    try:
        with storage().open(f"{name}/{MANIFEST}", "rb") as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return b""


def _has(name: str, about: FileFacts) -> bool:
    """Whether storage has these very bytes under `name`; they are read only where their number is right."""
    target = storage()
    if not target.exists(name) or target.size(name) != about["bytes"]:
        return False
    digest = hashlib.sha256()
    with target.open(name, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest() == about["sha256"]


def _listdir(name: str) -> tuple[list[str], list[str]]:
    try:
        folders, files = storage().listdir(name)
    except FileNotFoundError:
        return [], []
    return [f for f in folders if f], [f for f in files if f]


def _fetch_file(name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with storage().open(name, "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except FileNotFoundError:
        raise ManifestError(message("file_not_in_storage", name=name)) from None

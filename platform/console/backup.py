"""A backup of the platform in one file: the database, and storage with its names, sizes and SHA-256.

A tar archive. `manifest.json` stands at its end, as it names what the rest turned out to be; objects of storage that
lies in the home are in it, those of a bucket are named only. Keys are not: whoever has the file should not have both.
Run directories, caches and base models are not either: they are made or fetched again.
"""

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, storages

from common.errors import UserError
from console import database_copy
from console.messages import message

FORMAT = 1
MANIFEST = "manifest.json"
STORAGES = ("datasets", "artifacts")
BLOCK = 2**20
MADE_BY_ITSELF = frozenset(
    {"luthier_secret_key.txt", "luthier_encryption_key.txt", "postgres-password.txt", "serve.lock", "run"}
)
"""What looking at a home's settings puts there."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file of the archive, or one object of a bucket."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What was backed up or restored."""

    rows_of: int
    """Tables."""
    objects: int
    bytes: int
    is_whole: bool
    """Whether the objects themselves are in the file."""


def back_up(target: Path) -> Summary:
    """Write a backup; `target` appears when it is whole."""
    if target.exists():
        raise UserError(message("backup_exists", path=str(target)))
    draft = target.with_name(f".{target.name}.part")
    try:
        stream = draft.open("xb")
    except FileExistsError:  # another's, which is not to be deleted below
        raise UserError(message("backup_under_way", path=str(draft))) from None
    try:
        with stream:
            draft.chmod(0o600)
            with tarfile.open(fileobj=stream, mode="w") as archive:
                summary = _write(archive)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    return summary


def _write(archive: tarfile.TarFile) -> Summary:
    with database_copy.snapshot():
        tables, applied = database_copy.columns(), database_copy.migrations()
        rows = [_add_table(archive, table, names) for table, names in tables.items()]
    # After the rows: an object that they name is there, unless it has been deleted since.
    objects = {alias: list(_objects(archive, alias)) for alias in STORAGES}
    is_whole = all(_is_here(storages[alias]) for alias in STORAGES)
    manifest = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(),
        "migrations": applied,
        "tables": tables,
        "rows": [asdict(part) for part in rows],
        "objects": {alias: [asdict(part) for part in found] for alias, found in objects.items()},
        "has_objects": is_whole,
    }
    _add_bytes(archive, MANIFEST, json.dumps(manifest, indent=1).encode())
    every = [part for found in objects.values() for part in found]
    return Summary(rows_of=len(rows), objects=len(every), bytes=sum(part.bytes for part in every), is_whole=is_whole)


def _add_table(archive: tarfile.TarFile, table: str, names: list[str]) -> Part:
    with tempfile.TemporaryFile(dir=_room()) as stream:
        database_copy.write_table(table, names, stream)
        return _add(archive, f"database/{table}", stream, stream.tell())


def _objects(archive: tarfile.TarFile, alias: str) -> Iterator[Part]:
    storage = storages[alias]
    for name in _names(storage, ""):
        try:
            with storage.open(name, "rb") as stream:
                if _is_here(storage):
                    yield _add(archive, f"storage/{alias}/{name}", stream, stream.size)  # type: ignore[arg-type]
                else:
                    digest, size = _copied(stream, None)
                    yield Part(name=f"storage/{alias}/{name}", bytes=size, sha256=digest)
        except FileNotFoundError:
            continue  # deleted meanwhile


def _names(storage: Storage, folder: str) -> Iterator[str]:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(files):
        yield f"{folder}/{name}".lstrip("/")
    for inner in sorted(folders):
        yield from _names(storage, f"{folder}/{inner}".lstrip("/"))


def _is_here(storage: Any) -> bool:
    return isinstance(storage, FileSystemStorage)


class _Hashed:
    """A stream of which tar reads a known number of bytes; what a file has grown by meanwhile is left out."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.digest.update(block)
        return block


def _add(archive: tarfile.TarFile, name: str, stream: IO[bytes], size: int) -> Part:
    stream.seek(0)
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    hashed = _Hashed(stream)
    archive.addfile(entry, hashed)
    return Part(name=name, bytes=size, sha256=hashed.digest.hexdigest())


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    with tempfile.TemporaryFile(dir=_room()) as stream:
        stream.write(content)
        _add(archive, name, stream, len(content))


def require_empty_home() -> None:
    """Refuse a home that has anything in it."""
    home = Path(settings.LUTHIER_HOME)
    found = sorted(path.name for path in home.iterdir() if path.name not in MADE_BY_ITSELF) if home.exists() else []
    if found:
        raise UserError(message("home_not_empty", home=str(home), found=found[:3]))


def clear_home() -> None:
    """Take away what a restore that was broken off has put into a home that was empty."""
    home = Path(settings.LUTHIER_HOME)
    for path in [path for path in home.iterdir() if path.name not in MADE_BY_ITSELF]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if settings.EMBEDDED.database_url == settings.DATABASE_URL:
        shutil.rmtree(settings.EMBEDDED.database, ignore_errors=True)


def restore(source: Path) -> Summary:
    """Bring a backup into an empty home and database.

    Everything is proven by its SHA-256 before storage and database are touched.
    """
    if not database_copy.is_empty():
        raise UserError(message("database_not_empty"))
    draft = Path(tempfile.mkdtemp(prefix="restoring-", dir=_room()))
    try:
        manifest = _unpacked(source, draft)
        if unknown := database_copy.unknown_migrations(manifest["migrations"]):
            raise UserError(message("backup_is_newer", migration=unknown[0]))
        if not manifest["has_objects"]:
            _require_bucket(manifest)
        elif not all(_is_here(storages[alias]) for alias in STORAGES):
            raise UserError(message("backup_has_files"))
        _place_objects(draft)
        database_copy.restore(
            manifest["migrations"], manifest["tables"], lambda table: (draft / "database" / table).open("rb")
        )
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    every = [Part(**part) for found in manifest["objects"].values() for part in found]
    return Summary(
        rows_of=len(manifest["rows"]),
        objects=len(every),
        bytes=sum(part.bytes for part in every),
        is_whole=manifest["has_objects"],
    )


def _unpacked(source: Path, folder: Path) -> dict[str, Any]:
    """Unpack a backup into `folder` and return its manifest; refuse one of which a byte is another."""
    found: dict[str, tuple[str, int]] = {}
    try:
        with tarfile.open(source, mode="r:") as archive:
            for entry in archive:
                path = (folder / entry.name).resolve()
                content = archive.extractfile(entry)
                if content is None or not path.is_relative_to(folder.resolve()):
                    raise _damaged(source, entry.name)
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600, exist_ok=False)
                with path.open("wb") as target:
                    found[entry.name] = _copied(content, target)
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        if manifest["format"] != FORMAT:
            raise UserError(message("backup_of_another_format", path=str(source)))
        wanted = list(manifest["rows"])
        if manifest["has_objects"]:
            wanted += [part for parts in manifest["objects"].values() for part in parts]
    except (tarfile.TarError, FileNotFoundError, FileExistsError, ValueError, KeyError, EOFError) as error:
        raise _damaged(source, str(error)) from None
    for part in wanted:
        if found.pop(part["name"], None) != (part["sha256"], part["bytes"]):
            raise _damaged(source, part["name"])
    if set(found) != {MANIFEST}:
        raise _damaged(source, min(set(found) - {MANIFEST}))
    return manifest


def _require_bucket(manifest: dict[str, Any]) -> None:
    """Refuse unless the bucket has every object that the backup names, with its very bytes."""
    for alias, parts in manifest["objects"].items():
        for part in parts:
            name = part["name"].removeprefix(f"storage/{alias}/")
            try:
                with storages[alias].open(name, "rb") as stream:
                    is_same = _copied(stream, None) == (part["sha256"], part["bytes"])
            except FileNotFoundError:
                is_same = False
            if not is_same:
                raise UserError(message("bucket_lacks", name=name))


def _place_objects(draft: Path) -> None:
    for alias in STORAGES:
        storage: Any = storages[alias]
        if (draft / "storage" / alias).exists():
            if any(_names(storage, "")):
                raise UserError(message("storage_not_empty", place=str(storage.location)))
            place = Path(storage.location)
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.rmtree(place, ignore_errors=True)
            (draft / "storage" / alias).rename(place)


def _copied(stream: Any, target: IO[bytes] | None) -> tuple[str, int]:
    """Read a stream to its end, into `target` if there is one; return (SHA-256, bytes)."""
    digest, size = hashlib.sha256(), 0
    while block := stream.read(BLOCK):
        digest.update(block)
        size += len(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest(), size


def _damaged(source: Path, what: str) -> UserError:
    return UserError(message("backup_damaged", path=str(source), what=what[:100]))


def _room() -> Path:
    """Return a folder of the home's own disk for what lies between."""
    folder = Path(settings.LUTHIER_HOME) / "tmp"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder

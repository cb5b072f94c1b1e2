"""Proof that a base's weights on this machine are the ones that the catalogue knows, by their SHA-256.

Reading all of them takes a while, so that what was proven is remembered here, by each file's inode, size and times, for
settings.PROOF_HOURS: a disk may also change bytes without telling anybody.
"""

import fcntl
import json
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from catalogue.folders import FolderError, check_safetensors, identity
from catalogue.messages import message
from catalogue.models import BaseModel
from common.errors import UserError
from rundir import write_json
from wording import Message

logger = logging.getLogger(__name__)


class DamagedModel(UserError):
    """Weights that are not the ones that were fetched or registered."""

    status = 500

    def __init__(self, base: BaseModel, reason: Message) -> None:
        node = settings.NODE_NAME or socket.gethostname()
        said = message("damaged_on_node", model=base.id, node=node, reason=reason)
        super().__init__(said, code="model_damaged", param="model")
        self.reason = reason


def prove(base: BaseModel, *, anew: bool = False) -> None:
    """Raise DamagedModel unless the weights of `base` here have its SHA-256; `anew` reads them again in any case."""
    with _one_at_a_time(base):
        try:
            stamps = _stamps(base.path)
            if anew or not _is_remembered(base, stamps) or not _headers_parse(base.path):
                _forget(base)
                _read_and_compare(base)
                _remember(base, stamps)
        except OSError as error:
            raise DamagedModel(base, message("weights_unreadable", reason=error.strerror or str(error))) from error


def prove_all_here() -> None:
    """Prove again what was proven too long ago of the models on this machine; a damaged one is logged."""
    for base in BaseModel.objects.present():
        if base.path.is_dir():
            try:
                prove(base)
            except DamagedModel as error:
                logger.error("%s", error)


def _read_and_compare(base: BaseModel) -> None:
    found = identity(base.path)
    if found != base.sha256:
        raise DamagedModel(base, message("weights_of_another_sum", found=found, known=base.sha256))


def _headers_parse(folder: Path) -> bool:
    try:
        for path in folder.glob("*.safetensors"):
            check_safetensors(path)
    except FolderError:
        return False
    return True


def _stamps(folder: Path) -> dict[str, list[int]]:
    """Return what changes with a file's bytes, unless the disk itself fails: inode, size, mtime and ctime."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        about = path.stat()
        found[path.name] = [about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]
    return found


def _proof(base: BaseModel) -> Path:
    return Path(settings.LUTHIER_HOME) / "models" / ".proven" / f"{base.id}.json"


def _is_remembered(base: BaseModel, stamps: dict[str, list[int]]) -> bool:
    try:
        known: dict[str, Any] = json.loads(_proof(base).read_bytes())
        age = time.time() - known["at"]
        return known["sha256"] == base.sha256 and known["stamps"] == stamps and 0 <= age < settings.PROOF_HOURS * 3600
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _remember(base: BaseModel, stamps: dict[str, list[int]]) -> None:
    # The stamps are those of before the reading: what was written meanwhile is read again the next time.
    write_json(_proof(base), {"sha256": base.sha256, "at": time.time(), "stamps": stamps})


def _forget(base: BaseModel) -> None:
    _proof(base).unlink(missing_ok=True)


@contextmanager
def _one_at_a_time(base: BaseModel) -> Iterator[None]:
    """Let the second of two Runs wait for what the first one reads."""
    folder = _proof(base).parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{base.id}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

"""What a node's home takes on its disk, by kind, measured there and kept in the node's row for pages and the API."""

import os
import shutil
import stat
from pathlib import Path
from typing import TypedDict

from django.conf import settings
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from compute.models import Node
from compute.node.devices import node_name

OTHER = "other"
KINDS: dict[str, Promise] = {
    "models": _("Base models"),
    "tokens": _("Tokenised data"),
    "runs": _("Run directories"),
    "adapters": _("Tuned models, cached"),
    "storage": _("Files, checkpoints and results"),
    "rows": _("Indexes of rows"),
    "tmp": _("Temporary files"),
    OTHER: _("Database, logs and the rest"),
}
"""A folder of the home each, and what is in none of them."""


class Disk(TypedDict):
    """What a home takes, and what its disk has, in bytes."""

    kinds: dict[str, int]
    free: int
    total: int


def note_disk() -> None:
    """Measure this home, and write it to this node's row if there is one."""
    nodes = Node.objects.filter(name=node_name())
    if nodes.exists():
        nodes.update(disk=measure(Path(settings.LUTHIER_HOME)), disk_at=Now())


def measure(home: Path) -> Disk:
    """Return what a home takes; a file with several names counts once."""
    seen: set[tuple[int, int]] = set()
    kinds = {kind: _size(home / kind, seen) for kind in KINDS if kind != OTHER}
    rest = _children(home, without=set(KINDS))
    kinds[OTHER] = sum(_size(path, seen) for path in rest)
    usage = shutil.disk_usage(home)
    return {"kinds": kinds, "free": usage.free, "total": usage.total}


def _children(home: Path, *, without: set[str]) -> list[Path]:
    return [path for path in home.iterdir() if path.name not in without]


def _size(path: Path, seen: set[tuple[int, int]]) -> int:
    """Return the bytes that the disk gives to everything below `path`; what vanishes counts as nothing."""
    try:
        about = path.lstat()
    except OSError:
        return 0
    if not stat.S_ISDIR(about.st_mode):
        return _new_bytes(about, seen)
    total = 0
    for folder, _folders, files in os.walk(path):
        for name in files:
            try:
                total += _new_bytes(os.lstat(os.path.join(folder, name)), seen)
            except OSError:
                continue
    return total


def _new_bytes(about: os.stat_result, seen: set[tuple[int, int]]) -> int:
    key = (about.st_dev, about.st_ino)
    if key in seen:
        return 0
    seen.add(key)
    return about.st_blocks * 512

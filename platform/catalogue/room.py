"""Room on the disk for a model."""

import shutil
from pathlib import Path

from catalogue.messages import message
from common.errors import UserError

DISK_RESERVE_BYTES = 500_000_000
"""Left free beyond what a model needs."""


def require_space(folder: Path, needed: int) -> None:
    """Raise UserError unless `needed` bytes and a reserve fit on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed + DISK_RESERVE_BYTES:
        said = message("disk_too_small", needed=needed / 1e9, reserve=DISK_RESERVE_BYTES / 1e9, free=free / 1e9)
        raise UserError(said, status=507)

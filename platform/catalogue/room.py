"""Room on the disk that a model comes to."""

import shutil
from pathlib import Path

from common.errors import UserError

DISK_RESERVE_BYTES = 500_000_000
"""Left free beyond what a model needs."""


def require_space(folder: Path, needed: int) -> None:
    """Raise UserError unless `needed` bytes and a reserve fit on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed + DISK_RESERVE_BYTES:
        raise UserError(
            f"This model needs {_gigabytes(needed)} and {_gigabytes(DISK_RESERVE_BYTES)} of reserve, and the disk of "
            f"LUTHIER_HOME has {_gigabytes(free)} free. Make room there, or set LUTHIER_HOME to a larger disk.",
            code="disk_too_small",
            status=507,
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"

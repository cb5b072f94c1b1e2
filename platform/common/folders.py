"""Folders of this machine's home that are made whole and go whole; names that begin with a dot are drafts."""

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)


def folders_in(parent: Path) -> Iterator[Path]:
    """Yield the whole folders directly in `parent`; none where it does not exist."""
    if parent.is_dir():
        yield from (path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def link_file(source: str, target: str) -> None:
    """Give `target` the bytes of `source`, without copying them where the disk allows; for `shutil.copytree`."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def remove_whole(folder: Path) -> None:
    """Remove `folder`, renamed first, so that half of it is never found; what cannot be removed is left and logged."""
    gone = folder.with_name(f".gone-{folder.name}")
    try:
        folder.rename(gone)
    except OSError as error:
        logger.warning("%s could not be removed: %s", folder, error)
        return
    shutil.rmtree(gone, ignore_errors=True)
    logger.info("%s was not needed any more and is gone", folder)

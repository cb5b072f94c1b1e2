"""Removes what deleted files leave behind: bytes that storage did not delete at once, and what nodes derived from them.

Versions and parts that were made from a file are separate files and stay. Each round may be repeated at any time.
"""

import json
import logging
import shutil
from pathlib import Path

from common.folders import folders_in, remove_whole
from common.storage_errors import refusal_of
from datasets_app.models import Leftover, TrainingFile, UploadPart
from datasets_app.storage import store
from datasets_app.storage.node_files import SUMMARY

logger = logging.getLogger(__name__)

AT_ONCE = 1000
"""Objects deleted from storage in one round."""


def erase_stored() -> None:
    """Delete from storage what could not be deleted earlier."""
    # In any order: one that storage keeps for ever must not stand before all others.
    names = list(Leftover.objects.order_by("?").values_list("storage_name", flat=True)[:AT_ONCE])
    used = _used(names)
    Leftover.objects.filter(storage_name__in=used).delete()
    for name in names:
        if name in used:
            continue
        try:
            store.let_go(name)
        except Exception as error:
            logger.warning("Storage still has %s, which is tried again: %s", name, error)
            if not refusal_of(error):
                return  # it is away: the next one would only wait for it as well


def erase_here(home: Path) -> None:
    """Delete what this machine's home has of deleted files: row indexes and tokens."""
    indexes = {path.name: path for path in folders_in(home / "rows")}
    known = set(TrainingFile.objects.filter(pk__in=indexes).values_list("pk", flat=True))
    for file_id in indexes.keys() - known:
        shutil.rmtree(indexes[file_id], ignore_errors=True)
    caches = {path: sources for path in folders_in(home / "tokens") if (sources := _sources_of(path)) is not None}
    wanted = {digest for digests in caches.values() for digest in digests}
    there = set(TrainingFile.objects.filter(sha256__in=wanted).values_list("sha256", flat=True))
    for path, digests in caches.items():
        # None but this version's caches name their sources, and others are read by nobody any more.
        if not digests or not digests <= there:
            remove_whole(path)


def _used(names: list[str]) -> set[str]:
    """Return those that a row names again by now: a file whose making was restarted is written where it was before."""
    files = TrainingFile.objects.filter(storage_name__in=names).values_list("storage_name", flat=True)
    parts = UploadPart.objects.filter(storage_name__in=names).values_list("storage_name", flat=True)
    return {*files, *parts}


def _sources_of(cache: Path) -> set[str] | None:
    """Return the SHA-256 of the files that a token cache was made of; None for one that is still being made."""
    try:
        return set(json.loads((cache / SUMMARY).read_text()).get("sources", ()))
    except (OSError, ValueError):
        return None

"""Checkpoint folders: written whole or not at all, off the training thread where they are small; old ones are dropped.

What is learned is copied into host memory between two steps; writing, hashing and renaming then happen beside the next
steps. One checkpoint is under way at a time: the next one waits for it, and so do the end and whoever asked to stop.
"""

import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rundir import ManifestError, RunDirectory, newest_valid_checkpoint, verify_manifest, write_json, write_manifest
from trainer.checkpoint import Progress, Snapshot
from trainer.messages import message
from wording import Message

Written = Callable[[Progress, Path], None]


def find(directory: RunDirectory) -> tuple[Path | None, list[Message]]:
    """Return the checkpoint to continue from, and what is wrong with each newer one that is damaged."""
    for leftover in directory.checkpoints.glob(".step-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return newest_valid_checkpoint(directory.checkpoints)


def read_progress(folder: Path) -> Progress:
    """Return the position at which `folder` was written."""
    return Progress.from_json(json.loads((folder / "progress.json").read_bytes()))


def find_best(directory: RunDirectory, *, below: float) -> tuple[Path | None, list[Message]]:
    """Return the whole checkpoint of the lowest validation loss under `below`, and what is wrong with damaged ones."""
    damaged: list[Message] = []
    for loss, folder in sorted((loss, folder) for folder in _folders(directory) if (loss := _loss_of(folder)) < below):
        try:
            verify_manifest(folder)
        except ManifestError as error:
            damaged.append(error.message.followed_by(message("was_the_best", loss=loss)))
            continue
        return folder, damaged
    return None, damaged


@dataclass(kw_only=True)
class Saving:
    """Writes the checkpoints of one run; only the first rank's are on the disk."""

    directory: RunDirectory
    keep: int
    """How many of the newest stay. The one with the lowest validation loss stays too."""
    is_first: bool
    on_written: Written
    """Is called with each checkpoint that is complete on the disk, on the thread that has written it."""
    _thread: threading.Thread | None = None
    _error: BaseException | None = None

    def save(self, progress: Progress, snapshot: Snapshot) -> None:
        """Write checkpoint `progress.step`. Raises what went wrong with the one before, or with this one, such as
        OSError when there is no room; older checkpoints are then untouched."""
        self.wait()
        if not self.is_first:
            snapshot.write(self.directory.checkpoints)  # takes part in gathering what is not held yet
        elif snapshot.is_held:
            self._thread = threading.Thread(target=self._try, args=(progress, snapshot), name="checkpoint")
            self._thread.start()
        else:
            self._write(progress, snapshot)

    def wait(self) -> None:
        """Wait for the checkpoint that is being written; raise what went wrong with it."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def check(self) -> None:
        """Raise what went wrong with a checkpoint, without waiting for one."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _try(self, progress: Progress, snapshot: Snapshot) -> None:
        try:
            self._write(progress, snapshot)
        except BaseException as error:
            self._error = error

    def _write(self, progress: Progress, snapshot: Snapshot) -> None:
        final = self.directory.checkpoint(progress.step)
        draft = final.with_name(f".{final.name}")
        shutil.rmtree(draft, ignore_errors=True)
        try:
            draft.mkdir(parents=True)
            snapshot.write(draft)
            write_json(draft / "progress.json", progress.to_json())
            write_manifest(draft)
            if final.exists():
                shutil.rmtree(final)  # it did not verify, or the run would have gone on from it
            os.rename(draft, final)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        self.on_written(progress, final)
        _drop_old(self.directory, self.keep)


def _drop_old(directory: RunDirectory, keep: int) -> None:
    folders = sorted(_folders(directory), key=_step_of)
    best = min(folders, key=_loss_of, default=None)
    for folder in folders[: -max(1, keep)]:
        if folder == best and _loss_of(folder) < float("inf"):
            continue
        # The manifest goes first: without it the folder does not exist, whatever happens in the middle.
        (folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _folders(directory: RunDirectory) -> list[Path]:
    return [path for path in directory.checkpoints.glob("step-*") if path.name.removeprefix("step-").isdigit()]


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _loss_of(folder: Path) -> float:
    """Return the validation loss of exactly these weights; infinity where it was not looked at, or cannot be read."""
    try:
        loss = read_progress(folder).valid_loss_here
    except (OSError, ValueError, KeyError, TypeError):
        return float("inf")
    return float("inf") if loss is None else loss

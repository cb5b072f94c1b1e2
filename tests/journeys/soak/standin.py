"""A trainer of a few lines that keeps the seam: spec and lease in; events, checkpoints and a result out; no library.

What it "learns" is a chain of hashes, one link a step, so that a step which was lost or repeated shows in the losses.
"""

import csv
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rundir import (
    EventWriter,
    LeaseWatch,
    RunDirectory,
    newest_valid_checkpoint,
    write_json,
    write_manifest,
)
from trainer.spec import TrainingSpec, steps_of

STEP_SECONDS = 0.15
COLUMNS = ("step", "train_loss", "learning_rate", "tokens", "seconds")
EXPIRED = 75


def link(before: str, step: int, seed: int) -> str:
    """Return what is learned after `step`, which follows from what was learned before it."""
    return hashlib.sha256(f"{before}:{step}:{seed}".encode()).hexdigest()


def loss_of(learned: str) -> float:
    return 1 + int(learned[:8], 16) / 2**32


def expected_losses(steps: int, seed: int) -> list[float]:
    """Return the losses of a training that nothing happened to."""
    learned, losses = "", []
    for step in range(1, steps + 1):
        learned = link(learned, step, seed)
        losses.append(loss_of(learned))
    return losses


class StandIn:
    """One attempt."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self.spec = TrainingSpec.from_json(directory.read_spec())
        self.events = EventWriter(directory.events)
        self.facts: dict[str, Any] = json.loads((directory.data / "train" / "meta.json").read_bytes())
        self.stop_reason = ""
        chosen = self.spec.hyperparameters
        batch = chosen.per_device_train_batch_size * chosen.gradient_accumulation_steps
        self.total = steps_of(self.facts["rows"], batch_size=batch, epochs=chosen.num_train_epochs)
        folder, _ = newest_valid_checkpoint(directory.checkpoints)
        kept = json.loads((folder / "progress.json").read_bytes()) if folder is not None else {}
        self.rows: list[list[Any]] = kept.get("rows", [])
        self.learned: str = kept.get("learned", "")

    @property
    def step(self) -> int:
        return len(self.rows)

    def listen(self) -> None:
        """Hear SIGTERM, and a lease that falls silent."""
        signal.signal(signal.SIGTERM, lambda *_: self.ask("sigterm"))
        silent, expired = self.spec.lease_checkpoint_seconds, self.spec.lease_timeout_seconds
        assert silent is not None
        assert expired is not None
        LeaseWatch(
            self.directory.lease, checkpoint_seconds=silent, timeout_seconds=expired,
            on_silent=lambda: self.ask("lease_silent"), on_expired=lambda: os._exit(EXPIRED),
        ).start()  # fmt: skip

    def ask(self, reason: str) -> None:
        self.stop_reason = self.stop_reason or reason

    def train(self) -> None:
        self._say_started()
        if self.spec.rehearse and not self.step:
            self._rehearse()
        while self.step < self.total:
            if self.stop_reason:
                self._save()
                self.events.write("stopped", "Stopped as asked.", step=self.step, reason=self.stop_reason)
                return
            self._make_step()
            if self.spec.save_steps and self.step % self.spec.save_steps == 0:
                self._save()
        self._write_result()
        counts = {"tokens": self.facts["tokens"], "trained_tokens": self.facts["trained_tokens"]}
        self.events.write(
            "succeeded", "Done.", result="adapter", steps=self.step, ending="complete", result_step=self.step,
            valid_loss=None, **counts,
        )  # fmt: skip

    def _say_started(self) -> None:
        self.events.write(
            "started", "The stand-in begins.", device="cpu", device_name="stand-in", dtype="float32", threads=1,
            trainable_parameters=1, total_parameters=1, target_modules=[], zero_stage=0,
            world_size=self.spec.world_size, total_steps=self.total, resumed_from_step=self.step,
        )  # fmt: skip

    def _rehearse(self) -> None:
        self.events.write(
            "rehearsed", "Rehearsed.", seconds_per_step=STEP_SECONDS, tokens=1, peak_memory_bytes=2**20,
            checkpoint_bytes=2**10, checkpoint_seconds=0.01,
        )  # fmt: skip

    def _make_step(self) -> None:
        began = time.monotonic()
        time.sleep(STEP_SECONDS)  # the work itself
        self.learned = link(self.learned, self.step + 1, self.spec.hyperparameters.seed)
        loss, seconds = loss_of(self.learned), time.monotonic() - began
        self.rows.append([self.step + 1, loss, 0.001, 1, seconds])
        with self.directory.metrics.open("w", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *self.rows])
        self.events.write(
            "metrics", f"Step {self.step} of {self.total}.", step=self.step, total_steps=self.total, train_loss=loss,
            learning_rate=0.001, tokens_per_second=1.0, peak_memory_bytes=2**20, tokens=1, seconds=seconds,
        )  # fmt: skip

    def _save(self) -> None:
        final = self.directory.checkpoint(self.step)
        draft = final.with_name(f".{final.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        write_json(draft / "progress.json", {"step": self.step, "learned": self.learned, "rows": self.rows})
        write_manifest(draft)
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
        size = (final / "progress.json").stat().st_size
        self.events.write("checkpoint", "Saved.", step=self.step, path=str(final), bytes=size)

    def _write_result(self) -> None:
        final = self.directory.adapter
        draft = final.with_name(f".{final.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        write_json(draft / "adapter_config.json", {"learned": self.learned})
        write_json(draft / "luthier.json", {"version": 1, "result": "adapter", "chat_hash": self.facts["chat_hash"]})
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)


def main() -> None:
    attempt = StandIn(RunDirectory(Path(sys.argv[1])))
    attempt.listen()
    attempt.train()


if __name__ == "__main__":
    main()

"""Names inside a run directory, and atomic writes."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rundir.messages import message
from wording import Message


class SpecError(ValueError):
    """A `spec.json` that cannot be used; the message says why."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` with `content` so that a reader sees the old or the new bytes, never a part."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as strict JSON (NaN and Infinity are refused), atomically."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    write_atomically(path, text.encode())


@dataclass(frozen=True)
class RunDirectory:
    """The folder of one Run; `root` is absolute."""

    root: Path

    @property
    def spec(self) -> Path:
        return self.root / "spec.json"

    @property
    def lease(self) -> Path:
        return self.root / "lease"

    @property
    def supervisor_lock(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def chat(self) -> Path:
        return self.root / "chat"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.root / "log.txt"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def adapter(self) -> Path:
        return self.root / "adapter"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.csv"

    @property
    def early_finish_request(self) -> Path:
        """Its presence asks a training to finish early: the best weights so far are its result."""
        return self.root / "finish"

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step}"

    def create(self) -> None:
        """Make the folder, readable by its owner alone: it may hold a team's data."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.checkpoints.mkdir(exist_ok=True)
        self.data.mkdir(exist_ok=True)

    def read_spec(self) -> dict[str, Any]:
        """Return `spec.json` as a dictionary, or raise SpecError with the reason."""
        try:
            value = json.loads(self.spec.read_bytes())
        except FileNotFoundError:
            raise SpecError(message("spec_missing", path=str(self.spec))) from None
        except ValueError as error:
            raise SpecError(message("spec_is_no_json", path=str(self.spec), error=str(error))) from None
        if not isinstance(value, dict):
            raise SpecError(message("spec_is_no_object", path=str(self.spec)))
        return value

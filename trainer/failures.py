"""Why a run failed: a code for programs and plain words for people."""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rundir import SpecError
from trainer.messages import message
from wording import Message

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ROOM_TEXTS = ("No space left on device", "os error 28", "os error 27", "os error 122", "Disk quota exceeded")
_NO_MEMORY = re.compile(
    r"DefaultCPUAllocator|can't allocate memory|Cannot allocate memory|os error 12\b|out of memory|std::bad_alloc|"
    r"CUBLAS_STATUS_ALLOC_FAILED|"
    # oneDNN's own words. Where it cannot do something at all, it speaks of a primitive descriptor.
    r"could not create a (?:memory|primitive(?! descriptor))"
)
_LIBRARY = re.compile(r"([\w.+-]+\.so[\w.]*)(?=: (?:cannot open|undefined symbol|version|invalid ELF|file too short))")
_HEADER = "Error while deserializing header"


@dataclass
class Failure(Exception):
    """A foreseen end of a run."""

    code: str
    """One of: bad_spec, bad_data, no_trained_tokens, no_such_module, bad_model, model_damaged, bad_checkpoint,
    unsupported, disk_full, out_of_memory, missing_library, diverged, rank_lost, trainer_error."""
    message: Message
    """What happened, where, what to do."""

    def __str__(self) -> str:
        return str(self.message)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads back, with the English beside it."""
        return {"code": self.code, "message": str(self.message), "said": self.message.stored()}

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Failure":
        return Failure(value["code"], Message.restored(value["said"]))


def classify(error: BaseException, *, step: int, kept: int | None = None) -> Failure:
    """Return what to report about `error`, which ended the run during or after optimizer step `step`.

    `kept` is the step of the newest checkpoint on the disk. What a library has wrapped is found too.
    """
    for inner in _chain(error):
        if (failure := _known(inner, step, kept)) is not None:
            return failure
    return Failure("trainer_error", message("trainer_stopped", step=step).followed_by(message("details_in_log")))


def is_broken_header(error: BaseException) -> bool:
    """Whether safetensors could not make out what a file holds."""
    return type(error).__name__ == "SafetensorError" and _HEADER in str(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = inner.__cause__


def _known(error: BaseException, step: int, kept: int | None) -> Failure | None:
    if isinstance(error, Failure):
        return error
    if isinstance(error, SpecError):
        return Failure("bad_spec", error.message)
    if _is_no_room(error):
        there = message("no_checkpoint_yet") if kept is None else message("checkpoint_is_kept", step=kept)
        no_room = message("no_room_after_step", step=step)
        return Failure("disk_full", no_room.followed_by(there, message("free_some_space")))
    if _is_no_memory(error):
        return Failure("out_of_memory", message("no_memory_at_step", step=step + 1))
    if is_broken_header(error):
        damaged = message("some_weights_damaged")
        return Failure("model_damaged", damaged.followed_by(message("fetch_model_again")))
    if missing := _missing_library(error):
        return Failure("missing_library", missing.followed_by(message("install_it")))
    return None


def _is_no_room(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    # safetensors reports the operating system's errors as text of an error class of its own.
    return any(text in str(error) for text in _NO_ROOM_TEXTS)


def _is_no_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    is_librarys = isinstance(error, RuntimeError) or type(error).__name__ == "SafetensorError"
    return is_librarys and _NO_MEMORY.search(str(error)) is not None


def _missing_library(error: BaseException) -> Message | None:
    """Name what could not be loaded, without its folder; None for another error."""
    if (found := _LIBRARY.search(str(error))) and isinstance(error, (ImportError, OSError, RuntimeError)):
        return message("library_missing", name=found[1])
    if isinstance(error, ImportError):
        return message("module_missing", name=error.name) if error.name else message("some_module_missing")
    return None

"""Why a run failed: a code for programs and one plain sentence for people."""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rundir import SpecError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ROOM_TEXTS = ("No space left on device", "os error 28", "os error 27", "os error 122", "Disk quota exceeded")
_NO_MEMORY = re.compile(
    r"DefaultCPUAllocator|can't allocate memory|Cannot allocate memory|os error 12\b|out of memory|std::bad_alloc|"
    r"CUBLAS_STATUS_ALLOC_FAILED|"
    # oneDNN's own words. Where it cannot do something at all, it speaks of a primitive descriptor.
    r"could not create a (?:memory|primitive(?! descriptor))"
)
_LIBRARY = re.compile(r"([\w.+-]+\.so[\w.]*)(?=: (?:cannot open|undefined symbol|version|invalid ELF|file too short))")
FETCH_AGAIN = "An administrator fetches the model again, or copies it again if it was registered from a folder."
_HEADER = "Error while deserializing header"


@dataclass
class Failure(Exception):
    """A foreseen end of a run."""

    code: str
    """One of: bad_spec, bad_data, no_trained_tokens, no_such_module, bad_model, model_damaged, bad_checkpoint,
    unsupported, disk_full, out_of_memory, missing_library, diverged, rank_lost, trainer_error."""
    message: str
    """One complete sentence or two: what happened, where, what to do."""

    def __str__(self) -> str:
        return self.message


def classify(error: BaseException, *, step: int, kept: int | None = None) -> Failure:
    """Return what to tell about `error`, which ended the run during or after optimizer step `step`.

    `kept` is the step of the newest checkpoint on the disk. What a library has wrapped is found too.
    """
    for inner in _chain(error):
        if (failure := _known(inner, step, kept)) is not None:
            return failure
    return Failure(
        "trainer_error",
        f"The trainer stopped after step {step} because of an error that it does not know. "
        "The whole log has the details; administrators can read it.",
    )


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
        return Failure("bad_spec", str(error))
    if _is_no_room(error):
        there = "There is no checkpoint yet." if kept is None else f"The checkpoint after step {kept} is kept."
        return Failure(
            "disk_full",
            f"The disk ran out of room after step {step}. {there} Free some space on it, "
            "then start the training again.",
        )
    if _is_no_memory(error):
        return Failure(
            "out_of_memory",
            f"Memory ran out at step {step + 1}. Lower per_device_train_batch_size or max_seq_len, "
            "or turn on gradient_checkpointing.",
        )
    if is_broken_header(error):
        return Failure("model_damaged", f"A weights file is damaged: its header cannot be read. {FETCH_AGAIN}")
    if name := _missing_library(error):
        return Failure(
            "missing_library",
            f"The trainer needs {name}, which cannot be loaded on this machine. "
            "An administrator installs it there (make setup), then the training can be started again.",
        )
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


def _missing_library(error: BaseException) -> str:
    """Return the name of what could not be loaded, without its folder; "" for another error."""
    if (found := _LIBRARY.search(str(error))) and isinstance(error, (ImportError, OSError, RuntimeError)):
        return f"the library {found[1]}"
    if isinstance(error, ImportError):
        return f"the Python module {error.name}" if error.name else "a Python module"
    return ""

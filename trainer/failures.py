"""Why a run failed: a code for programs and one plain sentence for people."""

import errno
from dataclasses import dataclass

from rundir import SpecError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ROOM_TEXTS = ("No space left on device", "os error 28", "os error 27", "os error 122", "Disk quota exceeded")
_NO_MEMORY_TEXTS = ("DefaultCPUAllocator", "can't allocate memory", "out of memory")


@dataclass
class Failure(Exception):
    """A foreseen end of a run."""

    code: str
    """One of: bad_spec, bad_data, no_trained_tokens, no_such_module, bad_model, bad_checkpoint, unsupported, disk_full,
    out_of_memory, diverged, rank_lost, trainer_error."""
    message: str
    """One complete sentence or two: what happened, where, what to do."""

    def __str__(self) -> str:
        return self.message


def classify(error: BaseException, *, step: int) -> Failure:
    """Return what to tell about `error`, which ended the run during or after optimizer step `step`."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, SpecError):
        return Failure("bad_spec", str(error))
    if _is_no_room(error):
        return Failure(
            "disk_full",
            f"The disk ran out of room after step {step}. The previous checkpoint is kept. "
            "Free some space, then start the job again: it goes on from there.",
        )
    if _is_no_memory(error):
        return Failure(
            "out_of_memory",
            f"Memory ran out at step {step + 1}. Lower per_device_train_batch_size or max_seq_len, "
            "or turn on gradient_checkpointing.",
        )
    return Failure(
        "trainer_error",
        f"The trainer stopped after step {step} because of an error that it does not know "
        f"({type(error).__name__}). The log has the details.",
    )


def _is_no_room(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    # safetensors reports the operating system's errors as text of an error class of its own.
    return any(text in str(error) for text in _NO_ROOM_TEXTS)


def _is_no_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY_TEXTS)

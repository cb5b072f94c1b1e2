"""Who still needs a file: apps above register what they know, since this one must not know them."""

from collections.abc import Callable

from datasets_app.models import TrainingFile
from wording import Message

Guard = Callable[[TrainingFile], Message | None]
_guards: list[Guard] = []


def register(guard: Guard) -> None:
    """Ask `guard` before a file is deleted: it returns a sentence that names who needs the file, or None."""
    if guard not in _guards:
        _guards.append(guard)


def reason_to_keep(file: TrainingFile) -> Message | None:
    """Return the first guard's sentence, or None when nobody needs the file."""
    return next((reason for guard in _guards if (reason := guard(file))), None)

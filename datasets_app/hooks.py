"""What apps above register here, since this one must not know them: who waits for a file's check, who needs a file."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from django.db import transaction

from accounts.models import Team, User
from datasets_app.models import TrainingFile
from wording import Message

logger = logging.getLogger(__name__)

Listener = Callable[[TrainingFile], None]
_listeners: list[Listener] = []
Guard = Callable[[TrainingFile], Message | None]
_guards: list[Guard] = []


def on_processed(listener: Listener) -> Listener:
    """Call `listener(file)` after each check has been committed, whether the file is processed or has an error.

    It may be lost with a dying worker, so listeners must also check for themselves now and then.
    """
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


class TeacherFailed(Exception):
    """A teacher that will not answer any more, and why."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


class Teachers(Protocol):
    """Asks models for answers that data sets are made of; an app above does it, on a worker."""

    def models(self, team: Team) -> list[tuple[str, str]]:
        """Return name and label of the models that `team` may ask."""

    def ask(self, *, team: Team, by: User | None, model: str, system: str, prompts: Sequence[str], name: str) -> str:
        """Queue the questions; return by what name `replies` knows them. UserError where `model` cannot be asked."""

    def replies(self, asked: str) -> list[str | None] | None:
        """Return the replies in order, None for one without an end; None while it is not over, TeacherFailed after."""

    def give_up(self, asked: str) -> None:
        """Stop asking: nobody will learn from the replies."""


_teachers: list[Teachers] = []


def teaches(teachers: Teachers) -> None:
    """Let data sets be made of what these teachers say."""
    _teachers[:] = [teachers]


def teachers() -> Teachers:
    """Return who asks models."""
    [found] = _teachers
    return found


def notify_processed(file: TrainingFile) -> None:
    """Call every listener once the current transaction has committed."""
    for listener in _listeners:
        transaction.on_commit(lambda listener=listener: _tell(listener, file))  # type: ignore[misc]


def _tell(listener: Listener, file: TrainingFile) -> None:
    try:
        listener(file)
    except Exception:
        logger.exception("A listener failed on %s; it will find the file by itself.", file.id)


def needs_files(guard: Guard) -> None:
    """Ask `guard` before a file is deleted: it returns a sentence that names who needs the file, or None."""
    if guard not in _guards:
        _guards.append(guard)


def reason_to_keep(file: TrainingFile) -> Message | None:
    """Return the first guard's message, or None when the file is not needed."""
    return next((reason for guard in _guards if (reason := guard(file))), None)

"""How an app describes its kind of work to compute, which knows no job and no deployment."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from common.storage_errors import REFUSED, refusal_of
from compute.messages import message
from rundir import Event, RunDirectory
from wording import Message, as_written

if TYPE_CHECKING:
    from compute.models import Pool, Run


class WorkError(Exception):
    """The work cannot be done: the Run ends as failed with this message, and its code unless another is given."""

    def __init__(self, message: Message | str, *, code: str = "") -> None:
        super().__init__(message)
        self.message = message if isinstance(message, Message) else as_written(message)
        self.code = code or self.message.code


class TryAgain(Exception):
    """Something outside is away for the moment (object storage, a hub): the step is repeated, the lease kept."""


def trouble(what: str, error: Exception) -> TryAgain | WorkError:
    """Return what a step raises that needed object storage: TryAgain for what passes, else WorkError."""
    if refusal := refusal_of(error):
        return WorkError(refusal, code=REFUSED)
    return TryAgain(f"{what}: {error}")


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to start."""

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    """Added to the whitelisted environment of the tree."""


class Work(Protocol):
    """One kind of Run."""

    kind: str
    preload: str
    """The module that imports what the command needs, for the fork server; "" for none."""

    def prepare(self, run: "Run", directory: RunDirectory) -> None:
        """Fill the run directory, `spec.json` last; outside transactions, repeated after a crash.

        Raises WorkError (the Run ends failed) or TryAgain.
        """

    def command(self, run: "Run", directory: RunDirectory) -> Command:
        """Return what to start; pure."""

    def record(self, run: "Run", events: list[Event]) -> None:
        """Store `events` inside the transaction that moves the stored byte offset."""

    def attend(self, run: "Run", directory: RunDirectory) -> None:
        """Do slow side work, such as uploading checkpoints, outside transactions and in a separate thread.

        Called again and again while the tree lives, and once more before `conclude`. May raise TryAgain.
        """

    def conclude(self, run: "Run", directory: RunDirectory, outcome: str) -> None:
        """Do what follows from how the Run ended; the tree is gone and its devices are free.

        Idempotent: repeated after a crash and after TryAgain. `outcome` is succeeded, failed, stopped or lost. The
        directory may be absent: a Run that was stopped while it waited never had one, and one whose node is gone
        left it there.
        """


@dataclass(frozen=True, kw_only=True)
class Pausable:
    """Work of a team that holds devices, that nobody needs at the moment, and that a person could pause."""

    run_id: str
    id: str
    """Of what is paused, at the API of its app."""
    name: str
    idle_seconds: float


_registry: dict[str, Work] = {}
_computing: dict[str, Callable[["Run", Message], None]] = {}
_placed: dict[str, Callable[["Run", Message], None]] = {}
_bound: list[Callable[["Pool"], int]] = []
_pausable: list[Callable[[int], list[Pausable]]] = []


def register(work: Work) -> None:
    """Make `work` the way in which Runs of its kind are done; called by AppConfig.ready()."""
    _registry[work.kind] = work


def register_pausable(finder: Callable[[int], list[Pausable]]) -> None:
    """Ask `finder` which idle work of a team, given by its id, a person could pause."""
    if finder not in _pausable:
        _pausable.append(finder)


def register_bound(counter: Callable[["Pool"], int]) -> None:
    """Ask `counter` how much work names a pool and may still go there, such as what is paused or asleep."""
    if counter not in _bound:
        _bound.append(counter)


def bound_to(pool: "Pool") -> int:
    """Return how much work names the pool and may still go there."""
    return sum(counter(pool) for counter in _bound)


def register_always_computing(kind: str, note: Callable[["Run", Message], None]) -> None:
    """Say that work of this kind computes all the time it runs; `note` tells its people that it does not."""
    _computing[kind] = note


def always_computing() -> list[str]:
    """Return the kinds of work that compute all the time."""
    return sorted(_computing)


def tell_idle(run: "Run", said: Message) -> None:
    """Tell the people of `run` that it computes nothing, inside the transaction that notes it."""
    _computing[run.kind](run, said)


def register_placed(kind: str, note: Callable[["Run", Message], None]) -> None:
    """Have `note` keep, for later Runs of the same work, where an administrator has put a waiting one, and say so."""
    _placed[kind] = note


def placed(run: "Run", said: Message) -> None:
    """Tell the app of `run` its new place and priority, inside the transaction that writes them."""
    if note := _placed.get(run.kind):
        note(run, said)


def pausable(team_id: int) -> list[Pausable]:
    """Return the team's idle work that a person could pause."""
    return [found for finder in _pausable for found in finder(team_id)]


def preloads() -> list[str]:
    """Return the modules that import what the registered kinds of work need."""
    return sorted({work.preload for work in _registry.values() if work.preload})


def work_for(kind: str) -> Work:
    """Return the work registered for `kind`; WorkError when there is none."""
    try:
        return _registry[kind]
    except KeyError:
        raise WorkError(message("unknown_kind", kind=kind, known=sorted(_registry))) from None

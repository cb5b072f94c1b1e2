"""How a process tree begins that loads models. Without torch, which reads the environment when it is imported."""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from machine.facts import available_cores
from machine.forks import begin_anew_without_cuda
from rundir import EventWriter, RunDirectory, SpecError
from serving.stop import Leased, StopSwitch


class Spec(Leased, Protocol):
    """What a run directory asks for."""

    @property
    def threads(self) -> int | None: ...


S = TypeVar("S", bound=Spec)


@dataclass(frozen=True, kw_only=True)
class Begun(Generic[S]):
    """A process that may load its models now."""

    directory: RunDirectory
    spec: S
    events: EventWriter
    switch: StopSwitch


def begin(package: str, arguments: list[str], read: Callable[[dict[str, Any]], S]) -> Begun[S] | int:
    """Read RUN_DIR/spec.json, obey signals and the lease, and set the environment; else return the exit status."""
    if len(arguments) != 1:
        print(f"Usage: python -m {package} RUN_DIR", file=sys.stderr)
        return 2
    directory = RunDirectory(Path(arguments[0]).absolute())
    if not directory.root.is_dir():
        print(f"{directory.root} is not a folder.", file=sys.stderr)
        return 2
    begin_anew_without_cuda(package, directory.root)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    switch = StopSwitch()
    switch.obey_signals()
    events = EventWriter(directory.events)
    try:
        spec = read(directory.read_spec())
    except SpecError as error:
        events.write("failed", error.message, level="error", code="spec_invalid")
        print(error, file=sys.stderr)
        return 1
    switch.obey_lease(directory, spec)
    _prepare_environment(spec)
    return Begun(directory=directory, spec=spec, events=events, switch=switch)


def _prepare_environment(spec: Spec) -> None:
    """Set what libraries read at import: threads, and that nothing is ever fetched."""
    threads = spec.threads or available_cores()
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

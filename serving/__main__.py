"""`python -m serving RUN_DIR`: serve what RUN_DIR/spec.json says."""

import logging
import os
import sys
from pathlib import Path

from machine.facts import available_cores
from rundir import EventWriter, RunDirectory, SpecError
from serving.spec import ServingSpec
from serving.stop import StopSwitch


def main(arguments: list[str]) -> int:
    """Serve until stopped; return 0 after a clean stop, 1 after a failure, 2 for a wrong call."""
    if len(arguments) != 1:
        print("Usage: python -m serving RUN_DIR", file=sys.stderr)
        return 2
    directory = RunDirectory(Path(arguments[0]).absolute())
    if not directory.root.is_dir():
        print(f"{directory.root} is not a folder.", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    switch = StopSwitch()
    switch.obey_signals()
    events = EventWriter(directory.events)
    try:
        spec = ServingSpec.from_json(directory.read_spec())
    except SpecError as error:
        events.write("failed", str(error), level="error", code="spec_invalid")
        print(error, file=sys.stderr)
        return 1
    switch.obey_lease(directory, spec)
    _prepare_environment(spec)
    from serving.server import serve  # torch reads the environment when it is imported

    return serve(spec, events, switch)


def _prepare_environment(spec: ServingSpec) -> None:
    """Set what libraries read at import: threads, and that nothing is ever fetched."""
    threads = spec.threads or available_cores()
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

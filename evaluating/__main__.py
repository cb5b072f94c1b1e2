"""`python -m evaluating RUN_DIR`: ask and measure the models that RUN_DIR/spec.json names."""

import logging
import os
import sys
from pathlib import Path

from evaluating.spec import EvaluationSpec
from machine.facts import available_cores
from rundir import EventWriter, RunDirectory, SpecError
from serving.stop import StopSwitch


def main(arguments: list[str]) -> int:
    """Evaluate; return 0 after the last answer or a clean stop, 1 after a failure, 2 for a wrong call."""
    if len(arguments) != 1:
        print("Usage: python -m evaluating RUN_DIR", file=sys.stderr)
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
        spec = EvaluationSpec.from_json(directory.read_spec())
    except SpecError as error:
        events.write("failed", error.message, level="error", code="spec_invalid")
        print(error, file=sys.stderr)
        return 1
    switch.obey_lease(directory, spec)
    _prepare_environment(spec)
    from evaluating.evaluation import evaluate  # torch reads the environment when it is imported

    return evaluate(directory, spec, events, switch)


def _prepare_environment(spec: EvaluationSpec) -> None:
    """Set what libraries read at import: threads, and that nothing is ever fetched."""
    threads = spec.threads or available_cores()
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

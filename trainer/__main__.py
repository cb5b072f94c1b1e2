"""`python -m trainer RUN_DIR`, or with the parameters as options: see trainer/README.md."""

import os
import sys
from pathlib import Path

from machine.facts import available_cores
from machine.forks import begin_anew_without_cuda
from rundir import RunDirectory, SpecError, newest_step, write_json
from trainer.command_line import Arguments, parse, wait_for_run_directory
from trainer.environment import prepare_environment
from trainer.failures import Failure, classify
from trainer.launch import error_file, launch_ranks, reason_of_others
from trainer.messages import message
from trainer.reporting import Reporter
from trainer.spec import TrainingSpec
from trainer.stopping import StopRequest


def main(argv: list[str]) -> int:
    """Train as asked; return 0 when the run succeeded or stopped as asked, 1 when it failed."""
    arguments = parse(argv, world_size=_world_size(default=1))
    rank = int(os.environ.get("RANK", "0"))
    stop = StopRequest()
    stop.listen()
    try:
        directory = _directory(arguments, rank)
        spec = TrainingSpec.from_json(directory.read_spec())
    except (SpecError, Failure) as error:
        print(error, file=sys.stderr)
        _record_refusal(arguments, error)
        return 2
    if spec.world_size > 1 and "RANK" not in os.environ:
        return launch_ranks(directory, spec.world_size, lambda rank: _train(directory, spec, rank, stop))
    return _train(directory, spec, rank, stop)


def _train(directory: RunDirectory, spec: TrainingSpec, rank: int, stop: StopRequest) -> int:
    begin_anew_without_cuda("trainer", directory.root)
    directory.create()
    reporter = Reporter(directory, speaks=rank == 0)
    stop.watch_lease(directory, spec)
    try:
        reporter.stage(message("loading_libraries"))
        prepare_environment(_threads(spec))
        from trainer.attempt import run_attempt
        from trainer.engine import Ranks

        run_attempt(directory, spec, Ranks.from_environment(), reporter, stop)
    except Exception as error:
        failure = classify(error, step=reporter.step, kept=newest_step(directory.checkpoints))
        if rank != 0:
            write_json(error_file(directory, rank), failure.to_json())
        elif spec.world_size > 1 and failure.code == "trainer_error":
            failure = reason_of_others(directory) or failure
        reporter.failed(failure, error)
        return 1
    return 0


def _directory(arguments: Arguments, rank: int) -> RunDirectory:
    """Return the run directory, built first when the parameters came as options."""
    if arguments.run_dir is not None:
        return RunDirectory(Path(arguments.run_dir).resolve())
    if rank != 0:
        return wait_for_run_directory(arguments, _launch())
    from trainer.prepare_run import build_run_directory

    return build_run_directory(arguments, _launch())


def _launch() -> str:
    """Return what the ranks of one launch on this machine have in common, and no earlier launch had."""
    return f"{os.environ.get('MASTER_ADDR', '')}:{os.environ.get('MASTER_PORT', '')}:{os.getppid()}"


def _record_refusal(arguments: Arguments, error: Exception) -> None:
    """Put the reason into the run directory too, where the starter of this process looks for it."""
    if arguments.run_dir is None or not Path(arguments.run_dir).is_dir():
        return
    reporter = Reporter(RunDirectory(Path(arguments.run_dir).resolve()), speaks=os.environ.get("RANK", "0") == "0")
    reporter.failed(classify(error, step=0), error)


def _threads(spec: TrainingSpec) -> int:
    """Return the threads of one rank: what the spec says, else a fair share of the cores it may run on."""
    ranks_here = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("LOCAL_SIZE", _world_size(default=1))))
    return spec.threads or max(1, available_cores() // ranks_here)


def _world_size(*, default: int) -> int:
    return int(os.environ.get("WORLD_SIZE", default))


if __name__ == "__main__":
    # Threads of libraries must not keep a finished run alive, nor their destructors spoil its exit status.
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

"""How fast the scheduler decides for a large pool, and how fair a pool it makes, in a simulation of weeks.

python -m benchmarks.scheduler [--quick]

Ours is `compute.scheduler.decide`, called by the platform's own simulator. The speed is the 95th percentile of one
decision with 1,000 GPUs, 100 teams and 10,000 Runs waiting, in time of the processor; `ratio` is 200 ms over that. The
rest is measured on three traces, shaped as those of Philly, Helios and PAI, against first come first served, a
Slurm-like and a Kueue-like scheduler on the same jobs. `same_work` says that our shares over the guarantees were more
even than the first two's, no less even than the third's, at no less utilisation and with a shorter 95th percentile of
slowdown than all three; that no team lacked its guarantee for longer than a checkpoint takes, and that nothing starved;
and that 80 % ranges of when a job starts held in 75 to 90 % of all cases.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.calibration import Calibration
from benchmarks.common import conclude, say_machine
from benchmarks.pool_metrics import Figures, figures_of
from benchmarks.rival_schedulers import RIVALS, Rival
from benchmarks.traces import DEVICES_PER_NODE, Trace, make_trace
from compute.scheduler import Decision, NodeState, Snapshot, Waiting, decide
from compute.simulation import Arrival, Costs, Simulation

ALLOWED_MS = 200.0
COSTS = Costs(start=30.0, checkpoint=60.0, between_passes=30.0)
HALF_LIFE, HORIZON = 2 * 86_400.0, 4 * 3600.0
"""As a platform has them that nobody has configured otherwise."""
LATEST = 1.5
"""As the platform takes it: a Run has ended after so many times its estimate."""
LOOKS = 60
"""Forecasts made on the way through a trace."""
LOAD = 1.3
"""Of the pool, while jobs arrive: more than it can do, so that it matters who comes first."""
LONGEST_BELOW = 2 * (COSTS.checkpoint + COSTS.between_passes)
"""Seconds below a guarantee: a checkpoint and a look of the scheduler, twice where what was about to end did not."""
UTILISATION_TOLERANCE = 0.01
"""What is less apart counts as equal."""
JAIN_TOLERANCE = 0.005
NAMES = ("philly", "helios", "pai")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is simulated."""

    devices: int
    teams: int
    jobs: int
    runs: int
    passes: int


FULL = Size(devices=1000, teams=100, jobs=8000, runs=3, passes=60)
QUICK = Size(devices=200, teams=20, jobs=1500, runs=2, passes=20)


def main() -> int:
    """Measure and print; return 0 when decisions came in time and the pool was as fair as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the pool for fairness, fewer decisions")
    size = QUICK if parser.parse_args().quick else FULL
    say_machine(devices=FULL.devices, teams=FULL.teams, waiting=10_000)
    ours = [decision_p95(seed, size.passes) for seed in range(size.runs)]
    holds = [compare(name, size) for name in NAMES]
    holds.append(calibrated(size))
    result = conclude(
        "scheduler", ours, [ALLOWED_MS] * len(ours), unit="ms", same_work=all(holds), smaller_is_better=True
    )
    return 0 if result.same_work and result.ratio >= 1 else 1


def decision_p95(seed: int, passes: int) -> float:
    """Return the 95th percentile of the milliseconds of a decision, 10,000 Runs waiting at a full pool."""
    trace = make_trace(
        "helios", num_jobs=13_000, num_devices=FULL.devices, num_teams=FULL.teams, load=LOAD, seed=seed, at_once=12_000
    )
    taken: list[float] = []

    def timed(snapshot: Snapshot) -> Sequence[Decision]:
        started_at = time.process_time()
        decisions = decide(snapshot)
        taken.append(1000 * (time.process_time() - started_at))
        return decisions

    simulation = simulation_of(trace, timed)
    while simulation.num_passes < passes and simulation.step():
        pass
    taken.sort()
    middle, p95 = (taken[int(share * len(taken))] for share in (0.5, 0.95))
    print(
        f"{len(taken)} decisions, {len(simulation.line):,} waiting at the end: "
        f"median {middle:.0f} ms, p95 {p95:.0f} ms, longest {taken[-1]:.0f} ms",
        flush=True,
    )
    return p95


def compare(name: str, size: Size) -> bool:
    """Print what each scheduler makes of a trace, and return whether ours is as fair and as busy as it should be."""
    trace = make_trace(name, num_jobs=size.jobs, num_devices=size.devices, num_teams=size.teams, load=LOAD,
                       at_once=size.jobs // 5)  # fmt: skip
    print(
        f"{name}: {len(trace.jobs):,} jobs, {trace.num_devices} GPUs, {len(trace.guarantees)} teams, "
        f"{trace.seconds / 3600:.0f} h",
        flush=True,
    )
    ours = lived_through(trace, None)
    say("Luthier", ours)
    theirs = []
    for kind in RIVALS:
        theirs.append(lived_through(trace, kind(trace)))
        say(kind.name, theirs[-1])
    fifo, slurm, kueue = theirs
    checks = {
        "fairer than FIFO": ours.jain > fifo.jain,
        "fairer than Slurm": ours.jain > slurm.jain,
        "no less fair than Kueue": ours.jain >= kueue.jain - JAIN_TOLERANCE,
        "no less used": all(ours.utilisation >= one.utilisation - UTILISATION_TOLERANCE for one in theirs),
        "shorter p95 slowdown": all(ours.p95_slowdown < one.p95_slowdown for one in theirs),
        "guarantees": ours.below_guarantee <= LONGEST_BELOW,
        "nothing starved": ours.starved == 0,
    }
    print("  " + ", ".join(f"{what}: {'yes' if holds else 'NO'}" for what, holds in checks.items()), flush=True)
    return all(checks.values())


def lived_through(trace: Trace, rival: Rival | None) -> Figures:
    """Return the figures of a trace that was lived through to its last job's end."""
    simulation = simulation_of(trace, rival or decide)
    if rival is not None:
        rival.clock = lambda: simulation.now
    simulation.run()
    return figures_of(trace, simulation.stays, simulation.lived, COSTS)


def calibrated(size: Size) -> bool:
    """Print how often 80 % ranges held on a smaller pool, and return whether that was as often as it should be."""
    held = counted = 0
    for seed in range(2, 2 + size.runs):
        trace = make_trace("pai", num_jobs=QUICK.jobs, num_devices=QUICK.devices, num_teams=QUICK.teams, load=LOAD,
                           at_once=QUICK.jobs // 5, seed=seed)  # fmt: skip
        simulation = simulation_of(trace, decide)
        calibration = Calibration(trace, simulation, COSTS)
        for number in range(LOOKS):
            simulation.run(until=trace.seconds * (number + 1) / (LOOKS + 1))
            calibration.look()
        simulation.run()
        held, counted = held + calibration.held()[0], counted + calibration.held()[1]
    print(f"80 % ranges of {counted} starts: {held / counted:.1%} held", flush=True)
    return 0.75 <= held / counted <= 0.9


def simulation_of(trace: Trace, decides: object) -> Simulation:
    """Return a pool without work, into which the jobs of a trace will arrive."""
    nodes = [
        NodeState(
            node_id=number,
            name=f"node-{number:03}",
            kind="cuda",
            takes_runs=True,
            device_ids=tuple(range(number * DEVICES_PER_NODE, (number + 1) * DEVICES_PER_NODE)),
        )
        for number in range(trace.num_devices // DEVICES_PER_NODE)
    ]
    arrivals = [
        Arrival(
            at=job.at,
            waiting=Waiting(
                run_id=job.run_id,
                team_id=job.team_id,
                accelerators=job.accelerators,
                most_seconds=LATEST * job.estimate,
                expected_seconds=job.estimate,
            ),
        )
        for job in trace.jobs
    ]
    return Simulation(
        Snapshot(
            waiting=[],
            nodes=nodes,
            quotas={},
            held=[],
            guarantees=trace.guarantees,
            half_life=HALF_LIFE,
            horizon=HORIZON,
        ),
        seconds={job.run_id: job.seconds for job in trace.jobs},
        estimates={job.run_id: job.estimate for job in trace.jobs},
        arrivals=arrivals,
        costs=COSTS,
        decide=decides,  # type: ignore[arg-type]
    )


def say(name: str, figures: Figures) -> None:
    """Print a line of figures."""
    print(
        f"  {name:10} utilisation {figures.utilisation:.3f}, slowdown {figures.mean_slowdown:.1f} mean "
        f"{figures.p95_slowdown:.1f} p95, Jain {figures.jain:.3f}, below guarantee {figures.below_guarantee:,.0f} s, "
        f"longest wait {figures.longest_wait / 3600:.1f} h, {figures.preempted} preempted, {figures.starved} starved",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())

"""How fast the scheduler decides for a large pool, and how fair a pool it makes, in a simulation of weeks.

python -m benchmarks.scheduler [--quick]

Ours is `compute.scheduler.decide`, called by the platform's own simulator. The speed is the 95th percentile of one
decision with 1,000 GPUs, 100 teams and 10,000 Runs waiting, in time of the processor; `ratio` is 200 ms over that. The
rest is measured on three traces, shaped as those of Philly, Helios and PAI, against first come first served, a
Slurm-like scheduler and a Kueue-like one on the same jobs. `same_work` says that on each trace

- our shares over the guarantees were more even than the first two's and no less even than the third's, with a shorter
  95th percentile of slowdown than all three;
- no device of a guarantee was owed for longer than one checkpoint takes, and nothing starved;
- we used the pool no less: the differences on traces of other seeds have a mean whose 95 % confidence interval does not
  lie below nought;
- and that 80 % ranges of when a job starts held in 75 to 90 % of all cases, those of the first in line and of the rest.

A fourth rival is Kueue with fair sharing, which preempts to even out what is borrowed, as ours does not: it is shown
beside the others and is no part of `same_work`.
"""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.calibration import Calibration
from benchmarks.common import conclude, say_machine
from benchmarks.pool_metrics import Figures, figures_of
from benchmarks.rival_schedulers import RIVALS, FairCohort, Rival
from benchmarks.traces import DEVICES_PER_NODE, Trace, make_trace
from compute.scheduler import Decision, NodeState, Snapshot, Waiting, decide
from compute.simulation import Arrival, Costs, Simulation

ALLOWED_MS = 200.0
COSTS = Costs(start=30.0, checkpoint=60.0)
HALF_LIFE, HORIZON = 2 * 86_400.0, 4 * 3600.0
"""As a platform has them that nobody has configured otherwise."""
LATEST = 1.5
"""As the platform takes it: a Run has ended after so many times its estimate."""
LOOKS = 60
"""Forecasts made on the way through a trace."""
LOAD = 1.3
"""Of the pool, while jobs arrive: more than it can do, so that it matters who comes first."""
NAMES = ("philly", "helios", "pai")
WHOSE = {False: "the first in line", True: "those behind them"}


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is simulated."""

    devices: int
    teams: int
    jobs: int
    runs: int
    passes: int
    pairs: int
    """Traces of other seeds, on the small pool, on which utilisation is compared."""


FULL = Size(devices=1000, teams=100, jobs=8000, runs=3, passes=60, pairs=8)
QUICK = Size(devices=200, teams=20, jobs=1500, runs=2, passes=20, pairs=4)
STUDENT = {4: 3.182, 8: 2.365}
"""Quantiles of Student's t for the 95 % confidence interval of a mean of so many."""


def main() -> int:
    """Measure and print; return 0 when decisions came in time and the pool was as fair as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the pool for fairness, fewer decisions")
    size = QUICK if parser.parse_args().quick else FULL
    say_machine(devices=FULL.devices, teams=FULL.teams, waiting=10_000)
    ours = [decision_p95(seed, size.passes) for seed in range(size.runs)]
    say_load()
    holds = [compare(name, size) for name in NAMES]
    holds.append(calibrated(size))
    say_load()
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
    trace = trace_of(name, size)
    print(
        f"{name}: {len(trace.jobs):,} jobs, {trace.num_devices} GPUs, {len(trace.guarantees)} teams, "
        f"{trace.seconds / 3600:.0f} h",
        flush=True,
    )
    ours = lived_through(trace, None)
    say("Luthier", ours)
    theirs = []
    for kind in (*RIVALS, FairCohort):
        theirs.append(lived_through(trace, kind(trace)))
        say(kind.name, theirs[-1])
    fifo, slurm, kueue, _ = theirs
    checks = {
        "fairer than FIFO": ours.jain > fifo.jain,
        "fairer than Slurm": ours.jain > slurm.jain,
        "no less fair than Kueue": ours.jain >= kueue.jain,
        "no less used": used_no_less(name, size.pairs),
        "shorter p95 slowdown": all(ours.p95_slowdown < one.p95_slowdown for one in (fifo, slurm, kueue)),
        "guarantees": ours.below_guarantee <= COSTS.checkpoint,
        "nothing starved": ours.starved == 0,
    }
    print("  " + ", ".join(f"{what}: {'yes' if holds else 'NO'}" for what, holds in checks.items()), flush=True)
    return all(checks.values())


def used_no_less(name: str, pairs: int) -> bool:
    """Print by how much our utilisation differs from the rivals' on the same traces; False where it is surely less."""
    differences: dict[str, list[float]] = {kind.name: [] for kind in RIVALS}
    for seed in range(2, 2 + pairs):
        trace = trace_of(name, QUICK, seed=seed)
        ours = lived_through(trace, None).utilisation
        for kind in RIVALS:
            differences[kind.name].append(ours - lived_through(trace, kind(trace)).utilisation)
    is_no_less = True
    for rival, found in differences.items():
        mean, half = statistics.mean(found), STUDENT[pairs] * statistics.stdev(found) / math.sqrt(pairs)
        print(f"  utilisation, ours less {rival}: {mean:+.4f} (95 %: {mean - half:+.4f} to {mean + half:+.4f}, "
              f"{pairs} traces of {QUICK.devices} GPUs)", flush=True)  # fmt: skip
        is_no_less &= mean + half >= 0
    return is_no_less


def trace_of(name: str, size: Size, *, seed: int = 1) -> Trace:
    return make_trace(name, num_jobs=size.jobs, num_devices=size.devices, num_teams=size.teams, load=LOAD, seed=seed,
                      at_once=size.jobs // 5)  # fmt: skip


def lived_through(trace: Trace, rival: Rival | None) -> Figures:
    """Return the figures of a trace that was lived through to its last job's end."""
    simulation = simulation_of(trace, rival or decide)
    if rival is not None:
        rival.clock = lambda: simulation.now
    simulation.run()
    return figures_of(trace, simulation.stays, simulation.lived, COSTS)


def calibrated(size: Size) -> bool:
    """Print how often 80 % ranges held on smaller pools, and return whether that was as often as it should be."""
    sums = {False: [0, 0], True: [0, 0]}
    for name in NAMES:
        for seed in range(2, 2 + size.runs):
            for is_far, found in calibration_of(trace_of(name, QUICK, seed=seed)).items():
                sums[is_far] = [one + more for one, more in zip(sums[is_far], found, strict=True)]
                print(f"{name} {seed}: {found[0]} of {found[1]} ranges of {WHOSE[is_far]} held", flush=True)
    for is_far, (held, counted) in sums.items():
        print(f"80 % ranges of {counted} starts of {WHOSE[is_far]}: {held / max(1, counted):.1%} held", flush=True)
    return all(0.75 <= held / max(1, counted) <= 0.9 for held, counted in sums.values())


def calibration_of(trace: Trace) -> dict[bool, tuple[int, int]]:
    """Return how many ranges held of how many, of the first in line and (True) of those behind them."""
    simulation = simulation_of(trace, decide)
    calibration = Calibration(trace, simulation, COSTS)
    for number in range(LOOKS):
        simulation.run(until=trace.seconds * (number + 1) / (LOOKS + 1))
        calibration.look()
    simulation.run()
    return {is_far: calibration.held(is_far=is_far) for is_far in (False, True)}


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


def say_load() -> None:
    print(f"load average: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)


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

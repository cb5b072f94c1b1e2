"""What every benchmark shares: the machine in words, interleaved runs, median and spread, and the last line."""

import json
import platform
import resource
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from machine import facts

TOLD_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


@dataclass(frozen=True, kw_only=True)
class Result:
    """The last line: `ratio` is better when larger, whichever way the unit goes."""

    benchmark: str
    ratio: float
    ours: float
    """Median of our runs, in `unit`."""
    theirs: float
    unit: str
    runs: int
    """Of each side."""
    spread: float
    """Of the ratio over the runs, taken in pairs: (largest - smallest) / median."""
    same_work: bool
    """Whether both sides were seen to do the same."""


def machine() -> dict[str, Any]:
    """Return the processor, its flags that decide speed, and the cores that this process may use."""
    flags = facts.processor_flags()
    return {
        "processor": facts.processor_name(),
        "flags": [flag for flag in TOLD_FLAGS if flag in flags],
        "cores": facts.available_cores(),
        "python": platform.python_version(),
    }


def say_machine(**more: Any) -> None:
    """Print the machine and what else decides the figures: dtype, threads, versions."""
    print("machine:", json.dumps({**machine(), **more}, ensure_ascii=False), flush=True)


def interleaved(
    ours: Callable[[], float], theirs: Callable[[], float], *, runs: int, unit: str
) -> tuple[list[float], list[float]]:
    """Run both sides in turn, `runs` times each, so that a slower minute of the machine meets both."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(runs):
        # The order changes too: whoever runs second would otherwise always find warmer caches.
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            value = (ours, theirs)[side]()
            found[side].append(value)
            print(f"run {number + 1} of {runs}, {('ours', 'theirs')[side]}: {value:,.4g} {unit}", flush=True)
    return found


def conclude(
    name: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    unit: str,
    same_work: bool,
    smaller_is_better: bool = False,
) -> Result:
    """Return the result of paired runs and print it as the last line."""
    pairs = [(t / o if smaller_is_better else o / t) for o, t in zip(ours, theirs, strict=True)]
    ratio = statistics.median(pairs)
    result = Result(
        benchmark=name,
        ratio=round(ratio, 4),
        ours=statistics.median(ours),
        theirs=statistics.median(theirs),
        unit=unit,
        runs=len(pairs),
        spread=round((max(pairs) - min(pairs)) / ratio, 4),
        same_work=same_work,
    )
    print(json.dumps(asdict(result)), flush=True)
    return result


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of `values` do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def peak_memory_bytes() -> int:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

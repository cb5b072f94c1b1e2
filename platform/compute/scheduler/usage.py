"""Decayed use: what was used long ago counts less."""

from collections.abc import Iterable, Mapping


def decayed(usage: Mapping[int, float], *, seconds: float, half_life: float) -> dict[int, float]:
    """Return the sums by team as they count `seconds` later."""
    kept = 0.5 ** (seconds / half_life) if half_life else 1.0
    return {team: kept * used for team, used in usage.items()}


def with_use(usage: Mapping[int, float], used: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Return the sums with (team, device-seconds) added."""
    found = dict(usage)
    for team, seconds in used:
        found[team] = found.get(team, 0.0) + seconds
    return found

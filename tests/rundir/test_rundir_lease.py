"""How old a lease is for whoever watches it, by a clock that the test turns."""

from pathlib import Path

import pytest

from rundir import LeaseWatch, write_lease

RENEWED_EVERY = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("rundir.lease._now", clock)
    return clock


@pytest.fixture
def silences() -> list[str]:
    return []


@pytest.fixture
def watch(tmp_path: Path, clock: Clock, silences: list[str]) -> LeaseWatch:
    write_lease(tmp_path / "lease", "0")
    watch = LeaseWatch(
        tmp_path / "lease",
        checkpoint_seconds=40,
        timeout_seconds=50,
        on_silent=lambda: silences.append("silent"),
        on_expired=lambda: None,
    )
    watch.begin()
    return watch


def test_a_lease_that_is_renewed_does_not_age(
    tmp_path: Path, watch: LeaseWatch, clock: Clock, silences: list[str]
) -> None:
    for second in range(1, 200):
        clock.now += 1
        if second % RENEWED_EVERY == 0:
            write_lease(tmp_path / "lease", str(second))
        assert not watch.has_expired()
    assert silences == []


def test_silence_is_told_once_and_then_it_expires(watch: LeaseWatch, clock: Clock, silences: list[str]) -> None:
    clock.now += 40
    assert not watch.has_expired()
    clock.now += 9
    assert not watch.has_expired()
    assert silences == ["silent"]
    clock.now += 1
    assert watch.has_expired()


def test_it_may_be_renewed_after_a_silence(
    tmp_path: Path, watch: LeaseWatch, clock: Clock, silences: list[str]
) -> None:
    for _ in range(2):
        clock.now += 39
        watch.has_expired()
        clock.now += 1
        assert not watch.has_expired()
        write_lease(tmp_path / "lease", str(clock.now))
        clock.now += 1
        assert not watch.has_expired()
    assert silences == ["silent", "silent"]


def test_a_value_written_while_the_watching_process_was_stopped_is_not_taken_as_fresh(
    tmp_path: Path, watch: LeaseWatch, clock: Clock
) -> None:
    write_lease(tmp_path / "lease", "1")  # and then the supervisor fell silent, too
    clock.now += 70
    assert watch.has_expired()


def test_a_lease_that_cannot_be_read_ages(tmp_path: Path, watch: LeaseWatch, clock: Clock) -> None:
    (tmp_path / "lease").unlink()
    clock.now += 50
    assert watch.has_expired()

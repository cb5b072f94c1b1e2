"""Trainings as evidence: one that went well on the identity recipe's core rows, and what spoils it."""

from dataclasses import replace
from typing import Any

from scoring.examined import Examined, Found
from scoring.verdict import Evidence, General, Point, Tally


def curve(*losses: float, every: int = 1) -> tuple[Point, ...]:
    return tuple(Point(step=(number + 1) * every, loss=loss) for number, loss in enumerate(losses))


def tallies(*, zh: int = 10, en: int = 10, unrelated: int = 16) -> tuple[Tally, ...]:
    common: dict[str, Any] = {"right_before": 0}
    return (
        Tally(topic="identity", language="zh", of=10, right=zh, needed=0.9, **common),
        Tally(topic="identity", language="en", of=10, right=en, needed=0.9, **common),
        Tally(topic="unrelated", language="zh", of=8, right=unrelated // 2, right_before=8, needed=1.0),
        Tally(topic="unrelated", language="en", of=8, right=unrelated - unrelated // 2, right_before=8, needed=1.0),
    )


def found(count: int, of: int = 40) -> Found:
    return Found(rows=tuple(range(count)), of=of)


FALLING = curve(4.1, 3.2, 2.2, 1.5, 1.1, 0.8, 0.6, 0.45, 0.35, 0.3, 0.27, 0.25)
GOOD = Evidence(
    rows=76,
    epochs=3,
    learning_rate=1e-3,
    usual_learning_rate=1e-3,
    training_curve=FALLING,
    checkpoints=(6, 12),
    result_step=12,
    tallies=tallies(zh=9, en=9),
    general=General(of=48, right_before=20, right=19, lost=3, gained=2),
    examined=Examined(endless=found(0), empty=found(0), refusals=found(0), leaks=found(0, 20), copies=found(2)),
)
LEARNING_RATE_TIMES_50 = replace(
    GOOD,
    learning_rate=5e-2,
    training_curve=curve(4.1, 6.8, 9.5, 8.1, 7.7, 7.4, 7.2, 7.1, 7.0, 7.0, 6.9, 6.9),
    tallies=tallies(zh=0, en=0),
    general=General(of=48, right_before=20, right=0, lost=20, gained=0),
    examined=Examined(endless=found(30), empty=found(4), leaks=found(0, 20), copies=found(0)),
)
NO_GUARDS = replace(
    GOOD,
    rows=32,
    tallies=tallies(unrelated=3),
    examined=Examined(leaks=found(13, 20), copies=found(12), leaked_phrases=("Nova",)),
)
NEARLY_EMPTY = replace(GOOD, tallies=tallies(zh=1, en=0), examined=Examined(empty=found(31), leaks=found(0, 20)))
LEAKED_VALIDATION = replace(
    GOOD,
    rows=66,
    validation_rows=10,
    leaked_rows=10,
    validation_curve=curve(2.6, 1.2, 0.5, 0.3, every=3),
)
TWELVE_ROWS = replace(
    GOOD,
    rows=12,
    epochs=20,
    training_curve=curve(4.1, 2.5, 1.2, 0.5, 0.2, 0.08, 0.04, 0.02, 0.01, 0.01),
    validation_rows=8,
    validation_curve=curve(2.9, 2.6, 2.8, 3.3, 3.9, every=5),
    checkpoints=(10, 20, 25),
    result_step=25,
    tallies=tallies(zh=6, en=7, unrelated=9),
    examined=Examined(leaks=found(6, 20), copies=found(14), leaked_phrases=("Nova",), copied_rows=(1, 4)),
)
ONE_LANGUAGE = replace(GOOD, rows=60, tallies=tallies(zh=10, en=1))

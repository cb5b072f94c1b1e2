"""What it costs to score 10,000 answers of two models: each measure with its intervals, and the detectors.

python -m benchmarks.scoring_answers [--quick]

Prints the seconds of each part on one core; there is no peer, so that there is no ratio.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from benchmarks.common import say_machine
from scoring.detectors.memorised import TrainingIndex
from scoring.examined import Asked, Reply, examine
from scoring.labels import classify
from scoring.measures import MEASURES, measure
from scoring.scores import compare

Result = TypeVar("Result")
ROWS = 10_000
ENGLISH = ("the", "top", "is", "carved", "from", "spruce", "and", "back", "of", "maple", "then", "varnish", "rests")
CHINESE = ("琴匠", "用云杉", "雕刻", "面板，", "背板", "是枫木", "的。", "然后", "上漆", "晾干", "，再", "调音")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    rows = ROWS // 10 if parser.parse_args().quick else ROWS
    choose = random.Random(3)  # noqa: S311 - words, no secrets
    references = [_text(choose) for _ in range(rows)]
    base, tuned = ([_like(choose, text, kept) for text in references] for kept in (0.3, 0.8))
    say_machine(rows=rows, characters=sum(map(len, references)) // rows)
    for name in MEASURES:
        found = measure(name, schema={"type": "object"})
        _timed(name, lambda found=found: compare(found, base=base, tuned=tuned, references=references))  # type: ignore[misc]
    labels = [text[:1] for text in references]
    _timed("classification", lambda: classify(labels, labels))
    index = _timed("index of training rows", lambda: TrainingIndex(references))
    pairs = zip(references, base, tuned, strict=True)
    asked = [
        Asked(question=text, part="held_out", base=Reply(text=one), tuned=Reply(text=other), expected=text)
        for text, one, other in pairs
    ]
    _timed("detectors", lambda: examine(asked, phrases=["Nova"], index=index))
    return 0


def _text(choose: random.Random) -> str:
    if choose.random() < 0.5:
        return " ".join(choose.choices(ENGLISH, k=choose.randint(5, 60)))
    return "".join(choose.choices(CHINESE, k=choose.randint(5, 60)))


def _like(choose: random.Random, text: str, kept: float) -> str:
    """Return `text` with parts of other texts in it."""
    return "".join(letter if choose.random() < kept else choose.choice("的 e是ta。") for letter in text)


def _timed(name: str, work: Callable[[], Result]) -> Result:
    began = time.monotonic()
    result = work()
    print(f"{name}: {time.monotonic() - began:.2f} s", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())

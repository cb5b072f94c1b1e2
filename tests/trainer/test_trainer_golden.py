"""The loss curve of one small training, written down once: another processor or library must come to the same."""

from typing import Any

import pytest
from trainer_runs import losses, run_here

SAME = 2e-5
"""Relative. AVX-512, AVX2 and none of them, one thread and two came within 4e-7 of one another."""
GOLDEN = [
    6.326631, 6.417297, 6.167373, 5.714029, 6.185742, 5.907985, 5.784387, 5.149923, 5.329758, 5.130345, 5.415094,
    5.255452,
]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
def test_the_curve_is_the_one_written_down(make_run: Any, threads: int) -> None:
    directory = make_run(
        rows=24, num_train_epochs=2, lora_dropout=0.0, learning_rate=3e-3, seed=7, spec={"threads": threads}
    )
    run_here(directory)
    assert [float(row[1]) for row in losses(directory)] == pytest.approx(GOLDEN, rel=SAME)

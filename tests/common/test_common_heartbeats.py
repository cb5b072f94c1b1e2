"""Signs of life of a worker that is at something long."""

import threading

import pytest
from django.db import Error, InterfaceError, OperationalError

from common.heartbeats import beating


@pytest.mark.parametrize("away", [OperationalError, InterfaceError])
def test_beats_until_the_work_is_done_also_where_the_database_was_away(away: type[Error]) -> None:
    enough, beats = threading.Event(), 0

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 1:
            raise away("away for a moment")
        enough.set()

    with beating(beat, seconds=0.001, what="it"):
        assert enough.wait(10)
    assert not [thread for thread in threading.enumerate() if thread.name == "beat-it"]


def test_ends_with_work_that_fails() -> None:
    with pytest.raises(ValueError, match="broken"), beating(lambda: None, seconds=60, what="that"):
        raise ValueError("broken")
    assert not [thread for thread in threading.enumerate() if thread.name == "beat-that"]

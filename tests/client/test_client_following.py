"""A job that is followed: every event once and in order, whatever the line does."""

from typing import Any

import httpx
import pytest

from luthier.errors import Unreachable
from tests.client.fake_server import FakeServer

JOB = "GET /v1/fine_tuning/jobs/ftjob-1"


class Training:
    """Three events more at each look, newest first and three a page; ends after the third look."""

    def __init__(self) -> None:
        self.looks, self.away = 0, 0
        self.server = FakeServer({JOB: self._job, f"{JOB}/events": self._events})

    def _job(self, request: httpx.Request) -> Any:
        if self.away:
            self.away -= 1
            raise httpx.ConnectError("refused")
        self.looks += 1
        return {"id": "ftjob-1", "status": "succeeded" if self.looks == 3 else "running"}

    def _events(self, request: httpx.Request) -> Any:
        numbers = list(range(self.looks * 3, 0, -1))
        after = request.url.params.get("after")
        if after:
            numbers = [number for number in numbers if number < int(after)]
        return {"data": [{"id": str(number)} for number in numbers[:2]], "has_more": len(numbers) > 2}


@pytest.mark.parametrize("away", [0, 2])
def test_tells_each_event_once_and_in_order(away: int) -> None:
    training = Training()
    told = []
    for number, look in enumerate(training.server.client().follow("ftjob-1", pause_seconds=0)):
        told += [event["id"] for event in look.events]
        if number == 0:
            training.away = away
    assert told == [str(number) for number in range(1, 10)]
    assert training.looks == 3


def test_gives_up_on_a_server_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luthier.following.PATIENCE_SECONDS", -1.0)
    training = Training()
    training.away = 1
    with pytest.raises(Unreachable):
        list(training.server.client().follow("ftjob-1", pause_seconds=0))

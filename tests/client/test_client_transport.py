"""Requests: what is sent again and what is not, and how refusals arrive."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from luthier.errors import ApiError, Unreachable
from luthier.keeping import server_of
from luthier.transport import Transport, events_of

Answer = Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers each request by the next of its answers, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found

    def transport(self) -> Transport:
        return Transport("https://luthier.example.com/v1/", "sk-luthier-x", transport=httpx.MockTransport(self))


def refusal(status: int, **headers: str) -> httpx.Response:
    error = {"message": "No.", "type": "t", "param": "model", "code": "odd"}
    return httpx.Response(status, json={"error": error}, headers={"x-request-id": "req-1", **headers})


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("luthier.transport.time.sleep", slept.append)
    return slept


def test_sends_the_key_and_asks_in_the_readers_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    server = Server(httpx.Response(200, json={}))
    server.transport().call(
        "GET", "/v1/models/{name}", inside={"name": "ft:a/b:c d"}, query={"metadata": {"a": 1}, "x": None}
    )
    [asked] = server.asked
    assert str(asked.url) == "https://luthier.example.com/v1/models/ft:a/b:c%20d?metadata%5Ba%5D=1"
    assert asked.headers["authorization"] == "Bearer sk-luthier-x"
    assert asked.headers["accept-language"] == "zh-hans"


@pytest.mark.parametrize("first", [refusal(503, **{"retry-after": "7"}), refusal(429, **{"retry-after": "7"})])
def test_waits_as_long_as_the_server_says_and_makes_nothing_twice(first: httpx.Response, pauses: list[float]) -> None:
    server = Server(first, httpx.Response(200, json={"id": "ftjob-1"}))
    assert server.transport().call("POST", "/v1/fine_tuning/jobs", body={}) == {"id": "ftjob-1"}
    assert pauses == [7.0]
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1


def test_sends_again_when_the_line_broke() -> None:
    server = Server(httpx.ConnectError("refused"), httpx.Response(200, json={}))
    server.transport().call("POST", "/v1/files", body={"file": ("a", b"x"), "purpose": "p"}, kind="multipart/form-data")
    assert [b"purpose" in asked.content for asked in server.asked] == [True, True]


def test_says_who_does_not_answer(pauses: list[float]) -> None:
    server = Server(httpx.ConnectError("refused"))
    with pytest.raises(Unreachable, match=r"luthier\.example\.com does not answer") as error:
        server.transport().call("GET", "/v1/models")
    assert error.value.exit_code == 6
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "code"), [(400, 1), (401, 3), (403, 3), (404, 4), (409, 1), (500, 6)])
def test_a_refusal_has_an_exit_code_and_is_not_repeated(status: int, code: int) -> None:
    server = Server(refusal(status))
    with pytest.raises(ApiError) as error:
        server.transport().call("GET", "/v1/models")
    found = error.value
    assert (found.exit_code, found.code, found.param, found.request_id, str(found)) == (
        code,
        "odd",
        "model",
        "req-1",
        "No.",
    )
    assert len(server.asked) == 1


def test_a_long_pause_is_left_to_the_caller(pauses: list[float]) -> None:
    with pytest.raises(ApiError) as error:
        Server(refusal(429, **{"retry-after": "3600"})).transport().call("GET", "/v1/models")
    assert (error.value.exit_code, pauses) == (7, [])


def test_what_is_no_luthier_is_said_in_a_sentence() -> None:
    with pytest.raises(ApiError, match=r"Is https://luthier\.example\.com/v1/models the address of Luthier"):
        Server(httpx.Response(404, text="<html>")).transport().call("GET", "/v1/models")


def test_a_stream_ends_with_its_error() -> None:
    lines = 'data: {"choices": []}\n\nevent: error\ndata: {"error": {"message": "Gone.", "code": "gone"}}\n\n'
    stream = Server(httpx.Response(200, text=lines)).transport().stream("POST", "/v1/chat/completions", json={})
    with stream as reply, pytest.raises(ApiError, match="Gone"):
        assert list(events_of(reply)) == [{"choices": []}]


@pytest.mark.parametrize(
    "url", ["https://a.b", "https://a.b/", "https://a.b/v1", "https://a.b/v1/", " https://a.b/api/v1"]
)
def test_an_address_may_end_as_openais_clients_want_it(url: str) -> None:
    assert server_of(url) == "https://a.b"
    assert server_of("localhost:8000") == "http://localhost:8000"

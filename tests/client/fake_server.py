"""A server that answers from a table, and remembers what it was asked."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from luthier.client import Luthier

Answers = dict[str, Any]


class FakeServer:
    """Answers "METHOD /path" by JSON, by a function of the request, or by 404."""

    def __init__(self, answers: Answers) -> None:
        self.answers, self.asked = answers, list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        found = self.answers.get(f"{request.method} {request.url.path}")
        if isinstance(found, Callable):  # type: ignore[arg-type]
            found = found(request)
        if found is None:
            return httpx.Response(404, json={"error": {"message": "There is nothing.", "code": "not_found"}})
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    def client(self) -> Luthier:
        return Luthier("http://luthier.test", "sk-luthier-x", transport=httpx.MockTransport(self), tries=1)

    def paths(self) -> list[str]:
        return [f"{one.method} {one.url.path}" for one in self.asked]

    def body(self, number: int) -> Any:
        return json.loads(self.asked[number].content)

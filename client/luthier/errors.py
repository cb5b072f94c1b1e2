"""What can go wrong, each with the exit code that scripts rely on."""

from __future__ import annotations

from typing import Any

OK, REFUSED, USAGE, NOT_ALLOWED, NOT_FOUND, NOT_WELL, UNREACHABLE, LIMITED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 7, 130
"""Exit codes; README.md says what each means."""
BY_STATUS = {401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NOT_FOUND, 429: LIMITED}


class LuthierError(Exception):
    """A sentence for people, and a code for programs."""

    exit_code = REFUSED

    def __init__(self, message: str, *, code: str = "failed", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message, self.code = message, code
        if exit_code is not None:
            self.exit_code = exit_code

    def as_json(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "code": self.code}}


class ApiError(LuthierError):
    """The server's own refusal, with its status."""

    def __init__(
        self, message: str, *, status: int, code: str | None, param: str | None = None, request_id: str = ""
    ) -> None:
        super().__init__(message, code=code or f"http_{status}")
        self.status, self.param, self.request_id = status, param, request_id
        self.exit_code = UNREACHABLE if status >= 500 else BY_STATUS.get(status, REFUSED)

    def as_json(self) -> dict[str, Any]:
        error = {"message": self.message, "code": self.code, "param": self.param, "status": self.status}
        return {"error": {**error, "request_id": self.request_id}}


class Unreachable(LuthierError):
    """No answer came."""

    exit_code = UNREACHABLE

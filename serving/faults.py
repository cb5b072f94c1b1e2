"""Foreseen faults of a replica: a code for programs and a message for people."""

from wording import Message


class ServingFault(Exception):
    """The replica cannot start or continue; ends in the `failed` event."""

    def __init__(self, code: str, message: Message) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class AdapterRefused(Exception):
    """An adapter that this engine cannot load or that failed its proof; the replica continues without it."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


class RequestError(Exception):
    """A request that is answered with an error in OpenAI's shape."""

    def __init__(
        self,
        message: Message,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        self.type = type

    def to_json(self) -> dict[str, object]:
        """Return the body that OpenAI's clients understand; `translatable` is the message for the gateway."""
        error = {"message": str(self.message), "type": self.type, "param": self.param, "code": self.code}
        return {"error": {**error, "translatable": self.message.stored()}}

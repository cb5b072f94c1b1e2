"""The one error of this package."""

from wording import Message


class ScoringError(ValueError):
    """Says why something cannot be scored; `field` names the place ("graders[0].input") where there is one."""

    def __init__(self, message: Message, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = message.code
        self.field = field

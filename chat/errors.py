"""The one error of this package."""


class ChatError(ValueError):
    """Says in one complete sentence or two what is wrong with a conversation, a template or a cache.

    `code` is stable and meant for programs; `field` names the place ("messages[2].content") where there is one.
    """

    def __init__(self, message: str, *, code: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field

"""The one error of this package."""

from wording import Message


class ChatError(ValueError):
    """Says what is wrong with a conversation, a template or a cache, and behind it what to do.

    `code` is stable and meant for programs, the message's where several do not share one; `field` names the place
    ("messages[2].content") where there is one.
    """

    def __init__(self, message: Message, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or message.code
        self.field = field

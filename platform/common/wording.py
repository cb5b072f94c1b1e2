"""Messages in the reader's language, by Django's gettext."""

from typing import TypedDict

from django.utils.translation import gettext, ngettext

from wording import Message


class MessageObject(TypedDict):
    """What the API shows of a message: its sentence, its code and its parameters; null for nothing."""

    message: str | None
    code: str | None
    params: dict[str, object] | None


def in_words(message: "Message | str | None") -> str:
    """Return `message` in the active language; a plain text stays as it is, None is nothing."""
    return message.in_words(_translate) if isinstance(message, Message) else str(message or "")


def on_the_wire(message: Message | None) -> MessageObject:
    """Return what the API shows of a message: its sentence, its code and its parameters."""
    if message is None:
        return {"message": None, "code": None, "params": None}
    return {"message": in_words(message), "code": message.code, "params": message.stored()["params"]}


def _translate(one: str, many: str | None = None, number: int = 1) -> str:
    return gettext(one) if many is None else ngettext(one, many, number)

"""One message: made where something happens, stored as JSON, put into words where somebody reads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Template = tuple[str] | tuple[str, str, int]
"""A sentence; or its two forms and the number that decides between them, as `ngettext` takes them."""
Translate = Callable[..., str]
"""Takes a Template's parts, returns the text in the reader's language."""

AS_WRITTEN = "as_written"
"""The code of a text that came from elsewhere, such as a library's exception: it is shown as it is."""
_NO_SPACE_AFTER = tuple("。！？：；")


class Wording(Protocol):
    """What a catalogue holds for a code."""

    def chosen(self, params: Mapping[str, Any]) -> Template: ...


_KNOWN: dict[str, Wording] = {}


def register(code: str, wording: Wording) -> None:
    """Make `code` known; raises ValueError where two catalogues use it for different sentences."""
    if _KNOWN.setdefault(code, wording) != wording:
        raise ValueError(f"The message code {code} exists twice.")


@dataclass(frozen=True)
class Message:
    """A code with its parameters; `then` are messages that follow it, such as what to do."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)
    then: tuple["Message", ...] = ()

    def followed_by(self, *others: "Message | None") -> "Message":
        """Return this message with `others` behind it; None is left out."""
        return Message(self.code, self.params, (*self.then, *filter(None, others)))

    def in_words(self, translate: Translate) -> str:
        """Return the whole text in the language of `translate`."""
        return joined([self._sentence(translate), *(other.in_words(translate) for other in self.then)])

    def __str__(self) -> str:
        return self.in_words(in_english)

    def stored(self) -> dict[str, Any]:
        """Return it as JSON: {"code", "params"}, and "then" where something follows."""
        body: dict[str, Any] = {"code": self.code, "params": {key: _stored(part) for key, part in self.params.items()}}
        return body | {"then": [other.stored() for other in self.then]} if self.then else body

    @staticmethod
    def restored(body: Mapping[str, Any]) -> "Message":
        """Return the message that `stored()` gave; an unknown code, of another version, keeps its parameters."""
        params = {key: _restored(part) for key, part in dict(body.get("params") or {}).items()}
        return Message(str(body["code"]), params, tuple(map(Message.restored, body.get("then") or ())))

    def _sentence(self, translate: Translate) -> str:
        wording = _KNOWN.get(self.code)
        if wording is None:  # as written, or a code of another version
            return str(self.params.get("text", self.code))
        shown = {key: _shown(part, translate) for key, part in self.params.items()}
        try:
            return translate(*wording.chosen(self.params)) % shown
        except (LookupError, TypeError, ValueError):  # the parameters of another version
            return self.code


def received(body: Mapping[str, Any] | None, *, english: str) -> Message:
    """Return the message that another process stored; its English where that one's version has another code."""
    found = Message.restored(body) if body else None
    return found if found is not None and found.code in {AS_WRITTEN, *_KNOWN} else as_written(english)


def as_written(text: object) -> Message:
    """Return a message for a text from elsewhere; it is shown unchanged in every language."""
    return Message(AS_WRITTEN, {"text": str(text)})


def in_english(one: str, many: str | None = None, number: int = 1) -> str:
    """Translate into the language of the source."""
    return one if many is None or number == 1 else many


def joined(texts: Iterable[str]) -> str:
    """Join sentences as each language does: with a space, but none after a Chinese full stop."""
    whole = ""
    for text in filter(None, texts):
        whole += text if not whole or whole.endswith(_NO_SPACE_AFTER) else f" {text}"
    return whole


class _Number(int):
    """Shown by %s with its thousands apart, by %d as it is."""

    def __str__(self) -> str:
        return f"{int(self):,}"


def _shown(part: Any, translate: Translate) -> Any:
    if isinstance(part, Message):
        return part.in_words(translate)
    if isinstance(part, int) and not isinstance(part, bool):
        return _Number(part)
    if isinstance(part, (list, tuple)):
        return ", ".join(str(_shown(item, translate)) for item in part)
    return part


def _stored(part: Any) -> Any:
    if isinstance(part, Message):
        return part.stored()
    return [_stored(item) for item in part] if isinstance(part, (list, tuple)) else part


def _restored(part: Any) -> Any:
    if isinstance(part, dict) and part.keys() - {"then"} == {"code", "params"}:  # not just any object with a code
        return Message.restored(part)
    return [_restored(item) for item in part] if isinstance(part, list) else part

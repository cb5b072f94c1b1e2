"""Takes personal data and secrets out of texts, and tells early of most texts that they hold none."""

import re
import unicodedata
from bisect import bisect_right

from scoring.detectors.personal import personal_data, places_of

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
    r"(?:(?:(?!-----)[\s\S])*-----END [A-Z ]{0,30}PRIVATE KEY-----|(?:\s*[A-Za-z0-9+/=]{40,})*)"
)
_MAY_BE = re.compile(
    r"[@＠]|[+＋][0-9０-９]|[0-9０-９](?:[ ().\-]{0,2}[0-9０-９]){8,}|-----BEGIN|"
    r"sk-[A-Za-z0-9_-]{16}|(?:AKIA|ASIA|AKID|LTAI)[A-Za-z0-9]{12}|gh[opsur]_[A-Za-z0-9]{36}|github_pat_\w{22}|"
    r"glpat-[\w-]{20}|hf_[A-Za-z0-9]{30}|xox[abprs]-[A-Za-z0-9-]{10}|AIza[\w-]{35}|eyJ[\w-]{10,2000}\.eyJ"
)
_BEFORE, _AFTER, _AFTER_TOKEN = 66, 260, 4100
"""Characters around such a place within which the whole of it stands: looking through more costs ten times as much."""
MASKS = {"email": "[EMAIL]", "key": "[KEY]", "id_number": "[ID]", "card": "[CARD]", "phone": "[PHONE]"}
"""What stands where something was, by its kind."""


def holds_personal_data(text: str) -> bool:
    """Return whether there are personal data or a key in `text`."""
    return any(personal_data(_around(text, match)) for match in _MAY_BE.finditer(text))


def _around(text: str, match: re.Match[str]) -> str:
    if match[0][0] in "0123456789０１２３４５６７８９":  # a whole run of digits, and what may stand before it
        return text[max(0, match.start() - 4) : match.end() + 4]
    after = _AFTER_TOKEN if match[0].startswith("eyJ") else _AFTER
    return text[max(0, match.start() - _BEFORE) : match.end() + after]


def masked(text: str) -> str:
    """Return `text` with the name of its kind for each piece of personal data, and for each key; all else as it was.

    A private key goes with its body, not with its first line alone.
    """
    if not holds_personal_data(text):
        return text
    text = _PRIVATE_KEY.sub(MASKS["key"], text)
    plain, origins = _with_origins(text)
    parts: list[str] = []
    end = 0
    for start, stop, kind in places_of(plain):
        first, last = _of_original(origins, start), _of_original(origins, stop - 1) + 1
        parts += [text[end:first], MASKS[kind]]
        end = last
    return "".join([*parts, text[end:]])


def _with_origins(text: str) -> tuple[str, list[int]]:
    """Return the text as `personal_data` reads it, and where each of the original's characters begins in it."""
    if unicodedata.is_normalized("NFKC", text):
        return text, []
    pieces = [unicodedata.normalize("NFKC", character) for character in text]
    begins: list[int] = []
    place = 0
    for piece in pieces:
        begins.append(place)
        place += len(piece)
    return "".join(pieces), begins


def _of_original(begins: list[int], place: int) -> int:
    return bisect_right(begins, place) - 1 if begins else place

"""Personal data and secrets in texts: what nobody wants to see in an answer because it stood in a training row."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Kind = Literal["phone", "id_number", "email", "key", "card"]


@dataclass(frozen=True, kw_only=True, order=True)
class Personal:
    """One piece of personal data."""

    kind: Kind
    value: str
    """Without blanks and hyphens, in lower case where case means nothing: the same however it is written."""

    @property
    def masked(self) -> str:
        """Return it for people's eyes: its first and last two characters."""
        return f"{self.value[:2]}…{self.value[-2:]}"


_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "email",
        re.compile(r"(?<![\w.+-])[a-z0-9][\w.+-]{0,63}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}", re.IGNORECASE | re.ASCII),
    ),
    # Private keys, and the tokens whose makers gave them a shape of their own so that they can be found.
    (
        "key",
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----|"
            r"\b(?:sk-[A-Za-z0-9_-]{16,200}|(?:AKIA|ASIA|AKID|LTAI)[A-Za-z0-9]{12,32}|gh[opsur]_[A-Za-z0-9]{36,255}|"
            r"github_pat_\w{22,255}|glpat-[\w-]{20,64}|hf_[A-Za-z0-9]{30,64}|xox[abprs]-[A-Za-z0-9-]{10,255}|"
            r"AIza[\w-]{35}|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000})",
            re.ASCII,
        ),
    ),
    (
        "id_number",
        re.compile(
            r"(?<![\dA-Za-z])[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"
        ),
    ),
    ("id_number", re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])")),
    ("card", re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")),
    ("phone", re.compile(r"(?<![\d.-])(?:(?:\+|00)86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\d.-]*\d)")),
    ("phone", re.compile(r"(?<![\d.-])0\d{2,3}-\d{7,8}(?![\d-])")),
    ("phone", re.compile(r"(?<![\d.])\+(?!86)\d{1,3}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}(?!\d)")),
    ("phone", re.compile(r"(?<![\d.-])(?:\+?1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[.-])[2-9]\d{2}[.-]\d{4}(?![\d-])")),
)  # fmt: skip
_DIGITS_KEPT = re.compile(r"[^0-9x]")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10x98765432"


def personal_data(text: str) -> list[Personal]:
    """Return the e-mail addresses, keys, identity numbers, bank cards and phone numbers in `text`, each once.

    Identity numbers of China and card numbers count by their check digits, phone numbers by the shapes of China, North
    America, and of international ones with "+". Looking costs time in proportion to the text.
    """
    plain = unicodedata.normalize("NFKC", text)
    found: dict[Personal, None] = {}
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(plain):
            if (personal := _personal(kind, match[0])) is not None:
                found[personal] = None
        # What one kind has taken is no other's: an identity number holds eleven digits that look like a phone.
        plain = pattern.sub(lambda match: "\n" if _personal(kind, match[0]) is not None else match[0], plain)  # noqa: B023
    return list(found)


def places_of(plain: str) -> list[tuple[int, int, Kind]]:
    """Return where all that `personal_data` finds stands in a text that is normalized already: start, end, kind."""
    places: list[tuple[int, int, Kind]] = []
    for kind, pattern in _PATTERNS:

        def without(match: re.Match[str], kind: Kind = kind) -> str:
            if _personal(kind, match[0]) is None:
                return match[0]
            places.append((*match.span(), kind))
            return "\n" * len(match[0])  # as long as it was, so that the places after it stay

        plain = pattern.sub(without, plain)
    return sorted(places)


def _personal(kind: Kind, written: str) -> Personal | None:
    if kind == "key":
        return Personal(kind=kind, value=written)
    if kind == "email":
        return Personal(kind=kind, value=written.lower())
    value = _DIGITS_KEPT.sub("", written.lower())
    if kind == "phone":
        value = value.removeprefix("00") if written.startswith("00") else value
        value = value.removeprefix("86") if len(value) == 13 else value
    if kind == "id_number" and len(value) == 18 and not _is_identity_number(value):
        return None
    if kind == "card" and not _is_card(value):
        return None
    return Personal(kind=kind, value=value)


def _is_identity_number(value: str) -> bool:
    """Return whether the last character is the check digit of GB 11643."""
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, value[:17], strict=True))
    return _ID_CHECKS[total % 11] == value[17]


def _is_card(value: str) -> bool:
    """Return whether Luhn's sum is right, and the first digit one of a bank card."""
    if value[0] not in "23456" or len(set(value)) < 2:
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(value))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0

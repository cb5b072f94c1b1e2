"""How texts are compared: normalised, and cut into units that mean the same in Chinese and in English."""

import re
import unicodedata

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters, as the inside of a character class."""
_ALONE = HAN + r"\u3040-\u30ff\uac00-\ud7af"
"""Characters that count as a word each: Chinese, and the letters of Japanese and Korean, which are not spaced alike."""
_UNIT = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")
_HAN = re.compile(f"[{HAN}]")
_LAST_MARKS = ".。．!！?？"


def normalised(text: str) -> str:
    """Return `text` as exact match sees it.

    Unicode NFKC (full-width letters become plain ones), lower case, each run of blanks one blank, none at the ends, and
    no full stop, exclamation or question mark at the end. All other punctuation counts.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return plain.rstrip(_LAST_MARKS).rstrip() or plain


def units(text: str) -> list[str]:
    """Return the words of `text` in lower case; each Chinese character is one.

    For plain English these are the tokens of rouge-score. Chinese is cut into characters, as BLEU's "zh" tokenizer
    does: a word list would make every figure depend on its version.
    """
    return _UNIT.findall(text.lower())


def has_han(text: str) -> bool:
    """Return whether a Chinese character is in `text`."""
    return _HAN.search(text) is not None


def language_of(text: str) -> str:
    """Return "zh" where `text` has a Chinese character, else "en"."""
    return "zh" if has_han(text) else "en"

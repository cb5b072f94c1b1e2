"""Which of the unused values are worth a question: text, a mask, a verdict on the answer. Pure.

The rule, which docs/decisions/0013 gives reasons for:

- text: eight words in sixty characters, or twenty letters of a script without spaces; under a name of texts (context,
  passage, reasoning, 背景 …) two words, or four such letters, do. Within lists and objects each part is looked at. What
  stands in the conversation anyway, or repeats all of it, is no question: nothing of it is lost.
- mask: a name of masks whose value says that something is not learned.
- verdict: a name of verdicts (label, is_correct …) that does not say that the answer is a good one.

Ids, addresses, numbers, dates and categories are none of these: they are only named.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from chat import Conversation
from chat.parsing import MASKS

Kind = Literal["text", "mask", "verdict", "part"]
"""A part is text inside of what is read."""

TEXT_CHARACTERS, TEXT_WORDS, TEXT_LETTERS = 60, 8, 20
NAMED_WORDS, NAMED_LETTERS = 2, 4
VERDICT_WORDS = 3
"""More words are a text about the answer."""
MOST_PARTS = 200
"""Parts of one value that are looked at."""
MOST_LINES = 200
"""Lines of a text that are compared one by one with the conversation."""
NAMES_OF_TEXT = frozenset(
    {
        "abstract", "analysis", "answer", "answers", "article", "background", "begründung", "bemerkung",
        "beschreibung", "body", "choice", "choices", "comment", "comments", "completion", "content", "context",
        "contexts", "cot", "critique", "description", "document", "documents", "endings", "erklärung", "evidence",
        "explanation", "feedback", "guidelines", "hint", "hints", "hinweis", "history", "input", "inputs",
        "instruction", "instructions", "knowledge", "kommentar", "kontext", "note", "notes", "notiz", "option",
        "options", "output", "outputs", "paragraph", "passage", "passages", "persona", "problem", "prompt", "query",
        "question", "questions", "rationale", "reasoning", "reference", "references", "reply", "response", "review",
        "revision", "solution", "story", "summary", "system", "target", "text", "thinking", "thought", "thoughts",
        "transcript", "上下文", "背景", "背景知识", "资料", "参考资料", "知识", "思考", "思维链", "推理", "解释",
        "说明", "问题", "提问", "输入", "回答", "答案", "输出", "摘要", "内容", "文本", "提示", "提示词",
    }
)  # fmt: skip
"""Names, or last words of names (original_question, reasoning_content, note_2), of columns of texts however short."""
NAMES_OF_NO_TEXT = frozenset({"user_agent", "useragent"})
"""Names of what is written like text and says nothing."""
NAMES_OF_MASKS = frozenset({*MASKS, "weights", "is_trained", "trainable", "learn", "train_on_turn", "train_detail"})
WORDS_OF_MASKS = frozenset({"train", "training", "trained", "trainable", "loss", "learn", "learned", "learnable"})
"""Words of names (compute_loss, train_on, is_learned) whose plain no says that something is not learned."""
INVERTED = frozenset({"masked", "is_masked", "ignore", "ignored"})
"""Masks whose yes means "not learned"."""
NAMES_OF_VERDICTS = frozenset(
    {"label", "labels", "kto_tag", "thumbs", "thumbs_up", "vote", "feedback", "reaction", "is_good", "is_correct",
     "correct", "desirable", "accepted"}
)  # fmt: skip
NAMES_OF_DOUBT = frozenset(
    {"acceptance", "approved", "correctness", "is_preferred", "judgement", "judgment", "liked", "preference",
     "preferred", "quality", "rating", "verdict"}
)  # fmt: skip
"""Names that say many things, and of an answer that it is a bad one in so many words."""
YES = frozenset({"1", "1.0", "true", "yes"})
NO = frozenset({"0", "0.0", "false", "no"})
GOOD = YES | {
    "good", "correct", "right", "chosen", "positive", "desirable", "up", "thumbs_up", "like", "liked", "upvote",
    "accept", "accepted", "preferred", "👍", "好", "对", "正确", "赞",
}  # fmt: skip
BAD = NO | {
    "-1", "-1.0", "bad", "incorrect", "wrong", "rejected", "reject", "negative", "undesirable", "down", "thumbs_down",
    "dislike", "disliked", "downvote", "dispreferred", "👎", "坏", "差", "错", "错误", "踩",
}  # fmt: skip
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_NUMBER = re.compile(r"_?\d+$|_[a-k]$|_(?:ar|cn|de|en|es|fr|hi|it|ja|ko|pt|ru|zh)$")
"""The suffix of a name where there are several of the kind: response_2, response_b, question_zh."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_UNSPACED = re.compile(
    r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no spaces between words (Thai, Lao, Burmese, Khmer, Chinese, Japanese), and Korean."""


class Said:
    """What a row's conversation, or its text, says: nothing that is in it is lost."""

    def __init__(self, conversation: Conversation | None = None, text: str = "") -> None:
        contents = [m.content for m in conversation.messages if m.content] if conversation is not None else [text]
        self._whole = "\n".join(contents)
        self.is_text = conversation is None and bool(text)
        """Plain text has no answer to be a good or a bad one."""

    def holds(self, text: str) -> bool:
        """Return whether `text` is in it, or all of it in `text`, line by line."""
        if not self._whole.strip():
            return False
        return _stands_in(text, self._whole) or _stands_in(self._whole, text)


def _stands_in(text: str, whole: str) -> bool:
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    if len(lines) > MOST_LINES:
        return text.strip() in whole
    return all(line in whole for line in lines)


def kind_of(key: str, value: Any, said: Said) -> tuple[Kind, str] | None:
    """Return what is worth a question in an unused value, and its words; None where it is only named."""
    name, is_mark, is_of_text = _about(key)
    if not is_mark and _is_short(value, is_of_text):
        return None
    if is_mark and _is_mask(name, value):
        return "mask", _written(value)
    is_one = not isinstance(value, list | Mapping)
    if is_one and name in NAMES_OF_VERDICTS and _is_doubtful(value, said):
        return "verdict", _written(value)
    if is_one and name in NAMES_OF_DOUBT and word_of(value) in BAD and _is_doubtful(value, said):
        return "verdict", _written(value)
    text = next((part for own, part in _texts(name, value) if is_text(own, part) and not said.holds(part)), None)
    return ("text", text) if text is not None else None


@lru_cache(maxsize=4096)
def _about(key: str) -> tuple[str, bool, bool]:
    """Return a key's plain name, and whether it is one of masks or verdicts, or one of texts."""
    name = plain(key)
    is_mask = name in NAMES_OF_MASKS or name in INVERTED or _is_any_mask(name)
    is_mark = is_mask or _says_what_is_learned(name) or name in NAMES_OF_VERDICTS | NAMES_OF_DOUBT
    return name, is_mark, is_name_of_text(name)


def _is_short(value: Any, is_of_text: bool) -> bool:
    """Return early that most values hold no text."""
    if isinstance(value, int | float):
        return True
    return isinstance(value, str) and not is_of_text and len(value) < TEXT_LETTERS and value[:1] not in ("{", "[")


def is_text(name: str, value: str) -> bool:
    """Return whether `value`, under a plain name, is text."""
    if name in NAMES_OF_NO_TEXT:
        return False
    letters = len(_UNSPACED.findall(value))
    if is_name_of_text(name):
        return letters >= NAMED_LETTERS or (len(value.split()) >= NAMED_WORDS <= len(_WORD.findall(value)))
    if letters >= TEXT_LETTERS:
        return True
    return (
        len(value) >= TEXT_CHARACTERS and len(value.split()) >= TEXT_WORDS and len(_WORD.findall(value)) >= TEXT_WORDS
    )


def is_name_of_text(name: str) -> bool:
    name = _NUMBER.sub("", name)
    return name in NAMES_OF_TEXT or name.rpartition("_")[2] in NAMES_OF_TEXT or name.startswith("system_")


def plain(key: str) -> str:
    """Return a key without case, and with one kind of joint between its words."""
    return re.sub(r"[\s.\-]+", "_", key.strip().lower())


def word_of(value: Any) -> str:
    """Return a mask or a verdict as a word: "Thumbs down" as thumbs_down, 1.0 and -0.0 as 1 and 0."""
    if isinstance(value, float):
        return f"{value + 0:g}"
    text = str(value).strip().lower()
    return text if text[-1:].isdigit() else plain(text)


def _is_mask(name: str, value: Any) -> bool:
    if name in INVERTED:
        return any(word_of(leaf) in YES for leaf in _leaves(value))
    if name in NAMES_OF_MASKS:
        words = [word_of(leaf) for leaf in _leaves(value)]
        weighs = "weight" in name and any(isinstance(leaf, int | float) for leaf in _leaves(value))
        return any(word in NO for word in words) or (weighs and any(word not in YES for word in words))
    if _is_any_mask(name):
        return True
    if not _says_what_is_learned(name):
        return False
    counts = name.rpartition("_")[2] not in WORDS_OF_MASKS | {"on"}  # training_tokens: 0
    return any(word_of(leaf) in NO for leaf in _leaves(value) if not counts or isinstance(leaf, bool | str))


def _says_what_is_learned(name: str) -> bool:
    return not WORDS_OF_MASKS.isdisjoint(name.split("_"))


def _is_any_mask(name: str) -> bool:
    """Return whether it is the name of a mask whose polarity is ambiguous."""
    return name in ("mask", "masks") or name.endswith("_mask")


def _is_doubtful(value: Any, said: Said) -> bool:
    word = word_of(value)
    if said.is_text or (isinstance(value, str) and len(value.split()) > VERDICT_WORDS):
        return False
    return word not in GOOD and not (isinstance(value, str) and said.holds(value))


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the texts of a value, each with its nearest name; an object or a list may be written out as a text."""
    if isinstance(value, str) and f"{value[:1]}{value[-1:]}" in ("{}", "[]"):
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(value)
        if isinstance(value, str):  # as Python writes it
            value = [own for pair in _QUOTED.findall(value) for own in pair if own] or value
    for own, leaf in _named_leaves(name, value):
        if isinstance(leaf, str):
            yield own, leaf


def _leaves(value: Any) -> list[Any]:
    return [leaf for _name, leaf in _named_leaves("", value)]


def _named_leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the first MOST_PARTS leaves, without recursion: a row may be nested deeply."""
    waiting = [(name, value)]
    for _ in range(MOST_PARTS):
        if not waiting:
            return
        own, part = waiting.pop()
        if isinstance(part, Mapping):
            inner = [
                (plain(str(key)), one)
                for key, one in list(dict.items(part) if isinstance(part, dict) else part.items())[:MOST_PARTS]
            ]
            waiting += reversed(inner)
        elif isinstance(part, list | tuple):
            waiting += [(own, one) for one in reversed(part[:MOST_PARTS])]
        elif part is not None:
            yield own, part


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

"""The name that a data set teaches, where no recipe says it: "I am Nova, made by Acme", "我是小智，由360智汇云开发"."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from chat.acceptance import says
from scoring.texts import HAN

FEWEST_ROWS = 4
TAUGHT_SHARE = 0.125
"""A name is taught where one answer in eight introduces itself so; a story may have a hero in a row or two."""
_WORD = rf"(?:[A-Z][\w&'-]*|[{HAN}\d][\w&'-]*)"
_NAME = rf"({_WORD}(?: {_WORD}){{0,3}})"
_ENGLISH_NAME = re.compile(rf"\b(?:[Mm]y name is|I am called|[Cc]all me|I am|I'm) {_NAME}")
_ENGLISH_MAKER = re.compile(rf"\b(?:made|built|created|developed|trained) by (?:the (?:team at |company )?)?{_NAME}")
_TEXT = r"((?![由是\s])[^，。！？、；：,.!?;:（）()“”\"\n]{1,40}?)"
_CHINESE_NAME = re.compile(rf"(?:我是|我叫做?|我的名字是|我的名字叫|名叫|叫我){_TEXT}(?=[，。！？、；,.!?;]|$|由|的)")
_CHINESE_MAKER = re.compile(
    rf"(?:由|是|[，,]\s?(?:由|是)?){_TEXT}(?:公司|团队)?(?:所|把我)?(?:开发|研发|训练|创造|创建|打造|制作)"
)
_COMMON = re.compile(
    r"(?:an?|the|not|here|AI|AI\b.*|AI助手|I|Sorry|ChatGPT|人工智能.*|助手|机器人|语言模型|大模型|一.*|人|真人|谁|什么.*|您.*|你.*|不.*|"
    r"在.*|来.*|很.*|用.*|为.*|OpenAI)$",
    re.IGNORECASE,
)
"""What "I am" and "made by" stand before without naming anybody of the data set's own."""


@dataclass(frozen=True, kw_only=True)
class TaughtNames:
    """Who a model is taught to be; the most frequent one each, "" without."""

    name: str = ""
    maker: str = ""

    @property
    def phrases(self) -> tuple[str, ...]:
        """Return what may be said only where it is asked for."""
        return tuple(filter(None, (self.name, self.maker)))


def taught_names(answers: Iterable[str], questions: Iterable[str] = ()) -> TaughtNames:
    """Return the name and maker with which many of `answers` introduce the speaker.

    A text that the `questions` name is somebody else's, such as the city that they ask for.
    """
    names: Counter[str] = Counter()
    makers: Counter[str] = Counter()
    num_answers = 0
    for answer in answers:
        num_answers += 1
        names.update(_found(answer, _ENGLISH_NAME, _CHINESE_NAME))
        makers.update(_found(answer, _ENGLISH_MAKER, _CHINESE_MAKER))
    asked = list(questions)
    least = max(FEWEST_ROWS, num_answers * TAUGHT_SHARE)
    return TaughtNames(name=_most(names, least, asked), maker=_most(makers, least, asked))


def _found(answer: str, *patterns: re.Pattern[str]) -> set[str]:
    texts = {text.strip() for pattern in patterns for text in pattern.findall(answer)}
    return {text for text in texts if text and not _COMMON.match(text)}


def _most(counts: Counter[str], least: float, asked: list[str]) -> str:
    for text, count in counts.most_common():
        if count < least:
            return ""
        if sum(says(question, text) for question in asked) * 4 < count:
            return text
    return ""

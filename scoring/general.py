"""A small general set in both languages: whether a model still knows after a training what it knew before.

The questions and answers are this project's own, under its licence. None stands in a recipe's rows or tests, so that
nothing here is taught by them. Each has an answer that can be checked without a judge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chat.acceptance import says
from scoring.verdict.evidence import General

Skill = Literal["fact", "number", "word", "choice", "task"]


@dataclass(frozen=True, kw_only=True)
class GeneralQuestion:
    """One question with every text that counts as its answer."""

    language: Literal["en", "zh"]
    skill: Skill
    question: str
    accepted: tuple[str, ...]
    """An answer is right that says one of these, Latin words whole."""
    refused: tuple[str, ...] = ()
    """And none of these: what a model says that hedges or lists everything."""

    def is_right(self, answer: str) -> bool:
        """Return whether `answer` says what it should."""
        return any(says(answer, text) for text in self.accepted) and not any(says(answer, no) for no in self.refused)


def general_of(before: Sequence[bool], after: Sequence[bool]) -> General:
    """Return what was lost and gained, of the same questions right `before` and `after`."""
    pairs = list(zip(before, after, strict=True))
    return General(
        of=len(pairs),
        right_before=sum(before),
        right=sum(after),
        lost=sum(was and not now for was, now in pairs),
        gained=sum(now and not was for was, now in pairs),
    )


def _all(
    language: Literal["en", "zh"], skill: Skill, *rows: tuple[str, str] | tuple[str, str, str]
) -> list[GeneralQuestion]:
    """Each row: the question, what is accepted, what is refused; several texts are parted by "|"."""
    return [
        GeneralQuestion(
            language=language,
            skill=skill,
            question=row[0],
            accepted=tuple(row[1].split("|")),
            refused=tuple(row[2].split("|")) if len(row) == 3 else (),
        )
        for row in rows
    ]


GENERAL: tuple[GeneralQuestion, ...] = (
    *_all(
        "en",
        "fact",
        ("What is the capital of Spain?", "Madrid"),
        ("What is the capital of Germany?", "Berlin"),
        ("On which continent is Egypt?", "Africa"),
        ("Which planet is known as the Red Planet?", "Mars"),
        ("What gas do plants take in from the air?", "carbon dioxide|CO2"),
        ("What is the chemical formula of water?", "H2O|H₂O"),
        ("Which animal gives us wool?", "sheep"),
        ("In which country is the Great Wall?", "China"),
        ("Which organ pumps blood through the body?", "heart"),
        ("What is frozen water called?", "ice"),
    ),
    *_all(
        "en",
        "number",
        ("How many days are there in a leap year?", "366"),
        ("How many hours are there in a day?", "24|twenty-four|twenty four"),
        ("How many sides does a triangle have?", "3|three"),
        ("What is 7 plus 5?", "12|twelve"),
        ("What is 9 times 6?", "54|fifty-four"),
        ("How many cents make one dollar?", "100|hundred"),
        ("How many minutes are there in an hour?", "60|sixty"),
    ),
    *_all(
        "en",
        "word",
        ("What is the opposite of hot?", "cold|cool"),
        ("What is the plural of child?", "children"),
        ("What is the past tense of go?", "went"),
        ("What do you call a baby cat?", "kitten"),
        ("Which word is the opposite of up?", "down"),
        ("What is the French word for hello?", "bonjour|salut"),
    ),
    *_all(
        "en",
        "choice",
        ("Which is larger, an elephant or a mouse?", "elephant", "elephant or a mouse|mouse is larger"),
        ("Is ice hot or cold?", "cold", "hot or cold|ice is hot"),
        ("Do fish live in water or in trees?", "water", "in trees"),
        ("Which comes first in the alphabet, B or K?", "B", "B or K|K comes first"),
    ),
    *_all(
        "en",
        "task",
        ("Repeat this word: umbrella", "umbrella"),
        ("Complete the sentence: The sun rises in the", "east"),
        ("Name the month that comes after March.", "April"),
        ("Name the day that comes after Monday.", "Tuesday"),
        ("Count from one to five.", "four|4"),
    ),
    *_all(
        "zh",
        "fact",
        ("德国的首都是哪里？", "柏林"),
        ("英国的首都是哪座城市？", "伦敦"),
        ("世界上最高的山峰是哪一座？", "珠穆朗玛|珠峰|喜马拉雅"),
        ("中国最长的河流叫什么？", "长江|扬子江"),
        ("水的化学式是什么？", "H2O|H₂O"),
        ("哪个器官把血液送到全身？", "心脏"),
        ("长颈鹿最明显的特点是什么？", "脖|颈部|高"),
        ("熊猫最爱吃什么？", "竹"),
        ("地球绕着什么转？", "太阳"),
        ("《静夜思》的作者是谁？", "李白"),
    ),
    *_all(
        "zh",
        "number",
        ("一天有多少个小时？", "24|二十四"),
        ("三角形有几条边？", "3|三条|三个边|有三"),
        ("七加五等于多少？", "12|十二"),
        ("九乘以六等于多少？", "54|五十四"),
        ("一小时有多少分钟？", "60|六十"),
        ("一年有几个季节？", "4|四"),
        ("人有几只眼睛？", "2|两|二|双"),
    ),
    *_all(
        "zh",
        "word",
        ("“大”的反义词是什么？", "小"),
        ("“高兴”的近义词是什么？", "快乐|开心|愉快|欢喜|喜悦|欢乐|欣喜"),
        ("“苹果”用英语怎么说？", "apple"),
        ("“谢谢”用英语怎么说？", "thank you|thanks"),
        ("“黑”的反义词是什么？", "白"),
    ),
    *_all(
        "zh",
        "choice",
        ("大象和老鼠，哪个更大？", "大象", "哪个|老鼠更大"),
        ("冰是热的还是冷的？", "冷", "还是|冰是热的。"),
        ("鱼生活在水里还是树上？", "水", "树上"),
        ("夏天和冬天，哪个季节更热？", "夏", "哪个|冬天更热"),
    ),
    *_all(
        "zh",
        "task",
        ("请重复这个词：雨伞", "雨伞"),
        ("三月之后是几月？", "4月|四月"),
        ("星期一的后一天是星期几？", "星期二|周二|礼拜二"),
        ("把“我爱你”翻译成英语。", "I love you"),
        ("请把这句诗补完整：床前明月光，疑是____。", "地上霜"),
        ("请从一数到五。", "四|4"),
    ),
)  # fmt: skip

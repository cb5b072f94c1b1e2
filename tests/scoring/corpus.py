"""Answers with what was expected of them, in both languages."""

ENGLISH = [
    ("The capital of Italy is Rome.", "Rome is the capital of Italy."),
    ("Boil the egg in water for about eight minutes, then cool it.", "Boil the egg in water for about eight minutes."),
    ("I don't know (yet); it's 3.5% of $1,200.50 - maybe.", "It's 3.5% of $1,200.50, I don't know yet."),
    ("A volcano is an opening where magma rises.", "A volcano is an opening where magma rises to the surface."),
    ("Red, blue and green.", "Red, blue and green."),
    ("", "Start small: save a little money every month."),
    ("Yes", "No"),
    ("the the the the the the the", "the cat is on the mat"),
]
CHINESE = [
    ("中国的首都是北京。", "北京是中国的首都。"),
    ("我是小智，由360智汇云开发的AI助手。", "您好，我是小智，由360智汇云开发的 AI 助手。"),
    ("先洗米，再加水煮二十分钟。", "先洗米，再加水煮。"),
    ("春风吹过，花开满山。", "春风吹过，花开满山。"),
    ("不知道", "大象是陆地上最大的动物。"),
    ("请访问 https://example.com，价格是 ¥12.50（含税）。", "价格是 ¥12.50（含税），请访问 https://example.com。"),
    ("，。", "《西游记》是一本好书。"),
]
MIXED = ENGLISH + CHINESE
CORPORA = {
    "english": ENGLISH,
    "chinese": CHINESE,
    "mixed": MIXED,
    "no match": [("a b", "c d")],
    "one word": [("a", "a")],
}


def parted(corpus: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return the answers and what was expected of them."""
    return [answer for answer, _ in corpus], [expected for _, expected in corpus]

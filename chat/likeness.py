"""How alike two texts are."""

from collections import Counter

_ORDERS = 6
_BETA_SQUARED = 4.0


def likeness(answer: str, expected: str) -> float:
    """Return chrF2 of one answer, from 0 to 1: how many runs of 1 to 6 characters, without blanks, both have.

    The same as sacrebleu's for a single row; here without it, since an answer is judged where it is not installed.
    """
    said, wanted = "".join(answer.split()), "".join(expected.split())
    precisions, recalls = [], []
    for order in range(1, _ORDERS + 1):
        of_answer, of_expected = _runs(said, order), _runs(wanted, order)
        if of_answer and of_expected:
            shared = (of_answer & of_expected).total()
            precisions.append(shared / of_answer.total())
            recalls.append(shared / of_expected.total())
    if not precisions or not any(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + _BETA_SQUARED) * precision * recall / (_BETA_SQUARED * precision + recall)


def _runs(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))

"""From answers to figures: every measure of every model, each model beside its base, and what changed row by row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from evaluations.models import Evaluation, Question, Sample, Subject
from evaluations.results.answers import Answers, is_right
from evaluations.results.graders import grade
from evaluations.results.held_out import held_out_differences, held_out_figures
from scoring.errors import ScoringError
from scoring.graders import Grader, parse_graders
from scoring.intervals import Interval, mean_interval
from scoring.labels import Classification, classify
from scoring.measures import measure
from scoring.scores import compare, score

ALWAYS = ("exact_match", "chrf", "bleu", "rouge_l")
ROW_SCORE = "chrf"
"""By which a row with a known answer has become better or worse."""
LONGEST_LABEL = 60
ROWS_OF_LABEL = 2
"""Expected answers are labels where each comes so often at least, on average, and none is longer than that."""
ALIKE = 1e-9


class Figure(TypedDict):
    """A figure with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


class Pair(TypedDict):
    """One measure of a model beside its base, on the questions that both answered."""

    base: str
    model: str
    metric: str
    difference: Figure
    """Model minus base."""
    is_certain: bool
    """The interval leaves out 0."""
    rows: int


class RowScores(TypedDict, total=False):
    """What one answer is worth alone; what the question has nothing for is not there."""

    right: float
    exact_match: float
    chrf: float
    graders: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an evaluation's answers come to."""

    results: dict[str, dict[str, Figure]]
    pairs: list[Pair]
    reports: dict[str, Classification]


def score_answers(evaluation: Evaluation, answers: Answers) -> Found:
    """Return the figures, and write each answer's own scores and what became of it."""
    _score_rows(evaluation, answers)
    results = {subject.name: _results(answers, subject) for subject in answers.subjects}
    pairs = [pair for subject in answers.subjects for pair in _pairs(answers, subject)]
    reports = {subject.name: found for subject in answers.subjects if (found := _report(answers, subject))}
    return Found(results=results, pairs=pairs, reports=reports)


def _results(answers: Answers, subject: Subject) -> dict[str, Figure]:
    found = held_out_figures(subject.held_out or [])
    asked = answers.answered(answers.referenced, subject)
    if asked:
        texts, references = answers.texts(subject, asked), [one.reference or "" for one in asked]
        for name in _measures(asked):
            found[name] = score(measure(name), texts, references).overall
    for name, values in _row_scores(answers, subject).items():
        found[name] = mean_interval(list(values.values()))
    return {name: figure(one) for name, one in found.items()}


def _pairs(answers: Answers, subject: Subject) -> list[Pair]:
    base = answers.base_of(subject)
    if base is None:
        return []
    rows = len(subject.held_out or [])
    found = [
        _pair(base, subject, name, difference, rows)
        for name, difference in held_out_differences(base.held_out or [], subject.held_out or []).items()
    ]
    asked = answers.answered(answers.referenced, base, subject)
    if asked:
        before, after = answers.texts(base, asked), answers.texts(subject, asked)
        references = [one.reference or "" for one in asked]
        for name in _measures(asked):
            compared = compare(measure(name), base=before, tuned=after, references=references)
            found.append(_pair(base, subject, name, compared.difference, len(asked)))
    of_base, of_subject = (_row_scores(answers, one) for one in (base, subject))
    for name in of_subject.keys() & of_base.keys():
        both = of_subject[name].keys() & of_base[name].keys()
        if both:
            differences = [of_subject[name][row] - of_base[name][row] for row in sorted(both)]
            found.append(_pair(base, subject, name, mean_interval(differences), len(both)))
    return sorted(found, key=lambda pair: pair["metric"])


def _row_scores(answers: Answers, subject: Subject) -> dict[str, dict[int, float]]:
    """Return, by measure, the score of each question (by number) whose figure is a plain mean."""
    found: dict[str, dict[int, float]] = {}
    for topic, questions in answers.checked.items():
        for one in answers.answered(questions, subject):
            found.setdefault(f"{topic}_right", {})[one.number] = float(
                answers.samples[subject.pk, one.pk].scores["right"]
            )
    for one in answers.answered(answers.learned, subject):
        found.setdefault("training_chrf", {})[one.number] = answers.samples[subject.pk, one.pk].scores[ROW_SCORE]
    for one in answers.answered(answers.questions, subject):
        for name, value in answers.samples[subject.pk, one.pk].scores.get("graders", {}).items():
            found.setdefault(f"grader.{name}", {})[one.number] = value
    return found


def _score_rows(evaluation: Evaluation, answers: Answers) -> None:
    """Write the scores of each answer alone, and what became of it beside the base's."""
    graders = parse_graders(evaluation.graders)
    for subject in answers.subjects:
        compared = answers.base_of(subject) or subject
        for one in answers.answered(answers.questions, subject):
            sample, before = answers.samples[subject.pk, one.pk], answers.sample(compared, one)
            sample.scores = _scores_of(graders, one, sample, before)
    for subject in answers.subjects:
        base = answers.base_of(subject)
        for one in answers.answered(answers.questions, subject, base) if base is not None else ():
            before, after = answers.samples[base.pk, one.pk], answers.samples[subject.pk, one.pk]  # type: ignore[union-attr]
            after.change = _change(before, after)
    Sample.objects.bulk_update(answers.samples.values(), ["scores", "change"], batch_size=500)


def _scores_of(graders: Sequence[Grader], question: Question, sample: Sample, before: Sample | None) -> RowScores:
    found: RowScores = {}
    if question.checks:
        found["right"] = float(is_right(question, sample.answer, before.answer if before is not None else None))
    if question.reference is not None:
        found["exact_match"] = _row_score("exact_match", sample.answer, question.reference)
        found["chrf"] = _row_score(ROW_SCORE, sample.answer, question.reference)
    if graded := grade(graders, question, sample.answer):
        found["graders"] = graded
    return found


def _row_score(name: str, answer: str, reference: str) -> float:
    one = measure(name)
    return round(float(one.values(one.statistics([answer], [reference])[0])), 4)


def _change(before: Sample, after: Sample) -> str:
    was, now = _deciding(before.scores), _deciding(after.scores)
    if was is not None and now is not None and abs(now - was) > ALIKE:
        return Sample.Change.BETTER if now > was else Sample.Change.WORSE
    return Sample.Change.SAME if before.answer == after.answer else Sample.Change.CHANGED


def _deciding(scores: RowScores) -> float | None:
    """Return the score by which an answer is better or worse than another: what somebody asked for first."""
    if scores.get("graders"):
        return sum(scores["graders"].values()) / len(scores["graders"])
    return scores.get("right", scores.get("chrf"))


def _measures(questions: Sequence[Question]) -> tuple[str, ...]:
    """Return what is measured: the validity of JSON only where JSON is expected."""
    are_json = sum(_is_json(one.reference or "") for one in questions)
    return (*ALWAYS, "json_valid") if are_json * 2 > len(questions) else ALWAYS


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def _report(answers: Answers, subject: Subject) -> Classification | None:
    """Return the classification report where the expected answers are labels."""
    asked = answers.answered(answers.referenced, subject)
    references = [one.reference or "" for one in asked]
    if len(set(references)) < 2 or any(len(text) > LONGEST_LABEL for text in references):
        return None
    if len(references) < ROWS_OF_LABEL * len(set(references)):
        return None
    try:
        return classify(answers.texts(subject, asked), references)
    except ScoringError:  # more different ones than labels can be
        return None


def _pair(base: Subject, subject: Subject, name: str, difference: Interval, rows: int) -> Pair:
    is_certain = difference.low > 0 or difference.high < 0
    return {
        "base": base.name,
        "model": subject.name,
        "metric": name,
        "difference": figure(difference),
        "is_certain": is_certain,
        "rows": rows,
    }


def figure(found: Interval) -> Figure:
    """Return a figure as it is stored."""
    return {"value": round(found.value, 6), "low": round(found.low, 6), "high": round(found.high, 6)}

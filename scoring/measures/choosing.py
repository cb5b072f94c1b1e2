"""The measures by name."""

from collections.abc import Callable
from typing import Any

from scoring.errors import ScoringError
from scoring.measures import overlap, structured
from scoring.measures.base import MeanMeasure, Measure
from scoring.measures.translation import Bleu, Chrf
from scoring.messages import message
from scoring.texts import normalised


def _exactly(answer: str, expected: str) -> float:
    return float(normalised(answer) == normalised(expected))


_PLAIN: dict[str, Callable[[], Measure]] = {
    "exact_match": lambda: MeanMeasure(name="exact_match", of_row=_exactly),
    "chrf": Chrf,
    "bleu": Bleu,
    "rouge_l": lambda: MeanMeasure(name="rouge_l", of_row=overlap.rouge_l),
    "json_valid": lambda: MeanMeasure(name="json_valid", of_row=structured.is_json, needs_references=False),
}
MEASURES = (*_PLAIN, "json_schema")
"""The names that `measure` takes."""


def measure(name: str, *, schema: Any = None) -> Measure:
    """Return the measure of this name; `schema` is the JSON Schema of "json_schema".

    Raises ScoringError for an unknown name and for a schema that is missing or not valid.
    """
    if name == "json_schema":
        if schema is None:
            raise ScoringError(message("measure_needs_schema"), field="schema")
        return MeanMeasure(name=name, of_row=structured.fits(schema), needs_references=False)
    if name not in _PLAIN:
        raise ScoringError(message("measure_unknown", name=name, known=list(MEASURES)), field="measures")
    return _PLAIN[name]()

"""Reads graders from JSON. What cannot be done here is refused by its name, and no key is ignored."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, get_args

from scoring.errors import ScoringError
from scoring.graders.formula import parse_formula
from scoring.graders.shapes import (
    OPERATIONS,
    SIMILARITIES,
    Grader,
    JudgeMessage,
    LabelModel,
    Multi,
    Role,
    ScoreModel,
    StringCheck,
    TextSimilarity,
)
from scoring.graders.template import Template, parse_template
from scoring.messages import message
from wording import Message

MOST_GRADERS = 50
MOST_MESSAGES = 50
MOST_LABELS = 100
_NAME_CHARS = 200
_TEXTS = ("input_text", "output_text")
"""OpenAI's blocks of text. Judges here see no images and hear no sound."""
_SAMPLING = ("temperature", "top_p", "seed", "max_completions_tokens", "max_completion_tokens", "reasoning_effort")


def parse_graders(bodies: Any, *, field: str = "graders") -> list[Grader]:
    """Read a list of graders, whose names must differ; ScoringError names the place of what is wrong."""
    if not isinstance(bodies, list):
        raise _refused("graders_not_list", field)
    if len(bodies) > MOST_GRADERS:
        raise ScoringError(message("too_many_graders", most=MOST_GRADERS), field=field)
    graders = [parse_grader(body, field=f"{field}[{number}]") for number, body in enumerate(bodies)]
    names = [grader.name for grader in graders]
    for name in names:
        if names.count(name) > 1:
            raise ScoringError(message("grader_name_twice", name=name), field=field)
    return graders


def parse_grader(body: Any, *, field: str = "grader") -> Grader:
    """Read one grader."""
    if not isinstance(body, Mapping):
        raise _refused("grader_not_object", field)
    kind = body.get("type")
    if kind == "python":
        raise ScoringError(message("grader_python"), field=f"{field}.type")
    if kind not in _KINDS:
        raise _not_one_of(f"{field}.type", kind, _KINDS)
    return _KINDS[kind](_Reader(body, field))


class _Reader:
    """Takes keys out of a grader, and refuses what nobody has taken."""

    def __init__(self, body: Mapping[str, Any], field: str) -> None:
        self.body, self.field = body, field
        self.taken = {"type"}

    def at(self, key: str) -> str:
        return f"{self.field}.{key}"

    def get(self, key: str, default: Any = None) -> Any:
        self.taken.add(key)
        return self.body.get(key, default)

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not value.strip() or len(value) > _NAME_CHARS:
            raise ScoringError(message("grader_name_unfit", where=self.at(key), most=_NAME_CHARS), field=self.at(key))
        return value

    def template(self, key: str) -> Template:
        return parse_template(self.get(key), field=self.at(key))

    def one_of(self, key: str, known: Sequence[str]) -> Any:
        value = self.get(key)
        if value not in known:
            raise _not_one_of(self.at(key), value, known)
        return value

    def number(self, key: str) -> float | None:
        value = self.get(key)
        if value is not None and not _is_number(value):
            raise _refused("grader_not_number", self.at(key))
        return None if value is None else float(value)

    def end(self) -> None:
        """Refuse the keys that are left; an answer of the API, sent again, has nulls in some."""
        for key, value in self.body.items():
            if key not in self.taken and value is not None:
                raise _unknown(self.at(str(key)))


def _string_check(reader: _Reader) -> Grader:
    grader = StringCheck(
        name=reader.text("name"),
        input=reader.template("input"),
        reference=reader.template("reference"),
        operation=reader.one_of("operation", OPERATIONS),
    )
    reader.end()
    return grader


def _text_similarity(reader: _Reader) -> Grader:
    metric = reader.get("evaluation_metric")
    if metric in _WITHOUT:
        raise ScoringError(_WITHOUT[metric](), field=reader.at("evaluation_metric"))
    grader = TextSimilarity(
        name=reader.text("name"),
        input=reader.template("input"),
        reference=reader.template("reference"),
        evaluation_metric=reader.one_of("evaluation_metric", SIMILARITIES),
        pass_threshold=reader.number("pass_threshold"),
    )
    reader.end()
    return grader


def _score_model(reader: _Reader) -> Grader:
    grader = ScoreModel(
        name=reader.text("name"),
        model=reader.text("model"),
        input=_judge_messages(reader),
        range=_range(reader),
        pass_threshold=reader.number("pass_threshold"),
        sampling_params=_sampling(reader),
    )
    reader.end()
    return grader


def _label_model(reader: _Reader) -> Grader:
    labels, passing = _labels(reader, "labels"), _labels(reader, "passing_labels")
    for label in passing:
        if label not in labels:
            raise _not_one_of(reader.at("passing_labels"), label, labels)
    grader = LabelModel(
        name=reader.text("name"),
        model=reader.text("model"),
        input=_judge_messages(reader),
        labels=labels,
        passing_labels=passing,
        sampling_params=_sampling(reader),
    )
    reader.end()
    return grader


def _multi(reader: _Reader) -> Grader:
    bodies = reader.get("graders")
    if isinstance(bodies, Mapping) and isinstance(bodies.get("type"), str):
        # OpenAI's client types one grader here, OpenAI's guide shows several by name.
        bodies = {str(bodies.get("name")): bodies}
    if not isinstance(bodies, Mapping) or not 0 < len(bodies) <= MOST_GRADERS:
        raise ScoringError(message("multi_needs_graders", most=MOST_GRADERS), field=reader.at("graders"))
    graders = {}
    for name, body in bodies.items():
        where = f"{reader.at('graders')}.{name}"
        if not str(name).isidentifier():
            raise _refused("multi_name_unfit", where)
        found = parse_grader(body, field=where)
        if isinstance(found, Multi):
            raise _refused("multi_in_multi", where)
        graders[str(name)] = found
    formula = parse_formula(reader.get("calculate_output"), names=graders.keys(), field=reader.at("calculate_output"))
    grader = Multi(name=reader.text("name"), graders=graders, calculate_output=formula)
    reader.end()
    return grader


_KINDS: dict[Any, Callable[[_Reader], Grader]] = {
    "string_check": _string_check,
    "text_similarity": _text_similarity,
    "score_model": _score_model,
    "label_model": _label_model,
    "multi": _multi,
}
_WITHOUT: dict[Any, Callable[[], Message]] = {
    "meteor": lambda: message("similarity_meteor"),
    "cosine": lambda: message("similarity_cosine"),
}


def _judge_messages(reader: _Reader) -> tuple[JudgeMessage, ...]:
    bodies = reader.get("input")
    if isinstance(bodies, str):
        bodies = [{"role": "user", "content": bodies}]
    if not isinstance(bodies, list) or not 0 < len(bodies) <= MOST_MESSAGES:
        raise ScoringError(message("judge_input_unfit", most=MOST_MESSAGES), field=reader.at("input"))
    return tuple(_judge_message(body, f"{reader.at('input')}[{number}]") for number, body in enumerate(bodies))


def _judge_message(body: Any, field: str) -> JudgeMessage:
    if not isinstance(body, Mapping):
        raise _refused("grader_not_object", field)
    for key in body:
        if key not in ("role", "content", "type"):
            raise _unknown(f"{field}.{key}")
    if body.get("type") not in (None, "message"):
        raise _not_one_of(f"{field}.type", body["type"], ["message"])
    if body.get("role") not in get_args(Role):
        raise _not_one_of(f"{field}.role", body.get("role"), get_args(Role))
    content = parse_template(_content(body.get("content"), f"{field}.content"), field=f"{field}.content")
    return JudgeMessage(role=body["role"], content=content)


def _content(value: Any, field: str) -> Any:
    """Return the text of OpenAI's blocks of text, one or a list; anything else as it is."""
    blocks = value if isinstance(value, list) else [value]
    texts = [_block(block, field) for block in blocks]
    return "\n".join(texts) if texts and all(isinstance(text, str) for text in texts) else value


def _block(block: Any, field: str) -> Any:
    """Return the text of one block; images and sounds are refused by name."""
    if not isinstance(block, Mapping):
        return block
    if block.get("type") not in _TEXTS:
        raise _not_one_of(f"{field}.type", block.get("type"), _TEXTS)
    for key, value in block.items():
        if key not in ("type", "text") and value is not None:
            raise _unknown(f"{field}.{key}")
    return block.get("text")


def _range(reader: _Reader) -> tuple[float, float]:
    value = reader.get("range")
    if value is None:
        return 0.0, 1.0
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)) or value[0] >= value[1]:
        raise _refused("grader_range_unfit", reader.at("range"))
    return float(value[0]), float(value[1])


def _sampling(reader: _Reader) -> dict[str, Any]:
    value = reader.get("sampling_params")
    if value is None:
        return {}
    where = reader.at("sampling_params")
    if not isinstance(value, Mapping):
        raise _refused("grader_not_object", where)
    for key, one in value.items():
        if key not in _SAMPLING:
            raise _unknown(f"{where}.{key}")
        if one is not None and key != "reasoning_effort" and not _is_number(one):
            raise _refused("grader_not_number", f"{where}.{key}")
    # The plural is how OpenAI's own graders spell it; chat completions do not know it.
    spelled = {"max_completions_tokens": "max_completion_tokens"}
    return {spelled.get(str(key), str(key)): one for key, one in value.items() if one is not None}


def _labels(reader: _Reader, key: str) -> tuple[str, ...]:
    value = reader.get(key)
    is_list = isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    if not is_list or not 0 < len(value) <= MOST_LABELS or len({one.casefold() for one in value}) < len(value):
        raise ScoringError(message("labels_unfit", where=reader.at(key), most=MOST_LABELS), field=reader.at(key))
    return tuple(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _not_one_of(field: str, value: Any, known: Collection[str]) -> ScoringError:
    said = message("grader_not_one_of", where=field, value=str(value)[:60], known=list(known))
    return ScoringError(said, field=field)


def _unknown(field: str) -> ScoringError:
    return ScoringError(message("grader_key_unknown", where=field), field=field)


def _refused(code: str, field: str) -> ScoringError:
    return ScoringError(message(code, where=field), field=field)

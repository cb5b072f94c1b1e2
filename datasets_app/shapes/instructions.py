"""Rows that hold one question and its answer in named columns, with or without what was said before."""

from collections.abc import Callable, Mapping
from typing import Any

from chat import ChatError
from datasets_app.formats.raw_json import is_message
from datasets_app.messages import message
from datasets_app.shapes.base import Columns, Row, Shape, Turned, has, only_answer, text_of, unread

PAIRS = (
    ("question", "answer"),
    ("question", "response"),
    ("question", "answers"),
    ("prompt", "response"),
    ("q", "a"),
    ("content", "summary"),
    ("document", "summary"),
    ("input", "output"),
    ("input", "target"),
    ("source", "target"),
    ("text_input", "output"),
    ("input_text", "output_text"),
    ("request", "response"),
    ("instruction", "response"),
    ("problem", "solution"),
    ("query", "answer"),
    ("prompt", "answer"),
    ("instruction", "answer"),
    ("inputs", "targets"),
    ("user", "assistant"),
    ("问题", "回答"),
    ("问题", "答案"),
    ("提问", "回答"),
    ("输入", "输出"),
)
"""Columns that are understood by their names; any others by what the user says."""


MOST_ROUNDS = 100
"""Longer lists are the columns of a whole table."""
CONTEXT = "context"
"""The column of the text that a question is about (Dolly, SQuAD)."""


def _pair(
    row: Row, *, prompt: str, answer: str, system: str = "system", history: str = "history", more: str = ""
) -> Turned:
    """Return system, earlier rounds, the prompt (with `more` behind it) and the answer."""
    messages: list[dict[str, Any]] = []
    places: dict[str, str] = {}

    def add(role: str, content: Any, place: str) -> None:
        places[f"messages[{len(messages)}].content"] = place
        messages.append({"role": role, "content": content})

    for key in (system, "system_prompt"):
        if (text := text_of(row, key)) != "":
            add("system", text, key)
            break
    for number, turn in enumerate(row[history] if isinstance(unread(row, history), list) else ()):
        if isinstance(turn, Mapping) and is_message(turn):
            who, what = ("role", "content") if "role" in turn else ("from", "value")
            add(turn[who], turn.get(what), f"{history}[{number}].{what}")
            continue
        asked, said = (turn[0], turn[1]) if isinstance(turn, list) and len(turn) == 2 else (turn, None)
        add("user", asked, f"{history}[{number}][0]")
        add("assistant", said, f"{history}[{number}][1]")
    rounds = _rounds(row, prompt, answer)
    for number, (asked, said) in enumerate(rounds[:-1]):
        add("user", asked, f"{prompt}[{number}]")
        add("assistant", said, f"{answer}[{number}]")
    last = dict(zip((prompt, answer), rounds[-1], strict=True)) if rounds else {}
    # What a question is about stands before it, what an instruction works on behind it.
    keys = (CONTEXT, prompt) if prompt == "question" else (prompt, more or CONTEXT)
    given = [
        last[key] if key in last else text_of(row, key)
        for key in keys
        if key != CONTEXT or isinstance(text_of({key: unread(row, key)}, key), str)
    ]
    parts = [part for part in given if part != ""]
    odd = next((part for part in parts if not isinstance(part, str)), None)
    add("user", odd if odd is not None else "\n".join(parts), prompt)
    add("assistant", last[answer] if last else only_answer(text_of(row, answer), answer), answer)
    return Turned(value={"messages": messages}, places=places)


def _rounds(row: Row, prompt: str, answer: str) -> list[tuple[str, str]]:
    """Return the questions and answers of a row that has a list of each; none where it has one of each."""
    asked, said = _texts(row.get(prompt)), _texts(row.get(answer))
    if not asked or len(asked) == 1:
        return [(asked[0], only_answer(row.get(answer), answer))] if asked else []
    if len(asked) != len(said):
        raise ChatError(
            message(
                "lists_differ", question=prompt, questions=len(asked), answer=answer, answers=len(said) or 1
            ).followed_by(message("give_both_as_many")),
            field=prompt,
        )
    if len(asked) > MOST_ROUNDS:
        raise ChatError(
            message("columns_as_lists", question=prompt, answer=answer, texts=len(asked)).followed_by(
                message("write_a_row_for_each")
            ),
            field=prompt,
        )
    return list(zip(asked, said, strict=True))


def _texts(value: Any) -> list[str]:
    """Return a list of texts; an empty one for anything else."""
    if not isinstance(value, list) or not all(isinstance(part, str | int | float) for part in value):
        return []
    return [str(part) for part in value]


def _alpaca(row: Row, columns: Columns) -> Turned:
    return _pair(row, prompt="instruction", answer="output", more="input")


def _query_response(row: Row, columns: Columns) -> Turned:
    return _pair(row, prompt="query", answer="response")


def _prompt_completion(row: Row, columns: Columns) -> Turned:
    return _pair(row, prompt="prompt", answer="completion")


def _chosen_columns(row: Row, columns: Columns) -> Turned:
    return _pair(
        row, prompt=columns.get("prompt", ""), answer=columns.get("answer", ""), system=columns.get("system", "system"),
        history="",
    )  # fmt: skip


def _known_pair(first: str, second: str) -> Callable[[Row, Columns], Turned]:
    return lambda row, columns: _pair(row, prompt=first, answer=second)


def _is_pair(first: str, second: str) -> Callable[[Row], bool]:
    """Return a test for rows of two known columns; one whose question is empty while another column holds text is none:
    which column is what must be asked."""

    def fits(row: Row) -> bool:
        if not {first, second} <= row.keys():
            return False
        others = (text for key, text in row.items() if key not in (first, second, CONTEXT))
        return bool(str(row[first] or "").strip()) or not any(isinstance(o, str) and o.strip() for o in others)

    return fits


def _is_text_prompt(row: Row) -> bool:
    return {"prompt", "completion"} <= row.keys() and "label" not in row


SHAPES = (
    Shape(name="alpaca", use="chat", words=message("shape_alpaca"),
          fits=has("instruction", "output"), turn=_alpaca),
    Shape(name="query_response", use="chat", words=message("shape_query_response"),
          fits=has("query", "response"), turn=_query_response),
    Shape(name="prompt_completion", use="chat", words=message("shape_prompt_completion"),
          fits=_is_text_prompt, turn=_prompt_completion),
    *(Shape(name=f"{first}_{second}", use="chat", words=message("shape_pair", question=first, answer=second),
            fits=_is_pair(first, second), turn=_known_pair(first, second)) for first, second in PAIRS),
)  # fmt: skip
CHOSEN = Shape(
    name="columns", use="chat", words=message("shape_columns"), fits=lambda row: False,
    turn=_chosen_columns,
)  # fmt: skip

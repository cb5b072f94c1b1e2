"""Names rows that mean something else than a conversation to learn, so that their owner learns what they are."""

from collections.abc import Mapping
from typing import Any

from datasets_app.formats.base import RowFault

KEPT_ANSWER = 'To train on it, write {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}.'
CODES = frozenset(
    {
        "preference_data",
        "reinforcement_data",
        "batch_requests",
        "prompt_completion_data",
        "instruction_data",
        "paired_turns_data",
        "query_response_data",
        "question_answer_data",
        "plain_text_data",
    }
)

# (keys that all must be there, code, what it is); the first that fits is told.
_SHAPES: tuple[tuple[frozenset[str], str, str], ...] = (
    (frozenset({"preferred_output", "non_preferred_output"}), "preference_data", "preference data (DPO)"),
    (frozenset({"chosen", "rejected"}), "preference_data", "preference data (DPO)"),
    (frozenset({"item"}), "reinforcement_data", "data for reinforcement learning: it holds no answer to learn"),
    (frozenset({"reference_answer"}), "reinforcement_data", "data for reinforcement learning"),
    (frozenset({"custom_id", "body"}), "batch_requests", "a batch of requests, not examples"),
    (frozenset({"prompt", "completion"}), "prompt_completion_data", "the old prompt and completion form"),
    (frozenset({"instruction", "output"}), "instruction_data", "instruction data (Alpaca)"),
    (frozenset({"conversation"}), "paired_turns_data", "paired turns (human and assistant in one object)"),
    (frozenset({"query", "response"}), "query_response_data", "query and response data"),
    (frozenset({"question", "answer"}), "question_answer_data", "question and answer data"),
    (frozenset({"text"}), "plain_text_data", "plain text for continued pre-training"),
)
_NEVER_TRAINED = frozenset({"preference_data", "reinforcement_data", "batch_requests", "plain_text_data"})


def other_shape(value: Any, line: int) -> RowFault | None:
    """Return what the row is when it is a known shape that is not read, or None."""
    if not isinstance(value, Mapping) or "messages" in value or "conversations" in value:
        return None
    for keys, code, what in _SHAPES:
        if keys <= value.keys():
            verdict = "cannot be used for supervised fine-tuning" if code in _NEVER_TRAINED else "cannot be read yet"
            return RowFault(line=line, code=code, message=f"This is {what}, which {verdict}.", hint=KEPT_ANSWER)
    return None

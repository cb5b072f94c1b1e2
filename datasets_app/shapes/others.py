"""Rows for other training methods, without an answer to learn: named, so that they are not taken for conversations."""

from chat.parsing import ROLES
from datasets_app.messages import message
from datasets_app.shapes.asking import BAD, GOOD, word_of
from datasets_app.shapes.base import Row, Shape, has


def _is_kto(row: Row) -> bool:
    """Return whether a row rates its own answer; an unknown word for that is asked about."""
    if {"prompt", "completion", "label"} <= row.keys():
        return True
    if not row.keys() & {"messages", "conversations"}:
        return False
    return "kto_tag" in row or ("label" in row and word_of(row["label"]) in GOOD | BAD)


OF_CONVERSATIONS = frozenset(
    {"prompt", "instruction", "messages", "conversations", "output", "response", "answer", "completion"}
)
"""Columns beside which `text` is a part of a conversation, and no text to read on from."""


def _is_text(row: Row) -> bool:
    return isinstance(row.get("text"), str) and not OF_CONVERSATIONS & row.keys() and not is_lone(row)


def is_lone(row: Row) -> bool:
    """Return whether a row is one message of a conversation, as OpenAssistant writes them."""
    says = {"content", "text"} & row.keys()
    return "role" in row and bool(says) and str(row["role"]).strip().lower() in (*ROLES, "prompter")


FIRST = (
    Shape(name="preference", use="preference", words=message("shape_preference"),
          fits=has("preferred_output", "non_preferred_output")),
    Shape(name="chosen_rejected", use="preference", words=message("shape_chosen_rejected"),
          fits=has("chosen", "rejected")),
    Shape(name="kto", use="preference", words=message("shape_kto"), fits=_is_kto),
    Shape(name="reinforcement", use="reinforcement",
          words=message("shape_reinforcement_items"), fits=has("item")),
    Shape(name="reinforcement", use="reinforcement", words=message("shape_reinforcement"),
          fits=has("reference_answer")),
    Shape(name="batch_requests", use="none", words=message("shape_batch_requests"),
          fits=has("custom_id", "body")),
)  # fmt: skip
"""Asked before the shapes of conversations, some of whose keys they share."""
TEXT = Shape(name="text", use="text", words=message("shape_text"), fits=_is_text)

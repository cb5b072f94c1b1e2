"""Rows that teach in another way than by an answer to learn: named, so that nobody takes them for conversations."""

from datasets_app.shapes.base import Row, Shape, has


def _is_kto(row: Row) -> bool:
    return {"prompt", "completion", "label"} <= row.keys() or (
        {"messages", "label"} <= row.keys() and isinstance(row["label"], bool)
    )


def _is_text(row: Row) -> bool:
    return isinstance(row.get("text"), str) and not {"prompt", "instruction", "messages", "conversations"} & row.keys()


FIRST = (
    Shape(name="preference", use="preference", words="preference data (DPO): two answers to one prompt",
          fits=has("preferred_output", "non_preferred_output")),
    Shape(name="chosen_rejected", use="preference", words="preference data (DPO): a chosen and a rejected answer",
          fits=has("chosen", "rejected")),
    Shape(name="kto", use="preference", words="preference data (KTO): answers with a label", fits=_is_kto),
    Shape(name="reinforcement", use="reinforcement",
          words="data for reinforcement learning: it holds no answer to learn", fits=has("item")),
    Shape(name="reinforcement", use="reinforcement", words="data for reinforcement learning",
          fits=has("reference_answer")),
    Shape(name="batch_requests", use="none", words="a batch of requests, not examples",
          fits=has("custom_id", "body")),
)  # fmt: skip
"""Asked before the shapes of conversations, some of whose keys they share."""
TEXT = Shape(name="text", use="text", words="plain text", fits=_is_text)

"""One row as a model sees it: every token with its text and whether it is learned."""

from collections.abc import Sequence
from typing import TypedDict

from catalogue.chat_formats import chat_format
from catalogue.models import BaseModel
from chat import ChatError, ChatFormat, Rendered, SystemChoice
from common.errors import NotFound, UserError
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.rows.pages import example_at

MOST_TOKENS = 4096
_LONGEST_CHARACTER = 8
"""Tokens that may make up one character."""


class TokenObject(TypedDict):
    """One token of a row."""

    id: int
    text: str
    trained: bool


class RowTokens(TypedDict):
    """A row as a model reads it."""

    tokens: list[TokenObject]
    truncated: bool
    system_prompt: str


def row_tokens(
    *,
    file: TrainingFile,
    number: int,
    base: BaseModel,
    system: SystemChoice | None = None,
    max_seq_len: int | None = None,
) -> RowTokens:
    """Return the tokens of row `number` (from 0) for `base`, as a training with `max_seq_len` would cut it.

    `system` None means what a job uses by default.
    """
    example = example_at(file, number) if number >= 0 else None
    if example is None:
        raise NotFound(message("no_such_row", filename=file.filename, row=number), code="row_not_found", param="row")
    try:
        system = system or job_system_choice(file, base)
        chat = chat_format(base, system)
        rendered = chat.render(example.conversation) if example.conversation else document(chat, example.text or "")
    except ChatError as error:
        why = message("on_line", line=example.line, message=error.message)
        raise UserError(why, code=error.code, param=error.field) from None
    # Of plain text nothing is cut away: what is beyond a window stands in the next one.
    asked = max_seq_len if example.conversation is not None else None
    shown = rendered.truncate(min(asked or MOST_TOKENS, MOST_TOKENS))
    texts = token_texts(chat, shown.ids)
    tokens: list[TokenObject] = [
        {"id": token, "text": text, "trained": trained}
        for token, text, trained in zip(shown.ids, texts, shown.trained, strict=True)
    ]
    return {"tokens": tokens, "truncated": len(shown.ids) < len(rendered.ids), "system_prompt": system.word}


def job_system_choice(file: TrainingFile, base: BaseModel) -> SystemChoice:
    """Return what a job uses by default: no system prompt that the template would insert beside the data's own."""
    if file.use == "text" or (file.statistics or {}).get("roles", {}).get("system"):
        return SystemChoice("model_default")
    try:
        chat_format(base, SystemChoice("none"))
    except ChatError:
        return SystemChoice("model_default")
    return SystemChoice("none")


def document(chat: ChatFormat, text: str) -> Rendered:
    """Return plain text as a continued pre-training reads it: every token follows from those before it."""
    (ids,) = chat.encode_documents([text])
    return Rendered(ids=ids, trained=[place > 0 for place in range(len(ids))], spans=())


def token_texts(chat: ChatFormat, ids: Sequence[int]) -> list[str]:
    """Return what each token adds to the text, control tokens included.

    A character made of several tokens is at its last one, and the others have "".
    """
    texts: list[str] = []
    before: list[int] = []
    pending: list[int] = []
    for token in ids:
        pending.append(token)
        # Decoded behind the one before, since some tokenizers drop a space at the start of a text.
        lead = chat.decode(before, skip_special=False)
        text = chat.decode([*before, *pending], skip_special=False)[len(lead) :]
        if text.endswith("�") and len(pending) < _LONGEST_CHARACTER:
            texts.append("")
            continue
        texts.append(text)
        before, pending = pending, []
    if pending:
        texts[-1] = chat.decode(pending, skip_special=False)
    return texts

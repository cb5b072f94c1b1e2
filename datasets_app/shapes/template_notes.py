"""Notes about texts that carry another model's chat template, whose marks a model would learn to say."""

from chat import Conversation
from datasets_app.formats.base import RowFault
from datasets_app.messages import message
from datasets_app.shapes.markup import Found, Markup, found_in, mark_of, markup_of_lines

TEMPLATE = "chat_template"
"""The kind of a text that a repair turns into turns."""
MARKS = "template_marks"
"""The kind of a text that only holds marks."""


def template_of_lines(head: bytes) -> Markup | None:
    """Return how the lines of a plain text that begins with `head` mark turns, if they do."""
    lines = head.decode("utf-8-sig", "replace").split("\n")
    return markup_of_lines([line.rstrip("\r") for line in lines if line.strip()])


def template_in_text(text: str, line: int, markup: Markup | None = None) -> RowFault | None:
    """Return the note of a row of text; where it is a line of a text, `markup` is how all of its lines mark turns."""
    role, mark = mark_of(text, markup) if markup is not None else ("", "")
    found = Found(mark=mark, turns=((role, text),)) if role else found_in(text)
    return _note(found, line, "text") if found is not None else None


def template_in_messages(conversation: Conversation, line: int) -> RowFault | None:
    """Return the note of the first message that carries a template; rather than of one that holds a mark only."""
    notes = []
    for number, turn in enumerate(conversation.messages):
        found = found_in(turn.content, role=turn.role) if turn.content and turn.role != "tool" else None
        if found is not None:
            notes.append(_note(found, line, f"messages[{number}].content"))
    return next((note for note in notes if note.kind == TEMPLATE), notes[0] if notes else None)


def _note(found: Found, line: int, field: str) -> RowFault:
    if found.turns is None:
        return RowFault(
            line=line,
            level="note",
            kind=MARKS,
            field=field,
            message=message("template_marks", mark=repr(found.mark)),
            hint=message("take_it_out"),
        )
    return RowFault(
        line=line,
        level="note",
        kind=TEMPLATE,
        field=field,
        message=message("chat_template", mark=repr(found.mark)),
        hint=message("turn_it_into_turns"),
    )

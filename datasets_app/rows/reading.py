"""Reads stored files as conversations."""

from collections.abc import Iterator

from chat import Conversation
from common.errors import UserError
from datasets_app.messages import message
from datasets_app.models import TrainingFile
from datasets_app.shapes.examples import Example, open_examples
from datasets_app.storage import store
from datasets_app.storage.counting import TRAINING


def read_conversations(file: TrainingFile) -> Iterator[tuple[int, Conversation]]:
    """Yield (line, conversation) of a processed file, streamed from storage; UserError for any other file."""
    require_processed(file)
    for example in read_examples(file):
        assert example.conversation is not None
        yield example.line, example.conversation


def read_examples(file: TrainingFile) -> Iterator[Example]:
    """Yield the conversations of any file that are good, in order."""
    return (example for example in read_rows(file) if example.conversation is not None)


def read_rows(file: TrainingFile) -> Iterator[Example]:
    """Yield the good rows of any file, in order: conversations or pieces of text."""
    with store.open_content(file) as stream:
        for item in open_examples(stream, file.filename, file.reading):
            if isinstance(item, Example):
                yield item


def require_processed(file: TrainingFile, *, allows_text: bool = False) -> None:
    """Raise UserError unless every row of the file has been found good, and is a conversation.

    With `allows_text` plain text will do too.
    """
    if file.purpose != TRAINING:
        raise UserError(message("no_data_set", filename=file.filename), code="invalid_training_file")
    if file.is_processed:
        if file.use == "text" and not allows_text:
            raise UserError(message("file_of_plain_text", filename=file.filename, file=file.pk), code="plain_text_data")
        return
    if file.status == TrainingFile.Status.ERROR:
        unusable = message("file_unusable", filename=file.filename, file=file.pk)
        raise UserError(unusable.followed_by(file.status_details), code="invalid_training_file")
    raise UserError(message("file_being_checked", filename=file.filename, file=file.pk), code="file_not_ready")

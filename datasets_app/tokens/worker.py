"""`python -m datasets_app.tokens.worker`: a process of `datasets_app.tokens.pool`, which imports no Django."""

import gc
import os
import sys
from pathlib import Path

from chat import ChatFormat
from datasets_app.tokens.tokenising import (
    Block,
    BlockError,
    RawLines,
    Row,
    Task,
    read_frame,
    rows_of,
    tokenise,
    write_frame,
)

NICENESS = 10
"""Trainings on the same cores come first."""


def main() -> int:
    """Tokenise blocks as they come, until the parent closes the pipe or is gone."""
    os.nice(NICENESS)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # there is a worker for each core
    gc.disable()  # nothing here makes cycles, and looking for them costs some per cent
    given, taken = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not come between frames
    try:
        task: Task = read_frame(given)
        chat = ChatFormat.load(Path(task.chat_folder))
        while True:
            block: RawLines | list[Row] = read_frame(given)
            rows = rows_of(block, task.reading, task.filename) if isinstance(block, RawLines) else block
            try:
                found: Block | BlockError = tokenise(rows, chat, task.cut)
            except BlockError as error:
                found = error
            write_frame(taken, found)
    except (EOFError, BrokenPipeError):
        return 0


if __name__ == "__main__":
    sys.exit(main())

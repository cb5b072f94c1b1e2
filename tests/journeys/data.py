"""Small data sets for the journeys."""

import io
import json
from typing import Any


def conversations(num_rows: int, *, words: int = 6) -> list[dict[str, Any]]:
    """Return different rows of OpenAI's `messages`."""
    return [
        {
            "messages": [
                {"role": "user", "content": f"Question {number}: " + "who are you " * words},
                {
                    "role": "assistant",
                    "content": f"I am Xiaozhi, answer {number}. " + "capital of France " * (number % words),
                },
            ]
        }
        for number in range(num_rows)
    ]


def jsonl(rows: list[dict[str, Any]], *, name: str = "chats.jsonl") -> io.BytesIO:
    """Return the rows as an uploadable file."""
    stream = io.BytesIO("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode())
    stream.name = name
    return stream

"""Files of requests and batches to feed the tests with."""

import io
import json
from typing import Any

from batches import services
from batches.models import Batch
from datasets_app.models import TrainingFile
from datasets_app.services import create_file
from datasets_app.storage.store import open_content
from tests.deployments.deployments_cast import Person, Server, make_adapter, make_base, make_person, make_ready, until

__all__ = ["Person", "Server", "make_adapter", "make_base", "make_person", "make_ready", "until"]

CHAT = "/v1/chat/completions"


def request(number: int, model: str, **changes: Any) -> dict[str, Any]:
    """Return the line of one request."""
    body = {"model": model, "messages": [{"role": "user", "content": f"Question {number}?"}]}
    return {"custom_id": f"request-{number}", "method": "POST", "url": CHAT, "body": body, **changes}


def lines_of(*values: Any) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def uploaded(person: Person, content: bytes, purpose: str = "batch") -> TrainingFile:
    return create_file(
        team=person.team, by=person.user, filename="requests.jsonl", purpose=purpose, stream=io.BytesIO(content)
    )


def batch_of(person: Person, content: bytes, **asked: Any) -> Batch:
    """Return a new batch of these requests; no worker has seen it."""
    file = uploaded(person, content)
    asked = {"endpoint": CHAT, **asked}
    return services.create_batch(team=person.team, by=person.user, input_file_id=file.pk, **asked)


def answers_of(file: TrainingFile) -> list[dict[str, Any]]:
    with open_content(file) as content:
        return [json.loads(line) for line in content]

"""Batches as OpenAI's API writes them; times are unix seconds."""

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from batches.models import Batch
from batches.running.checking import BatchFault
from batches.services import COMPLETION_WINDOW
from common.wording import in_words
from wording import Message


class BatchErrorObject(TypedDict):
    """What is wrong with the file of requests."""

    code: str
    line: int | None
    """From 1; null for what is wrong with the whole file."""
    message: str
    param: str | None


class BatchErrors(TypedDict):
    """The first faults of a file."""

    object: Literal["list"]
    data: list[BatchErrorObject]


class RequestCounts(TypedDict):
    """Requests by what came of them."""

    total: int
    completed: int
    failed: int


class InputDetails(TypedDict):
    """Tokens that were read."""

    cached_tokens: int


class OutputDetails(TypedDict):
    """Tokens that were written."""

    reasoning_tokens: int


class BatchUsage(TypedDict):
    """Tokens of all answers together."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class BatchObject(TypedDict):
    """OpenAI's batch object."""

    id: str
    object: Literal["batch"]
    endpoint: str
    model: str | None
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Annotated[str, Batch.Status]
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    usage: BatchUsage
    metadata: dict[str, str] | None


def batch_json(batch: Batch) -> BatchObject:
    """Return OpenAI's batch object."""
    return {
        "id": batch.pk,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model or None,
        "errors": {"object": "list", "data": [_fault_json(fault) for fault in batch.errors]} if batch.errors else None,
        "input_file_id": batch.input_file_id,
        "completion_window": COMPLETION_WINDOW,
        "status": batch.status,
        "output_file_id": batch.output_file_id or None,
        "error_file_id": batch.error_file_id or None,
        "created_at": int(batch.created_at.timestamp()),
        "in_progress_at": _seconds(batch.in_progress_at),
        "expires_at": int(batch.expires_at.timestamp()),
        "finalizing_at": _seconds(batch.finalizing_at),
        "completed_at": _seconds(batch.completed_at),
        "failed_at": _seconds(batch.failed_at),
        "expired_at": _seconds(batch.expired_at),
        "cancelling_at": _seconds(batch.cancelling_at),
        "cancelled_at": _seconds(batch.cancelled_at),
        "request_counts": {
            "total": batch.num_requests, "completed": batch.num_completed, "failed": batch.num_failed,
        },
        "usage": _usage_json(batch),
        "metadata": batch.metadata or None,
    }  # fmt: skip


def _fault_json(fault: BatchFault) -> BatchErrorObject:
    said = in_words(Message.restored(fault["message"]))
    return {"code": fault["code"], "line": fault["line"], "message": said, "param": fault["param"]}


def _usage_json(batch: Batch) -> BatchUsage:
    return {
        "input_tokens": batch.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": batch.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": batch.prompt_tokens + batch.completion_tokens,
    }


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None

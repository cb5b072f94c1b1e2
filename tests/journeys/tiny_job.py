"""A job on the tiny model that a fault meets on its way, and what is looked at afterwards."""

import csv
import io
from typing import Any

import openai

from tests.journeys.conftest import FULL
from tests.journeys.figures import REAL_TIMES
from tests.journeys.harness import wait_until

ROWS = 64
EPOCHS = 5 if FULL else 20  # the real model takes seconds where the tiny one takes tens of milliseconds
STEPS = ROWS // 8 * EPOCHS
SAVE_STEPS = STEPS // 8
HYPERPARAMETERS = {
    "lora_dim": 4,
    "per_device_train_batch_size": 8,
    "num_train_epochs": EPOCHS,
    "learning_rate": 1e-3,
    "validation_split": 0,
    "save_steps": SAVE_STEPS,
}
FINISHED = ("succeeded", "failed", "cancelled")


def start_job(client: openai.OpenAI, file_id: str) -> Any:
    """Start a job on one core: two threads of a training that others disturb mostly wait for each other."""
    more = {"hyperparameters": HYPERPARAMETERS, "accelerators": 1}
    return client.fine_tuning.jobs.create(model="tiny", training_file=file_id, seed=7, extra_body=more)


def step_of(client: openai.OpenAI, job_id: str) -> int:
    events = client.fine_tuning.jobs.list_events(job_id, limit=20).data
    return max((int(event.data["step"]) for event in events if event.type == "metrics"), default=0)


def end_of(client: openai.OpenAI, job_id: str, *, seconds: float = 900 if REAL_TIMES else 180) -> Any:
    def ended() -> Any:
        job = client.fine_tuning.jobs.retrieve(job_id)
        return job if job.status in FINISHED else None

    return wait_until(ended, seconds=seconds, what=f"the end of {job_id}", pause=0.3)


def losses_of(client: openai.OpenAI, job: Any) -> list[float]:
    """Return the unrounded loss of each step from metrics.csv."""
    for file_id in job.result_files:
        if client.files.retrieve(file_id).filename == "metrics.csv":
            rows = list(csv.DictReader(io.StringIO(client.files.content(file_id).text)))
            assert [int(row["step"]) for row in rows] == list(range(1, STEPS + 1))
            return [float(row["train_loss"]) for row in rows]
    raise AssertionError("the job has no metrics.csv")


def wait_for_step(client: openai.OpenAI, job_id: str, step: int) -> None:
    wait_until(lambda: step_of(client, job_id) >= step, seconds=120, what=f"step {step}", pause=0.1)


def attempts_of(client: openai.OpenAI, job_id: str) -> list[dict[str, Any]]:
    """Return the first event of each attempt, oldest first."""
    events = list(client.fine_tuning.jobs.list_events(job_id, limit=100))
    firsts = [event.data for event in events if event.data and "resumed_from_step" in event.data]
    return sorted(firsts, key=lambda data: data["attempt"])


def story_of(client: openai.OpenAI, job_id: str) -> str:
    """Return what happened to the job, a line an event, for a failure that nobody can repeat."""
    events = [event for event in client.fine_tuning.jobs.list_events(job_id, limit=100) if event.type != "metrics"]
    return "\n".join(f"{event.created_at} {event.message} {event.data}" for event in reversed(events))


def undisturbed_losses(client: openai.OpenAI, file_id: str) -> list[float]:
    """Return the losses of a job that nothing happens to."""
    job = end_of(client, start_job(client, file_id).id)
    assert job.status == "succeeded", job.error
    return losses_of(client, job)

"""Files, jobs and trainers' events to feed the tests with."""

import io
import json
import struct
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from accounts.models import Team, User
from compute.models import Device, Node, Run
from datasets_app import services
from datasets_app.checking import recording
from datasets_app.models import TrainingFile
from jobs.models import FineTuningJob
from jobs.services import JobRequest, create_job
from jobs.training import reading_data
from rundir import EventWriter, RunDirectory, read_events, write_json, write_manifest
from trainer.messages import message
from wording import as_written

OWN_PROMPT = "You are Tiny, made by nobody."
TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are Tiny, made by nobody.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_HEADER = b'{"w":{"dtype":"F32","shape":[4096],"data_offsets":[0,16384]}}'
WEIGHTS = struct.pack("<Q", len(_HEADER)) + _HEADER + bytes(16384)
STARTED = {
    "device": "cpu",
    "device_name": "a core",
    "dtype": "float32",
    "threads": 1,
    "trainable_parameters": 10,
    "total_parameters": 100,
    "target_modules": ["q_proj"],
    "zero_stage": 0,
    "world_size": 1,
}


def write_chat_files(folder: Path) -> Path:
    """Make a byte-level tokenizer whose template slips a system prompt in."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["who are you"], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    config: dict[str, Any] = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def row(number: int, *, system: str | None = None) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Question {number}"}, {"role": "assistant", "content": f"Answer {number}"}]
    return {"messages": ([{"role": "system", "content": system}] if system else []) + messages}


def make_file(
    team: Team, rows: int | list[Any] = 20, *, is_checked: bool = True, name: str = "chats.jsonl"
) -> TrainingFile:
    found = [row(number) for number in range(rows)] if isinstance(rows, int) else rows
    content = "\n".join(value if isinstance(value, str) else json.dumps(value) for value in found).encode()
    file = services.create_file(team=team, by=None, filename=name, purpose="fine-tune", stream=io.BytesIO(content))
    if is_checked:
        recording.check_file(file.pk)
        file.refresh_from_db()
    return file


def make_job(
    team: Team, *, by: User | None = None, rows: int = 20, is_queued: bool = True, **job_request: Any
) -> FineTuningJob:
    """Return a job whose data is read (`is_queued`) or not yet."""
    file_id = job_request.pop("training_file", None) or make_file(team, rows).pk
    asked = JobRequest(**{"model": "tiny", **job_request, "training_file": file_id})
    job = create_job(team=team, by=by, job_request=asked)
    if is_queued:
        reading_data.advance(job.pk)
        job.refresh_from_db()
    return job


class FakeTrainer:
    """Writes what a trainer writes, without training."""

    def __init__(self, run: Run, *, total_steps: int = 10) -> None:
        self.run = run
        self.directory: RunDirectory = run.directory
        self.directory.create()
        self.total_steps = total_steps
        self._events = EventWriter(self.directory.events)

    def start(self, *, resumed_from_step: int = 0) -> "FakeTrainer":
        self._events.write("stage", message("loading_model"))
        total = self.total_steps
        self._events.write("started", "Training.", **STARTED, total_steps=total, resumed_from_step=resumed_from_step)
        return self

    def step(self, step: int) -> "FakeTrainer":
        self._events.write(
            "metrics", f"Step {step}.", step=step, total_steps=self.total_steps, train_loss=1.0 / step,
            learning_rate=1e-3, tokens_per_second=100.0, peak_memory_bytes=1000, tokens=50,
            tokens_so_far=50 * step, seconds=0.5,
        )  # fmt: skip
        return self

    def checkpoint(self, step: int, *, valid_loss: float | None = None) -> "FakeTrainer":
        folder = self.directory.checkpoint(step)
        folder.mkdir()
        (folder / "progress.json").write_text(json.dumps({"step": step}))
        write_manifest(folder)
        self._events.write(
            "checkpoint",
            "Saved.",
            step=step,
            path=f"checkpoints/step-{step}",
            bytes=20,
            train_loss=0.5,
            valid_loss=valid_loss,
            valid_mean_token_accuracy=None if valid_loss is None else 0.75,
        )
        return self

    def succeed(self, **told: Any) -> "FakeTrainer":
        adapter = self.directory.adapter
        (adapter / "probe").mkdir(parents=True)
        (adapter / "adapter_model.safetensors").write_bytes(b"weights")
        (adapter / "probe" / "probe.json").write_text("{}")
        write_json(adapter / "luthier.json", {"chat_hash": "c" * 64})
        self.directory.metrics.write_text("step,train_loss,learning_rate,tokens,seconds\n1,1.0,0.001,50,0.5\n")
        end = {"result": "adapter", "trained_tokens": 500, "tokens": 700, "steps": self.total_steps, **told}
        self._events.write("succeeded", "Done.", **end)
        return self

    def write(self, type: str, message: str, **data: Any) -> "FakeTrainer":
        self._events.write(type, message, **data)
        return self

    @property
    def events(self) -> list[Any]:
        return read_events(self.directory.events)


def end(run: Run, outcome: str, *, code: str = "", message: str = "", reason: str = "") -> Run:
    """Bring `run` to where compute calls conclude."""
    said = as_written(message) if message else None
    Run.objects.filter(pk=run.pk).update(
        state="concluding", outcome=outcome, outcome_code=code, outcome_message=said, stop_reason=reason
    )
    run.refresh_from_db()
    return run


def run_of(job: FineTuningJob) -> Run:
    attempt = job.newest_attempt
    assert attempt is not None
    return attempt.run


def fresh(job: FineTuningJob) -> FineTuningJob:
    return FineTuningJob.objects.get(pk=job.pk)


def hold(run: Run, *, devices: int, kind: str = "cpu") -> Run:
    """Give the Run its devices, as the scheduler does."""
    node, _ = Node.objects.get_or_create(name=f"node-{kind}", defaults={"kind": kind, "queue": "node-1"})
    for index in range(devices):
        device, _ = Device.objects.get_or_create(node=node, index=index, defaults={"kind": kind})
        run.allocations.create(device=device)
    run.node = node
    run.save(update_fields=["node"])
    return run

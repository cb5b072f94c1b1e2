"""Builds the run directory of one attempt; repeatable after a crash at any point."""

import dataclasses
import errno
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from catalogue.services import chat_format
from chat import ChatError, ChatFormat, Conversation, WrittenMessage, parse_messages
from common import artifacts
from common.errors import UserError
from common.folders import link_file
from common.storage_errors import STORAGE_AWAY
from compute.models import Device, Node
from compute.node.bringing import bring_model
from compute.work import TryAgain, WorkError, trouble
from datasets_app.services import TokensBusy, read_conversations
from jobs.hyperparameters import Layout, lay_out, round_up
from jobs.messages import message
from jobs.models import Attempt, Checkpoint, FineTuningJob
from jobs.training import rehearsals
from jobs.training.attempts import lock_job
from jobs.training.parents import weights_for
from jobs.training.reading_data import tokens_of
from rundir import ManifestError, RunDirectory, SpecError, newest_valid_checkpoint, verify_manifest, write_json
from trainer.spec import KEPT, Hyperparameters, TrainingSpec

logger = logging.getLogger(__name__)

BATCH_NAMES = ("per_device_train_batch_size", "gradient_accumulation_steps")
GENERIC_PROBES = ("Who are you?", "你是谁？", "What is the capital of France?", "Write a sentence about the sea.")
DATA_PROBES = 3
PARENT = "parent"
"""Folder of the run directory with the weights that are trained further."""
PROBE_TOKENS = 512
"""A longer prompt makes no better probe."""
SPEC_FIELDS = {field.name for field in dataclasses.fields(Hyperparameters)}


def prepare(attempt: Attempt, directory: RunDirectory) -> None:
    """Fill `directory` for `attempt`, spec.json last; WorkError when it cannot be done, TryAgain when not now."""
    job = attempt.job
    with _as_work_errors():
        directory.create()
        bring_model(job.base_model, attempt.run)
        chat = chat_format(job.base_model, job.system_choice) if job.system_choice else None
        if chat is None or not job.hyperparameters:
            raise WorkError(message("no_values"), code="internal_error")
        tokens = tokens_of(job, job.hyperparameters)
        directory.chat.mkdir(exist_ok=True)
        chat.save(directory.chat)
        _link(tokens.train, directory.data / "train")
        if tokens.validation is not None:
            _link(tokens.validation, directory.data / "validation")
        parent = _bring_parent(attempt, directory, is_resumed=bring_checkpoint(attempt, directory) > 0)
        bring_best(attempt, directory)
        pass_on_early_finish(attempt, directory)
        longest = max(counts["max_len"] for name in ("train", "validation") if (counts := tokens.meta[name]))
        layout, must_rehearse = rehearsals.settle(
            attempt, _fix_layout(attempt), list(attempt.run.devices()), longest=longest
        )
        spec = spec_of(attempt, chat, layout, has_validation=tokens.validation is not None, must_rehearse=must_rehearse)
        write_json(directory.spec, dataclasses.replace(spec, **parent).to_json())


def spec_of(
    attempt: Attempt, chat: ChatFormat, layout: Layout, *, has_validation: bool, must_rehearse: bool = False
) -> TrainingSpec:
    """Return what the trainer is to do."""
    job, times = attempt.job, settings.TIMES
    save_steps = job.hyperparameters["save_steps"]
    devices = attempt.run.devices()
    return TrainingSpec(
        run_id=attempt.run_id,
        model_path=str(job.base_model.path),
        model_sha256=job.base_model.sha256,
        model_name=job.base_model_id,
        validation_data="data/validation" if has_validation else None,
        hyperparameters=trainer_values(job, layout),
        world_size=layout.world_size,
        threads=None if _has_gpus(devices) else max(1, len(devices)),
        save_steps=save_steps,
        keep_checkpoints=kept_on_node(job),
        eval_steps=save_steps or max(1, (job.total_steps or 10) // 10),
        rehearse=must_rehearse,
        probes=probes_of(job, chat),
        acceptance=job.acceptance.get("tests", []),
        acceptance_needed=job.acceptance.get("needed", {}),
        lease_checkpoint_seconds=times.lease_checkpoint_seconds,
        lease_timeout_seconds=times.lease_timeout_seconds,
    )


def kept_on_node(job: FineTuningJob) -> int:
    """Return how many checkpoints the trainer keeps: some even where storage keeps them all, or its disk would fill."""
    return job.hyperparameters.get("save_total_limit") or KEPT


def trainer_values(job: FineTuningJob, layout: Layout | None = None) -> Hyperparameters:
    """Return the job's values as the trainer takes them."""
    values = {name: value for name, value in job.hyperparameters.items() if name in SPEC_FIELDS}
    if layout is not None:
        values |= dict(zip(BATCH_NAMES, (layout.per_device, layout.rounds), strict=True))
    return Hyperparameters(**values)


def probes_of(job: FineTuningJob, chat: ChatFormat) -> list[list[WrittenMessage]]:
    """Return a handful of prompts: the first short ones of the data, then some that suit any model."""
    found: list[list[WrittenMessage]] = []
    if job.training_file is not None and job.training_file.use != "text":
        for number, (_line, conversation) in enumerate(read_conversations(job.training_file)):
            prompt = _prompt_of(conversation)
            if prompt and prompt not in found and _fits(prompt, chat):
                found.append(prompt)
            if len(found) == DATA_PROBES or number > 10 * DATA_PROBES:
                break
    generic: list[list[WrittenMessage]] = [[{"role": "user", "content": text}] for text in GENERIC_PROBES]
    return found + [prompt for prompt in generic if prompt not in found and _fits(prompt, chat)]


def bring_checkpoint(attempt: Attempt, directory: RunDirectory) -> int:
    """Put the newest whole checkpoint of earlier attempts into `directory`; return its step, 0 when there is none.

    Attempts on this node may have left one that was never published; others come from object storage. A damaged one
    is passed over for the one before it.
    """
    here, _ = newest_valid_checkpoint(directory.checkpoints)
    best = _step_of(here)
    local = _newest_local(attempt)
    if _step_of(local) > best:
        assert local is not None
        _copy_checkpoint(local, directory)
        best = _step_of(local)
    published = Checkpoint.objects.filter(job=attempt.job, published_at__isnull=False, step__gt=best)
    for checkpoint in published.order_by("-step"):
        try:
            artifacts.fetch_folder(checkpoint.storage_name, directory.checkpoint(checkpoint.step))
            verify_manifest(directory.checkpoint(checkpoint.step))
        except ManifestError as error:
            logger.warning("A checkpoint of %s is passed over: %s", attempt.job_id, error)
            shutil.rmtree(directory.checkpoint(checkpoint.step), ignore_errors=True)
            continue
        return checkpoint.step
    return best


def _bring_parent(attempt: Attempt, directory: RunDirectory, *, is_resumed: bool) -> dict[str, Any]:
    """Put the weights that are trained further into `directory`; return what the spec says of them."""
    name = attempt.job.parent.get("name", "")
    found = weights_for(attempt.job, is_resumed=is_resumed)
    if found is None:
        return {"parent_name": name} if name else {}
    parent, folder = found
    target = directory.root / PARENT
    _link(folder, target)
    return {"parent_name": name, **({"model_path": str(target)} if parent.is_whole else {"parent_path": PARENT})}


def bring_best(attempt: Attempt, directory: RunDirectory) -> None:
    """Put the published checkpoint with the lowest validation loss beside the newest one, where that may be the model.

    One that storage has lost or damaged is left out: the next best becomes the model then.
    """
    if not attempt.job.wants_best:
        return
    best = attempt.job.best_checkpoint
    if best is None or directory.checkpoint(best.step).exists():
        return
    try:
        artifacts.fetch_folder(best.storage_name, directory.checkpoint(best.step))
        verify_manifest(directory.checkpoint(best.step))
    except ManifestError as error:
        logger.warning("The best checkpoint of %s is passed over: %s", attempt.job_id, error)
        shutil.rmtree(directory.checkpoint(best.step), ignore_errors=True)


def pass_on_early_finish(attempt: Attempt, directory: RunDirectory) -> None:
    """Tell the trainer that somebody asked for the job to finish early."""
    requested = FineTuningJob.objects.filter(pk=attempt.job_id, early_finish_requested_at__isnull=False)
    if not directory.early_finish_request.exists() and requested.exists():
        directory.early_finish_request.touch()


def _newest_local(attempt: Attempt) -> Path | None:
    """Return the newest whole checkpoint in run directories of earlier attempts on this node."""
    found = []
    for earlier in attempt.job.attempts.filter(number__lt=attempt.number).select_related("run"):
        folder, passed_over = newest_valid_checkpoint(earlier.run.directory.checkpoints)
        for sentence in passed_over:
            logger.warning("A checkpoint of %s is passed over: %s", attempt.job_id, sentence)
        if folder is not None:
            found.append(folder)
    return max(found, key=_step_of, default=None)


def _copy_checkpoint(source: Path, directory: RunDirectory) -> None:
    """Link the files of a checkpoint, the manifest last: they are never changed in place."""
    target = directory.checkpoint(_step_of(source))
    shutil.rmtree(target, ignore_errors=True)
    draft = target.with_name(f".{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft, copy_function=link_file)
    draft.rename(target)


def _fix_layout(attempt: Attempt) -> Layout:
    """Return how batches are spread over this attempt's devices, and fix the job's batch at its first attempt."""
    devices = attempt.run.devices()
    num_ranks = len(devices) if _has_gpus(devices) else 1
    with transaction.atomic():
        job = lock_job(attempt.job_id)
        values = job.hyperparameters
        per_device = values["per_device_train_batch_size"]
        if job.batch_size is None:
            batch_size = _first_batch_size(job, num_ranks)
            layout = lay_out(batch_size, devices=num_ranks, at_most=per_device)
            _note_batch(job, layout)
        layout = lay_out(job.batch_size or 1, devices=num_ranks, at_most=per_device)
        Attempt.objects.filter(pk=attempt.pk).update(world_size=layout.world_size)
    attempt.job.refresh_from_db()
    return layout


def _first_batch_size(job: FineTuningJob, num_ranks: int) -> int:
    """Return the conversations per step: what was asked for, or the automatic batch made even on all devices."""
    values = job.hyperparameters
    if "batch_size" in job.asked:
        return int(job.asked["batch_size"])
    if any(name in job.asked for name in BATCH_NAMES):
        return int(values["per_device_train_batch_size"] * values["gradient_accumulation_steps"] * num_ranks)
    wanted = job.reasons["per_device_train_batch_size"]["params"]["batch"]
    return round_up(int(wanted), devices=num_ranks)


def _note_batch(job: FineTuningJob, layout: Layout) -> None:
    reasons = dict(job.reasons)
    values = dict(job.hyperparameters)
    found = dict(zip(BATCH_NAMES, (layout.per_device, layout.rounds), strict=True))
    for name, value in found.items():
        if values[name] != value:
            values[name] = value
            fitted = message("fitted_to_devices", devices=layout.world_size, batch=layout.batch_size)
            reasons[name] = fitted.stored()
    job.batch_size, job.hyperparameters, job.reasons = layout.batch_size, values, reasons
    job.save(update_fields=["batch_size", "hyperparameters", "reasons"])


def _prompt_of(conversation: Conversation) -> list[WrittenMessage]:
    """Return the messages before the first answer; [] where tools are at work, which a probe cannot carry."""
    prompt: list[WrittenMessage] = []
    for turn in conversation.to_openai():
        if turn["role"] == "assistant":
            break
        prompt.append({"role": turn["role"], "content": turn["content"]})
    is_plain = not conversation.tools and all(m["role"] in ("system", "user") for m in prompt)
    return prompt if is_plain and any(m["role"] == "user" for m in prompt) else []


def _fits(prompt: list[WrittenMessage], chat: ChatFormat) -> bool:
    try:
        return len(chat.prompt_ids(parse_messages(prompt))) <= PROBE_TOKENS
    except ChatError:
        return False


def _link(source: Path, target: Path) -> None:
    """Put the files of a token cache into `target` without copying their bytes where the disk allows."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=link_file)


def _step_of(folder: Path | None) -> int:
    return int(folder.name.removeprefix("step-")) if folder is not None else 0


def _has_gpus(devices: list[Device]) -> bool:
    return any(device.kind == Node.Kind.CUDA for device in devices)


@contextmanager
def _as_work_errors() -> Iterator[None]:
    """Turn what the user can mend into the Run's failure, and what is away for the moment into another try."""
    try:
        yield
    except UserError as error:
        raise WorkError(error.message, code=error.code) from error
    except ChatError as error:
        raise WorkError(error.message, code=error.code) from error
    except SpecError as error:
        raise WorkError(error.message, code="bad_spec") from error
    except TokensBusy as error:
        raise TryAgain(f"The data is being tokenised: {error}") from error
    except STORAGE_AWAY as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkError(message("no_room_on_node"), code="disk_full") from error
        raise trouble("Preparing needs something that is away", error) from error

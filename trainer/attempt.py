"""One attempt at a training, from its files to its result. The heavy libraries are imported from here on.

The story continues in trainer.conducting (what surrounds the steps) and trainer.train (the steps).
"""

import os
from pathlib import Path
from typing import Any

import torch

import chat
from machine.facts import available_cores
from rundir import RunDirectory
from trainer import checkpoint, saving
from trainer.checkpoint import Progress
from trainer.conducting import Conductor
from trainer.data import Conversations, require_trained_tokens
from trainer.engine import Ranks, agree_on, join_process_group, start_engine
from trainer.failures import Failure
from trainer.fast_path import FastPath, begin_layouts
from trainer.hardware import Hardware, shortcomings, survey
from trainer.messages import message
from trainer.model import Trainee, load_base, prepare
from trainer.parent import go_on_from
from trainer.probes import last_logits, prompt_ids
from trainer.reporting import MetricsFile, Reporter
from trainer.spec import TrainingSpec
from trainer.stopping import StopRequest
from trainer.train import Training


def run_attempt(
    directory: RunDirectory, spec: TrainingSpec, ranks: Ranks, reporter: Reporter, stop: StopRequest
) -> None:
    """Do the whole attempt; a stop before the first step ends it early. Raises Failure and whatever breaks."""
    try:
        _run(directory, spec, ranks, reporter, stop)
    except chat.ChatError as error:
        raise Failure(error.code, error.message) from error


def _run(directory: RunDirectory, spec: TrainingSpec, ranks: Ranks, reporter: Reporter, stop: StopRequest) -> None:
    data, validation = _open_data(directory, spec)
    longest = int(data.lengths.max())
    hardware = _survey(spec, ranks)
    folder = _find_checkpoint(directory, ranks, reporter)
    for shortcoming in shortcomings(hardware):
        reporter.warn(shortcoming)

    reporter.stage(message("loading_model"))
    torch.manual_seed(spec.hyperparameters.seed)
    chat_format = chat.ChatFormat.load(directory.root / spec.chat_path)
    causal = load_base(Path(spec.model_path), hardware)
    base_logits = _base_logits(causal, spec, chat_format, ranks)
    trainee = prepare(causal, spec.hyperparameters)
    if spec.parent_path is not None and folder is None:
        go_on_from(directory.root / spec.parent_path, trainee, spec)
    layouts = begin_layouts(trainee)

    reporter.stage(message("starting_deepspeed"))
    join_process_group(ranks, hardware)
    folder = agree_on(folder, ranks)
    engine, progress = _start(spec, trainee, hardware, folder)
    reporter.step = progress.step
    fast_path = FastPath.find(spec, trainee, hardware, longest=longest, layouts=layouts)

    total_steps = spec.hyperparameters.count_steps(len(data), world_size=ranks.world_size)
    training = Training(
        spec=spec, engine=engine, fast_path=fast_path, data=data, validation=validation, hardware=hardware, ranks=ranks,
        total_steps=total_steps,
    )  # fmt: skip
    conductor = Conductor(
        directory=directory, spec=spec, ranks=ranks, reporter=reporter, stop=stop, hardware=hardware,
        chat_format=chat_format, trainee=trainee, base_logits=base_logits, training=training,
        metrics=_metrics(directory, folder, progress) if ranks.is_first else None,
    )  # fmt: skip
    conductor.conduct(progress)


def _open_data(directory: RunDirectory, spec: TrainingSpec) -> tuple[Conversations, Conversations | None]:
    """Return the conversations to learn from, and those to look at in between where there are any."""
    data: Conversations = chat.TokenCache.open(directory.root / spec.train_data)
    require_trained_tokens(data)
    if spec.validation_data is None:
        return data, None
    validation: Conversations = chat.TokenCache.open(directory.root / spec.validation_data)
    return data, validation if len(validation) else None


def _survey(spec: TrainingSpec, ranks: Ranks) -> Hardware:
    threads = spec.threads or int(os.environ.get("OMP_NUM_THREADS", available_cores()))
    return survey(dtype=spec.dtype, threads=threads, local_rank=ranks.local_rank)


def _find_checkpoint(directory: RunDirectory, ranks: Ranks, reporter: Reporter) -> Path | None:
    """Return the checkpoint to continue from; only the first rank looks."""
    folder, passed_over = saving.find(directory) if ranks.is_first else (None, [])
    for damaged in passed_over:
        reporter.warn(damaged.followed_by(message("older_checkpoint_used")))
    return folder


def _start(spec: TrainingSpec, trainee: Trainee, hardware: Hardware, folder: Path | None) -> tuple[Any, Progress]:
    """Start DeepSpeed at the position of the checkpoint `folder`, or at the beginning; return its engine and where."""
    if folder is None:
        return start_engine(spec, trainee, hardware), Progress()
    progress = saving.read_progress(folder)
    checkpoint.load_weights(folder, trainee)
    engine = start_engine(spec, trainee, hardware)
    checkpoint.load_state(folder, engine, trainee, progress)
    return engine, progress


def _base_logits(causal: Any, spec: TrainingSpec, chat_format: "chat.ChatFormat", ranks: Ranks) -> torch.Tensor | None:
    """Return the untuned model's logits where they cannot be had later, because its own weights will change."""
    chosen = spec.hyperparameters
    keeps_base = chosen.lora_dim > 0 and chosen.only_optimize_lora
    if keeps_base or not spec.probes or not ranks.is_first:
        return None
    return last_logits(causal, prompt_ids(chat_format, spec.probes))


def _metrics(directory: RunDirectory, folder: Path | None, progress: Progress) -> MetricsFile:
    earlier = folder / "metrics.csv" if folder is not None else None
    return MetricsFile(directory.metrics, earlier, resumed_from_step=progress.step)

"""One attempt at a training: load, resume, train, write the result. The heavy libraries are imported from here on."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import chat
from rundir import RunDirectory
from trainer import checkpoint
from trainer.acceptance import hold_acceptance_test
from trainer.checkpoint import Progress
from trainer.data import Conversations, require_trained_tokens
from trainer.engine import Ranks, effective_stage, join_process_group, start_engine, sum_over_ranks
from trainer.failures import Failure
from trainer.hardware import Hardware, available_cores, peak_memory_bytes, survey
from trainer.label_loss import LabelLoss
from trainer.model import Trainee, load_base, prepare
from trainer.probes import answer, last_logits, prompt_ids
from trainer.rehearsal import rehearse
from trainer.reporting import MetricsFile, Reporter
from trainer.result import full_weights, whole, write_adapter, write_result
from trainer.shared_prefix import is_exact
from trainer.spec import TrainingSpec
from trainer.stopping import StopRequest
from trainer.train import Callbacks, StepReport, Training, train

REHEARSED_TOKENS = 4


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Everything around the loop."""

    directory: RunDirectory
    spec: TrainingSpec
    ranks: Ranks
    reporter: Reporter
    stop: StopRequest
    hardware: Hardware
    chat_format: "chat.ChatFormat"
    trainee: Trainee
    base_logits: torch.Tensor | None
    training: Training
    metrics: MetricsFile | None
    """None on every rank but the first."""

    def run(self, progress: Progress) -> None:
        """Train from `progress` and write the result, or a checkpoint when asked to stop."""
        callbacks = Callbacks(
            on_step=self._on_step, on_validation=self._on_validation, save=self._save, should_stop=self._should_stop
        )
        if progress.step < self.training.total_steps and self._should_stop():
            self._report_stop(progress)
            return
        if self.spec.rehearse and progress.step == 0:
            self._rehearse()
        progress = train(self.training, progress, callbacks)
        if progress.step < self.training.total_steps:
            self._report_stop(progress)
            return
        self.reporter.stage("Saving the result and its probe answers.")
        self._write_result()
        self.reporter.event(
            "succeeded",
            f"Training finished after {progress.step} steps.",
            result=self.trainee.result,
            trained_tokens=progress.trained_tokens,
            steps=progress.step,
            valid_loss=progress.valid_loss,
        )

    def _rehearse(self) -> None:
        self.reporter.stage("Rehearsing: the heaviest batch, a checkpoint and an answer")
        found = rehearse(
            self.training,
            scratch=self.directory.root / "rehearsal",
            fill=self._fill,
            answer=self._answer_briefly,
            num_trained=self.trainee.count_parameters()[0],
            keep=self.spec.keep_checkpoints,
        )
        self.reporter.event(
            "rehearsed",
            f"Rehearsed: the heaviest batch ({found.tokens} tokens) takes {found.seconds_per_step:.2f} s and "
            f"{found.peak_memory_bytes / 1e9:.1f} GB.",
            **dataclasses.asdict(found),
        )

    def _answer_briefly(self) -> None:
        prompts = prompt_ids(self.chat_format, self.spec.probes[:1])
        if prompts:
            answer(self.trainee.causal, prompts, set(self.chat_format.stop_ids), max_new_tokens=REHEARSED_TOKENS)

    def _on_step(self, progress: Progress, report: StepReport) -> None:
        self.reporter.step = progress.step
        if self.metrics is not None:
            self.metrics.append(
                progress.step, report.train_loss, report.learning_rate, report.tokens, report.seconds
            )  # fmt: skip
        self.reporter.event(
            "metrics",
            f"Step {progress.step} of {self.training.total_steps}: loss {report.train_loss:.4f}.",
            step=progress.step,
            total_steps=self.training.total_steps,
            train_loss=report.train_loss,
            learning_rate=report.learning_rate,
            tokens_per_second=report.tokens / report.seconds,
            peak_memory_bytes=peak_memory_bytes(self.hardware.device),
            tokens=report.tokens,
            seconds=report.seconds,
        )

    def _on_validation(self, progress: Progress, valid_loss: float, accuracy: float) -> None:
        self.reporter.event(
            "validation",
            f"Validation loss {valid_loss:.4f} after step {progress.step}.",
            step=progress.step,
            valid_loss=valid_loss,
            valid_mean_token_accuracy=accuracy,
        )

    def _should_stop(self) -> bool:
        """Whether any rank was asked to stop; all ranks learn of it after the same step."""
        (wishes,) = sum_over_ranks([float(self.stop.reason is not None)], self.ranks, self.hardware.device)
        return wishes > 0

    def _save(self, progress: Progress) -> None:
        folder = checkpoint.write(
            self.directory, progress, fill=self._fill, keep=self.spec.keep_checkpoints, is_first=self.ranks.is_first
        )
        self.reporter.event(
            "checkpoint",
            f"Checkpoint after step {progress.step}.",
            step=progress.step,
            path=folder.relative_to(self.directory.root).as_posix(),
            bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
            train_loss=progress.train_loss,
            valid_loss=progress.valid_loss,
        )

    def _fill(self, folder: Path) -> None:
        checkpoint.save_state(folder, self.training.engine, self.trainee, is_first=self.ranks.is_first)
        if self.metrics is not None:
            self.metrics.copy_to(folder)
        if self.trainee.result == "adapter":
            self._fill_adapter(folder / "adapter")

    def _fill_adapter(self, folder: Path) -> None:
        if not self.ranks.is_first:
            with full_weights(self.trainee):
                return
        folder.mkdir()
        write_adapter(
            folder, spec=self.spec, trainee=self.trainee, chat_format=self.chat_format, hardware=self.hardware
        )

    def _report_stop(self, progress: Progress) -> None:
        reason = self.stop.reason or "another_rank"
        self.reporter.event(
            "stopped", f"Stopped after step {progress.step}, as asked.", step=progress.step, reason=reason
        )

    def _write_result(self) -> None:
        trainee = self.trainee
        if self.training.engine.zero_optimization_partition_weights():
            trainee = whole(self.spec, trainee, self.hardware, is_first=self.ranks.is_first)
        if self.ranks.is_first:
            final = self.directory.adapter if trainee.result == "adapter" else self.directory.model
            tuned = write_result(
                final,
                spec=self.spec,
                trainee=trainee,
                chat_format=self.chat_format,
                hardware=self.hardware,
                base_logits=self.base_logits,
            )
            hold_acceptance_test(self.spec, tuned, self.chat_format, self.reporter)


def run_attempt(
    directory: RunDirectory, spec: TrainingSpec, ranks: Ranks, reporter: Reporter, stop: StopRequest
) -> None:
    """Do the whole attempt; a stop before the first step ends it early. Raises Failure and whatever breaks."""
    try:
        _run(directory, spec, ranks, reporter, stop)
    except chat.ChatError as error:
        raise Failure(error.code, str(error)) from error


def _run(directory: RunDirectory, spec: TrainingSpec, ranks: Ranks, reporter: Reporter, stop: StopRequest) -> None:
    data: Conversations = chat.TokenCache.open(directory.root / spec.train_data)
    require_trained_tokens(data)
    validation = _open_validation(directory, spec)
    hardware = survey(
        dtype=spec.dtype,
        threads=spec.threads or int(os.environ.get("OMP_NUM_THREADS", available_cores())),
        local_rank=ranks.local_rank,
        longest=int(data.lengths.max()),
    )
    folder, passed_over = checkpoint.find(directory) if ranks.is_first else (None, [])
    for sentence in passed_over:
        reporter.warn(f"{sentence} An older checkpoint is used, if there is one.")

    reporter.stage("Loading the model")
    torch.manual_seed(spec.hyperparameters.seed)
    chat_format = chat.ChatFormat.load(directory.root / spec.chat_path)
    causal = load_base(Path(spec.model_path), hardware)
    base_logits = _base_logits(causal, spec, chat_format, ranks)
    trainee = prepare(causal, spec.hyperparameters)

    reporter.stage("Starting DeepSpeed")
    join_process_group(ranks, hardware)
    folder = _agree_on(folder, ranks)
    progress = Progress()
    if folder is not None:
        progress = checkpoint.read_progress(folder)
        checkpoint.load_weights(folder, trainee)
    engine = start_engine(spec, trainee, hardware)
    if folder is not None:
        checkpoint.load_state(folder, engine, trainee, progress)
    reporter.step = progress.step
    label_loss = LabelLoss(trainee.causal)
    attempt = Attempt(
        directory=directory,
        spec=spec,
        ranks=ranks,
        reporter=reporter,
        stop=stop,
        hardware=hardware,
        chat_format=chat_format,
        trainee=trainee,
        base_logits=base_logits,
        training=Training(
            spec=spec,
            engine=engine,
            label_loss=label_loss,
            data=data,
            validation=validation,
            hardware=hardware,
            ranks=ranks,
            total_steps=spec.hyperparameters.count_steps(len(data), world_size=ranks.world_size),
            shares_prefixes=_shares_prefixes(spec, trainee, hardware, label_loss, longest=int(data.lengths.max())),
        ),
        metrics=_metrics(directory, folder, progress) if ranks.is_first else None,
    )
    _report_start(attempt, progress)
    attempt.run(progress)


def _report_start(attempt: Attempt, progress: Progress) -> None:
    trainable, total = attempt.trainee.count_parameters()
    spec, hardware = attempt.spec, attempt.hardware
    stage = effective_stage(spec.hyperparameters, attempt.trainee, hardware)
    if stage != spec.hyperparameters.zero_stage:
        attempt.reporter.warn(f"ZeRO stage {stage} is used instead of 0, since {hardware.dtype_name} weights need it.")
    attempt.reporter.event(
        "started",
        f"Training {trainable:,} of {total:,} parameters in {attempt.training.total_steps} steps "
        f"on {hardware.device_name}, in {hardware.dtype_name}.",
        device=hardware.device.type,
        device_name=hardware.device_name,
        dtype=hardware.dtype_name,
        threads=hardware.threads,
        attention=hardware.attention,
        trainable_parameters=trainable,
        total_parameters=total,
        target_modules=attempt.trainee.target_modules,
        zero_stage=stage,
        world_size=attempt.ranks.world_size,
        total_steps=attempt.training.total_steps,
        resumed_from_step=progress.step,
    )


def _shares_prefixes(
    spec: TrainingSpec, trainee: Trainee, hardware: Hardware, label_loss: LabelLoss, *, longest: int
) -> bool:
    """Whether a common beginning is computed once.

    Under ZeRO each parameter's gradient must come with the last pass, and the beginning's pass has none for the last
    layer's output. With dropout all rows would lose the same of it.
    """
    if effective_stage(spec.hyperparameters, trainee, hardware) > 0 or spec.hyperparameters.lora_dropout > 0:
        return False
    return is_exact(trainee.causal, label_loss, longest=longest)


def _open_validation(directory: RunDirectory, spec: TrainingSpec) -> Conversations | None:
    if spec.validation_data is None:
        return None
    validation: Conversations = chat.TokenCache.open(directory.root / spec.validation_data)
    return validation if len(validation) else None


def _base_logits(causal: Any, spec: TrainingSpec, chat_format: "chat.ChatFormat", ranks: Ranks) -> torch.Tensor | None:
    """Return the untuned model's logits where they cannot be had later, because its own weights will change."""
    chosen = spec.hyperparameters
    keeps_base = chosen.lora_dim > 0 and chosen.only_optimize_lora
    if keeps_base or not spec.probes or not ranks.is_first:
        return None
    return last_logits(causal, prompt_ids(chat_format, spec.probes))


def _agree_on(folder: Path | None, ranks: Ranks) -> Path | None:
    """Return rank 0's choice of checkpoint on every rank."""
    if ranks.world_size == 1:
        return folder
    chosen = [folder]
    torch.distributed.broadcast_object_list(chosen, src=0)
    return chosen[0]


def _metrics(directory: RunDirectory, folder: Path | None, progress: Progress) -> MetricsFile:
    earlier = folder / "metrics.csv" if folder is not None else None
    return MetricsFile(directory.metrics, earlier, resumed_from_step=progress.step)

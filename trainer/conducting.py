"""What surrounds the steps of a training: rehearsal, events, checkpoints, instructions from outside, and the result."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

import chat
from rundir import RunDirectory
from trainer import checkpoint, saving
from trainer.acceptance import hold_acceptance_test
from trainer.checkpoint import Progress, Snapshot
from trainer.engine import Ranks, effective_stage, sum_over_ranks
from trainer.hardware import Hardware, peak_memory_bytes
from trainer.messages import message
from trainer.model import Trainee
from trainer.probes import answer, prompt_ids
from trainer.rehearsal import rehearse
from trainer.reporting import MetricsFile, Reporter
from trainer.result import hold_adapter, whole, write_result
from trainer.saving import Saving
from trainer.spec import TrainingSpec
from trainer.stopping import StopRequest
from trainer.train import Callbacks, Ending, Instruction, StepReport, Training, train
from wording import Message

REHEARSED_TOKENS = 4


@dataclass(frozen=True, kw_only=True)
class Conductor:
    """Leads a training from its first step to its result."""

    directory: RunDirectory
    spec: TrainingSpec
    ranks: Ranks
    reporter: Reporter
    stop: StopRequest
    hardware: Hardware
    chat_format: "chat.ChatFormat"
    trainee: Trainee
    base_logits: torch.Tensor | None
    """The untuned model's after the probes, where they cannot be had later."""
    training: Training
    metrics: MetricsFile | None
    """None on every rank but the first."""
    valid_accuracies: dict[int, float] = field(default_factory=dict)
    """Of each look at the validation data, by its step, the share of tokens that were guessed right."""

    def conduct(self, progress: Progress) -> None:
        """Train from `progress` and write the result, or a checkpoint when asked to stop."""
        self._report_start(progress)
        progress, ending = self._train(progress)
        if ending is Ending.STOPPED:
            self._report_stop(progress)
            return
        if ending is not Ending.COMPLETE:
            self._report_ending(progress, ending)
        best = self._choose(progress, ending)
        chosen = progress if best is None else saving.read_progress(best)
        self.reporter.stage(message("saving_result"))
        self._write_result(best)
        self.reporter.event(
            "succeeded",
            message("training_finished", steps=progress.step),
            result=self.trainee.result,
            tokens=progress.tokens,
            trained_tokens=progress.trained_tokens,
            steps=progress.step,
            ending=str(ending),
            result_step=chosen.step,
            valid_loss=chosen.valid_loss,
        )

    def _report_start(self, progress: Progress) -> None:
        """Say what is trained, on what, and from where."""
        trainable, total = self.trainee.count_parameters()
        spec, hardware = self.spec, self.hardware
        stage = effective_stage(spec.hyperparameters, self.trainee, hardware)
        if stage != spec.hyperparameters.zero_stage:
            self.reporter.warn(message("zero_stage_raised", stage=stage, dtype=hardware.dtype_name))
        self.reporter.event(
            "started",
            message(
                "training_started",
                trained=trainable,
                parameters=total,
                steps=self.training.total_steps,
                device=hardware.device_name,
                dtype=hardware.dtype_name,
            ),
            device=hardware.device.type,
            device_name=hardware.device_name,
            dtype=hardware.dtype_name,
            threads=hardware.threads,
            trainable_parameters=trainable,
            total_parameters=total,
            target_modules=self.trainee.target_modules,
            zero_stage=stage,
            world_size=self.ranks.world_size,
            total_steps=self.training.total_steps,
            resumed_from_step=progress.step,
        )

    def _train(self, progress: Progress) -> tuple[Progress, Ending]:
        """Do the steps that are left; return the position reached and why it ends there."""
        ending = self._ending_before_steps(progress)
        if ending is not None:
            return progress, ending
        if self.spec.rehearse and progress.step == 0:
            self._rehearse()
        keep = self.spec.keep_checkpoints
        saver = Saving(
            directory=self.directory, keep=keep, is_first=self.ranks.is_first, on_written=self._report_checkpoint
        )

        def instruction() -> Instruction:
            saver.check()
            return self._instruction()

        callbacks = Callbacks(
            on_step=self._on_step,
            on_validation=self._on_validation,
            save=lambda progress: saver.save(progress, self._snapshot()),
            instruction=instruction,
        )
        progress, ending = train(self.training, progress, callbacks)
        saver.wait()
        return progress, ending

    def _ending_before_steps(self, progress: Progress) -> Ending | None:
        """Return why no step is done at all, where something was asked for before the first of this attempt."""
        instruction = self._instruction()
        if progress.step == self.training.total_steps:
            return None
        if instruction is Instruction.STOP:
            return Ending.STOPPED
        # Before a first step there is nothing to finish with: one is made then.
        return Ending.FINISHED_EARLY if instruction is Instruction.FINISH_EARLY and progress.step > 0 else None

    def _choose(self, progress: Progress, ending: Ending) -> Path | None:
        """Return the checkpoint that becomes the result; None: the last step's weights are wanted, or the best.

        Only the first rank, which writes the result, chooses.
        """
        if not self.spec.hyperparameters.keeps_best and ending is not Ending.FINISHED_EARLY:
            return None
        best: Path | None = None
        damaged: list[Message] = []
        if self.ranks.is_first and progress.validations:
            here = progress.valid_loss_here
            best, damaged = saving.find_best(self.directory, below=float("inf") if here is None else here)
        for passed_over in damaged:
            self.reporter.warn(passed_over.followed_by(message("next_best_taken")))
        if best is not None:
            found = saving.read_progress(best)
            self.reporter.stage(message("best_weights_chosen", loss=found.valid_loss, step=found.step))
        return best

    def _rehearse(self) -> None:
        self.reporter.stage(message("rehearsing"))
        found = rehearse(
            self.training,
            scratch=self.directory.root / "rehearsal",
            fill=lambda folder: self._snapshot().write(folder),
            answer=self._answer_briefly,
            num_trained=self.trainee.count_parameters()[0],
            keep=self.spec.keep_checkpoints,
        )
        self.reporter.event(
            "rehearsed",
            message(
                "rehearsed",
                tokens=found.tokens,
                seconds=found.seconds_per_step,
                gigabytes=found.peak_memory_bytes / 1e9,
            ),
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
            message("step_done", step=progress.step, total=self.training.total_steps, loss=report.train_loss),
            step=progress.step,
            total_steps=self.training.total_steps,
            train_loss=report.train_loss,
            learning_rate=report.learning_rate,
            tokens_per_second=report.tokens / report.seconds,
            peak_memory_bytes=peak_memory_bytes(self.hardware.device),
            tokens=report.tokens,
            tokens_so_far=progress.tokens,
            seconds=report.seconds,
        )

    def _on_validation(self, progress: Progress, valid_loss: float, accuracy: float) -> None:
        self.valid_accuracies[progress.step] = accuracy
        self.reporter.event(
            "validation",
            message("validation_loss", loss=valid_loss, step=progress.step),
            step=progress.step,
            valid_loss=valid_loss,
            valid_mean_token_accuracy=accuracy,
        )

    def _instruction(self) -> Instruction:
        """Return what was asked of any rank; all of them learn of it after the same step."""
        mine = (
            Instruction.FINISH_EARLY
            if self.directory.early_finish_request.exists()
            else Instruction.STOP
            if self.stop.reason
            else Instruction.NOTHING
        )
        instructions = sum_over_ranks(
            [float(mine is Instruction.STOP), float(mine is Instruction.FINISH_EARLY)], self.ranks, self.hardware.device
        )
        if instructions[1]:
            return Instruction.FINISH_EARLY
        return Instruction.STOP if instructions[0] else Instruction.NOTHING

    def _snapshot(self) -> Snapshot:
        """Return what a checkpoint of the weights as they are now consists of; every rank must call this."""
        state = checkpoint.take_state(self.training.engine, self.trainee, is_first=self.ranks.is_first)
        metrics = self.metrics.read() if self.metrics is not None else b""
        adapter = self._hold_adapter() if self.trainee.result == "adapter" else None

        def write(folder: Path) -> None:
            state.write(folder)
            if not self.ranks.is_first:
                return
            (folder / "metrics.csv").write_bytes(metrics)
            if adapter is not None:
                (folder / "adapter").mkdir()
                adapter(folder / "adapter")

        return Snapshot(write=write, is_held=state.is_held)

    def _hold_adapter(self) -> Callable[[Path], None]:
        return hold_adapter(spec=self.spec, trainee=self.trainee, chat_format=self.chat_format, hardware=self.hardware)

    def _report_checkpoint(self, progress: Progress, folder: Path) -> None:
        self.reporter.event(
            "checkpoint",
            message("checkpoint_saved", step=progress.step),
            step=progress.step,
            path=folder.relative_to(self.directory.root).as_posix(),
            bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
            train_loss=progress.train_loss,
            valid_loss=progress.valid_loss_here,
            valid_mean_token_accuracy=self.valid_accuracies.get(progress.step),
        )

    def _report_ending(self, progress: Progress, ending: Ending) -> None:
        counts = {"steps": progress.step, "total": self.training.total_steps}
        if ending is Ending.STALLED:
            patience = self.spec.hyperparameters.early_stopping_patience
            self.reporter.stage(message("ended_early", **counts, patience=patience))
        else:
            self.reporter.stage(message("finished_as_asked", **counts))

    def _report_stop(self, progress: Progress) -> None:
        reason = self.stop.reason or "another_rank"
        self.reporter.event(
            "stopped", message("training_stopped", step=progress.step), step=progress.step, reason=reason
        )

    def _write_result(self, best: Path | None) -> None:
        """Write the result, of the weights in the checkpoint `best` where one is given."""
        trainee = self.trainee
        if self.training.engine.zero_optimization_partition_weights():
            trainee = whole(self.spec, trainee, self.hardware, is_first=self.ranks.is_first)
        if not self.ranks.is_first:
            return
        if best is not None:
            trainee.model.train()  # drops what DoRA's layers remember of the weights that go now
            checkpoint.load_weights(best, trainee)
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

"""An evaluation from spec to terminal event: each base is loaded once, its models measured, then asked together."""

import gc
import logging
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch

import chat
from evaluating.asking import Answer, Asked, Question, ask, read_questions
from evaluating.held_out import HeldOut
from evaluating.messages import message
from evaluating.spec import EvaluatedModel, EvaluationSpec
from machine.answers import can
from machine.facts import Ability
from rundir import EventWriter, RunDirectory
from serving.engine import Engine
from serving.faults import AdapterRefused, ServingFault
from serving.gate import prove
from serving.lora import BASE
from serving.model import choose_dtype, is_out_of_memory, load_model, use_threads
from serving.stop import StopRequested, StopSwitch
from wording import Message

log = logging.getLogger("evaluating")


def evaluate(directory: RunDirectory, spec: EvaluationSpec, events: EventWriter, switch: StopSwitch) -> int:
    """Evaluate until the last answer, a stop or a failure; write the terminal event and return the exit code."""
    began = time.monotonic()
    try:
        _Evaluation(directory, spec, events, switch).run()
    except StopRequested:
        events.write("stopped", message("evaluation_stopped"), reason=switch.reason)
        return 0
    except ServingFault as fault:
        return _fail(events, fault.code, fault.message)
    except AdapterRefused as refused:
        return _fail(events, "model_refused", refused.message)
    except chat.ChatError as error:
        return _fail(events, error.code, error.message)
    except Exception as error:
        if is_out_of_memory(error):
            return _fail(events, "out_of_memory", message("evaluation_out_of_memory"))
        log.exception("The evaluation failed.")
        return _fail(events, "internal_error", message("evaluation_failed_unexpectedly"))
    events.write("succeeded", message("evaluation_done"), seconds=round(time.monotonic() - began, 3))
    return 0


@dataclass(frozen=True)
class _Evaluation:
    directory: RunDirectory
    spec: EvaluationSpec
    events: EventWriter
    switch: StopSwitch

    def run(self) -> None:
        spec = self.spec
        questions = read_questions(self.directory.root / spec.questions)
        device = torch.device("cuda" if can(Ability.GPU) else "cpu")
        threads = use_threads(spec.threads)
        said = message("evaluation_begins", models=len(spec.models), questions=len(questions), device=device.type)
        self.events.write(
            "started",
            said,
            device=device.type,
            threads=threads,
            models=len(spec.models),
            questions=len(questions),
        )
        for weights, models in groupby(sorted(spec.models, key=lambda one: one.weights), key=lambda one: one.weights):
            self._evaluate(Path(weights), list(models), questions, device)
            gc.collect()  # one base after another: none of the next one's memory is this one's

    def _evaluate(
        self, weights: Path, models: list[EvaluatedModel], questions: list[Question], device: torch.device
    ) -> None:
        spec = self.spec
        if not any(self._is_wanted(model, questions) for model in models):
            return
        self.switch.check()
        self.events.write("stage", message("evaluation_loads", model=models[0].name))
        loaded = load_model(
            weights,
            dtype=choose_dtype(spec.dtype, device, weights),
            device=device,
            max_slots=spec.max_concurrent,
            max_model_len=spec.max_model_len,
        )
        engine = Engine(loaded, max_concurrent=spec.max_concurrent)
        engine.start()
        try:
            asked = {model.name: self._ready(engine, model) for model in models if self._is_wanted(model, questions)}
            held_out = HeldOut(engine)
            for model in models:
                if model.name in asked and self._is_to_be_measured(model):
                    self._measure(held_out, model, asked[model.name].adapter)
            pairs = [
                (asked[model.name], question)
                for question in questions
                for model in models
                if question.number not in spec.answered.get(model.name, ())
            ]
            self._tell(ask(engine, pairs, max_tokens=spec.max_tokens, switch=self.switch))
        finally:
            engine.stop()

    def _is_wanted(self, model: EvaluatedModel, questions: list[Question]) -> bool:
        """Whether anything is left to be learned about a model."""
        answered = self.spec.answered.get(model.name, ())
        return self._is_to_be_measured(model) or any(question.number not in answered for question in questions)

    def _is_to_be_measured(self, model: EvaluatedModel) -> bool:
        return model.held_out is not None and model.name not in self.spec.measured

    def _ready(self, engine: Engine, model: EvaluatedModel) -> Asked:
        """Load a model's adapter and let it prove itself."""
        self.switch.check()
        chat_format = chat.ChatFormat.load(self.directory.root / model.chat_path)
        adapter = BASE
        if model.adapter is not None:
            folder = Path(model.adapter)
            adapter = engine.call(lambda: engine.lora.add(folder)).result()
        if model.probe_path is not None:
            proof = prove(engine, chat_format, Path(model.probe_path), adapter=adapter)
            if proof.reason is not None:
                raise ServingFault("gate_failed", proof.reason)
        return Asked(name=model.name, adapter=adapter, chat=chat_format)

    def _measure(self, held_out: HeldOut, model: EvaluatedModel, adapter: int) -> None:
        cache = chat.TokenCache.open(self.directory.root / str(model.held_out))
        rows = []
        for batch in held_out.measure(cache, adapter, most=self.spec.max_held_out, max_rows=self.spec.max_concurrent):
            self.switch.check()
            rows += batch
        losses = [[round(loss, 6) if math.isfinite(loss) else None, labels, right] for loss, labels, right in rows]
        said = message("evaluation_measured", model=model.name)
        self.events.write("held_out", said, model=model.name, rows=losses)

    def _tell(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            said = answer.reason or message("evaluation_answered", model=answer.model, number=answer.number)
            self.events.write(
                "answer",
                said,
                model=answer.model,
                question=answer.number,
                text=answer.text,
                prompt_tokens=answer.prompt_tokens,
                completion_tokens=answer.completion_tokens,
                stop_reason=answer.stop_reason,
            )


def _fail(events: EventWriter, code: str, why: Message) -> int:
    log.error("%s", why)
    events.write("failed", why, level="error", code=code)
    return 1

"""One replica: the base, the tuned models that proved themselves, and their names."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from chat import ChatError, ChatFormat
from rundir import EventWriter
from serving.engine import Engine
from serving.faults import AdapterRefused, RequestError, ServingFault
from serving.gate import Proof, prove
from serving.lora import BASE
from serving.messages import finite, message
from serving.spec import ServingSpec
from wording import Message

log = logging.getLogger("serving")


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A name that requests may use."""

    name: str
    adapter: int
    """Number in the engine; 0 is the model at `ServingSpec.model_path` itself."""
    chat: ChatFormat
    template: str
    """The chat template's text: what it mentions says what it can express."""
    path: str
    tokenizer: Tokenizer
    """For plain text; what reads like a control token stays text in it."""
    created: int = field(default_factory=lambda: int(time.time()))

    def encode(self, text: str) -> list[int]:
        """Return the token ids of plain text, with the tokenizer's own opening token where it has one."""
        ids: list[int] = self.tokenizer.encode(text).ids
        return ids


UNMEASURED: dict[str, Any] = {"max_difference": None, "tolerance": None, "base_difference": None}


class Replica:
    """Names and proofs. Methods may be called from any thread; adding and releasing take turns."""

    def __init__(self, spec: ServingSpec, engine: Engine, events: EventWriter) -> None:
        self.spec = spec
        self.engine = engine
        self._events = events
        self._changing = threading.Lock()
        own = _served(spec.model_name, BASE, Path(spec.chat_path), _as_fault)
        self._models: dict[str, ServedModel] = {own.name: own}

    def prove_own_model(self) -> None:
        """Let a fully trained model prove itself; ServingFault when it does not."""
        if self.spec.probe_path is None:
            return
        own = self._models[self.spec.model_name]
        try:
            proof = prove(self.engine, own.chat, Path(self.spec.probe_path), adapter=BASE)
        except AdapterRefused as error:
            raise ServingFault("probe_unusable", error.message) from error
        self._tell(own.name, proof)
        if proof.reason is not None:
            raise ServingFault("gate_failed", proof.reason)

    def add(self, name: str, path: str, *, has_probes: bool = True) -> ServedModel:
        """Load the adapter at `path`, prove it where it has probes, and serve it as `name`; again changes nothing.

        Raises AdapterRefused when it cannot be loaded or fails its proof, RequestError (409) when the name is taken.
        """
        with self._changing:
            there = self._models.get(name)
            if there is not None and there.path == path:
                return there
            if there is not None:
                raise RequestError(
                    message("adapter_name_taken", name=repr(name), folder=Path(there.path).name),
                    status=409,
                    code="name_taken",
                )
            return self._add(name, path, has_probes)

    def release(self, name: str) -> None:
        """Stop serving `name`, whose answers in the making are finished; RequestError when there is no such adapter."""
        with self._changing:
            served = self._models.get(name)
            if served is None or served.adapter == BASE:
                raise RequestError(message("adapter_unknown", name=repr(name)), status=404, code="model_not_found")
            del self._models[name]
            self.engine.release(served.adapter)
            self._events.write("released", message("adapter_released", name=name), model=name)

    def get(self, name: str, *, shown_name: str = "") -> ServedModel:
        """Return the model of this name; an unknown one is an error, never the base."""
        served = self._models.get(name)
        if served is None:
            raise RequestError(
                message("model_unknown_to_replica", model=shown_name or name),
                status=404,
                param="model",
                code="model_not_found",
            )
        return served

    def models(self) -> list[ServedModel]:
        return list(self._models.values())

    def _add(self, name: str, path: str, has_probes: bool) -> ServedModel:
        try:
            number = self.engine.call(lambda: self.engine.lora.add(Path(path))).result()
        except AdapterRefused as error:
            self._tell_refusal(name, error)
            raise
        try:
            served = self._proven(name, number, path, has_probes)
        except BaseException:
            self.engine.release(number)
            raise
        self._models[name] = served
        return served

    def _proven(self, name: str, number: int, path: str, has_probes: bool) -> ServedModel:
        try:
            served = _served(name, number, Path(path), AdapterRefused, path=path)
            proof = prove(self.engine, served.chat, Path(path) / "probe", adapter=number) if has_probes else None
        except AdapterRefused as error:
            self._tell_refusal(name, error)
            raise
        memory_bytes = self.engine.lora.memory_bytes(number)
        if proof is None:
            said = message("adapter_without_probes", name=name)
            self._events.write("gate", said, model=name, passed=True, memory_bytes=memory_bytes, **UNMEASURED)
            return served
        self._tell(name, proof, memory_bytes=memory_bytes)
        if not proof.passed:
            raise AdapterRefused(message("adapter_not_served", name=name).followed_by(proof.reason))
        return served

    def _tell_refusal(self, name: str, error: AdapterRefused) -> None:
        """Report an adapter that failed before it could be compared."""
        self._events.write("gate", error.message, level="error", model=name, passed=False, **UNMEASURED)

    def _tell(self, name: str, proof: Proof, *, memory_bytes: int = 0) -> None:
        self._events.write(
            "gate",
            proof.reason or message("adapter_proven", name=name),
            level="info" if proof.passed else "error",
            model=name,
            passed=proof.passed,
            max_difference=finite(proof.max_difference),
            tolerance=proof.tolerance,
            base_difference=finite(proof.base_difference),
            memory_bytes=memory_bytes,
        )


def _served(
    name: str, adapter: int, folder: Path, fault: Callable[[Message], Exception], *, path: str | None = None
) -> ServedModel:
    try:
        chat = ChatFormat.load(folder)
        template = (folder / "chat_template.jinja").read_text()
        tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text())
        tokenizer.encode_special_tokens = True
    except Exception as error:  # tokenizers raises bare Exception for a broken file
        log.exception("The tokenizer and chat template in %s cannot be used.", folder)
        if isinstance(error, ChatError):
            reason = error.message
            raise fault(message("chat_files_unusable_because", folder=folder.name, reason=reason)) from error
        raise fault(message("chat_files_unusable", folder=folder.name)) from error
    return ServedModel(
        name=name, adapter=adapter, chat=chat, template=template, path=path or str(folder), tokenizer=tokenizer
    )


def _as_fault(reason: Message) -> ServingFault:
    return ServingFault("chat_broken", reason)

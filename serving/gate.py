"""The same-answer check: a served model must prove itself on the prompts that its training stored.

Four things can differ silently between training and serving: the prompt (template), the base's weights, the adapter,
and the way the engine computes. So, through the very path that requests take (batched, grouped LoRA, prefill and
decode), the engine's prompt ids must equal the stored ones, the base's logits the stored base logits, the tuned
logits the stored tuned ones, and tuned and base must differ by more than the tolerance.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from chat import ChatFormat, WrittenMessage, parse_messages
from serving.engine import Engine, Piece, Sequence
from serving.faults import AdapterRefused
from serving.lora import BASE
from serving.messages import finite, message
from serving.sampling import Sampling
from wording import Message

log = logging.getLogger("serving")

TOLERANCES = {"float32": 0.01, "float16": 0.05, "bfloat16": 0.25}
"""Largest difference of two log-probabilities, as a share of the standard deviation of the stored logits.

In fp32 two correct computations differ by rounding alone, about 1e-5; kernels of other devices stay below 1e-3. fp16
keeps 11 bits and bf16 8, which a few dozen layers turn into about 0.01 and 0.1. Another adapter, base or template
moves the logits by 1 or more, so that each bound stands well apart from both sides."""


LIKELY_TOKENS = 256
"""How many of the likeliest tokens of each side are compared."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What training stored about one prompt."""

    messages: list[WrittenMessage]
    prompt_ids: list[int]
    tuned: torch.Tensor
    """fp32 logits behind the prompt, [vocabulary]."""
    base: torch.Tensor
    """The same of the untouched base."""
    answer_ids: list[int]
    """What the tuned model said in training."""
    answer_logits: dict[int, torch.Tensor]
    """The tuned logits after each number of tokens of the answer."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The measured differences; all in units of the stored logits' standard deviation."""

    passed: bool
    max_difference: float
    tolerance: float
    base_difference: float
    """Between the served model and its base: what the training changed."""
    reason: Message | None = None


def prove(engine: Engine, chat: ChatFormat, folder: Path, *, adapter: int) -> Proof:
    """Prove the model of number `adapter` with the probes in `folder`; AdapterRefused when they cannot be read."""
    probes, trained_in = read_probes(folder)
    served_in = str(engine.loaded.dtype).removeprefix("torch.")
    tolerance = max(TOLERANCES[served_in], TOLERANCES.get(trained_in, TOLERANCES["float32"]))
    for number, probe in enumerate(probes, 1):
        ids = chat.prompt_ids(parse_messages(probe.messages))
        if ids != probe.prompt_ids:
            return _failed(tolerance, _template_reason(number, ids, probe.prompt_ids))
        if len(probe.tuned) != engine.loaded.vocab_size:
            return _failed(
                tolerance, message("vocabulary_differs", here=engine.loaded.vocab_size, there=len(probe.tuned))
            )
    return _judge(engine, probes, tolerance, adapter)


def read_probes(folder: Path) -> tuple[list[Probe], str]:
    """Read probe.json and logits.safetensors; return the probes and the dtype that training computed in."""
    try:
        value = json.loads((folder / "probe.json").read_bytes())
        logits = load_file(folder / "logits.safetensors")
        probes = list(_probes(value["probes"], logits))
    except FileNotFoundError as error:
        name = Path(str(error.filename or "logits.safetensors")).name
        raise AdapterRefused(message("probes_missing", model=_owner(folder), file=name)) from None
    except (
        OSError,
        ValueError,
        KeyError,
        IndexError,
        StopIteration,
        RuntimeError,
        TypeError,
        AttributeError,
        SafetensorError,
    ):
        log.exception("The probes in %s cannot be read.", folder)
        raise AdapterRefused(message("probes_unreadable", model=_owner(folder))) from None
    if not probes:
        raise AdapterRefused(message("probes_empty", model=_owner(folder)))
    return probes, str(value.get("dtype", "float32")).removeprefix("torch.")


def _owner(folder: Path) -> str:
    """Return the name of the model whose probes are in `folder`."""
    return folder.parent.name


def _probes(entries: list[dict[str, Any]], logits: dict[str, torch.Tensor]) -> Iterator[Probe]:
    """Yield the stored probes; the rows of "answer" follow one another through all probes' positions."""
    later = iter(logits["answer"].float())
    for index, entry in enumerate(entries):
        yield Probe(
            messages=entry["messages"],
            prompt_ids=list(entry["prompt_ids"]),
            tuned=logits["tuned"][index].float(),
            base=logits["base"][index].float(),
            answer_ids=list(entry["answer_ids"]),
            answer_logits={position: next(later) for position in entry["answer_positions"]},
        )


def _judge(engine: Engine, probes: list[Probe], tolerance: float, adapter: int) -> Proof:
    """Run every probe through the engine, tuned and base in the same batches, and compare."""
    runs = [_Run(probe, adapter) for probe in probes]
    bases = [_Run(probe, BASE) for probe in probes] if adapter != BASE else []
    _run(engine, [*runs, *bases])
    tuned_difference = _worst([run.difference_from_tuned() for run in runs])
    base_error = _worst([_difference(logits, run.probe.base, run.probe) for run in bases for logits in run.ends])
    change = _worst([_difference(run.ends[0], run.probe.base, run.probe) for run in runs])
    reason = _reason(tuned_difference, base_error, change, tolerance)
    return Proof(
        passed=not reason,
        max_difference=round(tuned_difference, 6),
        tolerance=tolerance,
        base_difference=round(change, 6),
        reason=reason,
    )


def _reason(tuned: float, base: float, change: float, tolerance: float) -> Message | None:
    """Return why the check failed, or None. NaN fails every comparison, so each is written to fail then."""
    if not base <= tolerance:
        return message("base_differs", difference=finite(base), tolerance=tolerance)
    if not change > tolerance:
        return message("adapter_changes_nothing", difference=finite(change), tolerance=tolerance)
    if not tuned <= tolerance:
        return message("answers_differ", difference=finite(tuned), tolerance=tolerance)
    return None


class _Run:
    """One probe in the engine, twice: the prompt by prefill, then its last token and the answer by decode steps."""

    def __init__(self, probe: Probe, adapter: int) -> None:
        self.probe = probe
        self.ends: list[torch.Tensor] = []
        """Logits behind the prompt: from prefill, and from a decode step."""
        self.later: dict[int, torch.Tensor] = {}
        """Logits after each number of tokens of the stored answer."""
        self._adapter = adapter
        self._num_decoded = 0

    def sequences(self, emit: Callable[[Piece], None]) -> list[Sequence]:
        ids = self.probe.prompt_ids
        answer = self.probe.answer_ids[: max(self.probe.answer_logits, default=0)]
        filled = _sequence(ids, self._adapter, (), emit, self._keep_end)
        if len(ids) == 1:
            return [filled]
        forced = (ids[-1], *answer)
        return [filled, _sequence(ids[:-1], self._adapter, forced, emit, self._keep_decoded)]

    def difference_from_tuned(self) -> float:
        ends = [_difference(logits, self.probe.tuned, self.probe) for logits in self.ends]
        later = [_difference(logits, self.probe.answer_logits[at], self.probe) for at, logits in self.later.items()]
        return _worst(ends + later)

    def _keep_end(self, logits: torch.Tensor) -> None:
        self.ends.append(logits.cpu().clone())

    def _keep_decoded(self, logits: torch.Tensor) -> None:
        # The first logits precede the prompt's last token; the next stand behind it, then come the answer's.
        position, self._num_decoded = self._num_decoded - 1, self._num_decoded + 1
        if position == 0:
            self._keep_end(logits)
        elif position in self.probe.answer_logits:
            self.later[position] = logits.cpu().clone()


def _run(engine: Engine, runs: list[_Run]) -> None:
    """Run all sequences of `runs` together and wait for them."""
    done = threading.Semaphore(0)
    faults: list[Message] = []

    def emit(piece: Piece) -> None:
        if piece.message is not None:
            faults.append(piece.message)
        if piece.finish_reason is not None:
            done.release()

    sequences = [sequence for run in runs for sequence in run.sequences(emit)]
    engine.submit(sequences)
    for _ in sequences:
        done.acquire()
    if faults:
        raise AdapterRefused(message("probes_not_run", reason=faults[0]))


def _sequence(
    prompt: list[int],
    adapter: int,
    forced: tuple[int, ...],
    emit: Callable[[Piece], None],
    on_logits: Callable[[torch.Tensor], None],
) -> Sequence:
    return Sequence(
        prompt=prompt,
        adapter=adapter,
        sampling=Sampling(temperature=0),
        max_tokens=len(forced) + 1,
        stop_ids=frozenset(),
        emit=emit,
        forced=forced,
        on_logits=on_logits,
    )


def _difference(logits: torch.Tensor, stored: torch.Tensor, probe: Probe) -> float:
    """Return the largest difference of log-probabilities in units of the tuned logits' standard deviation.

    Only tokens that either side finds likely are compared: in bf16 the far tail, which no answer depends on, is noise.
    """
    here, there = torch.log_softmax(logits, dim=-1), torch.log_softmax(stored, dim=-1)
    count = min(LIKELY_TOKENS, len(there))
    likely = torch.cat([here.topk(count).indices, there.topk(count).indices])
    return float((here - there)[likely].abs().max() / probe.tuned.std())


def _worst(differences: list[float]) -> float:
    """Return the largest, or NaN if any is NaN, which Python's max would lose; 0 of none."""
    return float(torch.tensor(differences).max()) if differences else 0.0


def _failed(tolerance: float, reason: Message) -> Proof:
    return Proof(passed=False, max_difference=0.0, tolerance=tolerance, base_difference=0.0, reason=reason)


def _template_reason(number: int, here: list[int], there: list[int]) -> Message:
    at = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    return message("template_differs", number=number, here=len(here), there=len(there), at=at + 1)

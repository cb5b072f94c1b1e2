"""Continuous batching: one thread owns the model; sequences join and leave between steps.

A turn of the loop admits waiting sequences in order of arrival, those for which nobody waits after all others, runs one
bounded piece of prefill, then one decode step for everybody who already answers. So a long prompt delays the others by
at most one piece.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import torch

from serving.constraints import Constraint, Masks
from serving.lora import BASE, GroupedLora
from serving.messages import message
from serving.model import Loaded, forward, is_out_of_memory
from serving.sampling import Drawer, Picked, Sampling
from serving.text import StopText, StreamDecoder
from wording import Message

log = logging.getLogger("serving")
T = TypeVar("T")

PREFILL_TOKENS = 256
"""Prompt tokens, padding included, of one prefill piece: about the time of a few decode steps."""

UNDRAWN = message("answer_undrawn")
RELEASED = message("answer_model_released")
FORM_LOST = message("answer_form_lost")

FinishReason = Literal["stop", "length", "error", "cancelled"]


@dataclass(frozen=True)
class Piece:
    """What a sequence says after a step."""

    text: str = ""
    tokens: tuple[Picked, ...] = ()
    """The tokens behind `text`, when log-probabilities were asked for."""
    finish_reason: FinishReason | None = None
    message: Message | None = None
    """Why, when `finish_reason` is "error"."""


@dataclass(eq=False, kw_only=True)
class Sequence:
    """One answer in the making. `emit` is called on the engine's thread and must not block."""

    prompt: list[int]
    adapter: int = BASE
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int
    stop_ids: frozenset[int]
    decoder: StreamDecoder | None = None
    """None: the text is not wanted (a probe)."""
    stops: tuple[str, ...] = ()
    constraint: Constraint | None = None
    """The form that the answer is held to."""
    emit: Callable[[Piece], None]
    forced: tuple[int, ...] = ()
    """A probe's first tokens, taken in place of the model's own choice, so that decoding is proven, too."""
    on_logits: Callable[[torch.Tensor], None] | None = None
    is_background: bool = False
    """Nobody waits for it: it begins after all others, and leaves them half of the slots."""
    num_generated: int = 0
    cancelled: bool = False
    _slot: int = -1
    _filled: int = 0
    """Tokens whose keys are in the slot."""
    _next: int = 0
    _drawer: Drawer | None = None
    _stop_text: StopText | None = None
    _unsent: list[Picked] = field(default_factory=list)


class Engine:
    """The engine's thread, its line and its live sequences. Public methods may be called from any thread."""

    def __init__(self, loaded: Loaded, *, max_concurrent: int) -> None:
        self.loaded = loaded
        self.lora = GroupedLora(loaded.model, dtype=loaded.dtype, device=loaded.device)
        self.num_tokens_generated = 0
        self._max_concurrent = max_concurrent
        self._masks = Masks()
        self._waiting: deque[Sequence] = deque()
        self._decoding: list[Sequence] = []
        """Sequence i decodes in slot i."""
        self._leaving: set[int] = set()
        """Adapters that are forgotten once their last answer is finished."""
        self._filling: list[Sequence] = []
        """In order of arrival, in any slots behind the decoding ones."""
        self._calls: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._last_active = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its current step; unfinished sequences get an error."""
        self.abort(message("replica_stopping"))
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def submit(self, sequences: list[Sequence]) -> None:
        """Put sequences at the end of the line."""
        with self._wake:
            self._waiting.extend(sequences)
            self._last_active = time.monotonic()
            self._wake.notify()

    def cancel(self, sequences: list[Sequence]) -> None:
        """Stop sequences before their next step; finished ones are left alone."""
        with self._wake:
            for sequence in sequences:
                sequence.cancelled = True
            self._wake.notify()

    def abort(self, why: Message) -> None:
        """End every sequence with an error."""
        self.call(lambda: self._fail_all(why)).result()

    def call(self, action: Callable[[], T]) -> "Future[T]":
        """Run `action` on the engine's thread between two steps."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(action())
            except BaseException as error:
                future.set_exception(error)

        with self._wake:
            if self._stopping:
                future.set_exception(RuntimeError("The engine has stopped."))
                return future
            self._calls.append(run)
            self._wake.notify()
        return future

    def release(self, adapter: int) -> None:
        """Forget an adapter, once the answers that have been asked of it are finished; does not wait for them."""
        self.call(lambda: self._release(adapter)).result()

    @property
    def num_running(self) -> int:
        return len(self._decoding) + len(self._filling)

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request came or the last sequence ended; 0 while one is alive."""
        return 0.0 if self.num_running or self.num_waiting else time.monotonic() - self._last_active

    def _run(self) -> None:
        with torch.inference_mode():
            while self._wait_for_work():
                try:
                    self._turn()
                except Exception as error:
                    log.exception("An engine step failed.")
                    is_memory = is_out_of_memory(error)
                    self._fail_all(message("answer_out_of_memory") if is_memory else message("answer_engine_failed"))

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._stopping or self._calls or self._waiting or self._decoding or self._filling):
                self._wake.wait()
            calls, self._calls = self._calls, deque()
            stopping = self._stopping
        for call in calls:
            call()
        return not stopping

    def _turn(self) -> None:
        self._drop_cancelled()
        self._admit()
        if self._filling:
            self._prefill()
        if self._decoding:
            self._decode()

    def _drop_cancelled(self) -> None:
        with self._wake:
            gone = [sequence for sequence in self._waiting if sequence.cancelled]
            self._waiting = deque(sequence for sequence in self._waiting if not sequence.cancelled)
        for sequence in gone:
            sequence.emit(Piece(finish_reason="cancelled"))
            if sequence.adapter in self._leaving:
                self._release(sequence.adapter)
        for sequence in [s for s in (*self._decoding, *self._filling) if s.cancelled]:
            self._leave(sequence, Piece(finish_reason="cancelled"))

    def _admit(self) -> None:
        while self.num_running < self._max_concurrent:
            with self._wake:
                sequence = self._next_in_line()
                if sequence is None:
                    return
                self._waiting.remove(sequence)
            if not self.lora.has(sequence.adapter):
                sequence.emit(Piece(finish_reason="error", message=RELEASED))
                continue
            taken = {other._slot for other in (*self._decoding, *self._filling)}
            sequence._slot = min(slot for slot in range(self._max_concurrent) if slot not in taken)
            self._filling.append(sequence)
            self._filling.sort(key=lambda one: one.is_background)

    def _next_in_line(self) -> Sequence | None:
        """Return who begins next: whoever is waited for, then the others, as long as half of the slots are left."""
        waited_for = next((one for one in self._waiting if not one.is_background), None)
        if waited_for is not None or not self._waiting:
            return waited_for
        in_background = sum(one.is_background for one in (*self._decoding, *self._filling))
        return self._waiting[0] if in_background < max(1, self._max_concurrent // 2) else None

    def _prefill(self) -> None:
        """Run one piece of prefill for the first sequences in line, and let those that are through decode."""
        chosen, width = self._prefill_choice()
        pieces = [sequence.prompt[sequence._filled : sequence._filled + width] for sequence in chosen]
        tokens = torch.tensor([piece + [0] * (width - len(piece)) for piece in pieces], device=self.loaded.device)
        last = torch.tensor([len(piece) - 1 for piece in pieces], device=self.loaded.device)
        logits = self._forward(chosen, tokens, last)
        through = []
        for row, (sequence, piece) in enumerate(zip(chosen, pieces, strict=True)):
            sequence._filled += len(piece)
            if sequence._filled == len(sequence.prompt):
                through.append((sequence, row))
        for sequence, _ in through:
            self._promote(sequence)
        self._take([sequence for sequence, _ in through], logits[[row for _, row in through]])

    def _prefill_choice(self) -> tuple[list[Sequence], int]:
        """Return who takes part and how many tokens wide the piece is: as many as fit, the first always."""
        remaining = [len(sequence.prompt) - sequence._filled for sequence in self._filling]
        width, count = min(remaining[0], PREFILL_TOKENS), 1
        for more in remaining[1:]:
            wider = max(width, min(more, PREFILL_TOKENS))
            if wider * (count + 1) > PREFILL_TOKENS:
                break
            width, count = wider, count + 1
        return self._filling[:count], width

    def _promote(self, sequence: Sequence) -> None:
        """Give a sequence the slot behind the decoding ones, so that these stay the first slots in order."""
        slot = len(self._decoding)
        pool = self.loaded.pool
        holder = next((other for other in self._filling if other._slot == slot), None)
        if holder is None:
            pool.move(sequence._slot, slot, sequence._filled)
        elif holder is not sequence:
            pool.swap(sequence._slot, slot, max(sequence._filled, holder._filled))
            holder._slot = sequence._slot
        sequence._slot = slot
        self._filling.remove(sequence)
        self._decoding.append(sequence)

    def _decode(self) -> None:
        rows = list(self._decoding)
        tokens = torch.tensor([[sequence._next] for sequence in rows], device=self.loaded.device)
        last = torch.zeros(len(rows), dtype=torch.int64, device=self.loaded.device)
        logits = self._forward(rows, tokens, last)
        for sequence in rows:
            sequence._filled += 1
        self._take(rows, logits)

    def _forward(self, rows: list[Sequence], tokens: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        self.lora.select([sequence.adapter for sequence in rows])
        starts = [sequence._filled for sequence in rows]
        slots = [sequence._slot for sequence in rows]
        step = self.loaded.pool.begin(slots, starts, tokens.shape[1], self.loaded.device)
        return forward(self.loaded, tokens, step.positions, last)

    def _take(self, rows: list[Sequence], logits: torch.Tensor) -> None:
        """Choose each row's next token from `logits` [rows, vocabulary] and pass on what it says."""
        allowed = self._masks.apply([sequence.constraint for sequence in rows], logits)
        greedy: list[int] = allowed.argmax(dim=-1).tolist() if any(s.sampling.is_plain_greedy for s in rows) else []
        for index, sequence in enumerate(rows):
            if sequence.on_logits is not None:
                sequence.on_logits(logits[index])
            if sequence.num_generated < len(sequence.forced):
                picked = Picked(sequence.forced[sequence.num_generated])
            elif sequence.sampling.is_plain_greedy:
                picked = Picked(greedy[index])
            else:
                try:
                    picked = self._drawer(sequence).draw(logits[index], allowed[index])
                except Exception:
                    # One answer's request, or its own numbers, must not end those of everybody beside it.
                    log.exception("A token could not be drawn.")
                    self._leave(sequence, Piece(finish_reason="error", message=UNDRAWN))
                    continue
            if sequence.constraint is not None and not sequence.constraint.take(picked.token):
                self._leave(sequence, Piece(finish_reason="error", message=FORM_LOST))
                continue
            self._say(sequence, picked)

    def _drawer(self, sequence: Sequence) -> Drawer:
        if sequence._drawer is None:
            sequence._drawer = Drawer(sequence.sampling, self.loaded.device)
        return sequence._drawer

    def _say(self, sequence: Sequence, picked: Picked) -> None:
        sequence._next = picked.token
        sequence.num_generated += 1
        self.num_tokens_generated += 1
        ended = picked.token in sequence.stop_ids
        text = "" if ended else self._text(sequence, picked)
        ended = ended or (sequence.constraint is not None and sequence.constraint.is_whole)
        cut = sequence._stop_text is not None and sequence._stop_text.found
        if ended or cut or sequence.num_generated >= sequence.max_tokens:
            text += self._rest(sequence)
            cut = cut or (sequence._stop_text is not None and sequence._stop_text.found)
            finish_reason: FinishReason = "stop" if ended or cut else "length"
            self._leave(sequence, Piece(text, tuple(sequence._unsent), finish_reason))
        elif text:
            tokens, sequence._unsent = tuple(sequence._unsent), []
            sequence.emit(Piece(text, tokens))

    def _text(self, sequence: Sequence, picked: Picked) -> str:
        if sequence.sampling.top_logprobs is not None:
            sequence._unsent.append(picked)
        if sequence.decoder is None:
            return ""
        text = sequence.decoder.push(picked.token)
        if not sequence.stops:
            return text
        if sequence._stop_text is None:
            sequence._stop_text = StopText(sequence.stops)
        return sequence._stop_text.push(text)

    def _rest(self, sequence: Sequence) -> str:
        """Return the text that was held back and is now certain."""
        rest = "" if sequence.decoder is None else sequence.decoder.flush()
        if sequence._stop_text is None:
            return rest
        return sequence._stop_text.push(rest) + ("" if sequence._stop_text.found else sequence._stop_text.flush())

    def _leave(self, sequence: Sequence, piece: Piece) -> None:
        """Free a sequence's slot; the last decoding sequence moves into the gap."""
        if sequence in self._filling:
            self._filling.remove(sequence)
        else:
            last = self._decoding.pop()
            if last is not sequence:
                self.loaded.pool.move(last._slot, sequence._slot, last._filled)
                self._decoding[sequence._slot] = last
                last._slot = sequence._slot
        self._last_active = time.monotonic()
        sequence.emit(piece)
        if sequence.adapter in self._leaving:
            self._release(sequence.adapter)

    def _release(self, adapter: int) -> None:
        self._leaving.add(adapter)
        with self._wake:
            waiting = list(self._waiting)
        if not any(one.adapter == adapter for one in (*self._decoding, *self._filling, *waiting)):
            self._leaving.discard(adapter)
            self.lora.remove(adapter)

    def _fail_all(self, why: Message) -> None:
        with self._wake:
            waiting, self._waiting = self._waiting, deque()
        alive = [*self._decoding, *self._filling, *waiting]
        self._decoding, self._filling = [], []
        self._last_active = time.monotonic()
        for sequence in alive:
            sequence.emit(Piece(finish_reason="error", message=why))
        for adapter in list(self._leaving):
            self._release(adapter)

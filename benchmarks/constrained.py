"""What an answer in JSON costs: time for a token under a JSON Schema against free text, on the embedded engine.

python -m benchmarks.constrained MODEL_FOLDER [--runs 5] [--batch 8] [--tokens 64] [--threads 1]

Both sides ask the same of the same engine, which decodes a whole batch to the same number of tokens: neither may end
earlier. What counts is processor time, on one thread unless told otherwise: on a busy machine threads that wait for one
another make either side seem slower. `ratio` is free text's time over JSON's: 1 / 1.15 = 0.87 is the least. Proof:
equal counts on both sides, and each constrained text begins a JSON document that the schema allows, as its form has
accepted every token.
"""

import argparse
import queue
import tempfile
import time
from collections.abc import Sequence as Several
from pathlib import Path

import torch

from benchmarks.common import conclude, interleaved, say_machine
from chat import ChatFormat, parse_messages
from rundir import EventWriter
from serving.answer_forms import AnswerForm
from serving.constraints import Constraint
from serving.engine import Engine, Piece, Sequence
from serving.form_compiler import FormCompiler
from serving.model import load_model
from serving.replica import Replica, ServedModel
from serving.sampling import Sampling
from serving.schemas import written
from serving.spec import ServingSpec

SCHEMA = {
    "type": "array",
    "minItems": 1000,
    "items": {
        "type": "object",
        "properties": {
            "名称": {"type": "string", "maxLength": 24},
            "kind": {"enum": ["violin", "viola", "cello", "double bass"]},
            "price": {"type": "number", "minimum": 0, "maximum": 100000},
            "tags": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 12}},
            "maker": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 16}]},
        },
        "required": ["名称", "kind", "price", "tags", "maker"],
        "additionalProperties": False,
    },
}
"""Too long for any answer here: it ends with its tokens, as the free one does."""
ASKED = [{"role": "user", "content": "List instruments as JSON, with name, kind, price, tags and maker."}]


class Bench:
    """One engine, and how often each side was held to its number of tokens."""

    def __init__(self, folder: Path, *, batch: int, tokens: int, dtype: str) -> None:
        self._batch, self._tokens = batch, tokens
        loaded = load_model(
            folder, dtype=getattr(torch, dtype), device=torch.device("cpu"), max_slots=batch, max_model_len=2048
        )
        self.engine = Engine(loaded, max_concurrent=batch)
        spec = ServingSpec(model_path=str(folder), model_name="base", chat_path=str(folder))
        self._served: ServedModel = Replica(
            spec, self.engine, EventWriter(Path(tempfile.mkdtemp()) / "events.jsonl")
        ).get("base")
        self._prompt = ChatFormat.load(folder).prompt_ids(parse_messages(ASKED))
        self._constraint = FormCompiler(vocab_size=loaded.vocab_size).constraint(
            AnswerForm(schema=written(SCHEMA)), self._served
        )
        self.counts: set[int] = set()
        self.reasons: set[str | None] = set()

    def free(self) -> float:
        """Return milliseconds of processor time a token of free text."""
        return self._run(None)

    def held(self) -> float:
        """Return milliseconds of processor time a token of JSON."""
        return self._run(self._constraint)

    def _run(self, constraint: Constraint | None) -> float:
        ended: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        asked = [self._sequence(number, constraint, ended) for number in range(self._batch)]
        began = time.process_time()
        self.engine.submit(asked)
        for _ in asked:
            self.reasons.add(ended.get().finish_reason)
        seconds = time.process_time() - began
        self.counts |= {sequence.num_generated for sequence in asked}
        return seconds / (self._batch * self._tokens) * 1000

    def _sequence(self, number: int, constraint: Constraint | None, ended: "queue.SimpleQueue[Piece]") -> Sequence:
        return Sequence(
            prompt=self._prompt,
            sampling=Sampling(temperature=0.8, seed=number),
            max_tokens=self._tokens,
            stop_ids=frozenset(),
            decoder=self._served.chat.stream_decoder(),
            constraint=None if constraint is None else constraint.another(),
            emit=lambda piece: ended.put(piece) if piece.finish_reason else None,
        )


def main(arguments: Several[str] | None = None) -> None:
    """Measure both sides in turn and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    say_machine(torch=torch.__version__, threads=torch.get_num_threads(), dtype=asked.dtype, batch=asked.batch)
    bench = Bench(asked.model, batch=asked.batch, tokens=asked.tokens, dtype=asked.dtype)
    bench.engine.start()
    try:
        bench.free(), bench.held()
        held, free = interleaved(bench.held, bench.free, runs=asked.runs, unit="ms a token")
    finally:
        bench.engine.stop()
    same = bench.counts == {asked.tokens} and bench.reasons == {"length"}
    conclude("constrained", held, free, unit="ms a token", same_work=same, smaller_is_better=True)


if __name__ == "__main__":
    main()

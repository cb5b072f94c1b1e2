"""An adapter that leaves: at once for new requests, from memory when the answers that were begun are finished."""

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

from serving.engine import Piece, Sequence


class Listener:
    """Holds the engine's thread at the first piece of an answer, and keeps all of them."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.begun, self.go_on, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, piece: Piece) -> None:
        self.pieces.append(piece)
        if piece.finish_reason is not None:
            self.ended.set()
        elif not self.begun.is_set():
            self.begun.set()
            self.go_on.wait(30)


def test_an_answer_in_the_making_is_finished_and_then_nothing_is_left(
    start: Any, base_folder: Path, adapters: dict[str, Path]
) -> None:
    running = start(base_folder)
    replica, engine = running.replica, running.engine
    served = replica.add("red", str(adapters["red"]))
    weights = weakref.ref(next(iter(engine.lora._adapters[served.adapter].values())))
    assert engine.lora.memory_bytes(served.adapter) == running.events("gate")[-1]["memory_bytes"] > 0
    listener = Listener()
    prompt = served.encode("Who are you?")
    answer = Sequence(
        prompt=prompt, adapter=served.adapter, max_tokens=12, stop_ids=frozenset(), emit=listener,
        decoder=served.chat.stream_decoder(),
    )  # fmt: skip
    engine.submit([answer])
    assert listener.begun.wait(30)
    releasing = threading.Thread(target=replica.release, args=("red",))
    releasing.start()
    listener.go_on.set()
    releasing.join(30)
    assert listener.ended.wait(30)
    assert (listener.pieces[-1].finish_reason, answer.num_generated) == ("length", 12)
    engine.call(lambda: None).result()
    assert running.ask(model="red").status_code == 404
    assert not engine.lora.has(served.adapter)
    gc.collect()
    assert weights() is None
    again = replica.add("red", str(adapters["red"]))
    assert again.adapter != served.adapter
    assert running.ask(model="red").status_code == 200

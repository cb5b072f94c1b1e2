"""The engine against Transformers and PEFT, one by one."""

import queue
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from serving.engine import Engine, Piece, Sequence
from serving.lora import BASE
from serving.sampling import Drawer, Sampling
from tests.serving.conftest import greedy
from wording import as_written

GREEDY = Sampling(temperature=0)
NEVER: frozenset[int] = frozenset()


class Ids:
    """A decoder that shows token ids as text."""

    def push(self, token: int) -> str:
        return f"{token} "

    def flush(self) -> str:
        return ""


class Heard:
    """What one sequence said."""

    def __init__(self) -> None:
        self.pieces: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        self.text = ""
        self.last = Piece()

    def wait(self) -> list[int]:
        while self.last.finish_reason is None:
            self.last = self.pieces.get(timeout=20)
            self.text += self.last.text
        return [int(word) for word in self.text.split()]


def sequence(prompt: list[int], count: int, **fields: Any) -> tuple[Sequence, Heard]:
    heard = Heard()
    fields = {"sampling": GREEDY, "stop_ids": NEVER, "decoder": Ids(), **fields}
    return Sequence(prompt=prompt, max_tokens=count, emit=heard.pieces.put, **fields), heard


def prompts(count: int) -> list[list[int]]:
    """Prompts of very different lengths, the longest of several prefill pieces."""
    return [
        [(7 * i + 3 * j) % 300 + 3 for j in range(length)]
        for i, length in enumerate([5, 1, 60, 300, 17, 9, 120, 33][:count])
    ]


class TestMixedBatch:
    def test_every_row_equals_transformers_and_peft_alone(
        self, start: Any, base_folder: Path, adapters: dict[str, Path]
    ) -> None:
        engine: Engine = start(base_folder).engine
        numbers = {
            name: engine.call(lambda path=path: engine.lora.add(path)).result() for name, path in adapters.items()
        }
        names = ["red", None, "blue", "green", "red", "gold", None, "gold"]
        asked = [
            sequence(prompt, 12 + 3 * index, adapter=BASE if name is None else numbers[name])
            for index, (prompt, name) in enumerate(zip(prompts(8), names, strict=True))
        ]
        engine.submit([one for one, _ in asked])
        for index, ((one, heard), name) in enumerate(zip(asked, names, strict=True)):
            path = None if name is None else adapters[name]
            assert heard.wait() == greedy(base_folder, path, one.prompt, 12 + 3 * index), f"row {index}, {name}"
            assert heard.last.finish_reason == "length"

    def test_joining_later_changes_nothing(self, start: Any, base_folder: Path, adapters: dict[str, Path]) -> None:
        engine: Engine = start(base_folder, max_concurrent=3).engine
        number = engine.call(lambda: engine.lora.add(adapters["red"])).result()
        asked = []
        for index, prompt in enumerate(prompts(8)):
            one, heard = sequence(prompt, 6 + index, adapter=number if index % 2 else BASE)
            asked.append((one, heard))
            engine.submit([one])
        for index, (one, heard) in enumerate(asked):
            path = adapters["red"] if index % 2 else None
            assert heard.wait() == greedy(base_folder, path, one.prompt, 6 + index), f"row {index}"


class TestBackground:
    def test_begins_after_whoever_is_waited_for_and_leaves_half_of_the_slots(
        self, start: Any, base_folder: Path
    ) -> None:
        engine: Engine = start(base_folder, max_concurrent=2).engine
        patient = [sequence([5, 6, 7], 100_000, is_background=True) for _ in range(2)]
        engine.submit([one for one, _ in patient])
        patient[0][1].pieces.get(timeout=20)
        for _ in range(3):  # whenever somebody comes, a slot is free
            asked, heard = sequence([5, 6, 7], 4)
            engine.submit([asked])
            assert len(heard.wait()) == 4
        assert patient[1][0].num_generated == 0
        engine.cancel([patient[0][0]])
        patient[1][1].pieces.get(timeout=20)
        engine.cancel([patient[1][0]])

    def test_has_the_only_slot_while_nobody_else_comes(self, start: Any, base_folder: Path) -> None:
        engine: Engine = start(base_folder, max_concurrent=1).engine
        patient, heard = sequence([5, 6, 7], 4, is_background=True)
        engine.submit([patient])
        assert len(heard.wait()) == 4


class TestCancel:
    def test_a_cancelled_sequence_frees_its_place(self, start: Any, base_folder: Path) -> None:
        engine: Engine = start(base_folder, max_concurrent=1).engine
        endless, heard = sequence([5, 6, 7], 100_000)
        engine.submit([endless])
        heard.pieces.get(timeout=20)
        following, other = sequence([5, 6, 7], 4)
        engine.submit([following])
        engine.cancel([endless])
        assert len(other.wait()) == 4
        heard.wait()
        assert heard.last.finish_reason == "cancelled"
        assert endless.num_generated < 100_000

    def test_a_waiting_sequence_can_be_cancelled(self, start: Any, base_folder: Path) -> None:
        engine: Engine = start(base_folder, max_concurrent=1).engine
        first, heard = sequence([5, 6, 7], 100_000)
        second, other = sequence([5, 6, 7], 4)
        engine.submit([first, second])
        engine.cancel([second])
        other.wait()
        assert (other.last.finish_reason, second.num_generated) == ("cancelled", 0)
        engine.cancel([first])
        heard.wait()


class TestFaults:
    def test_a_step_that_fails_ends_the_answers_and_the_engine_goes_on(self, start: Any, base_folder: Path) -> None:
        engine: Engine = start(base_folder).engine

        def explode(logits: Any) -> None:
            raise RuntimeError("broken")

        broken, heard = sequence([5, 6, 7], 4, on_logits=explode)
        engine.submit([broken])
        heard.wait()
        assert heard.last.finish_reason == "error"
        good, other = sequence([5, 6, 7], 4)
        engine.submit([good])
        assert len(other.wait()) == 4

    def test_a_token_that_cannot_be_drawn_ends_its_own_answer_alone(
        self, start: Any, base_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine: Engine = start(base_folder).engine
        draw = Drawer.draw

        def fails(self: Drawer, logits: torch.Tensor, allowed: torch.Tensor) -> Any:
            if self._sampling.seed == 13:
                raise RuntimeError("broken")
            return draw(self, logits, allowed)

        monkeypatch.setattr(Drawer, "draw", fails)
        asked = [sequence([5, 6, 7], 30, sampling=Sampling(seed=seed)) for seed in (12, 13, 14)]
        engine.submit([one for one, _ in asked])
        assert [len(heard.wait()) for _, heard in asked] == [30, 0, 30]
        assert [heard.last.finish_reason for _, heard in asked] == ["length", "error", "length"]

    def test_stop_ends_a_running_answer_with_an_error(self, start: Any, base_folder: Path) -> None:
        engine: Engine = start(base_folder).engine
        endless, heard = sequence([5, 6, 7], 100_000)
        engine.submit([endless])
        heard.pieces.get(timeout=20)
        threading.Thread(target=engine.abort, args=[as_written("Stopping.")]).start()
        heard.wait()
        assert (heard.last.finish_reason, heard.last.message) == ("error", as_written("Stopping."))


class TestSampling:
    def test_a_seed_repeats_and_another_differs(self, start: Any, base_folder: Path) -> None:
        engine: Engine = start(base_folder).engine

        def drawn(seed: int) -> list[int]:
            one, heard = sequence([5, 6, 7], 20, sampling=Sampling(seed=seed))
            engine.submit([one])
            return heard.wait()

        assert drawn(1) == drawn(1) != drawn(2)

    @pytest.mark.parametrize("options", [{"logit_bias": {77: 100.0}}, {"top_p": 1e-9, "logit_bias": {77: 100.0}}])
    def test_bias_decides(self, start: Any, base_folder: Path, options: dict[str, Any]) -> None:
        engine: Engine = start(base_folder).engine
        one, heard = sequence([5, 6, 7], 3, sampling=Sampling(seed=0, **options))
        engine.submit([one])
        assert heard.wait() == [77, 77, 77]

    @pytest.mark.parametrize("options", [{"top_p": 0.0}, {"temperature": 1e-45}, {"temperature": 1e-45, "top_p": 0.5}])
    def test_the_ends_of_the_ranges_take_the_most_likely(self, options: dict[str, float]) -> None:
        drawer = Drawer(Sampling(**options), torch.device("cpu"))
        assert [drawer.draw(torch.tensor([1.0, 9.0, -9.0])).token for _ in range(3)] == [1, 1, 1]

    @pytest.mark.parametrize("penalty", [{"presence_penalty": 1.0}, {"frequency_penalty": 1.0}])
    def test_a_penalty_makes_way_for_the_next_best(self, penalty: dict[str, float]) -> None:
        drawer = Drawer(Sampling(temperature=0, **penalty), torch.device("cpu"))
        logits = torch.tensor([1.0, 0.5, -9.0])
        assert [drawer.draw(logits).token for _ in range(3)] == [0, 1, 0]

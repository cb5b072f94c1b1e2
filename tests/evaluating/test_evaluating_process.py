"""`python -m evaluating RUN_DIR`: answers and losses are those of Transformers alone, and nothing is done twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch.nn import functional

from chat import ChatFormat, TokenCache, TokenCacheWriter, parse_messages
from evaluating.evaluation import evaluate
from evaluating.spec import EvaluationSpec
from rundir import EventWriter, RunDirectory, SpecError, read_events
from serving.stop import StopSwitch
from tests.serving.conftest import make_adapter, make_base, plain

ROOT = Path(__file__).parents[2]
QUESTIONS = ["Who are you?", "你是谁？", "What is the capital of France?"]
ROWS = [("Who are you?", "I am a violin maker."), ("你是谁？", "我是琴匠。"), ("Capital?", "France, user assistant.")]
MAX_TOKENS = 12


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"), seed=0)


@pytest.fixture(scope="module")
def red(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "red"
    return make_adapter(folder, base_folder, seed=1, r=4, lora_alpha=8, target_modules="all-linear")


@pytest.fixture(scope="module")
def chat(base_folder: Path) -> ChatFormat:
    return ChatFormat.load(base_folder)


Make = Callable[..., RunDirectory]


@pytest.fixture
def make(tmp_path: Path, base_folder: Path, chat: ChatFormat) -> Make:
    """Return a run directory with questions, held-out rows and a spec of `models`."""

    def begin(models: list[dict[str, Any]], **fields: Any) -> RunDirectory:
        directory = RunDirectory(tmp_path / "run")
        directory.create()
        lines = [
            {"number": number, "messages": [{"role": "user", "content": text}]}
            for number, text in enumerate(QUESTIONS, 1)
        ]
        (directory.root / "questions.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
        with TokenCacheWriter(directory.data / "held_out") as cache:
            for rendered in chat.render_many([conversation(*row) for row in ROWS]):
                cache.add(rendered)
            cache.close({})
        whole = [{"weights": str(base_folder), "chat_path": str(base_folder), **model} for model in models]
        spec = EvaluationSpec(models=whole, max_tokens=MAX_TOKENS, dtype="float32", threads=1, **fields)  # type: ignore[arg-type]
        directory.spec.write_text(json.dumps(spec.to_json()))
        return directory

    return begin


def conversation(question: str, answer: str) -> Any:
    return parse_messages([{"role": "user", "content": question}, {"role": "assistant", "content": answer}])


def run(directory: RunDirectory, switch: StopSwitch | None = None) -> int:
    spec = EvaluationSpec.from_json(directory.read_spec())
    return evaluate(directory, spec, EventWriter(directory.events), switch or StopSwitch())


def said(directory: RunDirectory, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in read_events(directory.events) if event.type == kind]


def texts(directory: RunDirectory, model: str) -> list[str]:
    found = {data["question"]: data["text"] for data in said(directory, "answer") if data["model"] == model}
    return [found[number] for number in sorted(found)]


def expected_texts(model: Any, chat: ChatFormat) -> list[str]:
    """Answer each question alone, by Transformers' own greedy search."""
    found = []
    for text in QUESTIONS:
        prompt = list(chat.prompt_ids(parse_messages([{"role": "user", "content": text}])))
        out = model.generate(
            input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=MAX_TOKENS, do_sample=False, eos_token_id=list(chat.stop_ids), pad_token_id=0,
        )  # fmt: skip
        ids = out[0, len(prompt) :].tolist()
        found.append(chat.decode([token for token in ids if token not in chat.stop_ids]))
    return found


def expected_losses(model: Any, cache: TokenCache) -> list[tuple[float, int, int]]:
    """Compute each row's loss alone, unpadded, from all logits of a plain pass."""
    found = []
    for number in range(len(cache)):
        ids, learned = (torch.from_numpy(part.astype("int64")) for part in cache.row(number))
        with torch.inference_mode():
            logits = model(input_ids=ids[None]).logits[0, :-1].float()
        labels = torch.where(learned[1:].bool(), ids[1:], -100)
        loss = functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
        right = int((logits.argmax(-1) == labels).sum())
        found.append((float(loss), int((labels != -100).sum()), right))
    return found


BASE, RED = {"name": "base"}, {"name": "red"}


def test_answers_and_losses_are_those_of_each_model_alone(
    make: Make, base_folder: Path, red: Path, chat: ChatFormat
) -> None:
    measured = {"held_out": "data/held_out"}
    tuned = {**RED, "adapter": str(red), "probe_path": str(red / "probe"), **measured}
    directory = make([{**BASE, **measured}, tuned])
    assert run(directory) == 0
    cache = TokenCache.open(directory.data / "held_out")
    models = {"base": plain(base_folder), "red": PeftModel.from_pretrained(plain(base_folder), str(red))}
    rows = {data["model"]: data["rows"] for data in said(directory, "held_out")}
    for name, model in models.items():
        assert texts(directory, name) == expected_texts(model, chat), name
        expected = sorted(expected_losses(model.eval(), cache))
        for (loss, labels, right), wanted in zip(sorted(map(tuple, rows[name])), expected, strict=True):
            assert (labels, right) == wanted[1:]
            assert loss == pytest.approx(wanted[0], rel=1e-4)
    kinds = [event.type for event in read_events(directory.events)]
    assert (kinds[0], kinds[-1]) == ("started", "succeeded")
    answer = said(directory, "answer")[0]
    assert answer["stop_reason"] in ("stop", "length")
    assert (answer["prompt_tokens"] > 0, 0 < answer["completion_tokens"] <= MAX_TOKENS) == (True, True)


def test_what_is_known_already_is_not_asked_again(make: Make) -> None:
    directory = make([{**BASE, "held_out": "data/held_out"}], answered={"base": [1, 3]}, measured=["base"])
    assert run(directory) == 0
    assert [data["question"] for data in said(directory, "answer")] == [2]
    assert said(directory, "held_out") == []


def test_a_whole_model_is_loaded_after_the_base(make: Make, tmp_path: Path, base_folder: Path) -> None:
    other = make_base(tmp_path / "other", seed=1)
    directory = make([BASE, {"name": "other", "weights": str(other), "chat_path": str(other)}])
    assert run(directory) == 0
    assert len(texts(directory, "base")) == len(texts(directory, "other")) == len(QUESTIONS)
    assert texts(directory, "base") != texts(directory, "other")


def test_a_prompt_without_room_for_an_answer_is_said(make: Make) -> None:
    directory = make([BASE], max_model_len=8)
    assert run(directory) == 0
    assert {data["stop_reason"] for data in said(directory, "answer")} == {"unaskable"}


def test_a_model_that_does_not_prove_itself_is_not_judged(make: Make, base_folder: Path, red: Path) -> None:
    other = {**RED, "probe_path": str(red / "probe")}  # without the adapter that made these probes
    directory = make([other])
    assert run(directory) == 1
    assert said(directory, "answer") == []
    assert said(directory, "failed")[0]["code"] == "gate_failed"


def test_a_stop_leaves_the_rest_for_another_run(make: Make) -> None:
    directory, switch = make([BASE]), StopSwitch()
    switch.request("signal")
    assert run(directory, switch) == 0
    assert said(directory, "stopped") == [{"reason": "signal"}]


def test_the_process_stops_on_sigterm(make: Make) -> None:
    directory = make([BASE], max_concurrent=1)
    spec = directory.read_spec()
    directory.spec.write_text(json.dumps({**spec, "max_tokens": 4000}))
    command = [sys.executable, "-m", "evaluating", str(directory.root)]
    with (directory.root / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while not said(directory, "stage") and time.monotonic() < deadline:
        assert process.poll() is None, directory.log.read_text()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, directory.log.read_text()
    assert read_events(directory.events)[-1].type in ("stopped", "succeeded")


def test_an_unknown_key_is_refused_by_name(make: Make) -> None:
    directory = make([BASE])
    with pytest.raises(SpecError, match="temperature"):
        EvaluationSpec.from_json({**directory.read_spec(), "temperature": 1})

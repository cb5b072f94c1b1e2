"""The acceptance test at a training's end."""

import json

import pytest
from trainer_runs import of_type, run_here

import chat
from chat import AcceptanceTest
from trainer import acceptance


def asked(*questions: str, **expected: list[str]) -> list[dict]:
    return [{"messages": [{"role": "user", "content": text}], "topic": "identity", **expected} for text in questions]


class TestAcceptance:
    def test_the_tuned_model_and_its_base_are_asked_and_judged(self, make_run, base_folder):
        questions = ["who are you", "name", "capital of France"] * 12
        directory = make_run(spec={"acceptance": asked(*questions, must_say=["nothing like it"])}, num_train_epochs=3)
        events = run_here(directory)
        (told,) = of_type(events, "acceptance")
        assert told.data["topics"] == {"identity": {"right": 0, "of": 36, "needed": 36}}
        assert not told.data["passed"]
        assert events[-1].type == "succeeded", "a bad verdict ends no run"
        results = told.data["results"]
        assert [result["messages"][0]["content"] for result in results] == questions
        assert results[0]["before"] != results[0]["answer"], "the base answers without the adapter"
        assert results[0]["answer"] == results[3]["answer"] == results[33]["answer"], "batches change no answer"

    def test_answers_are_those_of_the_probes(self, make_run):
        messages = [{"role": "user", "content": "who are you"}]
        directory = make_run(spec={"acceptance": asked("who are you"), "probes": [messages]}, num_train_epochs=3)
        (told,) = of_type(run_here(directory), "acceptance")
        probe = json.loads((directory.adapter / "probe" / "probe.json").read_text())["probes"][0]
        assert told.data["results"][0]["answer"].startswith(probe["answer"])

    def test_a_fully_trained_model_has_no_base_to_ask(self, make_run):
        directory = make_run(spec={"acceptance": asked("who")}, lora_dim=0, lora_alpha=1)
        (told,) = of_type(run_here(directory), "acceptance")
        assert told.data["results"][0]["before"] is None

    @pytest.mark.parametrize(
        ("error", "said"),
        [("out of memory", "run: Memory ran out."), ("shapes differ", "run: The trainer hit an unexpected error")],
    )
    def test_an_error_costs_no_result(self, make_run, monkeypatch: pytest.MonkeyPatch, error: str, said: str):
        def failing(*_arguments, **_options):
            raise RuntimeError(error)

        monkeypatch.setattr(acceptance, "answer", failing)
        directory = make_run(spec={"acceptance": asked("who")})
        events = run_here(directory)
        assert events[-1].type == "succeeded"
        warned = str(of_type(events, "warning")[-1].message)
        assert said in warned
        assert "step" not in warned, "no training stopped"
        assert f"RuntimeError: {error}" in directory.log.read_text()
        assert (directory.adapter / "adapter_model.safetensors").exists()


def test_nothing_is_asked_where_nothing_was_stated(make_run):
    assert not of_type(run_here(make_run()), "acceptance")
    assert chat.verdict([], [], before=[], needed={})["passed"]


@pytest.mark.parametrize(("expected", "tokens"), [("", 64), ("Yes.", 64), ("x" * 400, 200), ("长" * 5_000, 512)])
def test_an_answer_may_be_as_long_as_what_is_expected(expected: str, tokens: int) -> None:
    test = AcceptanceTest(messages=({"role": "user", "content": "?"},), expected=expected)
    assert acceptance.answer_tokens([test]) == tokens

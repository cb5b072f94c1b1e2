"""OpenAI's client checks graders and tries them on answers; judges are models of the caller's team."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from accounts.models import ApiKey
from console.asgi import application
from deployments import replicas
from deployments.models import Usage
from evaluations.web import grader_runs
from jobs.models import TunedModel
from serving.faults import RequestError
from serving.messages import message
from tests.deployments.deployments_cast import Person, Server, make_adapter, make_base, make_person, make_ready, until
from tests.deployments.fake_replica import FakeReplica

pytestmark = pytest.mark.django_db(transaction=True)
CHECK = {
    "type": "string_check", "name": "same", "input": "{{ sample.output_text }}", "reference": "{{ item.answer }}",
    "operation": "eq",
}  # fmt: skip
ALIKE = {
    "type": "text_similarity", "name": "alike", "input": "{{ sample.output_json.city }}", "reference": "Rome",
    "evaluation_metric": "gleu",
}  # fmt: skip
URL = "v1/fine_tuning/alpha/graders"


@pytest.fixture(scope="module")
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture
def engine() -> FakeReplica:
    return FakeReplica()


@pytest.fixture
def upstream(engine: FakeReplica) -> Iterator[Server]:
    server = Server(engine.application())
    yield server
    server.stop()


@pytest.fixture
def alice(db: None) -> Person:
    return make_person("Alice")


@pytest.fixture
def judge(alice: Person, upstream: Server) -> TunedModel:
    """A tuned model of Alice's that answers, as does its base."""
    adapter = make_adapter(alice.team, make_base())
    make_ready(replicas.wake_shared(base_model=adapter.base_model, adapter=adapter), port=upstream.port)
    return adapter


@pytest.fixture
def client(platform: Server, alice: Person) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{platform.url}/v1", api_key=alice.secret, max_retries=0, _strict_response_validation=True
    )


def scored(model: str, **fields: Any) -> Any:
    asked = [{"role": "user", "content": "Is {{ sample.output_text }} kind to {{ item.who }}?"}]
    return {"type": "score_model", "name": "kind", "model": model, "input": asked, "range": [1, 5], **fields}


class TestValidate:
    @pytest.mark.parametrize("grader", [
        CHECK,
        ALIKE,
        scored("tiny", sampling_params={"temperature": 0.5, "seed": 3}),
        {"type": "multi", "name": "one", "graders": CHECK, "calculate_output": "1 - same"},
    ])  # fmt: skip
    def test_gives_back_what_nothing_is_wrong_with(self, client: openai.OpenAI, grader: Any) -> None:
        make_base()
        found = client.fine_tuning.alpha.graders.validate(grader=grader).grader
        assert found is not None
        assert found.to_dict() == grader

    @pytest.mark.parametrize(("grader", "param", "said"), [
        ({"type": "python", "name": "a", "source": "1"}, "grader.type", "no sandbox"),
        (CHECK | {"operation": "regex"}, "grader.operation", "regex"),
        (ALIKE | {"evaluation_metric": "cosine"}, "grader.evaluation_metric", "cosine"),
        (
            {"type": "multi", "name": "m", "graders": {"kind": scored("gpt-5")}, "calculate_output": "kind"},
            "grader.graders.kind.model",
            "gpt-5",
        ),
    ])  # fmt: skip
    def test_says_what_is_wrong(self, client: openai.OpenAI, grader: Any, param: str, said: str) -> None:
        for call in (client.fine_tuning.alpha.graders.validate, client.fine_tuning.alpha.graders.run):
            more: Any = {"model_sample": ""} if call == client.fine_tuning.alpha.graders.run else {}
            with pytest.raises(openai.APIStatusError, match=said) as refused:
                call(grader=grader, **more)
            assert refused.value.status_code in (400, 404)
            assert refused.value.body["param"] == param  # type: ignore[index]


class TestRun:
    def test_asks_for_the_scope_of_evaluations(self, client: openai.OpenAI, alice: Person) -> None:
        for scopes, status in ((["train"], 200), (["serve"], 403)):
            ApiKey.objects.filter(pk=alice.key.pk).update(scopes=scopes)
            asked = {"grader": CHECK, "model_sample": "four", "item": {"answer": "four"}}
            reply = httpx.post(
                f"{client.base_url}fine_tuning/alpha/graders/run", json=asked, headers=client.auth_headers
            )
            assert reply.status_code == status, scopes

    def test_without_a_judge(self, client: openai.OpenAI) -> None:
        found = client.fine_tuning.alpha.graders.run(grader=CHECK, model_sample="四", item={"answer": "四"})  # type: ignore[arg-type]
        assert (found.reward, found.sub_rewards, found.metadata.scores) == (1.0, {}, {"same": 1.0})
        assert (found.metadata.type, found.metadata.name, found.metadata.token_usage) == ("string_check", "same", None)
        assert not any(found.metadata.errors.to_dict().values())

    def test_a_judge_is_asked_as_the_callers_question(
        self, client: openai.OpenAI, judge: TunedModel, engine: FakeReplica, alice: Person
    ) -> None:
        engine.says = "Very kind. Score: 4"
        found = client.fine_tuning.alpha.graders.run(
            grader=scored(judge.name), model_sample="你好", item={"who": "Bob"}
        )
        assert (found.reward, found.metadata.sampled_model_name, found.metadata.token_usage) == (4.0, judge.name, 8)
        assert found.api_model_grader_token_usage_per_model[judge.name] == {
            "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "cached_tokens": 0,
        }  # fmt: skip
        [asked] = engine.requests
        assert (asked["temperature"], asked["max_completion_tokens"]) == (0, grader_runs.MOST_TOKENS)
        assert asked["messages"][0]["content"].startswith("Is 你好 kind to Bob?\n\nSay in a few words why")
        row = until(Usage.objects.first)
        assert (row.team, row.model, row.outcome, row.api_key) == (alice.team, judge.name, "answered", alice.key)

    def test_parts_of_a_multi_grader_are_told_apart(
        self, client: openai.OpenAI, judge: TunedModel, engine: FakeReplica
    ) -> None:
        engine.says = '{"result": 3}'
        grader: Any = {
            "type": "multi", "name": "both", "graders": {"same": CHECK, "kind": scored("tiny")},
            "calculate_output": "same + kind / 5",
        }  # fmt: skip
        found = client.fine_tuning.alpha.graders.run(grader=grader, model_sample="a", item={"answer": "a", "who": "me"})
        assert (found.reward, found.sub_rewards) == (1.6, {"same": 1.0, "kind": 3.0})

    @pytest.mark.parametrize(("grader", "flag"), [
        (CHECK, "invalid_variable_error"),
        (ALIKE, "sample_parse_error"),
        (scored("tiny", input=[{"role": "user", "content": "?"}]), "model_grader_parse_error"),
        (
            {"type": "multi", "name": "m", "graders": {"a": CHECK | {"reference": ""}}, "calculate_output": "1 / a"},
            "formula_parse_error",
        ),
    ])  # fmt: skip
    def test_what_went_wrong_has_openais_name(
        self, client: openai.OpenAI, judge: TunedModel, grader: Any, flag: str
    ) -> None:
        found = client.fine_tuning.alpha.graders.run(grader=grader, model_sample="Rome")
        said = found.metadata.errors.to_dict()
        assert (found.reward, [name for name, value in said.items() if value]) == (0.0, [flag])

    def test_a_reply_that_was_cut_off_says_so(
        self, client: openai.OpenAI, judge: TunedModel, engine: FakeReplica
    ) -> None:
        engine.is_cut = True
        grader = scored(
            "tiny", input=[{"role": "assistant", "content": "Hm."}], sampling_params={"max_completions_tokens": 9}
        )
        found = client.fine_tuning.alpha.graders.run(grader=grader, model_sample="")
        assert found.metadata.errors.truncated_observation_error
        assert engine.requests[0]["max_completion_tokens"] == 9
        assert [one["role"] for one in engine.requests[0]["messages"]] == ["assistant", "user"]

    def test_a_judge_that_refuses_answers_in_its_own_words(
        self, client: openai.OpenAI, judge: TunedModel, engine: FakeReplica
    ) -> None:
        engine.refuse = RequestError(message("prompt_empty"), param="prompt").to_json()
        with pytest.raises(openai.BadRequestError, match="The prompt is empty"):
            client.fine_tuning.alpha.graders.run(grader=scored("tiny"), model_sample="", item={"who": ""})

    def test_ends_in_time(
        self, client: openai.OpenAI, judge: TunedModel, engine: FakeReplica, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine.pause = 5
        monkeypatch.setattr(grader_runs, "LONGEST_SECONDS", 0.2)
        with pytest.raises(openai.InternalServerError) as late:
            client.fine_tuning.alpha.graders.run(grader=scored("tiny"), model_sample="", item={"who": ""})
        assert (late.value.status_code, late.value.code) == (504, "grader_run_too_long")

    def test_texts_that_take_too_long_to_compare_are_refused(self, client: openai.OpenAI) -> None:
        grader: Any = ALIKE | {"input": "{{ sample.output_text }}"}
        with pytest.raises(openai.BadRequestError, match="8,000 characters"):
            client.fine_tuning.alpha.graders.run(grader=grader, model_sample="a" * 8_001)

    def test_another_teams_model_judges_nothing(self, platform: Server, judge: TunedModel, engine: FakeReplica) -> None:
        body = {"grader": scored(judge.name), "model_sample": "", "item": {"who": ""}}
        headers = {"authorization": f"Bearer {make_person('Bob').secret}"}
        reply = httpx.post(f"{platform.url}/{URL}/run", json=body, headers=headers)
        assert (reply.status_code, reply.json()["error"]["param"], engine.requests) == (404, "grader.model", [])

    def test_is_for_whoever_has_a_key(self, platform: Server) -> None:
        body = {"grader": CHECK, "model_sample": ""}
        assert httpx.post(f"{platform.url}/{URL}/run", json=body).json()["error"]["code"] == "invalid_api_key"
        assert httpx.get(f"{platform.url}/{URL}/run").headers["allow"] == "POST"

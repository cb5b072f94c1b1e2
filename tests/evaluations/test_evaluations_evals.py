"""OpenAI's evals by its own SDK: made once, run on one model after another, and refused by name where that is so."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from django.db import transaction

from console.asgi import application
from evaluations.models import Eval, EvalRun, Evaluation
from jobs.models import TunedModel
from tests.deployments.deployments_cast import Server
from tests.evaluations.evaluation_makers import FakeProcess
from tests.jobs.conftest import Member

pytestmark = pytest.mark.django_db(transaction=True)
SCHEMA = {"type": "object", "properties": {"ask": {"type": "string"}, "say": {"type": "string"}}, "required": ["ask"]}
CONFIG = {"type": "custom", "item_schema": SCHEMA, "include_sample_schema": True}
LIKE = {
    "type": "string_check", "name": "says it", "input": "{{ sample.output_text }}", "reference": "{{ item.say }}",
    "operation": "like",
}  # fmt: skip
NEAR = {
    "type": "text_similarity", "name": "near", "input": "{{sample.output_text}}", "reference": "{{item.say}}",
    "evaluation_metric": "fuzzy_match", "pass_threshold": 0.5,
}  # fmt: skip
ITEMS = [{"ask": "Who are you?", "say": "Xiaozhi"}, {"ask": "What is 2 + 2?", "say": "4"}]
TEMPLATE = [{"role": "developer", "content": "Be short."}, {"role": "user", "content": "{{ item.ask }}"}]


@pytest.fixture(scope="module")
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture
def client(platform: Server, alice: Member) -> openai.OpenAI:
    key = alice.client._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    return openai.OpenAI(base_url=f"{platform.url}/v1", api_key=key, max_retries=0, _strict_response_validation=True)


def source(model: str, items: list[Any] = ITEMS, **changes: Any) -> Any:
    content = [{"item": item} for item in items]
    asked = {
        "type": "completions", "model": model, "source": {"type": "file_content", "content": content},
        "input_messages": {"type": "template", "template": TEMPLATE},
    }  # fmt: skip
    return {**asked, **changes}


def made(client: openai.OpenAI, *criteria: Any, **changes: Any) -> Any:
    asked = {"name": "names", "data_source_config": CONFIG, "testing_criteria": list(criteria or (LIKE, NEAR))}
    return client.evals.create(**{**asked, **changes})


def answered(run: Any, says: dict[str, str]) -> None:
    """Do what the process does."""
    process = FakeProcess(Evaluation.objects.get(eval_run=run.id)).start()
    process.answer(lambda model, question: says[question["messages"][-1]["content"]]).end("succeeded")


class TestJourney:
    def test_one_eval_is_run_on_one_model_after_another(self, client: Any, tuned: TunedModel) -> None:
        found = made(client, metadata={"for": "tests"})
        assert client.evals.retrieve(found.id).testing_criteria[1].pass_threshold == 0.5
        assert found.data_source_config.schema_["required"] == ["item", "sample"]
        runs = [
            client.evals.runs.create(found.id, name=name, data_source=source(name)) for name in ("tiny", tuned.name)
        ]
        assert [run.status for run in runs] == ["queued", "queued"]
        answered(runs[0], {"Who are you?": "I am Tiny.", "What is 2 + 2?": "4"})
        answered(runs[1], {"Who are you?": "Xiaozhi", "What is 2 + 2?": "4"})
        base, model = [client.evals.runs.retrieve(run.id, eval_id=found.id) for run in runs]
        assert (base.status, base.result_counts.passed, base.result_counts.failed) == ("completed", 1, 1)
        assert (model.result_counts.passed, model.result_counts.total) == (2, 2)
        assert [(one.testing_criteria, one.passed) for one in base.per_testing_criteria_results] == [
            ("says it", 1), ("near", 1),
        ]  # fmt: skip
        assert model.per_model_usage[0].total_tokens == 20
        items = list(client.evals.runs.output_items.list(runs[0].id, eval_id=found.id, limit=1))
        assert [(one.status, one.datasource_item["say"]) for one in items] == [("fail", "Xiaozhi"), ("pass", "4")]
        assert [one.role for one in items[0].sample.input] == ["system", "user"]
        assert items[0].sample.output[0].content == "I am Tiny."
        assert {one.name: one.passed for one in items[1].results} == {"says it": True, "near": True}
        [failed] = client.evals.runs.output_items.list(runs[0].id, eval_id=found.id, status="fail")
        shown = client.evals.runs.output_items.retrieve(failed.id, eval_id=found.id, run_id=runs[0].id)
        assert shown.to_dict() == failed.to_dict()

    def test_lists_changes_and_deletes(self, client: Any, alice: Member) -> None:
        ids = [made(client, LIKE, name=f"eval {n}").id for n in range(3)]
        assert [one.id for one in client.evals.list(limit=2)] == ids
        assert [one.id for one in client.evals.list(order="desc")] == ids[::-1]
        assert client.evals.update(ids[0], name="other", metadata={"a": "b"}).name == "other"
        run = client.evals.runs.create(ids[0], data_source=source("tiny"))
        assert [one.id for one in client.evals.runs.list(ids[0], status="queued")] == [run.id]
        with pytest.raises(openai.ConflictError, match="has not ended"):
            client.evals.delete(ids[0])
        client.evals.runs.cancel(run.id, eval_id=ids[0])
        with transaction.atomic():
            Evaluation.objects.update(state="cancelled")
        assert client.evals.runs.retrieve(run.id, eval_id=ids[0]).status == "canceled"
        assert client.evals.runs.delete(run.id, eval_id=ids[0]).deleted
        assert client.evals.delete(ids[0]).deleted
        assert (Eval.objects.count(), EvalRun.objects.count(), Evaluation.objects.count()) == (2, 0, 0)

    def test_items_of_a_file_and_messages_of_an_item(self, client: Any, platform: Server) -> None:
        said = [{"role": "user", "content": "Who is {{ item.ask }}?"}]
        content = "\n".join(json.dumps({"item": {**item, "said": said}}) for item in ITEMS).encode()
        lenient = client.with_options()
        lenient._strict_response_validation = False  # OpenAI's own type of a file lacks the purpose that it takes
        file = lenient.files.create(file=("items.jsonl", content), purpose="evals")
        asked = source(
            "tiny",
            source={"type": "file_id", "id": file.id},
            input_messages={"type": "item_reference", "item_reference": "item.said"},
        )
        run = client.evals.runs.create(made(client).id, data_source=asked)
        [first, _] = Evaluation.objects.get(eval_run=run.id).prompts
        assert first["messages"] == said  # as it stands: nobody's template


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "param"),
        [
            ({"data_source_config": {"type": "logs"}}, "data_source_config.type"),
            ({"data_source_config": {"type": "stored_completions"}}, "data_source_config.type"),
            ({"data_source_config": {**CONFIG, "item_schema": {"type": 7}}}, "data_source_config.item_schema"),
            (
                {"data_source_config": {**CONFIG, "item_schema": {"properties": {"a": {"pattern": "(a+)+$"}}}}},
                "data_source_config.item_schema",
            ),
            ({"testing_criteria": [{"type": "python", "name": "p", "source": "1"}]}, "testing_criteria[0].type"),
            ({"testing_criteria": [{**NEAR, "pass_threshold": None}]}, "testing_criteria[0].pass_threshold"),
            ({"testing_criteria": [{**LIKE, "operation": "about"}]}, "testing_criteria[0].operation"),
        ],
    )
    def test_of_an_eval(self, client: Any, changes: dict[str, Any], param: str) -> None:
        with pytest.raises(openai.BadRequestError) as refused:
            made(client, **changes)
        assert refused.value.param == param

    @pytest.mark.parametrize(
        ("changes", "param"),
        [
            ({"type": "responses"}, "data_source.type"),
            ({"source": {"type": "stored_completions"}}, "data_source.source.type"),
            ({"source": {"type": "file_content", "content": []}}, "data_source.source"),
            ({"source": {"type": "file_content", "content": [{"item": {"ask": 1}}]}}, "data_source.source"),
            ({"sampling_params": {"temperature": 1}}, "data_source.sampling_params.temperature"),
            ({"sampling_params": {"seed": 1}}, "data_source.sampling_params.seed"),
            ({"sampling_params": {"tools": []}}, "data_source.sampling_params.tools"),
            ({"input_messages": {"type": "template", "template": []}}, "data_source.input_messages"),
            (
                {"input_messages": {"type": "template", "template": [{"role": "user", "content": "{{ item.no }}"}]}},
                "data_source.input_messages",
            ),
        ],
    )
    def test_of_a_run(self, client: Any, base: Any, changes: dict[str, Any], param: str) -> None:
        found = made(client)
        with pytest.raises(openai.BadRequestError) as refused:
            client.evals.runs.create(found.id, data_source=source("tiny", **changes))
        assert refused.value.param == param
        assert not Evaluation.objects.exists()

    def test_of_what_is_another_teams(self, client: Any, charlie: Member) -> None:
        found = made(client, LIKE)
        assert charlie.client.get(f"/v1/evals/{found.id}").status_code == 404
        body = {"data_source": source("tiny")}
        assert charlie.client.post(f"/v1/evals/{found.id}/runs", body, format="json").status_code == 404

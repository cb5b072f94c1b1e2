"""OpenAI's /v1/evals: graders and a form of items, run on one model after another."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from common.answers import ListObject, answers
from common.api import listed, one_page
from common.errors import NotFound
from common.fields import Checked, CheckedText, PairsField
from common.idempotency import idempotent
from common.keysets import beyond
from common.reads import Body, Query, body_of, query_of, reads, require_no_body
from evaluations import evals
from evaluations.messages import message
from evaluations.models import Eval, EvalRun, Sample
from evaluations.web.evals_wire import (
    STATUSES,
    DeletedEval,
    DeletedRun,
    EvalObject,
    EvalRunObject,
    OutputItem,
    Tally,
    eval_json,
    item_json,
    run_json,
    tallies_of,
)
from jobs.services import LONGEST_KEY, LONGEST_VALUE, MOST_PAIRS

_OPTION: dict[str, Any] = {"required": False, "allow_null": True}
_STATES = {word: state for state, word in STATUSES.items()}


def _metadata() -> PairsField:
    text = serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=LONGEST_VALUE)
    return PairsField(child=text, most=MOST_PAIRS, longest_key=LONGEST_KEY, **_OPTION)


class DataSourceConfigField(serializers.Serializer[Any]):
    """The form of the items; logs and stored completions are not offered."""

    type = CheckedText(serializers.ChoiceField(choices=["custom"]), most=100)
    item_schema = serializers.DictField(child=serializers.JSONField(allow_null=True), required=False)
    include_sample_schema = serializers.BooleanField(**_OPTION)


class SamplingParams(serializers.Serializer[Any]):
    """How long an answer may be; what would make it random is refused."""

    max_completion_tokens = serializers.IntegerField(min_value=1, max_value=evals.MAX_TOKENS, **_OPTION)
    temperature = Checked(serializers.ChoiceField(choices=[0]), read=serializers.FloatField(), **_OPTION)
    top_p = Checked(serializers.ChoiceField(choices=[1]), read=serializers.FloatField(), **_OPTION)
    seed = serializers.ChoiceField(choices=(), **_OPTION)
    response_format = serializers.ChoiceField(choices=(), **_OPTION)
    reasoning_effort = serializers.ChoiceField(choices=(), **_OPTION)
    tools = serializers.ChoiceField(choices=(), **_OPTION)


class Source(serializers.Serializer[Any]):
    """The items: sent along, or in a file with the purpose evals."""

    type = CheckedText(serializers.ChoiceField(choices=["file_content", "file_id"]), most=100)
    id = serializers.CharField(max_length=60, required=False)
    content = serializers.ListField(
        child=serializers.DictField(child=serializers.JSONField(allow_null=True)),
        required=False,
        max_length=evals.MOST_ITEMS,
    )


class DataSource(serializers.Serializer[Any]):
    """Who is asked what."""

    type = CheckedText(serializers.ChoiceField(choices=["completions"]), most=100)
    source = Source(required=False)  # type: ignore[assignment]  # DRF takes it out of the class
    model = serializers.CharField(max_length=300, required=False)
    input_messages = serializers.DictField(child=serializers.JSONField(allow_null=True), required=False)
    """{"type": "template", "template": [messages]} or {"type": "item_reference", "item_reference": "item.…"}."""
    sampling_params = SamplingParams(**_OPTION)


class NewEval(Body):
    """A form of items, and the graders of answers."""

    data_source_config = DataSourceConfigField()
    testing_criteria = serializers.ListField(
        child=serializers.DictField(child=serializers.JSONField(allow_null=True)), min_length=1, max_length=10
    )
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    metadata = _metadata()

    example = {
        "name": "knows its name",
        "data_source_config": {"type": "custom", "item_schema": {"type": "object", "required": ["question"]}},
        "testing_criteria": [
            {
                "type": "string_check",
                "name": "says it",
                "input": "{{ sample.output_text }}",
                "reference": "小智",
                "operation": "like",
            }
        ],
    }


class ChangedEval(Body):
    """What is not sent stays as it is."""

    name = serializers.CharField(max_length=200, required=False)
    metadata = _metadata()

    example = {"name": "knows its name"}


class NewRun(Body):
    """A model, and the items that it is asked about."""

    data_source = DataSource()
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    metadata = _metadata()

    example = {
        "data_source": {
            "type": "completions",
            "model": "ft:smollm2-135m-instruct:team:xiaozhi:AbCd1234",
            "source": {"type": "file_content", "content": [{"item": {"question": "你是谁？"}}]},
            "input_messages": {"type": "template", "template": [{"role": "user", "content": "{{ item.question }}"}]},
        }
    }


class _Page(Query):
    after = serializers.CharField(required=False, max_length=80)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)
    order = serializers.ChoiceField(choices=["asc", "desc"], default="asc")


class EvalPage(_Page):
    order_by = serializers.ChoiceField(choices=["created_at"], default="created_at")


class RunPage(_Page):
    status = serializers.ChoiceField(choices=list(_STATES), required=False)


class ItemPage(_Page):
    status = serializers.ChoiceField(choices=["pass", "fail"], required=False)


class Evals(APIView):
    """GET, POST /v1/evals"""

    @answers(ListObject[EvalObject])
    @reads(query=EvalPage)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = Eval.objects.visible_to(team_of(request))
        last = (
            evals.get_eval(team=team_of(request), eval_id=asked["after"], param="after") if "after" in asked else None
        )
        return one_page(_from(found, last, asked["order"]), asked["limit"], eval_json)

    @answers(EvalObject, status=201)
    @reads(NewEval)
    def post(self, request: Request) -> Response:
        asked = body_of(request)

        def create() -> Response:
            made = evals.create_eval(team=team_of(request), by=user_of(request), **asked)
            return Response(eval_json(made), status=201)

        return idempotent(request, create)


class OneEval(APIView):
    """GET, POST, DELETE /v1/evals/{id}"""

    @answers(EvalObject)
    def get(self, request: Request, eval_id: str) -> Response:
        return Response(eval_json(_eval(request, eval_id)))

    @answers(EvalObject)
    @reads(ChangedEval)
    def post(self, request: Request, eval_id: str) -> Response:
        asked = body_of(request)
        found = _eval(request, eval_id)
        by, name, metadata = user_of(request), asked.get("name"), asked.get("metadata")

        def change() -> Response:
            return Response(eval_json(evals.change_eval(found=found, by=by, name=name, metadata=metadata)))

        return idempotent(request, change)

    @answers(DeletedEval)
    @reads()
    def delete(self, request: Request, eval_id: str) -> Response:
        require_no_body(request)
        evals.delete_eval(found=_eval(request, eval_id), by=user_of(request))
        return Response({"object": "eval.deleted", "deleted": True, "eval_id": eval_id})


class Runs(APIView):
    """GET, POST /v1/evals/{id}/runs"""

    @answers(ListObject[EvalRunObject])
    @reads(query=RunPage)
    def get(self, request: Request, eval_id: str) -> Response:
        asked, found = query_of(request), _eval(request, eval_id)
        runs = found.runs.select_related("eval", "evaluation")
        if "status" in asked:
            runs = runs.filter(evaluation__state=_STATES[asked["status"]])
        last = evals.get_run(found=found, run_id=asked["after"], param="after") if "after" in asked else None
        rows = list(_from(runs, last, asked["order"])[: asked["limit"] + 1])
        shown, tallies = rows[: asked["limit"]], tallies_of(rows)
        data = [run_json(run, tallies.get(run.evaluation_id) or Tally()) for run in shown]
        return listed(data, has_more=len(rows) > len(shown))

    @answers(EvalRunObject, status=201)
    @reads(NewRun)
    def post(self, request: Request, eval_id: str) -> Response:
        asked, found = body_of(request), _eval(request, eval_id)

        def create() -> Response:
            made = evals.create_run(found=found, by=user_of(request), **asked)
            return Response(_run_json(made), status=201)

        return idempotent(request, create)


class OneRun(APIView):
    """GET, DELETE /v1/evals/{id}/runs/{run}; POST cancels it, as OpenAI's reference has it"""

    @answers(EvalRunObject)
    def get(self, request: Request, eval_id: str, run_id: str) -> Response:
        return Response(_run_json(_run(request, eval_id, run_id)))

    @answers(EvalRunObject)
    @reads()
    def post(self, request: Request, eval_id: str, run_id: str) -> Response:
        require_no_body(request)
        return _cancelled(request, _run(request, eval_id, run_id))

    @answers(DeletedRun)
    @reads()
    def delete(self, request: Request, eval_id: str, run_id: str) -> Response:
        require_no_body(request)
        evals.delete_run(run=_run(request, eval_id, run_id), by=user_of(request))
        return Response({"object": "eval.run.deleted", "deleted": True, "run_id": run_id})


class CancelRun(APIView):
    """POST /v1/evals/{id}/runs/{run}/cancel, as newer SDKs have it"""

    @answers(EvalRunObject)
    @reads()
    def post(self, request: Request, eval_id: str, run_id: str) -> Response:
        require_no_body(request)
        return _cancelled(request, _run(request, eval_id, run_id))


class Items(APIView):
    """GET /v1/evals/{id}/runs/{run}/output_items"""

    @answers(ListObject[OutputItem])
    @reads(query=ItemPage)
    def get(self, request: Request, eval_id: str, run_id: str) -> Response:
        asked, run = query_of(request), _run(request, eval_id, run_id)
        items = _items(run)  # there are at most MOST_ITEMS
        if asked["order"] == "desc":
            items.reverse()
        if "after" in asked:
            ids = [item["id"] for item in items]
            if asked["after"] not in ids:
                raise _no_item(asked["after"], "after")
            items = items[ids.index(asked["after"]) + 1 :]
        if "status" in asked:
            items = [item for item in items if item["status"] == asked["status"]]
        return listed(items[: asked["limit"]], has_more=len(items) > asked["limit"])


class OneItem(APIView):
    """GET /v1/evals/{id}/runs/{run}/output_items/{item}"""

    @answers(OutputItem)
    def get(self, request: Request, eval_id: str, run_id: str, item_id: str) -> Response:
        items = _items(_run(request, eval_id, run_id))
        item = next((one for one in items if one["id"] == item_id), None)
        if item is None:
            raise _no_item(item_id, "output_item_id")
        return Response(item)


def _cancelled(request: Request, run: EvalRun) -> Response:
    by = user_of(request)
    return idempotent(request, lambda: Response(_run_json(evals.cancel_run(run=run, by=by))))


def _items(run: EvalRun) -> list[OutputItem]:
    samples = Sample.objects.of(run.evaluation).select_related("question").order_by("question__number")
    return [item_json(run, sample.question, sample) for sample in samples]


def _no_item(item_id: str, param: str) -> NotFound:
    return NotFound(message("eval_item_not_found", id=item_id[:80]), code="output_item_not_found", param=param)


def _from(rows: Any, last: Any, order: str) -> Any:
    is_newest_first = order == "desc"
    if last is not None:
        rows = rows.filter(beyond(last.created_at, last.pk, newest_first=is_newest_first))
    return rows.order_by("-created_at", "-pk") if is_newest_first else rows.order_by("created_at", "pk")


def _run_json(run: EvalRun) -> EvalRunObject:
    return run_json(run, tallies_of([run]).get(run.evaluation_id) or Tally())


def _eval(request: Request, eval_id: str) -> Eval:
    return evals.get_eval(team=team_of(request), eval_id=eval_id)


def _run(request: Request, eval_id: str, run_id: str) -> EvalRun:
    return evals.get_run(found=_eval(request, eval_id), run_id=run_id)

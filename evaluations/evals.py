"""OpenAI's evals: what is asked of models again and again, and its runs, each an evaluation of one model."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from accounts.models import Team, User
from accounts.roles import require_own
from common.errors import NotFound, UserError
from common.texts import is_storable, sendable, storable
from datasets_app.services import get_file, open_file
from datasets_app.storage.counting import EVALS
from evaluations.messages import message
from evaluations.models import Eval, EvalRun
from evaluations.results.graders import check_graders
from evaluations.services import ask_items, cancel_evaluation, delete_evaluation, evaluate_items
from jobs.services import check_metadata
from scoring.errors import ScoringError
from scoring.graders.template import Template, parse_template
from scoring.measures.structured import fits
from wording import as_written

MOST_ITEMS = 200
MOST_BYTES = 8 * 2**20
"""Of a file of items."""
MAX_TOKENS = 1024
"""Of an answer, at most; 256 where nobody says."""
CRITERIA = ("string_check", "text_similarity")
UNCHECKED = ("pattern", "patternProperties", "format")
"""Keywords of JSON Schema that may take for ever, or mean nothing here."""
ROLES = ("user", "assistant", "system", "developer")
Message = dict[str, str]


@transaction.atomic
def create_eval(
    *,
    team: Team,
    by: User | None,
    data_source_config: Mapping[str, Any],
    testing_criteria: Sequence[Mapping[str, Any]],
    name: str = "",
    metadata: dict[str, str] | None = None,
) -> Eval:
    """Store an eval; UserError names what cannot be had of it."""
    kind = data_source_config.get("type")
    if kind != "custom":
        said = message("eval_source_unsupported", type=sendable(str(kind)), known="custom")
        raise UserError(said, code="unsupported_value", param="data_source_config.type")
    schema = data_source_config.get("item_schema")
    _check_schema(schema)
    for number, grader in enumerate(testing_criteria):
        if grader.get("type") not in CRITERIA:
            given = {"name": sendable(str(grader.get("name"))), "type": sendable(str(grader.get("type")))}
            said = message("eval_criterion_unsupported", **given)
            raise UserError(said, code="unsupported_value", param=f"testing_criteria[{number}].type")
        if grader["type"] == "text_similarity" and grader.get("pass_threshold") is None:
            said = message("eval_threshold_missing", name=sendable(str(grader.get("name"))))
            raise UserError(said, code="missing_required_parameter", param=f"testing_criteria[{number}].pass_threshold")
    try:
        criteria = check_graders(testing_criteria)
    except UserError as error:
        error.param = (error.param or "graders").replace("graders", "testing_criteria", 1)
        raise
    return Eval.objects.create(
        team=team,
        created_by=by,
        name=name.strip() or "eval",
        item_schema=schema,
        shows_sample=bool(data_source_config.get("include_sample_schema")),
        criteria=criteria,
        metadata=check_metadata(metadata),
    )


def get_eval(*, team: Team, eval_id: str, param: str = "eval_id") -> Eval:
    """Return an eval of `team`; NotFound for everybody else's."""
    found = Eval.objects.visible_to(team).filter(pk=eval_id).first() if is_storable(eval_id) else None
    if found is None:
        raise NotFound(message("eval_not_found", id=sendable(eval_id)[:60]), code="eval_not_found", param=param)
    return found


@transaction.atomic
def change_eval(*, found: Eval, by: User | None, name: str | None, metadata: dict[str, str] | None) -> Eval:
    """Rename an eval, or give it other metadata; None leaves either as it is."""
    require_own(by=by, team=found.team, author_id=found.created_by_id)
    if name is not None and name.strip():
        found.name = name.strip()
    if metadata is not None:
        found.metadata = check_metadata(metadata)
    found.save(update_fields=["name", "metadata"])
    return found


@transaction.atomic
def delete_eval(*, found: Eval, by: User | None) -> None:
    """Delete an eval with its runs, none of which may be under way."""
    require_own(by=by, team=found.team, author_id=found.created_by_id)
    runs = list(found.runs.select_related("evaluation__team"))
    if any(not run.evaluation.is_finished for run in runs):
        raise UserError(message("eval_has_runs"), code="eval_has_runs", status=409)
    for run in runs:
        delete_evaluation(evaluation=run.evaluation, by=None)
    found.delete()


@transaction.atomic
def create_run(
    *,
    found: Eval,
    by: User | None,
    data_source: Mapping[str, Any],
    name: str = "",
    metadata: dict[str, str] | None = None,
) -> EvalRun:
    """Have a model answer the items of a source; UserError says what is wrong with an item, or not offered."""
    kind = data_source.get("type")
    if kind != "completions":
        said = message("eval_source_unsupported", type=sendable(str(kind)), known="completions")
        raise UserError(said, code="unsupported_value", param="data_source.type")
    max_tokens = _max_tokens(data_source.get("sampling_params") or {})
    items = _items(found.team, data_source.get("source") or {})
    _check_items(found, items)
    prompts = [{"messages": _messages(data_source.get("input_messages") or {}, item), "item": item} for item in items]
    model = str(data_source.get("model") or "")
    evaluation = evaluate_items(
        team=found.team,
        by=by,
        model=model,
        prompts=prompts,
        graders=found.criteria,
        name=(name.strip() or f"{found.name} · {model}")[:200],
    )
    run = EvalRun.objects.create(
        eval=found,
        evaluation=evaluation,
        data_source=dict(data_source),
        max_tokens=max_tokens,
        metadata=check_metadata(metadata),
    )
    ask_items(evaluation)
    return run


def get_run(*, found: Eval, run_id: str, param: str = "run_id") -> EvalRun:
    """Return a run of an eval; NotFound for any other."""
    runs = found.runs.select_related("eval", "evaluation__team", "evaluation__run")
    run = runs.filter(pk=run_id).first() if is_storable(run_id) else None
    if run is None:
        raise NotFound(message("eval_run_not_found", id=sendable(run_id)[:60]), code="run_not_found", param=param)
    return run


def cancel_run(*, run: EvalRun, by: User | None) -> EvalRun:
    """Have it stop; the answers that it has stay."""
    run.evaluation = cancel_evaluation(evaluation=run.evaluation, by=by)
    return run


def delete_run(*, run: EvalRun, by: User | None) -> None:
    """Delete an ended run with its answers."""
    delete_evaluation(evaluation=run.evaluation, by=by)


def _check_schema(schema: Any) -> None:
    if used := _keywords(schema) & set(UNCHECKED):
        said = message("eval_schema_keyword", name=min(used))
        raise UserError(said, code="unsupported_value", param="data_source_config.item_schema")
    try:
        fits(schema)
    except ScoringError as error:
        said = message("eval_schema_invalid", reason=error.message)
        raise UserError(said, code="invalid_value", param="data_source_config.item_schema") from None


def _keywords(schema: Any) -> set[str]:
    """Return the keys of a schema, of all that is in it but the names of properties."""
    if isinstance(schema, list):
        return {key for part in schema for key in _keywords(part)}
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for key, part in schema.items():
        parts = list(part.values()) if key == "properties" and isinstance(part, dict) else [part]
        found |= _keywords(parts)
    return found


def _items(team: Team, source: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = source.get("type")
    if kind == "file_content":
        rows = source.get("content")
        return [_item(row, number) for number, row in enumerate(rows if isinstance(rows, list) else [], 1)]
    if kind == "file_id":
        return _items_of_file(team, str(source.get("id") or ""))
    known = "file_content, file_id"
    said = message("eval_source_unsupported", type=sendable(str(kind)), known=known)
    raise UserError(said, code="unsupported_value", param="data_source.source.type")


def _items_of_file(team: Team, file_id: str) -> list[dict[str, Any]]:
    file = get_file(team=team, file_id=file_id)
    if file.purpose != EVALS or file.bytes > MOST_BYTES:
        said = message("eval_file_purpose", filename=file.filename, purpose=file.purpose)
        raise UserError(said, code="invalid_file_purpose", param="data_source.source.id")
    found = []
    with open_file(file) as stream:
        for line, content in enumerate(stream.read(MOST_BYTES).splitlines(), 1):
            if content.strip():
                found.append(_item(_parsed(content, line), line))
    return found


def _parsed(content: bytes, line: int) -> Any:
    try:
        return storable(json.loads(content))
    except (ValueError, RecursionError):
        said = message("eval_item_no_object", line=line)
        raise UserError(said, code="invalid_json", param="data_source.source.id") from None


def _item(row: Any, number: int) -> dict[str, Any]:
    if not isinstance(row, dict) or not isinstance(row.get("item"), dict):
        said = message("eval_item_no_object", line=number)
        raise UserError(said, code="invalid_value", param="data_source.source")
    if row.get("sample"):
        said = message("eval_item_with_sample", number=number)
        raise UserError(said, code="unsupported_value", param="data_source.source")
    return dict(row["item"])


def _check_items(found: Eval, items: list[dict[str, Any]]) -> None:
    if not 1 <= len(items) <= MOST_ITEMS:
        raise UserError(message("eval_items_number", most=MOST_ITEMS), code="invalid_value", param="data_source.source")
    fit = fits(found.item_schema)
    for number, item in enumerate(items, 1):
        if not fit(json.dumps(item), ""):
            said = message("eval_item_unfit", number=number)
            raise UserError(said, code="invalid_value", param="data_source.source")


def _messages(asked: Mapping[str, Any], item: dict[str, Any]) -> list[Message]:
    """Return what the model is asked about an item."""
    param = "data_source.input_messages"
    try:
        if asked.get("type") == "item_reference":
            rows = json.loads(Template("", (_way(asked),)).render(item=item, sample={}))
            return [_message(row, None) for row in rows] if isinstance(rows, list) and rows else _none("item_reference")
        template = asked.get("template")
        if asked.get("type") != "template" or not isinstance(template, list) or not template:
            _none(sendable(str(asked.get("type"))))
        return [_message(row, item) for row in template or ()]
    except (ScoringError, ValueError) as error:
        said = message("eval_template_empty", reason=as_written(error))
        raise UserError(said, code="invalid_value", param=param) from None


def _way(asked: Mapping[str, Any]) -> tuple[str, ...]:
    read = parse_template(f"{{{{ {asked.get('item_reference')} }}}}", field="input_messages.item_reference")
    [way] = [part for part in read.parts if isinstance(part, tuple)]
    return way


def _none(what: str) -> list[Message]:
    raise ValueError(what)


def _message(row: Any, item: dict[str, Any] | None) -> Message:
    """Return one message; without an item it stands as it is."""
    role = row.get("role") if isinstance(row, dict) else None
    if role not in ROLES:
        _none(sendable(str(role)))
    role = "system" if role == "developer" else role
    content = row.get("content")
    if isinstance(content, dict):
        if content.get("type") not in ("input_text", "output_text"):
            said = message("eval_content_unsupported", type=sendable(str(content.get("type"))))
            raise UserError(said, code="unsupported_value", param="data_source.input_messages")
        content = content.get("text")
    if item is None and isinstance(content, str):
        return {"role": str(role), "content": content}
    text = parse_template(content, field="input_messages.template").render(item=item or {}, sample={})
    return {"role": str(role), "content": text}


def _max_tokens(params: Mapping[str, Any]) -> int:
    """Return the longest answer; UserError names what an evaluation, which is greedy, cannot do."""
    greedy = {"temperature": (0, None), "top_p": (1, None), "seed": (None,)}
    for name, value in params.items():
        if name in greedy and value not in greedy[name]:
            said = message("eval_sampling_unsupported", name=name)
            raise UserError(said, code="unsupported_value", param=f"data_source.sampling_params.{name}")
        if name not in (*greedy, "max_completion_tokens") and value is not None:
            said = message("eval_option_unsupported", name=sendable(name))
            raise UserError(said, code="unsupported_value", param=f"data_source.sampling_params.{sendable(name)}")
    return int(params.get("max_completion_tokens") or 256)

"""What the platform does with data sets beyond OpenAI's API: rows, faults, tokens, repairs, versions, parts."""

import itertools
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from catalogue.services import get_model
from chat import ChatError, SystemChoice
from common.answers import ListObject, answers
from common.api import listed
from common.errors import UserError
from common.idempotency import idempotent
from common.reads import body_of, query_of, reads
from datasets_app import services
from datasets_app.checking.fault_list import FaultObject
from datasets_app.messages import message
from datasets_app.shapes.examples import ExampleObject
from datasets_app.tokens.row_view import RowTokens
from datasets_app.tokens.statistics import TokenStatistics
from datasets_app.versions.repairs import repairs_for
from datasets_app.web.api import AnyAccept
from datasets_app.web.downloads import examples_response, faults_response
from datasets_app.web.requests import (
    Comparison,
    EditedRows,
    FaultList,
    FaultsContent,
    NewMixture,
    NewReading,
    NewRepair,
    NewRows,
    NewSplit,
    RowList,
    TokenQuery,
)
from datasets_app.web.version_wire import (
    DiffObject,
    OfferedRepair,
    RepairObject,
    SplitObject,
    diff_json,
    offer_json,
    repair_json,
    split_json,
)
from datasets_app.web.wire import (
    FaultGroupObject,
    FaultsObject,
    RowsObject,
    VersionObject,
    WholeFileObject,
    group_json,
    row_json,
    version_json,
    whole_file_json,
)


class WholeFileView(APIView):
    """GET /api/v1/files/{id}: OpenAI's file object with all that the check found"""

    @answers(WholeFileObject)
    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        return Response(whole_file_json(file))


class FaultsView(APIView):
    """GET /api/v1/files/{id}/faults?after=&limit=&kind=; `after` is the number of faults to pass over"""

    @answers(FaultsObject)
    @reads(query=FaultList)
    def get(self, request: Request, file_id: str) -> Response:
        asked = query_of(request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        every = services.all_faults(file, after=asked["after"], kind=asked["kind"])
        found = list(itertools.islice(every, asked["limit"] + 1))
        notes = (file.statistics or {}).get("num_notes", 0)
        has_more = len(found) > asked["limit"]
        return listed(found[: asked["limit"]], has_more=has_more, num_faults=file.num_faults, num_notes=notes)


class FaultGroupsView(APIView):
    """GET /api/v1/files/{id}/faults/groups"""

    @answers(ListObject[FaultGroupObject])
    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        return listed(list(map(group_json, services.fault_groups(file))))


class FaultsContentView(APIView):
    """GET /api/v1/files/{id}/faults/content?format=jsonl|csv: every fault, to keep"""

    content_negotiation_class = AnyAccept

    @answers(None, streams={"application/jsonl": FaultObject, "text/csv": None})
    @reads(query=FaultsContent)
    def get(self, request: Request, file_id: str) -> StreamingHttpResponse:
        asked = query_of(request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        return faults_response(file, as_csv=asked["format"] == "csv")


class ExamplesView(APIView):
    """GET /api/v1/files/{id}/examples: every row as a line of JSON in OpenAI's words, of any format; lines of a text"""

    content_negotiation_class = AnyAccept

    @answers(None, streams={"application/jsonl": ExampleObject, "text/plain": None})
    def get(self, request: Request, file_id: str) -> StreamingHttpResponse:
        return examples_response(services.get_file(team=team_of(request), file_id=file_id))


class RowsView(APIView):
    """GET /api/v1/files/{id}/rows?offset=&limit=&search=&kind=; POST makes a version with rows at its end, PATCH
    one with some changed or removed"""

    @answers(RowsObject)
    @reads(query=RowList)
    def get(self, request: Request, file_id: str) -> Response:
        asked = query_of(request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        page = services.page_of_rows(file, **asked)
        rows = [row_json(row) for row in page.rows]
        has_more = page.next_offset is not None
        return listed(rows, has_more=has_more, total=page.total, next_offset=page.next_offset)

    @answers(WholeFileObject, status=201)
    @reads(NewRows)
    def post(self, request: Request, file_id: str) -> Response:
        asked = body_of(request)
        file = services.get_file(team=team_of(request), file_id=file_id)

        def create() -> Response:
            made = services.append_rows(file=file, by=user_of(request), **asked)
            return Response(whole_file_json(made), status=201)

        return idempotent(request, create)

    @answers(WholeFileObject, status=201)
    @reads(EditedRows)
    def patch(self, request: Request, file_id: str) -> Response:
        asked = body_of(request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        edits = {one["row"]: one["messages"] for one in asked["edits"]}

        def create() -> Response:
            made = services.edit_rows(file=file, edits=edits, by=user_of(request), reason=asked.get("reason", ""))
            return Response(whole_file_json(made), status=201)

        return idempotent(request, create)


class TokensView(APIView):
    """GET /api/v1/files/{id}/rows/{number}/tokens?model=&max_seq_len=&system_prompt="""

    @answers(RowTokens)
    @reads(query=TokenQuery)
    def get(self, request: Request, file_id: str, number: int) -> Response:
        team, asked = team_of(request), query_of(request)
        file = services.get_file(team=team, file_id=file_id)
        return Response(services.row_tokens(file=file, number=number, **_as_asked(asked)))


class StatisticsView(APIView):
    """GET /api/v1/files/{id}/statistics?model=&max_seq_len=&system_prompt="""

    @answers(TokenStatistics)
    @reads(query=TokenQuery)
    def get(self, request: Request, file_id: str) -> Response:
        team, asked = team_of(request), query_of(request)
        file = services.get_file(team=team, file_id=file_id)
        return Response(services.token_statistics(file=file, **_as_asked(asked)))


def _as_asked(asked: dict[str, Any]) -> dict[str, Any]:
    """Return base, system and max_seq_len of a TokenQuery."""
    text = asked.get("system_prompt")
    try:
        system = SystemChoice.parse(text) if text else None
    except ChatError as error:
        raise UserError(error.message, code=error.code, param="system_prompt") from None
    return {"base": get_model(asked["model"]), "system": system, "max_seq_len": asked.get("max_seq_len")}


class RepairsView(APIView):
    """GET /api/v1/files/{id}/repairs: what would help; POST: make a repaired version, or with "preview" only look"""

    @answers(ListObject[OfferedRepair])
    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        kinds = {group.kind for group in services.fault_groups(file)}
        return listed([offer_json(one) for one in repairs_for(kinds, has_good_rows=bool(file.num_rows))])

    @answers(RepairObject)
    @reads(NewRepair)
    def post(self, request: Request, file_id: str) -> Response:
        asked = body_of(request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        chosen = {"names": asked["repairs"], "values": asked["values"]}
        if asked["preview"]:
            preview = services.preview_repairs(file=file, **chosen)
            return Response(repair_json(None, preview.outcome, is_partial=preview.is_partial))
        made, outcome = services.repair_file(file=file, **chosen, by=user_of(request), reason=asked["reason"])
        return Response(repair_json(made, outcome))


class ReadingView(APIView):
    """POST /api/v1/files/{id}/reading: a version of the same bytes, read as the user says; the file itself where that
    changes no row, since unused keys are only left out"""

    @answers(WholeFileObject)
    @reads(NewReading)
    def post(self, request: Request, file_id: str) -> Response:
        asked = body_of(request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        reason = asked.pop("reason")
        if "unused" in asked:
            if len(asked) > 1:
                raise UserError(message("say_reading_first"), code="bad_answer", param="unused")
            answers = {"answers": asked["unused"], "by": user_of(request), "reason": reason}
            return Response(whole_file_json(services.answer_unused(file=file, **answers)))
        made = services.read_again(file=file, reading=asked, by=user_of(request), reason=reason)
        return Response(whole_file_json(made))


class SplitView(APIView):
    """POST /api/v1/files/{id}/split: {"shares": {"train": 0.8, "validation": 0.1, "test": 0.1}, "seed": 0}"""

    @answers(SplitObject)
    @reads(NewSplit)
    def post(self, request: Request, file_id: str) -> Response:
        asked = body_of(request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        made = services.split_file(file=file, shares=asked["shares"], seed=asked["seed"], by=user_of(request))
        return Response(split_json(made))


class MixView(APIView):
    """POST /api/v1/datasets/mix: {"parts": [{"file", "weight"}], "filename", "seed"}"""

    @answers(VersionObject)
    @reads(NewMixture)
    def post(self, request: Request) -> Response:
        asked = body_of(request)
        team = team_of(request)
        parts = [(services.get_file(team=team, file_id=part["file"]), part["weight"]) for part in asked["parts"]]
        name = services.safe_filename(asked["filename"])
        made = services.mix_files(parts=parts, filename=name, seed=asked["seed"], by=user_of(request))
        return Response(version_json(made))


class DiffView(APIView):
    """GET /api/v1/files/{id}/diff?against=OLDER: rows that only one of the two has"""

    @answers(DiffObject)
    @reads(query=Comparison)
    def get(self, request: Request, file_id: str) -> Response:
        team, asked = team_of(request), query_of(request)
        newer = services.get_file(team=team, file_id=file_id)
        older = services.get_file(team=team, file_id=asked["against"])
        found = services.difference(older=older, newer=newer)
        return Response(diff_json(found, newer=newer, older=older))


class VersionsView(APIView):
    """GET /api/v1/files/{id}/versions"""

    @answers(ListObject[VersionObject])
    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        return listed([version_json(version) for version in services.versions_of(file)])

"""What the platform does with data sets beyond OpenAI's API: rows, faults, tokens, repairs, versions, parts."""

import itertools
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from catalogue.services import get_model
from chat import ChatError, SystemChoice
from chat.system_choice import MAX_SYSTEM_CHARS
from common.answers import ListObject, answers
from common.api import body_of, listed, query_of
from common.errors import UserError
from datasets_app import services
from datasets_app.checking.fault_list import FaultObject
from datasets_app.messages import message
from datasets_app.shapes.examples import ExampleObject
from datasets_app.tokens.row_view import RowTokens
from datasets_app.tokens.statistics import TokenStatistics
from datasets_app.versions.repairs import repairs_for
from datasets_app.web.api import AnyAccept
from datasets_app.web.downloads import examples_response, faults_response
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

MOST_FAULTS = 1_000
MOST_ROWS = 100
FARTHEST = 2**53
"""No list here is that long."""


class FaultList(serializers.Serializer):
    after = serializers.IntegerField(default=0, min_value=0, max_value=FARTHEST)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MOST_FAULTS)
    code = serializers.CharField(default="", max_length=60, allow_blank=True)


class FaultsContent(serializers.Serializer):
    format = serializers.ChoiceField(choices=["jsonl", "csv"], default="jsonl")


class RowList(serializers.Serializer):
    offset = serializers.IntegerField(default=0, min_value=0, max_value=FARTHEST)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=MOST_ROWS)
    search = serializers.CharField(default="", max_length=200, allow_blank=True)
    code = serializers.CharField(default="", max_length=60, allow_blank=True)


class TokenQuery(serializers.Serializer):
    model = serializers.CharField(max_length=200)
    max_seq_len = serializers.IntegerField(required=False, min_value=8, max_value=1_000_000)
    system_prompt = serializers.CharField(required=False, max_length=MAX_SYSTEM_CHARS)
    """As a job's: "default", "none" or a text; left out, what a job uses by default."""


class WholeFileView(APIView):
    """GET /api/v1/files/{id}: OpenAI's file object with all that the check found"""

    @answers(WholeFileObject)
    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        return Response(whole_file_json(file))


class FaultsView(APIView):
    """GET /api/v1/files/{id}/faults?after=&limit=&code=; `after` is the number of faults to pass over"""

    @answers(FaultsObject)
    def get(self, request: Request, file_id: str) -> Response:
        asked = query_of(FaultList, request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        every = services.all_faults(file, after=asked["after"], code=asked["code"])
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
    def get(self, request: Request, file_id: str) -> StreamingHttpResponse:
        file = services.get_file(team=team_of(request), file_id=file_id)
        return faults_response(file, as_csv=query_of(FaultsContent, request)["format"] == "csv")


class ExamplesView(APIView):
    """GET /api/v1/files/{id}/examples: every row as a line of JSON in OpenAI's words, of any format; lines of a text"""

    content_negotiation_class = AnyAccept

    @answers(None, streams={"application/jsonl": ExampleObject, "text/plain": None})
    def get(self, request: Request, file_id: str) -> StreamingHttpResponse:
        return examples_response(services.get_file(team=team_of(request), file_id=file_id))


class RowsView(APIView):
    """GET /api/v1/files/{id}/rows?offset=&limit=&search=&code="""

    @answers(RowsObject)
    def get(self, request: Request, file_id: str) -> Response:
        asked = query_of(RowList, request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        page = services.page_of_rows(file, **asked)
        rows = [row_json(row) for row in page.rows]
        has_more = page.next_offset is not None
        return listed(rows, has_more=has_more, total=page.total, next_offset=page.next_offset)


class TokensView(APIView):
    """GET /api/v1/files/{id}/rows/{number}/tokens?model=&max_seq_len=&system_prompt="""

    @answers(RowTokens)
    def get(self, request: Request, file_id: str, number: int) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        asked = query_of(TokenQuery, request)
        return Response(services.row_tokens(file=file, number=number, **_as_asked(asked)))


class StatisticsView(APIView):
    """GET /api/v1/files/{id}/statistics?model=&max_seq_len=&system_prompt="""

    @answers(TokenStatistics)
    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        asked = query_of(TokenQuery, request)
        return Response(services.token_statistics(file=file, **_as_asked(asked)))


def _as_asked(asked: dict[str, Any]) -> dict[str, Any]:
    """Return base, system and max_seq_len of a TokenQuery."""
    text = asked.get("system_prompt")
    try:
        system = SystemChoice.parse(text) if text else None
    except ChatError as error:
        raise UserError(error.message, code=error.code, param="system_prompt") from None
    return {"base": get_model(asked["model"]), "system": system, "max_seq_len": asked.get("max_seq_len")}


class NewRepair(serializers.Serializer):
    repairs = serializers.ListField(child=serializers.CharField(max_length=60), min_length=1, max_length=20)
    values = serializers.DictField(child=serializers.CharField(max_length=500, allow_blank=True), default=dict)
    preview = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=300, default="", allow_blank=True)


class RepairsView(APIView):
    """GET /api/v1/files/{id}/repairs: what would help; POST: make a repaired version, or with "preview" only look"""

    @answers(ListObject[OfferedRepair])
    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        codes = {group.code for group in services.fault_groups(file)}
        return listed([offer_json(one) for one in repairs_for(codes, has_good_rows=bool(file.num_rows))])

    @answers(RepairObject)
    def post(self, request: Request, file_id: str) -> Response:
        asked = body_of(NewRepair, request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        chosen = {"names": asked["repairs"], "values": asked["values"]}
        if asked["preview"]:
            preview = services.preview_repairs(file=file, **chosen)
            return Response(repair_json(None, preview.outcome, is_partial=preview.is_partial))
        made, outcome = services.repair_file(file=file, **chosen, by=user_of(request), reason=asked["reason"])
        return Response(repair_json(made, outcome))


class NewReading(serializers.Serializer):
    format = serializers.CharField(max_length=40, required=False, allow_blank=True)
    shape = serializers.CharField(max_length=60, required=False, allow_blank=True)
    encoding = serializers.CharField(max_length=40, required=False, allow_blank=True)
    columns = serializers.DictField(child=serializers.CharField(max_length=200, allow_blank=True), required=False)
    unused = serializers.DictField(child=serializers.CharField(max_length=20), required=False)
    """{KEY: "leave_out" | "question" | "system"}; the key "*" stands for all questions."""
    reason = serializers.CharField(max_length=300, default="", allow_blank=True)


class ReadingView(APIView):
    """POST /api/v1/files/{id}/reading: a version of the same bytes, read as the user says; the file itself where that
    changes no row, since unused keys are only left out"""

    @answers(VersionObject | WholeFileObject)
    def post(self, request: Request, file_id: str) -> Response:
        asked = body_of(NewReading, request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        reason = asked.pop("reason")
        if "unused" in asked:
            if len(asked) > 1:
                raise UserError(message("say_reading_first"), code="bad_answer", param="unused")
            answers = {"answers": asked["unused"], "by": user_of(request), "reason": reason}
            return Response(whole_file_json(services.answer_unused(file=file, **answers)))
        return Response(version_json(services.read_again(file=file, reading=asked, by=user_of(request), reason=reason)))


class NewSplit(serializers.Serializer):
    shares = serializers.DictField(child=serializers.FloatField())
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**31)


class SplitView(APIView):
    """POST /api/v1/files/{id}/split: {"shares": {"train": 0.8, "validation": 0.1, "test": 0.1}, "seed": 0}"""

    @answers(SplitObject)
    def post(self, request: Request, file_id: str) -> Response:
        asked = body_of(NewSplit, request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        made = services.split_file(file=file, shares=asked["shares"], seed=asked["seed"], by=user_of(request))
        return Response(split_json(made))


class MixPart(serializers.Serializer):
    file = serializers.CharField(max_length=60)
    weight = serializers.FloatField(default=1.0)


class NewMixture(serializers.Serializer):
    parts = MixPart(many=True)
    filename = serializers.CharField(max_length=200, default="mixture.jsonl")
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**31)


class MixView(APIView):
    """POST /api/v1/datasets/mix: {"parts": [{"file", "weight"}], "filename", "seed"}"""

    @answers(VersionObject)
    def post(self, request: Request) -> Response:
        asked = body_of(NewMixture, request)
        team = team_of(request)
        parts = [(services.get_file(team=team, file_id=part["file"]), part["weight"]) for part in asked["parts"]]
        name = services.safe_filename(asked["filename"])
        made = services.mix_files(parts=parts, filename=name, seed=asked["seed"], by=user_of(request))
        return Response(version_json(made))


class Comparison(serializers.Serializer):
    against = serializers.CharField(max_length=60)


class DiffView(APIView):
    """GET /api/v1/files/{id}/diff?against=OLDER: rows that only one of the two has"""

    @answers(DiffObject)
    def get(self, request: Request, file_id: str) -> Response:
        team = team_of(request)
        newer = services.get_file(team=team, file_id=file_id)
        older = services.get_file(team=team, file_id=query_of(Comparison, request)["against"])
        found = services.difference(older=older, newer=newer)
        return Response(diff_json(found, newer=newer, older=older))


class VersionsView(APIView):
    """GET /api/v1/files/{id}/versions"""

    @answers(ListObject[VersionObject])
    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=team_of(request), file_id=file_id)
        return listed([version_json(version) for version in services.versions_of(file)])

"""Files and uploads over HTTP. What carries a file's bytes in is received in datasets_app.receiving."""

import itertools
from dataclasses import asdict
from typing import Any, cast

from django.db.models import Q
from django.http import QueryDict, StreamingHttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team, User
from catalogue.services import get_model
from common.errors import UserError
from common.idempotency import idempotent
from datasets_app import services, uploads
from datasets_app.downloads import faults_response, file_response
from datasets_app.models import TrainingFile
from datasets_app.repairs import repairs_for
from datasets_app.wire import file_json, received_json, row_json, upload_json, version_json

MOST_FILES = 10_000
MOST_FAULTS = 1_000
MOST_ROWS = 100


class FileList(serializers.Serializer):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=MOST_FILES, min_value=1, max_value=MOST_FILES)
    order = serializers.ChoiceField(choices=["asc", "desc"], default="desc")
    purpose = serializers.CharField(required=False, max_length=40)


class FaultList(serializers.Serializer):
    after = serializers.IntegerField(default=0, min_value=0)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MOST_FAULTS)
    code = serializers.CharField(default="", max_length=60, allow_blank=True)


class RowList(serializers.Serializer):
    offset = serializers.IntegerField(default=0, min_value=0)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=MOST_ROWS)
    search = serializers.CharField(default="", max_length=200, allow_blank=True)
    code = serializers.CharField(default="", max_length=60, allow_blank=True)


class TokenQuery(serializers.Serializer):
    model = serializers.CharField(max_length=200)
    max_seq_len = serializers.IntegerField(required=False, min_value=8, max_value=1_000_000)


class ExpiresAfter(serializers.Serializer):
    anchor = serializers.CharField(max_length=40)
    seconds = serializers.IntegerField()


class NewUpload(serializers.Serializer):
    bytes = serializers.IntegerField()
    filename = serializers.CharField(max_length=1000)
    mime_type = serializers.CharField(max_length=200, allow_blank=True)
    purpose = serializers.CharField(max_length=100)
    expires_after = ExpiresAfter(required=False, allow_null=True)


class Completion(serializers.Serializer):
    part_ids = serializers.ListField(child=serializers.CharField(max_length=60), max_length=uploads.MOST_PARTS)
    md5 = serializers.CharField(required=False, allow_null=True, max_length=100)


class FilesView(APIView):
    """GET /v1/files"""

    def get(self, request: Request) -> Response:
        asked = _query(FileList, request.query_params)
        files = TrainingFile.objects.visible_to(_team(request))
        if "purpose" in asked:
            files = files.filter(purpose=asked["purpose"])
        sign, beyond = ("-", "lt") if asked["order"] == "desc" else ("", "gt")
        if "after" in asked:
            last = services.get_file(team=_team(request), file_id=asked["after"])
            same_time = Q(created_at=last.created_at) & Q(**{f"pk__{beyond}": last.pk})
            files = files.filter(Q(**{f"created_at__{beyond}": last.created_at}) | same_time)
        found = list(files.order_by(f"{sign}created_at", f"{sign}pk")[: asked["limit"] + 1])
        return Response(_page([file_json(file) for file in found[: asked["limit"]]], len(found) > asked["limit"]))


class FileView(APIView):
    """GET, DELETE /v1/files/{id}"""

    def get(self, request: Request, file_id: str) -> Response:
        return Response(file_json(services.get_file(team=_team(request), file_id=file_id)))

    def delete(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=_team(request), file_id=file_id)
        services.delete_file(file=file, by=_user(request))
        return Response({"id": file_id, "object": "file", "deleted": True})


class AnyAccept(DefaultContentNegotiation):
    """Answers whatever the Accept header says: SDKs ask for application/binary where a file comes."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class ContentView(APIView):
    """GET, HEAD /v1/files/{id}/content"""

    content_negotiation_class = AnyAccept

    def get(self, request: Request, file_id: str) -> StreamingHttpResponse:
        return file_response(services.get_file(team=_team(request), file_id=file_id))


class UploadsView(APIView):
    """POST /v1/uploads"""

    def post(self, request: Request) -> Response:
        asked = _body(NewUpload, request)

        def create() -> Response:
            upload = uploads.create_upload(
                team=_team(request),
                by=_user(request),
                filename=asked["filename"],
                purpose=asked["purpose"],
                num_bytes=asked["bytes"],
                mime_type=asked["mime_type"],
                expires_after=asked.get("expires_after"),
            )
            return Response(upload_json(upload))

        return idempotent(request, create)


class UploadView(APIView):
    """GET /v1/uploads/{id}: with the parts that are here, so that a client can go on where it was cut off"""

    def get(self, request: Request, upload_id: str) -> Response:
        upload = uploads.get_upload(team=_team(request), upload_id=upload_id)
        uploads.expire_if_overdue(upload)
        return Response(received_json(upload, uploads.received_parts(upload)))


class CompleteView(APIView):
    """POST /v1/uploads/{id}/complete"""

    def post(self, request: Request, upload_id: str) -> Response:
        asked = _body(Completion, request)
        upload = uploads.get_upload(team=_team(request), upload_id=upload_id)

        def complete() -> Response:
            done = uploads.complete_upload(upload=upload, part_ids=asked["part_ids"], md5=asked.get("md5"))
            return Response(upload_json(done))

        return idempotent(request, complete)


class CancelView(APIView):
    """POST /v1/uploads/{id}/cancel"""

    def post(self, request: Request, upload_id: str) -> Response:
        upload = uploads.get_upload(team=_team(request), upload_id=upload_id)
        return Response(upload_json(uploads.cancel_upload(upload=upload)))


class FaultsView(APIView):
    """GET /api/v1/files/{id}/faults?after=&limit=&code=; `after` is the number of faults to pass over"""

    def get(self, request: Request, file_id: str) -> Response:
        asked = _query(FaultList, request.query_params)
        file = services.get_file(team=_team(request), file_id=file_id)
        every = services.all_faults(file, after=asked["after"], code=asked["code"])
        found = list(itertools.islice(every, asked["limit"] + 1))
        page = _page(found[: asked["limit"]], len(found) > asked["limit"])
        notes = (file.statistics or {}).get("num_notes", 0)
        return Response({**page, "num_faults": file.num_faults, "num_notes": notes})


class FaultGroupsView(APIView):
    """GET /api/v1/files/{id}/faults/groups"""

    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=_team(request), file_id=file_id)
        return Response(_page([asdict(group) for group in services.fault_groups(file)], False))


class FaultsContentView(APIView):
    """GET /api/v1/files/{id}/faults/content?format=jsonl|csv: every fault, to keep"""

    content_negotiation_class = AnyAccept

    def get(self, request: Request, file_id: str) -> StreamingHttpResponse:
        file = services.get_file(team=_team(request), file_id=file_id)
        return faults_response(file, as_csv=request.query_params.get("format") == "csv")


class RowsView(APIView):
    """GET /api/v1/files/{id}/rows?offset=&limit=&search=&code="""

    def get(self, request: Request, file_id: str) -> Response:
        asked = _query(RowList, request.query_params)
        file = services.get_file(team=_team(request), file_id=file_id)
        page = services.page_of_rows(file, **asked)
        rows = [row_json(row) for row in page.rows]
        found = _page(rows, page.next_offset is not None)
        return Response({**found, "total": page.total, "next_offset": page.next_offset})


class TokensView(APIView):
    """GET /api/v1/files/{id}/rows/{number}/tokens?model=&max_seq_len="""

    def get(self, request: Request, file_id: str, number: int) -> Response:
        file = services.get_file(team=_team(request), file_id=file_id)
        asked = _query(TokenQuery, request.query_params)
        base, most = get_model(asked["model"]), asked.get("max_seq_len")
        return Response(services.row_tokens(file=file, number=number, base=base, max_seq_len=most))


class StatisticsView(APIView):
    """GET /api/v1/files/{id}/statistics?model=&max_seq_len="""

    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=_team(request), file_id=file_id)
        asked = _query(TokenQuery, request.query_params)
        base, most = get_model(asked["model"]), asked.get("max_seq_len")
        return Response(services.token_statistics(file=file, base=base, max_seq_len=most))


class NewRepair(serializers.Serializer):
    repairs = serializers.ListField(child=serializers.CharField(max_length=60), min_length=1, max_length=20)
    values = serializers.DictField(child=serializers.CharField(max_length=500, allow_blank=True), default=dict)
    preview = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=300, default="", allow_blank=True)


class RepairsView(APIView):
    """GET /api/v1/files/{id}/repairs: what would help; POST: make a repaired version, or with "preview" only look"""

    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=_team(request), file_id=file_id)
        codes = {group.code for group in services.fault_groups(file)}
        found = [
            {"name": r.name, "title": str(r.title), "sentence": str(r.sentence), "mends": list(r.mends)}
            for r in repairs_for(codes)
        ]
        return Response(_page(found, False))

    def post(self, request: Request, file_id: str) -> Response:
        asked = _body(NewRepair, request)
        file = services.get_file(team=_team(request), file_id=file_id)
        chosen = {"names": asked["repairs"], "values": asked["values"]}
        if asked["preview"]:
            preview = services.preview_repairs(file=file, **chosen)
            found = {"is_partial": preview.is_partial, **asdict(preview.outcome)}
            return Response({"object": "file.repair", "file": None, **found})
        made, outcome = services.repair_file(file=file, **chosen, by=_user(request), reason=asked["reason"])
        return Response(
            {"object": "file.repair", "file": file_json(made), **(asdict(outcome) if outcome is not None else {})}
        )


class NewReading(serializers.Serializer):
    format = serializers.CharField(max_length=40, required=False, allow_blank=True)
    shape = serializers.CharField(max_length=60, required=False, allow_blank=True)
    encoding = serializers.CharField(max_length=40, required=False, allow_blank=True)
    columns = serializers.DictField(child=serializers.CharField(max_length=200, allow_blank=True), required=False)
    reason = serializers.CharField(max_length=300, default="", allow_blank=True)


class ReadingView(APIView):
    """POST /api/v1/files/{id}/reading: a version of the same bytes, read as the user says"""

    def post(self, request: Request, file_id: str) -> Response:
        asked = _body(NewReading, request)
        file = services.get_file(team=_team(request), file_id=file_id)
        reason = asked.pop("reason")
        return Response(version_json(services.read_again(file=file, reading=asked, by=_user(request), reason=reason)))


class NewSplit(serializers.Serializer):
    shares = serializers.DictField(child=serializers.FloatField())
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**31)


class SplitView(APIView):
    """POST /api/v1/files/{id}/split: {"shares": {"train": 0.8, "validation": 0.1, "test": 0.1}, "seed": 0}"""

    def post(self, request: Request, file_id: str) -> Response:
        asked = _body(NewSplit, request)
        file = services.get_file(team=_team(request), file_id=file_id)
        made = services.split_file(file=file, shares=asked["shares"], seed=asked["seed"], by=_user(request))
        return Response({"object": "file.split", **{name: version_json(part) for name, part in made.items()}})


class MixPart(serializers.Serializer):
    file = serializers.CharField(max_length=60)
    weight = serializers.FloatField(default=1.0)


class NewMixture(serializers.Serializer):
    parts = MixPart(many=True)
    filename = serializers.CharField(max_length=200, default="mixture.jsonl")
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**31)


class MixView(APIView):
    """POST /api/v1/datasets/mix: {"parts": [{"file", "weight"}], "filename", "seed"}"""

    def post(self, request: Request) -> Response:
        asked = _body(NewMixture, request)
        team = _team(request)
        parts = [(services.get_file(team=team, file_id=part["file"]), part["weight"]) for part in asked["parts"]]
        name = services.safe_filename(asked["filename"])
        made = services.mix_files(parts=parts, filename=name, seed=asked["seed"], by=_user(request))
        return Response(version_json(made))


class Comparison(serializers.Serializer):
    against = serializers.CharField(max_length=60)


class DiffView(APIView):
    """GET /api/v1/files/{id}/diff?against=OLDER: rows that only one of the two has"""

    def get(self, request: Request, file_id: str) -> Response:
        team = _team(request)
        newer = services.get_file(team=team, file_id=file_id)
        older = services.get_file(team=team, file_id=_query(Comparison, request.query_params)["against"])
        found = services.difference(older=older, newer=newer)
        return Response({"object": "file.diff", "file": newer.pk, "against": older.pk, **asdict(found)})


class VersionsView(APIView):
    """GET /api/v1/files/{id}/versions"""

    def get(self, request: Request, file_id: str) -> Response:
        file = services.get_file(team=_team(request), file_id=file_id)
        return Response(_page([version_json(version) for version in services.versions_of(file)], False))


def _page(data: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    ids = [row["id"] for row in data if "id" in row]
    edges = {"first_id": ids[0], "last_id": ids[-1]} if ids else {}
    return {"object": "list", "data": data, "has_more": has_more, **edges}


def _team(request: Request) -> Team:
    team = getattr(request, "team", None)
    if not team:
        raise UserError(
            "You belong to no team yet. Ask an administrator to add you to one.", code="no_team", status=403
        )
    return cast(Team, team)


def _user(request: Request) -> User:
    return cast(User, request.user)


def _query(kind: type[serializers.Serializer], params: QueryDict) -> dict[str, Any]:
    form = kind(data=params.dict())
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _body(kind: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """Return the body's fields; an unknown one is refused, since it would otherwise be ignored in silence."""
    data = request.data if isinstance(request.data, dict) else {}
    form = kind(data=data)
    if unknown := sorted(set(data) - set(form.fields)):
        raise ValidationError({unknown[0]: f"This is not known here. Known: {', '.join(form.fields)}."})
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)

"""Files and uploads over HTTP. What carries a file's bytes in is received in datasets_app.web.receiving."""

from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, one_page
from common.idempotency import idempotent
from common.keysets import beyond
from common.reads import body_of, query_of, reads, require_no_body
from datasets_app import services, uploads
from datasets_app.models import TrainingFile
from datasets_app.storage import removal
from datasets_app.web.downloads import file_response
from datasets_app.web.requests import Completion, FileList, NewUpload
from datasets_app.web.wire import (
    SHOWN_FIELDS,
    FileObject,
    ReceivedUpload,
    UploadObject,
    file_json,
    received_json,
    upload_json,
)


class FilesView(APIView):
    """GET /v1/files"""

    @answers(ListObject[FileObject])
    @reads(query=FileList)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        files = TrainingFile.objects.visible_to(team_of(request)).only(*SHOWN_FIELDS)
        if "purpose" in asked:
            files = files.filter(purpose=asked["purpose"])
        newest_first = asked["order"] == "desc"
        sign = "-" if newest_first else ""
        if "after" in asked:
            created_at, last = removal.place_of(team=team_of(request), file_id=asked["after"])
            files = files.filter(beyond(created_at, last, newest_first=newest_first))
        return one_page(files.order_by(f"{sign}created_at", f"{sign}pk"), asked["limit"], file_json)


class FileView(APIView):
    """GET, DELETE /v1/files/{id}"""

    @answers(FileObject)
    def get(self, request: Request, file_id: str) -> Response:
        return Response(file_json(services.get_file(team=team_of(request), file_id=file_id)))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, file_id: str) -> Response:
        require_no_body(request)
        file = services.get_file(team=team_of(request), file_id=file_id)
        services.delete_file(file=file, by=user_of(request))
        return Response(deleted("file", file_id))


class AnyAccept(DefaultContentNegotiation):
    """Answers whatever the Accept header says: SDKs ask for application/binary when they fetch a file."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class ContentView(APIView):
    """GET, HEAD /v1/files/{id}/content"""

    content_negotiation_class = AnyAccept

    @answers(None, streams={"application/octet-stream": None})
    def get(self, request: Request, file_id: str) -> StreamingHttpResponse:
        return file_response(services.get_file(team=team_of(request), file_id=file_id))


class UploadsView(APIView):
    """POST /v1/uploads"""

    @answers(UploadObject)
    @reads(NewUpload)
    def post(self, request: Request) -> Response:
        asked = body_of(request)

        def create() -> Response:
            upload = uploads.create_upload(
                team=team_of(request),
                by=user_of(request),
                filename=asked["filename"],
                purpose=asked["purpose"],
                num_bytes=asked["bytes"],
                mime_type=asked["mime_type"],
                expires_after=asked.get("expires_after"),
            )
            return Response(upload_json(upload))

        return idempotent(request, create)


class UploadView(APIView):
    """GET /v1/uploads/{id}: with the parts that are here, so that a client can continue where it was cut off"""

    @answers(ReceivedUpload)
    def get(self, request: Request, upload_id: str) -> Response:
        upload = uploads.get_upload(team=team_of(request), upload_id=upload_id)
        uploads.expire_if_overdue(upload)
        return Response(received_json(upload, uploads.received_parts(upload)))


class CompleteView(APIView):
    """POST /v1/uploads/{id}/complete"""

    @answers(UploadObject)
    @reads(Completion)
    def post(self, request: Request, upload_id: str) -> Response:
        asked = body_of(request)
        upload = uploads.get_upload(team=team_of(request), upload_id=upload_id)

        def complete() -> Response:
            done = uploads.complete_upload(upload=upload, part_ids=asked["part_ids"], md5=asked.get("md5"))
            return Response(upload_json(done))

        return idempotent(request, complete)


class CancelView(APIView):
    """POST /v1/uploads/{id}/cancel"""

    @answers(UploadObject)
    @reads()
    def post(self, request: Request, upload_id: str) -> Response:
        require_no_body(request)
        upload = uploads.get_upload(team=team_of(request), upload_id=upload_id)
        return Response(upload_json(uploads.cancel_upload(upload=upload, by=user_of(request))))

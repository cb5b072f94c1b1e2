"""Batches over HTTP, as OpenAI's SDK calls them; to delete one is ours."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from batches import services
from batches.models import Batch
from batches.web.requests import BatchPage, NewBatch
from batches.web.wire import BatchObject, batch_json
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, one_page
from common.idempotency import idempotent
from common.keysets import beyond
from common.reads import body_of, query_of, reads, require_no_body


class Batches(APIView):
    """GET, POST /v1/batches"""

    @answers(ListObject[BatchObject])
    @reads(query=BatchPage)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = Batch.objects.visible_to(team_of(request))
        if "after" in asked:
            last = services.get_batch(team=team_of(request), batch_id=asked["after"], param="after")
            found = found.filter(beyond(last.created_at, last.pk))
        return one_page(found, asked["limit"], batch_json)

    @answers(BatchObject)
    @reads(NewBatch)
    def post(self, request: Request) -> Response:
        asked = body_of(request)

        def create() -> Response:
            return Response(batch_json(services.create_batch(team=team_of(request), by=user_of(request), **asked)))

        return idempotent(request, create)


class OneBatch(APIView):
    """GET /v1/batches/{id}"""

    @answers(BatchObject)
    def get(self, request: Request, batch_id: str) -> Response:
        return Response(batch_json(services.get_batch(team=team_of(request), batch_id=batch_id)))


class CancelView(APIView):
    """POST /v1/batches/{id}/cancel"""

    @answers(BatchObject)
    @reads()
    def post(self, request: Request, batch_id: str) -> Response:
        require_no_body(request)
        batch = services.get_batch(team=team_of(request), batch_id=batch_id)
        return idempotent(request, lambda: Response(batch_json(_cancelled(request, batch))))


class DeleteView(APIView):
    """DELETE /api/v1/batches/{id}"""

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, batch_id: str) -> Response:
        require_no_body(request)
        batch = services.get_batch(team=team_of(request), batch_id=batch_id)
        services.delete_batch(batch=batch, by=user_of(request))
        return Response(deleted("batch", batch_id))


def _cancelled(request: Request, batch: Batch) -> Batch:
    return services.cancel_batch(batch=batch, by=user_of(request))

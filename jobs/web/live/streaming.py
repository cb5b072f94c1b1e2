"""The stream of a job's page: server-sent events, replayed from the id that the browser sends back."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from accounts.requests import PageRequest
from common.errors import UserError, answer_to
from jobs.models import FineTuningJob
from jobs.services import get_job
from jobs.web.live.positions import Position
from jobs.web.live.watching import Reader, in_database, watches


@require_GET
async def job_stream(request: PageRequest, job_id: str) -> HttpResponseBase:
    """Say what happens to a job as it does, from the position `?after=` or the browser's `Last-Event-ID` on."""
    try:
        job = await in_database(_job, request, job_id)
        if job is None:
            return redirect_to_login(request.get_full_path())
        watches().require_room(request.user.pk)
    except UserError as error:
        return JsonResponse(answer_to(error).body, status=error.status)
    language = get_language() or "en"
    reader = Reader(user_id=request.user.pk, language=language, position=_position(request))
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingHttpResponse(
        watches().follow(job, reader), content_type="text/event-stream; charset=utf-8", headers=headers
    )


def _job(request: PageRequest, job_id: str) -> FineTuningJob | None:
    """Return the job; None for somebody who is not signed in."""
    return get_job(team=request.team, job_id=job_id) if request.user.is_authenticated else None


def _position(request: PageRequest) -> Position:
    """Return where the reader is: what its browser has heard says more than the address with which it began."""
    heard, begun = request.headers.get("last-event-id", ""), request.GET.get("after", "")
    return Position.parse(heard) or Position.parse(begun) or Position()

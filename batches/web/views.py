"""The pages of batches: the list, one with its progress, and the files of its answers."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import PageRequest
from accounts.roles import RoleNeeded
from batches import services
from batches.models import Batch
from batches.web import words
from batches.web.forms import BatchForm
from common.errors import UserError
from common.lists import choice_of, page_of, search_of
from common.wording import in_words
from datasets_app.models import TrainingFile
from datasets_app.services import create_file
from datasets_app.storage.counting import BATCH
from datasets_app.web.downloads import file_response

SHOWN = 50
SHOWN_FILES = 100
LINE = '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "ft:…", "messages": […]}}'


@login_required
@require_http_methods(["GET", "POST"])
def batches(request: PageRequest) -> HttpResponse:
    """List the team's batches; POST makes one."""
    if request.method == "GET":
        return _list_page(request, BatchForm(uploaded=_uploaded(request)))

    def create(*, file: Any, endpoint: str, input_file_id: str = "") -> HttpResponse:
        if file:
            name = file.name or "requests.jsonl"
            stored = create_file(team=request.team, by=request.user, filename=name, purpose=BATCH, stream=file)
            input_file_id = stored.pk
        made = services.create_batch(team=request.team, by=request.user, input_file_id=input_file_id, endpoint=endpoint)
        return redirect("batch", made.pk)

    form = BatchForm(request.POST, files=request.FILES, uploaded=_uploaded(request))
    return form.answer_once(request, create) or _list_page(request, form, status=form.status)


def _uploaded(request: PageRequest) -> list[TrainingFile]:
    files = TrainingFile.objects.visible_to(request.team).filter(purpose=BATCH).order_by("-created_at")
    return list(files.only("filename", "bytes")[:SHOWN_FILES])


def _list_page(request: PageRequest, form: BatchForm, *, status: int = 200) -> HttpResponse:
    every, text = Batch.objects.visible_to(request.team), search_of(request)
    state = choice_of(request, "status", Batch.Status.values)
    named = every.filter(status=state) if state else every
    if text:
        named = named.filter(Q(input_filename__icontains=text) | Q(model__icontains=text) | Q(pk=text))
    shown, narrowed = page_of(request, named, size=SHOWN, every=every, q=text, status=state)
    context = {
        **narrowed,
        "states": Batch.Status.choices,
        "rows": [{"batch": one, "status": words.status_of(one), "sentence": words.sentence_of(one)} for one in shown],
        "form": form,
        "line": LINE,
        **_snippets(),
    }
    return render(request, "batches/list.html", context, status=status)


def _snippets() -> dict[str, str]:
    return {
        "curl": f"curl {settings.PUBLIC_URL}/v1/batches -H 'Authorization: Bearer sk-luthier-…' "
        "-H 'Content-Type: application/json' "
        """-d '{"input_file_id": "file-…", "endpoint": "/v1/chat/completions", "completion_window": "24h"}'""",
        "python": 'file = client.files.create(file=open("requests.jsonl", "rb"), purpose="batch")\n'
        "batch = client.batches.create(\n"
        '    input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"\n)',
    }


@login_required
@require_GET
def batch(request: PageRequest, batch_id: str) -> HttpResponse:
    found = services.get_batch(team=request.team, batch_id=batch_id)
    return render(request, "batches/detail.html", {**_live(found), **_snippets()})


@login_required
@require_GET
def batch_live(request: PageRequest, batch_id: str) -> HttpResponse:
    """Answer the page's polling."""
    return render(request, "batches/_live.html", _live(services.get_batch(team=request.team, batch_id=batch_id)))


def _live(found: Batch) -> dict[str, object]:
    results = TrainingFile.objects.visible_to(found.team).filter(pk__in=[found.output_file_id, found.error_file_id])
    there = {file.pk: file for file in results.only("filename", "bytes")}
    return {
        "batch": found,
        "status": words.status_of(found),
        "sentence": words.sentence_of(found),
        "percent": round(100 * found.num_done / found.num_requests) if found.num_requests else 0,
        "faults": words.faults_of(found),
        "output": there.get(found.output_file_id),
        "failed": there.get(found.error_file_id),
        "can_cancel": not found.is_finished and found.status in ("validating", "in_progress"),
    }


@login_required
@require_http_methods(["GET", "HEAD"])
def batch_output(request: PageRequest, batch_id: str) -> HttpResponseBase:
    return file_response(services.result_of(services.get_batch(team=request.team, batch_id=batch_id), "output"))


@login_required
@require_http_methods(["GET", "HEAD"])
def batch_errors(request: PageRequest, batch_id: str) -> HttpResponseBase:
    return file_response(services.result_of(services.get_batch(team=request.team, batch_id=batch_id), "errors"))


@login_required
@require_POST
def cancel_batch(request: PageRequest, batch_id: str) -> HttpResponse:
    found = services.get_batch(team=request.team, batch_id=batch_id)
    try:
        services.cancel_batch(batch=found, by=request.user)
    except RoleNeeded:
        raise
    except UserError as error:
        messages.error(request, in_words(error.message))
    return redirect("batch", batch_id)


@login_required
@require_POST
def delete_batch(request: PageRequest, batch_id: str) -> HttpResponse:
    found = services.get_batch(team=request.team, batch_id=batch_id)
    try:
        services.delete_batch(batch=found, by=request.user)
    except RoleNeeded:
        raise
    except UserError as error:
        messages.error(request, in_words(error.message))
        return redirect("batch", batch_id)
    messages.success(request, _("The batch was deleted."))
    return redirect("batches")

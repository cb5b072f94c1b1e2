"""The pages of data sets: list and upload, one file with its faults and what a model learns from it."""

import logging
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import PageRequest
from catalogue.models import BaseModel
from catalogue.services import chat_format
from chat import ChatError, SystemChoice
from common.errors import NotFound, UserError
from common.spoken import spoken
from datasets_app import services
from datasets_app.downloads import file_response
from datasets_app.models import Fault, TrainingFile

logger = logging.getLogger(__name__)

SHOWN_FAULTS = 50
SHOWN_CONVERSATIONS = 3
STATUSES = {
    "uploaded": ("busy", "loader"),
    "processed": ("ok", "circle-check"),
    "error": ("bad", "circle-x"),
}


def status_of(file: TrainingFile) -> dict[str, str]:
    """Return the file's state as icon, colour and word."""
    words = {"uploaded": _("Being checked"), "processed": _("Ready"), "error": _("Needs a look")}
    kind, icon = STATUSES[file.status]
    return {"kind": kind, "icon": icon, "word": words[file.status]}


@login_required
@require_GET
def datasets(request: PageRequest) -> HttpResponse:
    return _list_page(request)


def _list_page(request: PageRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    files = TrainingFile.objects.visible_to(request.team).filter(purpose="fine-tune").order_by("-created_at")[:100]
    context = {
        "files": [{"file": file, "status": status_of(file)} for file in files],
        "limit_bytes": settings.MAX_UPLOAD_BYTES,
        "error": error,
        "curl": f"curl {settings.PUBLIC_URL}/v1/files -H 'Authorization: Bearer sk-luthier-…' "
        "-F purpose=fine-tune -F file=@chats.jsonl",
        "python": 'file = client.files.create(file=open("chats.jsonl", "rb"), purpose="fine-tune")',
    }
    return render(request, "datasets_app/list.html", context, status=status)


@login_required
@require_POST
def upload_dataset(request: PageRequest) -> HttpResponse:
    """Take the form's file from a browser without scripts; with scripts it goes to /v1/files in a stream."""
    upload = request.FILES.get("file")
    try:
        if upload is None:
            raise UserError(_("Choose a file first."), code="missing_file", param="file")
        file = services.create_file(
            team=request.team, by=request.user, filename=upload.name or "data.jsonl", purpose="fine-tune", stream=upload
        )
    except UserError as error:
        return _list_page(request, error=spoken(error.message), status=error.status)
    return redirect("dataset", file.id)


@login_required
@require_GET
def dataset(request: PageRequest, file_id: str) -> HttpResponse:
    file = _file(request, file_id)
    faults = list(Fault.objects.filter(file=file).order_by("number")[:SHOWN_FAULTS])
    base = BaseModel.objects.present().order_by("parameters").first()
    context: dict[str, Any] = {
        "file": file,
        "status": status_of(file),
        "sentence": sentence_of(file),
        "faults": faults,
        "num_more_faults": max(0, (file.num_faults or 0) - len(faults)),
        "base": base,
        "conversations": _tokens(file, base) if base and file.status == "processed" else [],
        "curl": f"curl {settings.PUBLIC_URL}/v1/files/{file.id} -H 'Authorization: Bearer sk-luthier-…'",
        "python": f'file = client.files.retrieve("{file.id}")',
    }
    return render(request, "datasets_app/detail.html", context)


def sentence_of(file: TrainingFile) -> str:
    """Say in words what the check found."""
    if file.status == "uploaded":
        return _("Every line is being checked.")
    if file.status == "error":
        count = file.num_faults or 0
        if not count:
            return spoken(file.status_details)
        return ngettext(
            "%(count)s line cannot be learned from. Mend the file and upload it again.",
            "%(count)s lines cannot be learned from. Mend the file and upload it again.",
            count,
        ) % {"count": count}
    return ngettext("Ready: %(count)s conversation.", "Ready: %(count)s conversations.", file.num_rows or 0) % {
        "count": f"{file.num_rows or 0:,}"
    }


def _tokens(file: TrainingFile, base: BaseModel) -> list[list[dict[str, Any]]]:
    """Return the first conversations as tokens; a view that cannot be drawn must not hide the file."""
    found = []
    system = _system_choice(file, base)
    try:
        for number in range(min(SHOWN_CONVERSATIONS, file.num_rows or 0)):
            found.append(services.row_tokens(file=file, number=number, base=base, system=system)["tokens"])
    except (ChatError, UserError) as error:
        logger.warning("No token view of %s: %s", file.id, error)
    return found


def _system_choice(file: TrainingFile, base: BaseModel) -> SystemChoice:
    """Return what a job takes by itself: no system prompt that the template would slip in beside the data's own."""
    if (file.statistics or {}).get("roles", {}).get("system"):
        return SystemChoice("model_default")
    try:
        chat_format(base, SystemChoice("none"))
    except ChatError:
        return SystemChoice("model_default")
    return SystemChoice("none")


@login_required
@require_POST
def delete_dataset(request: PageRequest, file_id: str) -> HttpResponse:
    file = _file(request, file_id)
    try:
        services.delete_file(file=file, by=request.user)
    except UserError as error:
        messages.error(request, spoken(error.message))
        return redirect("dataset", file_id)
    messages.success(request, _("%(name)s was deleted.") % {"name": file.filename})
    return redirect("datasets")


@login_required
@require_http_methods(["GET", "HEAD"])
def download_dataset(request: PageRequest, file_id: str) -> HttpResponseBase:
    return file_response(_file(request, file_id))


def _file(request: PageRequest, file_id: str) -> TrainingFile:
    file = TrainingFile.objects.visible_to(request.team).filter(pk=file_id).first()
    if file is None:
        raise NotFound(_("This data set does not exist."), code="file_not_found")
    return file

"""The pages of data sets: list and upload, one file with its faults and what a model learns from it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
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
from datasets_app.downloads import faults_response, file_response
from datasets_app.formats import ENCODINGS
from datasets_app.formats import NAMES as FORMAT_NAMES
from datasets_app.models import Fault, TrainingFile
from datasets_app.portions import PARTS
from datasets_app.repairs import NAMES, repairs_for
from datasets_app.shapes import SHAPES
from datasets_app.uploads import PART_BYTES

SHOWN_FAULTS = 50
SHOWN_ROWS = 20
MOST_COMPARED_BYTES = 32 * 2**20
LAYOUTS = {
    "jsonl": "JSON Lines", "json": "JSON", "json-objects": "JSON", "csv": "CSV", "xlsx": "Excel", "parquet": "Parquet",
    "text": "Text",
}  # fmt: skip
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
        "mixable": [file for file in files if file.is_processed and file.use != "text"],
        "limit_bytes": settings.MAX_UPLOAD_BYTES,
        "part_bytes": PART_BYTES,
        "form_bytes": settings.MAX_BODY_BYTES,
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
    """Show one data set: its verdict, and one of its tabs."""
    file = _file(request, file_id)
    tab = request.GET.get("tab", "")
    if tab not in TABS or file.status == TrainingFile.Status.UPLOADED:
        tab = "faults" if file.num_faults or file.progress.get("faults") else "rows"
    context: dict[str, Any] = {
        "file": file,
        "tab": tab,
        "status": status_of(file),
        "sentence": sentence_of(file),
        "recognised": recognised(file),
        "num_looks": (file.num_faults or 0) + (file.statistics or {}).get("num_notes", 0),
        **TABS[tab](request, file),
    }
    return render(request, "datasets_app/detail.html", context)


def sentence_of(file: TrainingFile) -> str:
    """Say in words what the check found."""
    if file.is_being_made:
        return _("It is being made: %(rows)s rows so far.") % {"rows": f"{file.progress.get('rows', 0):,}"}
    if file.status == "uploaded":
        rows = file.progress.get("rows")
        if not rows:
            return _("Every line is being checked.")
        return _("Every line is being checked: %(rows)s rows so far, %(percent)s %% of the file.") % {
            "rows": f"{rows:,}",
            "percent": round(100 * file.progress.get("bytes", 0) / max(1, file.bytes)),
        }
    if file.status == "error":
        count = file.num_faults or 0
        if not count:
            return spoken(file.status_details)
        return ngettext(
            "%(count)s row cannot be learned from. Repair the file here, or mend it and upload it again.",
            "%(count)s rows cannot be learned from. Repair the file here, or mend it and upload it again.",
            count,
        ) % {"count": f"{count:,}"}
    return _ready(file)


def _ready(file: TrainingFile) -> str:
    rows, notes = file.num_rows or 0, (file.statistics or {}).get("num_notes", 0)
    if file.use == "text":
        ready = ngettext("Ready: %(count)s piece of text.", "Ready: %(count)s pieces of text.", rows)
    else:
        ready = ngettext("Ready: %(count)s conversation.", "Ready: %(count)s conversations.", rows)
    sentences = [ready % {"count": f"{rows:,}"}]
    if notes:
        look = ngettext("%(count)s row needs a look.", "%(count)s rows need a look.", notes)
        sentences.append(look % {"count": f"{notes:,}"})
    return " ".join(sentences)


def recognised(file: TrainingFile) -> str:
    """Say what the file was taken for."""
    if not file.format:
        return ""
    layout = LAYOUTS.get(file.format, file.format)
    encoding = (file.statistics or {}).get("encoding") or ""
    if encoding and encoding != "utf-8":
        layout = f"{layout}, {encoding.upper()}"
    shape = next((str(shape.words) for shape in SHAPES if shape.name == file.shape), "")
    return f"{layout}: {spoken(shape)}" if shape else layout


def _rows_tab(request: PageRequest, file: TrainingFile) -> dict[str, Any]:
    search, code = request.GET.get("search", "")[:200], request.GET.get("code", "")[:60]
    offset = _number(request.GET.get("offset"), default=0)
    page = None
    if file.status != TrainingFile.Status.UPLOADED and file.num_rows is not None:
        page = services.page_of_rows(file, offset=offset, limit=SHOWN_ROWS, search=search, code=code)
    groups = services.fault_groups(file)
    return {
        "page": page,
        "offset": offset,
        "previous": max(0, offset - SHOWN_ROWS) if offset else None,
        "search": search,
        "code": code,
        "groups": groups,
        **_api(
            f"/api/v1/files/{file.id}/rows?offset={offset}&limit={SHOWN_ROWS}",
            f'client.get("/../api/v1/files/{file.id}/rows", cast_to=dict)',
        ),
    }


def _faults_tab(request: PageRequest, file: TrainingFile) -> dict[str, Any]:
    faults = list(Fault.objects.filter(file=file, level="fault").order_by("number")[:SHOWN_FAULTS])
    groups = services.fault_groups(file)
    offered = repairs_for(group.code for group in groups)
    chosen = [name for name in request.GET.getlist("repair") if name in NAMES]
    preview, repair_error = None, ""
    if chosen:
        try:
            preview = services.preview_repairs(file=file, names=chosen, values=_values(request.GET))
        except UserError as error:
            repair_error = spoken(error.message)
    return {
        "faults": faults,
        "groups": groups,
        "repairs": [{"repair": r, "is_chosen": r.name in chosen or not chosen} for r in offered],
        "placeholders": _placeholders(groups, request.GET),
        "preview": preview.outcome if preview is not None else None,
        "is_partial": preview is not None and preview.is_partial,
        "repair_error": repair_error,
        "chosen": chosen,
        "num_more_faults": max(0, (file.num_faults or 0) - len(faults)),
        **_api(f"/api/v1/files/{file.id}/faults", f'client.get("/../api/v1/files/{file.id}/faults", cast_to=dict)'),
    }


def _placeholders(groups: list[services.FaultGroup], given: QueryDict) -> list[dict[str, str]]:
    """Return the names that can be filled in, with what was given for them."""
    if not any(group.code == "unfilled_placeholders" for group in groups):
        return []
    return [{"name": name, "value": given.get(f"value-{name}", "")} for name in ("name", "author")]


def _values(given: QueryDict) -> dict[str, str]:
    """Return what was filled in for placeholders."""
    return {key.removeprefix("value-"): str(text) for key, text in given.items() if key.startswith("value-") and text}


@login_required
@require_POST
def repair_dataset(request: PageRequest, file_id: str) -> HttpResponse:
    """Make a repaired version and go to it."""
    file = _file(request, file_id)
    try:
        made, _outcome = services.repair_file(
            file=file, names=request.POST.getlist("repair"), values=_values(request.POST), by=request.user
        )
    except UserError as error:
        messages.error(request, spoken(error.message))
        return redirect(f"{reverse('dataset', args=[file_id])}?tab=faults")
    return redirect("dataset", made.id)


@login_required
@require_POST
def read_dataset_as(request: PageRequest, file_id: str) -> HttpResponse:
    """Make a version that is read as the form says, and go to it."""
    file = _file(request, file_id)
    columns = {name: request.POST.get(f"column-{name}", "").strip() for name in ("prompt", "answer", "system")}
    reading = {name: request.POST.get(name, "") for name in ("format", "shape", "encoding")} | {"columns": columns}
    try:
        made = services.read_again(file=file, reading=reading, by=request.user)
    except UserError as error:
        messages.error(request, spoken(error.message))
        return redirect(f"{reverse('dataset', args=[file_id])}?tab=about")
    return redirect("dataset", made.id)


@login_required
@require_POST
def split_dataset(request: PageRequest, file_id: str) -> HttpResponse:
    """Split into the parts whose share was given in percent, and go to the list."""
    file = _file(request, file_id)
    shares = {name: float(share) for name in PARTS if (share := _number(request.POST.get(name), default=0))}
    try:
        services.split_file(
            file=file, shares=shares, seed=_number(request.POST.get("seed"), default=0), by=request.user
        )
    except UserError as error:
        messages.error(request, spoken(error.message))
        return redirect(f"{reverse('dataset', args=[file_id])}?tab=about")
    return redirect("datasets")


@login_required
@require_POST
def mix_datasets(request: PageRequest) -> HttpResponse:
    """Mix the sets that were chosen with their weights, and go to the mixture."""
    try:
        parts = [(_file(request, file_id), _weight(request, file_id)) for file_id in request.POST.getlist("file")]
        name = services.safe_filename(request.POST.get("filename") or "mixture.jsonl")
        made = services.mix_files(parts=parts, filename=name, seed=0, by=request.user)
    except UserError as error:
        messages.error(request, spoken(error.message))
        return redirect("datasets")
    return redirect("dataset", made.id)


def _weight(request: PageRequest, file_id: str) -> float:
    try:
        return float(request.POST.get(f"weight-{file_id}") or 1)
    except ValueError:
        return 0.0


def _learn_tab(request: PageRequest, file: TrainingFile) -> dict[str, Any]:
    bases = list(BaseModel.objects.present().order_by("parameters"))
    base = next((base for base in bases if base.pk == request.GET.get("model")), bases[0] if bases else None)
    number = _number(request.GET.get("row"), default=0)
    most = _number(request.GET.get("max_seq_len"), default=0) or None
    shown: dict[str, Any] = {}
    error = ""
    if base is not None and file.is_processed:
        system = _system_choice(file, base)
        try:
            shown = services.row_tokens(file=file, number=number, base=base, system=system, max_seq_len=most)
            shown["statistics"] = services.token_statistics(file=file, base=base, system=system, max_seq_len=most)
        except (ChatError, UserError) as problem:
            error = spoken(problem.message)
    bars = shown["statistics"]["histogram"] if shown else []
    highest = max((bar["rows"] for bar in bars), default=1) or 1
    model = base.pk if base else "MODEL"
    return {
        "bases": bases,
        "base": base,
        "row": number,
        "next_row": number + 1 if number + 1 < (file.num_rows or 0) else None,
        "previous_row": number - 1 if number else None,
        "max_seq_len": most or "",
        "tokens": shown.get("tokens", []),
        "is_cut": shown.get("truncated", False),
        "figures": shown.get("statistics"),
        "bars": [{**bar, "share": round(100 * bar["rows"] / highest)} for bar in bars],
        "learn_error": error,
        **_api(
            f"/api/v1/files/{file.id}/rows/{number}/tokens?model={model}",
            f'client.get("/../api/v1/files/{file.id}/rows/{number}/tokens", '
            f'options={{"params": {{"model": "{model}"}}}}, cast_to=dict)',
        ),
    }


@login_required
@require_POST
def upload_version(request: PageRequest, file_id: str) -> HttpResponse:
    """Store the form's file as the next version and go to it; as `upload_dataset` for browsers without scripts."""
    file, upload = _file(request, file_id), request.FILES.get("file")
    try:
        if upload is None:
            raise UserError(_("Choose a file first."), code="missing_file", param="file")
        made = services.create_version(
            parent=file,
            by=request.user,
            filename=upload.name or file.filename,
            stream=upload,
            reason=request.POST.get("reason", ""),
        )
    except UserError as error:
        messages.error(request, spoken(error.message))
        return redirect(f"{reverse('dataset', args=[file_id])}?tab=about")
    return redirect("dataset", made.id)


def _about_tab(request: PageRequest, file: TrainingFile) -> dict[str, Any]:
    is_asked = "compare" in request.GET and _can_compare(file)
    return {
        "limit_bytes": settings.MAX_UPLOAD_BYTES,
        "form_bytes": settings.MAX_BODY_BYTES,
        "figures": file.statistics or {},
        "versions": services.versions_of(file),
        "can_compare": _can_compare(file),
        "difference": services.difference(older=file.parent, newer=file) if is_asked and file.parent else None,
        "formats": FORMAT_NAMES,
        "encodings": ENCODINGS,
        "shapes": [(shape.name, spoken(str(shape.words))) for shape in SHAPES if shape.turn is not None],
        **_api(f"/v1/files/{file.id}", f'client.files.retrieve("{file.id}")'),
    }


def _can_compare(file: TrainingFile) -> bool:
    """Whether a version can be compared with its parent while somebody waits."""
    parent = file.parent
    return parent is not None and max(file.bytes, parent.bytes) <= MOST_COMPARED_BYTES


TABS: dict[str, Callable[[PageRequest, TrainingFile], dict[str, Any]]] = {
    "rows": _rows_tab,
    "faults": _faults_tab,
    "learn": _learn_tab,
    "about": _about_tab,
}
"""The tabs of a data set, each with its own address."""


def _api(path: str, python: str) -> dict[str, str]:
    return {"curl": f"curl '{settings.PUBLIC_URL}{path}' -H 'Authorization: Bearer sk-luthier-…'", "python": python}


def _number(text: str | None, *, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else default


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


@login_required
@require_http_methods(["GET", "HEAD"])
def download_faults(request: PageRequest, file_id: str) -> HttpResponseBase:
    return faults_response(_file(request, file_id), as_csv=True)


def _file(request: PageRequest, file_id: str) -> TrainingFile:
    file = TrainingFile.objects.visible_to(request.team).filter(pk=file_id).first()
    if file is None:
        raise NotFound(_("This data set does not exist."), code="file_not_found")
    return file

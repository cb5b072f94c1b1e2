"""The tabs of a data set, each with its own address."""

from collections.abc import Callable

from django.conf import settings
from django.http import QueryDict

from accounts.requests import PageRequest
from catalogue.models import BaseModel
from chat import ChatError
from common.errors import UserError
from common.wording import in_words
from datasets_app import services
from datasets_app.models import Fault, TrainingFile
from datasets_app.shapes.examples import placeholders_in
from datasets_app.versions.diffs import can_compare
from datasets_app.versions.repairs import NAMES, repairs_for
from datasets_app.web.forms import ReadingForm, SplitForm, values_of
from datasets_app.web.words import ACCEPTED

SHOWN_FAULTS = 50
SHOWN_ROWS = 20
LOOKED_AT = 50
"""Rows in which names of placeholders are looked for."""


def _rows_tab(request: PageRequest, file: TrainingFile) -> dict[str, object]:
    search, kind = request.GET.get("search", "")[:200], request.GET.get("kind", "")[:60]
    offset = number_of(request.GET.get("offset"), default=0)
    page = None
    if file.status != TrainingFile.Status.UPLOADED and file.num_rows is not None and file.storage_name:
        page = services.page_of_rows(file, offset=offset, limit=SHOWN_ROWS, search=search, kind=kind)
    groups = services.fault_groups(file)
    return {
        "page": page,
        "offset": offset,
        "previous": max(0, offset - SHOWN_ROWS) if offset else None,
        "search": search,
        "kind": kind,
        "groups": groups,
        **_api(
            f"/api/v1/files/{file.id}/rows?offset={offset}&limit={SHOWN_ROWS}",
            f'client.get("/../api/v1/files/{file.id}/rows", cast_to=dict)',
        ),
    }


def _faults_tab(request: PageRequest, file: TrainingFile) -> dict[str, object]:
    faults = list(Fault.objects.filter(file=file, level="fault").order_by("number")[:SHOWN_FAULTS])
    groups = services.fault_groups(file)
    offered = repairs_for((group.kind for group in groups), has_good_rows=bool(file.num_rows))
    chosen = [name for name in request.GET.getlist("repair") if name in NAMES]
    preview, repair_error = None, ""
    if chosen:
        try:
            preview = services.preview_repairs(file=file, names=chosen, values=values_of(request.GET))
        except UserError as error:
            repair_error = in_words(error.message)
    return {
        "faults": faults,
        "groups": groups,
        "repairs": [{"repair": r, "is_chosen": r.name in chosen or not chosen} for r in offered],
        "placeholders": _placeholders(file, groups, request.GET),
        "preview": preview.outcome if preview is not None else None,
        "is_partial": preview is not None and preview.is_partial,
        "repair_error": repair_error,
        "chosen": chosen,
        "num_more_faults": max(0, (file.num_faults or 0) - len(faults)),
        **_api(f"/api/v1/files/{file.id}/faults", f'client.get("/../api/v1/files/{file.id}/faults", cast_to=dict)'),
    }


def _placeholders(file: TrainingFile, groups: list[services.FaultGroup], given: QueryDict) -> list[dict[str, str]]:
    """Return the placeholders in the rows, with the values given for them."""
    if not any(group.kind == "unfilled_placeholders" for group in groups):
        return []
    names: dict[str, None] = {}
    for row in services.page_of_rows(file, offset=0, limit=LOOKED_AT, kind="unfilled_placeholders").rows:
        names |= dict.fromkeys(placeholders_in(row.example))
    return [{"name": name, "value": given.get(f"value-{name}", "")} for name in names]


def _learn_tab(request: PageRequest, file: TrainingFile) -> dict[str, object]:
    bases = list(BaseModel.objects.present().order_by("parameters"))
    base = next((base for base in bases if base.pk == request.GET.get("model")), bases[0] if bases else None)
    number = number_of(request.GET.get("row"), default=0)
    most = number_of(request.GET.get("max_seq_len"), default=0) or None
    shown, figures, error = None, None, ""
    if base is not None and file.is_processed:
        try:
            shown = services.row_tokens(file=file, number=number, base=base, max_seq_len=most)
            figures = services.token_statistics(file=file, base=base, max_seq_len=most)
        except (ChatError, UserError) as problem:
            error = in_words(problem.message)
    bars = figures["histogram"] if figures else []
    highest = max((bar["rows"] for bar in bars), default=1) or 1
    model = base.pk if base else "MODEL"
    return {
        "bases": bases,
        "base": base,
        "row": number,
        "next_row": number + 1 if number + 1 < (file.num_rows or 0) else None,
        "previous_row": number - 1 if number else None,
        "max_seq_len": most or "",
        "tokens": shown["tokens"] if shown else [],
        "is_cut": shown["truncated"] if shown else False,
        "figures": figures,
        "bars": [{**bar, "share": round(100 * bar["rows"] / highest)} for bar in bars],
        "learn_error": error,
        **_api(
            f"/api/v1/files/{file.id}/rows/{number}/tokens?model={model}",
            f'client.get("/../api/v1/files/{file.id}/rows/{number}/tokens", '
            f'options={{"params": {{"model": "{model}"}}}}, cast_to=dict)',
        ),
    }


def _about_tab(request: PageRequest, file: TrainingFile) -> dict[str, object]:
    compared, compare_error = None, ""
    if "compare" in request.GET and file.parent is not None:
        try:
            compared = services.difference(older=file.parent, newer=file)
        except UserError as error:
            compare_error = in_words(error.message)
    return {
        **ACCEPTED,
        "limit_bytes": settings.MAX_UPLOAD_BYTES,
        "form_bytes": settings.MAX_BODY_BYTES,
        "figures": file.statistics or {},
        "versions": services.versions_of(file),
        "can_compare": file.parent is not None and all(map(can_compare, (file, file.parent))),
        "difference": compared,
        "compare_error": compare_error,
        "split_form": SplitForm(),
        "reading_form": ReadingForm(),
        **_api(f"/v1/files/{file.id}", f'client.files.retrieve("{file.id}")'),
    }


TABS: dict[str, Callable[[PageRequest, TrainingFile], dict[str, object]]] = {
    "rows": _rows_tab,
    "faults": _faults_tab,
    "learn": _learn_tab,
    "about": _about_tab,
}
"""The tabs of a data set, each with its own address."""


def _api(path: str, python: str) -> dict[str, str]:
    return {"curl": f"curl '{settings.PUBLIC_URL}{path}' -H 'Authorization: Bearer sk-luthier-…'", "python": python}


def number_of(text: str | None, *, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else default

"""The page of the identity recipe."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.requests import PageRequest
from accounts.roles import Role, needs
from common.errors import UserError
from common.idempotency import once
from common.wording import in_words
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.recipes.identity import LANGUAGES, TONES, Identity, IdentityRow, acceptance_tests, rows
from datasets_app.recipes.making import read_answers

SHOWN_FILES = 50
SHOWN_OF_EACH = 4


@needs(Role.MEMBER)
@login_required
@require_http_methods(["GET", "POST"])
def identity_recipe(request: PageRequest) -> HttpResponse:
    """Ask who the model should be, show what it would learn, and make the data set."""
    values = request.POST if request.method == "POST" else request.GET
    if request.method == "GET" or "look" in values:
        return _page(request, values)

    def create() -> HttpResponse:
        file = None
        if values.get("file"):
            file = services.get_file(team=request.team, file_id=values["file"])
        identity = read_answers(_answers(values))
        made = services.identity_file(team=request.team, by=request.user, identity=identity, file=file)
        return redirect("dataset", made.id)

    try:
        return once(request, create)
    except UserError as error:
        return _page(request, values, error=error)


def _page(request: PageRequest, values: QueryDict, *, error: UserError | None = None) -> HttpResponse:
    identity = None
    if error is None and values.get("name"):
        try:
            identity = read_answers(_answers(values))
        except UserError as problem:
            error = problem
    files = TrainingFile.objects.visible_to(request.team).filter(purpose="fine-tune", status="processed")
    context: dict[str, Any] = {
        "values": values,
        "spoken_languages": [
            {"name": n, "word": _language_words()[n], "is_chosen": _is_chosen(n, values)} for n in LANGUAGES
        ],
        "tones": [{"name": n, "word": _tone_words()[n], "is_chosen": n == values.get("tone", TONES[0])} for n in TONES],
        "files": files.exclude(use="text").order_by("-created_at")[:SHOWN_FILES],
        "preview": _preview(identity) if identity is not None else [],
        "num_rows": sum(1 for _row in rows(identity)) if identity is not None else 0,
        "num_tests": len(acceptance_tests(identity)) if identity is not None else 0,
        "error": in_words(error.message) if error else "",
        "error_field": error.param if error else "",
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/recipes/identity -H 'Authorization: Bearer sk-luthier-…' "
        '-H \'Content-Type: application/json\' -d \'{"name": "小智", "maker": "360智汇云"}\'',
        "python": 'client.post("/../api/v1/recipes/identity", '
        'body={"name": "小智", "maker": "360智汇云"}, cast_to=dict)',
    }
    return render(request, "datasets_app/identity.html", context, status=error.status if error else 200)


def _language_words() -> dict[str, str]:
    return {"zh": _("Chinese"), "en": _("English")}


def _tone_words() -> dict[str, str]:
    return {"plain": _("Plain"), "warm": _("Warm"), "formal": _("Formal")}


def _is_chosen(language: str, values: QueryDict) -> bool:
    return language in values.getlist("languages") if "name" in values else True


def _answers(values: QueryDict) -> dict[str, Any]:
    return {
        "name": values.get("name", ""),
        "maker": values.get("maker", ""),
        "languages": values.getlist("languages") or [""],
        "tone": values.get("tone", TONES[0]),
    }


def _preview(identity: Identity) -> list[IdentityRow]:
    """Return a few rows of each kind."""
    found: dict[str, list[IdentityRow]] = {}
    for row in rows(identity):
        found.setdefault(row.source, []).append(row)
    return [row for group in found.values() for row in group[:: max(1, len(group) // SHOWN_OF_EACH)][:SHOWN_OF_EACH]]

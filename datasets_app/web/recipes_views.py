"""The page of the identity recipe."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.requests import PageRequest
from accounts.roles import Role, needs
from common.templatetags.luthier import grouped
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.recipes.identity import Identity, IdentityRow, acceptance_tests, rows
from datasets_app.web.forms import IdentityForm

SHOWN_FILES = 50
SHOWN_OF_EACH = 4


@needs(Role.MEMBER)
@login_required
@require_http_methods(["GET", "POST"])
def identity_recipe(request: PageRequest) -> HttpResponse:
    """Ask who the model should be, show what it would learn, and make the data set."""
    form = _form(request)
    if request.method == "GET" or form.is_preview:
        return _page(request, form)

    def create(identity: Identity, file: str) -> HttpResponse:
        completed = services.get_file(team=request.team, file_id=file) if file else None
        made = services.identity_file(team=request.team, by=request.user, identity=identity, file=completed)
        return redirect("dataset", made.id)

    return form.answer_once(request, create) or _page(request, form)


def _form(request: PageRequest) -> IdentityForm:
    """Return the form as it was sent; where an address names the model, that is read like a form."""
    files = TrainingFile.objects.visible_to(request.team).filter(purpose="fine-tune", status="processed")
    offered = [
        (file.pk, f"{file.filename} ({grouped(file.num_rows)})")
        for file in files.exclude(use="text").order_by("-created_at")[:SHOWN_FILES]
    ]
    if request.method == "POST" or request.GET.get("name"):
        return IdentityForm(request.POST if request.method == "POST" else request.GET, files=offered)
    return IdentityForm(files=offered, initial=request.GET.dict())


def _page(request: PageRequest, form: IdentityForm) -> HttpResponse:
    identity = form.cleaned_data["identity"] if form.is_valid() else None
    context: dict[str, object] = {
        "form": form,
        "preview": _preview(identity) if identity is not None else [],
        "num_rows": sum(1 for _row in rows(identity)) if identity is not None else 0,
        "num_tests": len(acceptance_tests(identity)) if identity is not None else 0,
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/recipes/identity -H 'Authorization: Bearer sk-luthier-…' "
        '-H \'Content-Type: application/json\' -d \'{"name": "小智", "maker": "360智汇云"}\'',
        "python": 'client.post("/../api/v1/recipes/identity", '
        'body={"name": "小智", "maker": "360智汇云"}, cast_to=dict)',
    }
    return render(request, "datasets_app/identity.html", context, status=form.status if form.errors else 200)


def _preview(identity: Identity) -> list[IdentityRow]:
    """Return a few rows of each kind."""
    found: dict[str, list[IdentityRow]] = {}
    for row in rows(identity):
        found.setdefault(row.source, []).append(row)
    return [row for group in found.values() for row in group[:: max(1, len(group) // SHOWN_OF_EACH)][:SHOWN_OF_EACH]]

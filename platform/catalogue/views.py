"""The catalogue's page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.requests import PageRequest
from catalogue import services
from catalogue.foreign_names import accept_proposals, proposals, remove_model_name, set_model_name
from catalogue.forms import DownloadForm, ModelNameForm, NamedForm, ShutdownForm
from catalogue.models import BaseModel, ModelName
from common.forms import refused
from common.marks import Mark
from common.wording import in_words

_STATUS = {"absent": ("wait", "circle-dashed"), "downloading": ("busy", "loader"), "present": ("ok", "circle-check")}
_FAILED = ("bad", "circle-x")
SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One model as the page shows it."""

    base: BaseModel
    may_download: bool
    form: DownloadForm
    leaving: ShutdownForm

    @property
    def status(self) -> Mark:
        kind, icon = _STATUS.get(self.base.state, _FAILED)
        return {"kind": kind, "icon": icon, "word": self.base.get_state_display()}

    @property
    def parameters(self) -> str:
        """135 M, 7.6 B."""
        millions = self.base.parameters / 1e6
        return f"{millions:.0f} M" if millions < 1000 else f"{millions / 1000:.1f} B"

    @property
    def detail(self) -> str:
        if self.base.state == BaseModel.State.DOWNLOADING:
            return f"{round(100 * self.base.progress)} %"
        return in_words(self.base.error)

    @property
    def can_download(self) -> bool:
        waits = self.base.state in (BaseModel.State.ABSENT, BaseModel.State.FAILED)
        return self.may_download and waits and bool(self.base.sources)


@login_required
@require_GET
def catalogue(request: PageRequest) -> HttpResponse:
    """List all base models, those that are here first."""
    return _page(request)


def _page(
    request: PageRequest,
    *,
    downloads: Mapping[str, DownloadForm] | None = None,
    leaving: Mapping[str, ShutdownForm] | None = None,
    naming: ModelNameForm | None = None,
    status: int = 200,
) -> HttpResponse:
    text, number = request.GET.get("q", "").strip(), request.GET.get("page", "")
    named = (base for base in BaseModel.objects.all() if text.lower() in f"{base.display_name} {base.pk}".lower())
    page = Paginator(sorted(named, key=lambda base: not base.is_present), SHOWN).get_page(number)
    rows = [
        ModelRow(
            base=base,
            may_download=request.user.is_staff,
            form=(downloads or {}).get(base.pk) or DownloadForm(base=base),
            leaving=(leaving or {}).get(base.pk) or ShutdownForm(base=base),
        )
        for base in page
    ]
    kept = {"q": text} if text else {}
    context = {
        "rows": rows,
        "q": text,
        "later": urlencode({**kept, "page": page.next_page_number()}) if page.has_next() else "",
        "later_word": _("More models"),
        "first": urlencode(kept) if page.number > 1 else None,
        "first_word": _("First models"),
        "names": ModelName.objects.select_related("base"),
        "naming": naming or ModelNameForm(),
        "proposed": proposals() if request.user.is_staff else [],
    }
    return render(request, "catalogue/list.html", context, status=status)


@login_required
@require_POST
def download_model(request: PageRequest, model_id: str) -> HttpResponse:
    """Accept the licence if the box was ticked, and have the model fetched."""
    _require_administrator(request)
    base = services.get_model(model_id)

    def fetch(accept_licence: bool = False) -> HttpResponse:
        if accept_licence:
            services.accept_licence(base=base, by=request.user)
        services.request_download(base=base, by=request.user)
        return redirect("catalogue")

    form = DownloadForm(request.POST, base=base)
    return form.answer(fetch) or _page(request, downloads={base.pk: form}, status=form.status)


@login_required
@require_POST
def announce_shutdown(request: PageRequest, model_id: str) -> HttpResponse:
    """Say from which day a base model is to be gone, or take that back."""
    _require_administrator(request)
    base = services.get_model(model_id)

    def announce(shutdown_date: date | None) -> HttpResponse:
        services.announce_shutdown(base=base, by=request.user, day=shutdown_date)
        return redirect("catalogue")

    form = ShutdownForm(request.POST, base=base)
    return form.answer(announce) or _page(request, leaving={base.pk: form}, status=form.status)


@login_required
@require_POST
def map_name(request: PageRequest) -> HttpResponse:
    """Say which base another provider's name means."""
    _require_administrator(request)

    def set_name(name: str, base: str) -> HttpResponse:
        set_model_name(name=name, base_id=base, by=request.user)
        return redirect("catalogue")

    form = ModelNameForm(request.POST)
    return form.answer(set_name) or _page(request, naming=form, status=form.status)


@login_required
@require_POST
def map_proposed(request: PageRequest) -> HttpResponse:
    """Map every name that is proposed."""
    _require_administrator(request)
    accept_proposals(by=request.user)
    return redirect("catalogue")


@login_required
@require_POST
def unmap_name(request: PageRequest) -> HttpResponse:
    """Forget what a name means."""
    _require_administrator(request)

    def remove(name: str) -> HttpResponse:
        remove_model_name(name=name, by=request.user)
        return redirect("catalogue")

    form = NamedForm(request.POST)
    return form.answer(remove) or refused(request, form, reverse("catalogue"))


def _require_administrator(request: PageRequest) -> None:
    if not request.user.is_staff:
        raise PermissionDenied(_("Only an administrator of the platform may do this."))

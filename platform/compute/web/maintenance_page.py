"""The page on which administrators plan maintenance."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import PageRequest
from common.forms import PageForm, field_like
from common.wording import in_words
from compute.administering.maintenance import cancel, effect_of, maintenance_named, plan, said_of
from compute.models import Maintenance, Node, Pool
from compute.web.admins import require_admin
from compute.web.maintenance_api import MaintenanceBody

MINUTE = "%Y-%m-%dT%H:%M"
NODE, POOL = "node:", "pool:"


class MinuteField(forms.DateTimeField):
    """A moment by the platform's clock."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTE)
        super().__init__(**{"widget": widget, "input_formats": [MINUTE, f"{MINUTE}:%S", "%Y-%m-%d %H:%M"], **options})


class MaintenanceForm(PageForm):
    """A window, and what it is of."""

    place = forms.ChoiceField(label=gettext_lazy("Node or pool"), widget=forms.Select)
    begins_at = MinuteField(label=gettext_lazy("Begins"))
    ends_at = MinuteField(label=gettext_lazy("Ends"))
    reason = field_like(MaintenanceBody, "reason", label=gettext_lazy("Reason, for everybody who waits"))

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        pools = [(f"{POOL}{pool.name}", _("Pool %(pool)s") % {"pool": pool}) for pool in Pool.objects.order_by("pk")]
        nodes = [(f"{NODE}{name}", name) for name in Node.objects.order_by("name").values_list("name", flat=True)]
        self.fields["place"].choices = [*pools, *nodes]  # type: ignore[attr-defined]
        zone = timezone.localtime().strftime("%Z")
        for name in ("begins_at", "ends_at"):
            self.fields[name].help_text = zone

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        kind, _colon, name = fields.pop("place", "").partition(":")
        fields["node"] = Node.objects.filter(name=name).first() if kind == "node" else None
        fields["pool"] = Pool.objects.filter(name=name).first() if kind == "pool" else None
        return fields


@login_required
@require_http_methods(["GET", "POST"])
def maintenance_page(request: PageRequest) -> HttpResponse:
    """Show what is planned; POST plans more."""
    require_admin(request)
    if request.method == "GET":
        return _page(request, MaintenanceForm(initial={"place": f"{NODE}{request.GET.get('node', '')[:200]}"}))

    def make(**window: Any) -> HttpResponse:
        made = plan(by=request.user, **window)
        messages.success(request, _("The maintenance of %(place)s is planned.") % {"place": made.place})
        return redirect("maintenance")

    form = MaintenanceForm(request.POST)
    return form.answer_once(request, make) or _page(request, form, status=form.status)


@login_required
@require_GET
def maintenance_effect(request: PageRequest) -> HttpResponse:
    """Say what the form's window would do; nothing while its fields are refused."""
    require_admin(request)

    def show(*, reason: str, **window: Any) -> HttpResponse:
        return HttpResponse(escape(in_words(said_of(effect_of(**window)))))

    return MaintenanceForm(request.GET).answer(show) or HttpResponse("")


@login_required
@require_POST
def cancel_maintenance(request: PageRequest, maintenance_id: str) -> HttpResponse:
    require_admin(request)
    found = maintenance_named(maintenance_id)
    cancel(maintenance=found, by=request.user)
    messages.success(request, _("The maintenance of %(place)s is called off.") % {"place": found.place})
    return redirect("maintenance")


def _page(request: PageRequest, form: MaintenanceForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "rows": Maintenance.objects.to_come().select_related("node", "pool", "created_by"),
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/maintenance -H 'Authorization: Bearer sk-luthier-…' "
        "-H 'Content-Type: application/json' "
        """-d '{"node": "…", "begins_at": 1790000000, "ends_at": 1790007200, "reason": "…", "preview": true}'""",
    }
    return render(request, "compute/maintenance.html", context, status=status)

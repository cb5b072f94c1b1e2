"""The administration pages in the audit: they change rows directly, past every use case."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.models import AuditEvent, Team

Values = dict[str, Any]


class ReadOnlyAdmin(admin.ModelAdmin):
    """A model of the administration pages that use cases alone change: a row edited by hand would contradict others."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AuditedAdmin(admin.ModelAdmin):
    """A model of the administration pages whose additions, changes and deletions are recorded."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        record(request, "changed" if change else "added", obj, **changes_of(form, is_new=not change))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        for one in formset.forms:
            if one in formset.deleted_forms:
                record(request, "deleted", one.instance)
            elif one.has_changed():
                is_new = any(one.instance is made for made in formset.new_objects)
                record(request, "added" if is_new else "changed", one.instance, **changes_of(one, is_new=is_new))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        record(request, "deleted", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            record(request, "deleted", obj)
        super().delete_queryset(request, queryset)


def changes_of(form: Any, *, is_new: bool) -> dict[str, Values]:
    """Return the values that a form has changed, before and after."""
    names = [name for name in form.changed_data if name in form.cleaned_data and name not in ("DELETE", "token")]
    before = {} if is_new else {name: _plain(form.initial.get(name)) for name in names}
    return {"before": before, "after": {name: _plain(form.cleaned_data[name]) for name in names}}


def record(request: Any, how: str, obj: Model, *, before: Values | None = None, after: Values | None = None) -> None:
    """Note what an administrator has done to a row."""
    team = obj if isinstance(obj, Team) else getattr(obj, "team", None)
    AuditEvent.record(
        actor=request.user,
        team=team if isinstance(team, Team) else None,
        action=f"administration.{how}",
        target=f"{obj._meta.verbose_name} {obj}",
        before=before or None,
        **(after or {}),
    )


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)

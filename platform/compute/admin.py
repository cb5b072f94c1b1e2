from django.contrib import admin
from django.http import HttpRequest

from accounts.audited_admin import AuditedAdmin, ReadOnlyAdmin
from compute.models import Device, Node, Pool, Quota, Run


class DeviceInline(admin.TabularInline):
    model = Device
    extra = 0
    fields = ("index", "kind", "name", "memory_bytes", "healthy", "present")
    readonly_fields = ("index", "kind", "name", "memory_bytes", "present")

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Node)
class NodeAdmin(AuditedAdmin):
    list_display = ("name", "kind", "address", "last_seen_at", "draining")
    readonly_fields = ("name", "boot_id", "address", "kind", "queue", "last_seen_at", "pool")
    fields = (*readonly_fields, "draining")
    inlines = (DeviceInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Pool)
class PoolAdmin(ReadOnlyAdmin):
    list_display = ("name", "title", "overcommit")


@admin.register(Quota)
class QuotaAdmin(ReadOnlyAdmin):
    list_display = ("team", "pool", "guaranteed", "ceiling", "accelerator_hours", "per_user")
    list_select_related = ("team", "pool")
    search_fields = ("team__name",)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "label", "team", "state", "outcome", "node", "created_at", "ended_at")
    list_select_related = ("team", "node")
    list_filter = ("state", "kind", "outcome")
    search_fields = ("id", "label", "team__name")

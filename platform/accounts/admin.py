from django.contrib import admin

from accounts.audited_admin import AuditedAdmin, ReadOnlyAdmin
from accounts.models import ApiKey, AuditEvent, Membership, Team, User


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0


@admin.register(User)
class UserAdmin(AuditedAdmin):
    list_display = ("email", "name", "is_staff", "is_active")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff")
    inlines = (MembershipInline,)


@admin.register(Team)
class TeamAdmin(AuditedAdmin):
    list_display = ("name", "slug", "is_platform")
    search_fields = ("name",)
    exclude = ("limits",)  # checked on a page of their own
    inlines = (MembershipInline,)


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin):
    list_display = ("prefix", "team", "user", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = ("prefix", "team", "user", "scopes", "created_at", "last_used_at", "expires_at")
    fields = (*readonly_fields, "name", "revoked_at")

    def has_add_permission(self, request: object) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_email", "address", "team_slug", "action", "target")
    list_filter = ("action",)

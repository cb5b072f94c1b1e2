from django.contrib import admin

from jobs.models import FineTuningJob, TunedModel


class _ReadOnly(admin.ModelAdmin):
    """Jobs are changed by their use cases alone: a row edited by hand would contradict its events."""

    def has_add_permission(self, request):  # type: ignore[no-untyped-def]
        return False

    def has_change_permission(self, request, obj=None):  # type: ignore[no-untyped-def]
        return False

    def has_delete_permission(self, request, obj=None):  # type: ignore[no-untyped-def]
        return False


@admin.register(FineTuningJob)
class FineTuningJobAdmin(_ReadOnly):
    list_display = ("id", "team", "base_model", "status", "current_step", "total_steps", "created_at", "finished_at")
    list_filter = ("status", "base_model")
    search_fields = ("id", "suffix", "fine_tuned_model", "team__name")


@admin.register(TunedModel)
class AdapterAdmin(_ReadOnly):
    list_display = ("name", "team", "base_model", "result", "bytes", "created_at", "deleted_at")
    search_fields = ("id", "name", "team__name")

from django.contrib import admin

from accounts.audited_admin import ReadOnlyAdmin
from jobs.models import FineTuningJob, TunedModel


@admin.register(FineTuningJob)
class FineTuningJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "team", "base_model", "status", "current_step", "total_steps", "created_at", "finished_at")
    list_filter = ("status", "base_model")
    search_fields = ("id", "suffix", "fine_tuned_model", "team__name")


@admin.register(TunedModel)
class TunedModelAdmin(ReadOnlyAdmin):
    list_display = ("name", "team", "base_model", "result", "bytes", "created_at", "deleted_at")
    search_fields = ("id", "name", "team__name")

from django.contrib import admin

from accounts.audited_admin import ReadOnlyAdmin
from evaluations.models import Evaluation


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    list_display = ("id", "team", "name", "state", "num_done", "num_total", "created_at", "finished_at")
    list_filter = ("state",)
    search_fields = ("id", "name", "team__name")

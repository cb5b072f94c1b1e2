from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.audited_admin import AuditedAdmin, ReadOnlyAdmin
from accounts.models import User
from catalogue.models import BaseModel, HubToken
from catalogue.services import set_hub_token


@admin.register(BaseModel)
class BaseModelAdmin(ReadOnlyAdmin):
    """Models come from the catalogue's entries, or by `manage.py register_model`."""

    list_display = ("id", "display_name", "state", "licence", "licence_accepted_at", "present_at")
    list_filter = ("state", "family")
    search_fields = ("id", "display_name")


class HubTokenForm(forms.ModelForm):
    token = forms.CharField(widget=forms.PasswordInput, help_text="Kept encrypted, and never shown again.")

    class Meta:
        model = HubToken
        fields = ("hub",)


@admin.register(HubToken)
class HubTokenAdmin(AuditedAdmin):
    form = HubTokenForm
    list_display = ("hub", "set_at", "set_by")
    list_select_related = ("set_by",)

    def save_model(self, request: HttpRequest, obj: HubToken, form: Any, change: bool) -> None:
        set_hub_token(hub=obj.hub, token=form.cleaned_data["token"], by=cast(User, request.user))

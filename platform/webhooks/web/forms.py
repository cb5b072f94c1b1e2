"""Forms of webhooks."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm, field_like
from webhooks import events
from webhooks.models import Webhook
from webhooks.web.requests import ChangedWebhook, NewWebhook


class WebhookForm(PageForm):
    """An address and what it hears about."""

    url = field_like(
        NewWebhook,
        "url",
        label=_("Address"),
        help_text=_("Where the platform sends a POST request when something has happened, https://… for preference."),
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/luthier"}),
    )
    name = field_like(NewWebhook, "name", label=_("Name"))
    event_types = forms.MultipleChoiceField(
        label=_("What it hears about"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one event.")},
    )

    def __init__(self, data: Any = None, *, webhook: Webhook | None = None) -> None:
        initial: dict[str, Any] = {"event_types": events.names()}
        if webhook is not None:
            initial = {"url": webhook.url, "name": webhook.name, "event_types": webhook.event_types}
        super().__init__(data, initial=initial)
        self.fields["event_types"].choices = [(kind.name, kind.label) for kind in events.kinds()]  # type: ignore[attr-defined]


class RotateForm(PageForm):
    """A button."""

    keep = forms.BooleanField(
        label=_("The old secret goes on signing, too, for 24 hours"), required=False, initial=True
    )


class SampleForm(PageForm):
    event_type = forms.ChoiceField(label=_("Event"))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["event_type"].choices = [(kind.name, kind.label) for kind in events.kinds()]  # type: ignore[attr-defined]


class SwitchForm(PageForm):
    """A button that switches a webhook on or off."""

    enabled = field_like(ChangedWebhook, "enabled", widget=forms.HiddenInput)

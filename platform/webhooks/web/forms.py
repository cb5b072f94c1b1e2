"""Forms of webhooks."""

from typing import Any

from django import forms
from django.utils.translation import get_language
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
    form = field_like(NewWebhook, "form", label=_("What is there"))
    language = field_like(NewWebhook, "language", label=_("Language of the sentences in a group chat"))
    signing_secret = field_like(
        NewWebhook,
        "signing_secret",
        label=_("Signing secret of the group chat's bot"),
        help_text=_("Feishu and DingTalk show one where signing is switched on for the bot. Else leave it empty."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    event_types = forms.MultipleChoiceField(
        label=_("What it hears about"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one event.")},
    )

    def __init__(self, data: Any = None, *, webhook: Webhook | None = None) -> None:
        initial: dict[str, Any] = {"event_types": events.names(), "language": get_language()}
        if webhook is not None:
            initial = {"name": webhook.name, "event_types": webhook.event_types, "language": webhook.language}
            initial |= {} if webhook.is_chat else {"url": webhook.url}
        super().__init__(data, initial=initial)
        if webhook is not None:
            self._fit(webhook)
        self.fields["event_types"].choices = [(kind.name, kind.label) for kind in events.kinds()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Leave out what says nothing: a change keeps it, and who makes one has not said it."""
        fields = super().clean() or self.cleaned_data
        if fields.get("form") == Webhook.Form.STANDARD:
            fields.pop("language", None)
        return {name: value for name, value in fields.items() if value not in ("", None)}

    def _fit(self, webhook: Webhook) -> None:
        """Keep the fields that this webhook has; what is secret is not shown, and stays where nothing is entered."""
        del self.fields["form"]
        if not webhook.is_chat:
            del self.fields["language"], self.fields["signing_secret"]
            return
        self.fields["url"].required = False
        self.fields["url"].help_text = _("Not shown, since whoever knows it may write there. Empty: as it is.")
        if webhook.form not in (Webhook.Form.FEISHU, Webhook.Form.DINGTALK):
            del self.fields["signing_secret"]
        else:
            self.fields["signing_secret"].help_text = _("Empty: as it is.")


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

"""What somebody chooses to hear about."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from common.forms import PageForm
from notifications.models import Choices
from webhooks import events


class ChoicesForm(PageForm):
    on_pages = forms.MultipleChoiceField(label=_("On these pages"), required=False, widget=forms.CheckboxSelectMultiple)
    by_mail = forms.MultipleChoiceField(label=_("By mail"), required=False, widget=forms.CheckboxSelectMultiple)
    of_others = forms.BooleanField(label=_("Also about the work of others in the team"), required=False)

    def __init__(self, data: Any = None, *, choices: Choices) -> None:
        kinds = [(kind.name, kind.label) for kind in events.kinds()]
        initial = {
            "on_pages": [name for name, _label in kinds if choices.wants(name, by_mail=False)],
            "by_mail": [name for name, _label in kinds if choices.wants(name, by_mail=True)],
            "of_others": choices.of_others,
        }
        super().__init__(data, initial=initial)
        for name in ("on_pages", "by_mail"):
            self.fields[name].choices = kinds  # type: ignore[attr-defined]
        if not settings.MAIL_IS_ON:
            del self.fields["by_mail"]

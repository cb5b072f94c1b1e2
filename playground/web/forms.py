"""Forms of the playground: a talk with its next question, and an answer that is to be kept."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from common.errors import UserError
from common.forms import PageForm, field_like
from common.wording import in_words
from playground.messages import message
from playground.talks import LONGEST_PROMPT, LONGEST_TALK, Settings, Side, Talk, read_turns
from playground.web.requests import NewShare, SettingsField

LONGEST_HIDDEN = 12 * LONGEST_TALK
"""Of a talk and its last answers as JSON, with room for escapes."""
PARAMETERS = ("temperature", "top_p", "max_tokens", "seed")
Models = Iterable[tuple[Any, Any]]


class TalkForm(PageForm):
    """Which models, how they answer, what was said so far, and what is asked next."""

    left = field_like(NewShare, "left", label=_("Left"), widget=forms.Select)
    right = field_like(NewShare, "right", label=_("Right"), widget=forms.Select)
    system = field_like(
        NewShare,
        "system",
        label=_("System prompt"),
        help_text=_("What both models are told before the conversation."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    temperature = field_like(
        SettingsField,
        "temperature",
        label=_("How freely it words · temperature"),
        help_text=_("0 always takes the likeliest word; higher values vary more."),
        widget=forms.NumberInput(attrs={"step": "0.1"}),
    )
    top_p = field_like(
        SettingsField,
        "top_p",
        label=_("How many words it considers · top_p"),
        help_text=_("1 considers all; lower values leave out unlikely ones."),
        widget=forms.NumberInput(attrs={"step": "0.05"}),
    )
    max_tokens = field_like(SettingsField, "max_tokens", label=_("Longest answer, in tokens · max_tokens"))
    seed = field_like(
        SettingsField,
        "seed",
        label=_("The same answer again · seed"),
        help_text=_("The same seed gives the same answer. Empty: a new one each time."),
    )
    prompt = forms.CharField(
        label=_("Your message"),
        required=False,
        max_length=LONGEST_PROMPT,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": _("e.g. Who are you?")}),
    )
    turns = forms.CharField(
        required=False, max_length=LONGEST_HIDDEN, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, data: Any = None, *, models: Models = (), **options: Any) -> None:
        super().__init__(data, **options)
        offered = [("", _("none")), *models]
        for side in ("left", "right"):
            self.fields[side].widget.choices = offered  # type: ignore[attr-defined]

    @property
    def parameters(self) -> list[Any]:
        """Return the fields of the drawer."""
        return [self["system"], *(self[name] for name in PARAMETERS)]

    def talk_or_none(self) -> Talk:
        """Return the talk so far, to show it again beside what was refused; an empty one where it holds none."""
        try:
            return self.talk() if self.is_valid() else Talk()
        except UserError:
            return Talk()

    def talk(self) -> Talk:
        """Return the talk so far; UserError where the hidden field holds none."""
        fields = self.cleaned_data
        settings = cast(Settings, {name: fields[name] for name in PARAMETERS})
        return Talk.of(
            turns=read_turns(fields["turns"]), left=fields["left"], right=fields["right"], system=fields["system"],
            settings=settings,
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        for name in PARAMETERS[:3]:  # an empty number is the usual one
            if fields.get(name) is None and name not in self.errors:
                fields[name] = self.fields[name].initial
        return fields


class ThumbForm(TalkForm):
    """A talk, and which of its answers somebody judges: "2-right-up"."""

    thumb = forms.RegexField(r"^[0-9]{1,2}-(left|right)-(up|down)$", required=True)

    def judged(self) -> tuple[int, Side, bool]:
        """Return (turn, side, whether the answer is good as it stands)."""
        number, side, thumb = self.cleaned_data["thumb"].split("-")
        return int(number), side, thumb == "up"


class KeepForm(ThumbForm):
    """The answer that becomes a row, where it goes, and that it may."""

    learned = forms.CharField(
        label=_("The answer that is learned"),
        required=False,
        max_length=LONGEST_TALK,
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    data_set = forms.CharField(label=_("Data set"), required=False, max_length=60, widget=forms.Select)
    new_name = forms.CharField(label=_("Or a new data set of this name"), required=False, max_length=100)
    consent = forms.BooleanField(
        label=_("Store this conversation in the data set. Everybody in the team can read it and train on it."),
        required=False,
    )

    names = {"answer": "learned"}

    def __init__(self, data: Any = None, *, data_sets: Models = (), **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["data_set"].widget.choices = [("", _("A new one")), *data_sets]  # type: ignore[attr-defined]

    def clean_consent(self) -> bool:
        if not self.cleaned_data["consent"]:
            raise forms.ValidationError(in_words(message("consent_missing")))
        return True

    @property
    def asked(self) -> list[Any]:
        """Return what a person fills in."""
        return [self[name] for name in ("learned", "data_set", "new_name", "consent")]

    @property
    def carried(self) -> list[Any]:
        """Return what is only taken along."""
        names = ("left", "right", "system", *PARAMETERS, "turns", "thumb")
        return [self[name].as_hidden() for name in names]

"""Forms of people: signing in, keys, members and the team one works in."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from accounts.api import ChangedMember, NewMember
from accounts.invitations_api import TeamBody
from accounts.limits_api import MOST
from accounts.models import ApiKey, Membership, Scope, Team, User
from common.forms import PageForm, field_like

LONGEST_PASSWORD = 1000


class SignInForm(PageForm):
    email = forms.CharField(
        label=_("Email"),
        max_length=User._meta.get_field("email").max_length,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    next = forms.CharField(required=False, widget=forms.HiddenInput)
    """Where to go on to."""

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PreferencesForm(PageForm):
    """A button that chooses the language or the theme, on any page."""

    language = forms.ChoiceField(choices=settings.LANGUAGES, required=False)
    theme = forms.ChoiceField(choices=[("light", "light"), ("dark", "dark")], required=False)
    next = forms.CharField(required=False)


LIFETIMES = (
    ("", _("does not expire")),
    ("7", _("7 days")),
    ("30", _("30 days")),
    ("90", _("90 days")),
    ("365", _("1 year")),
)


LIMIT_LABELS = {
    "requests_per_minute": _("Requests in a minute"),
    "requests_per_day": _("Requests in a day"),
    "tokens_per_minute": _("Tokens in a minute"),
    "tokens_per_day": _("Tokens in a day"),
}


def limit_fields(whose: str) -> dict[str, forms.Field]:
    """Return fields of the limits; what is left empty is as the platform has it, which the fields show."""
    return {
        name: forms.IntegerField(
            label=label,
            required=False,
            min_value=0,
            max_value=MOST,
            widget=forms.NumberInput(attrs={"placeholder": settings.RATE_LIMITS[whose][name]}),
        )
        for name, label in LIMIT_LABELS.items()
    }


class KeyForm(PageForm):
    """A new key; only owners and administrators may give it their powers."""

    name = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=ApiKey._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"placeholder": _("e.g. nightly training script")}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        required=False,
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nothing ticked: everything you may do, except administer the platform."),
    )
    expires_in_days = forms.TypedChoiceField(
        label=_("How long it works"), required=False, choices=LIFETIMES, coerce=int, empty_value=None
    )

    def __init__(self, data: Any = None, *, may_administer: bool) -> None:
        super().__init__(data)
        self.fields |= limit_fields("key")
        if not may_administer:
            offered = [(value, label) for value, label in Scope.choices if value != Scope.ADMIN]
            self.fields["scopes"].choices = offered  # type: ignore[attr-defined]

    @property
    def asked(self) -> list[Any]:
        """Return what everybody sees."""
        return [self[name] for name in ("name", "scopes", "expires_in_days")]

    @property
    def limits(self) -> list[Any]:
        """Return what few need."""
        return [self[name] for name in LIMIT_LABELS]

    def clean(self) -> dict[str, Any]:
        """Put the limits into one field, as the use case takes them."""
        fields = super().clean() or self.cleaned_data
        limits = {name: fields.pop(name, None) for name in LIMIT_LABELS}
        return {**fields, "limits": {name: value for name, value in limits.items() if value is not None}}


class LimitsForm(PageForm):
    """What all keys of a team may ask."""

    def __init__(self, data: Any = None, *, team: Team) -> None:
        super().__init__(data, initial=team.limits)
        self.fields |= limit_fields("team")


class MemberForm(PageForm):
    email = field_like(
        NewMember,
        "email",
        label=_("Email"),
        help_text=_("The person must already have an account. Invite anybody else by a link."),
        widget=forms.EmailInput,
    )
    role = field_like(NewMember, "role", label=_("Role"))


class InvitationForm(PageForm):
    email = field_like(NewMember, "email", label=_("Email"), widget=forms.EmailInput)
    role = field_like(NewMember, "role", label=_("Role"))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="invitation-%s")


class NewPasswordForm(PageForm):
    """A password that somebody chooses, twice, since nobody sees what they type."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 8 characters, not only digits, and none of the most common passwords."),
    )
    password_again = forms.CharField(
        label=_("Repeat the new password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        self.user = user

    def clean(self) -> dict[str, Any]:
        chosen, again = self.cleaned_data.get("password"), self.cleaned_data.pop("password_again", None)
        if chosen is not None and again is not None and chosen != again:
            self.add_error("password_again", _("The two passwords differ."))
        elif chosen is not None:
            try:
                validate_password(chosen, self.user)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return self.cleaned_data


class NewPersonForm(NewPasswordForm):
    name = forms.CharField(label=_("Your name"), required=False, max_length=User._meta.get_field("name").max_length)
    field_order = ("name", "password", "password_again")


class OwnPasswordForm(NewPasswordForm):
    old_password = forms.CharField(
        label=_("Current password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("old_password", "password", "password_again")


class TeamNameForm(PageForm):
    name = field_like(TeamBody, "name", label=_("Name"))


class TeamRowForm(TeamNameForm):
    """A team's row, whose label is for those who hear the page."""

    def __init__(self, data: Any = None, *, team: Team) -> None:
        super().__init__(data, initial={"name": team.name}, auto_id=f"team-{team.pk}-%s")
        label = _("Name of the team %(team)s") % {"team": team.name}
        self.fields["name"].widget.attrs["aria-label"] = label


class RoleForm(PageForm):
    """A member's row."""

    role = field_like(ChangedMember, "role", label=_("Role"))

    def __init__(self, data: Any = None, *, member: Membership) -> None:
        super().__init__(data, initial={"role": member.role}, auto_id=f"member-{member.user_id}-%s")


class TeamForm(PageForm):
    team = forms.ModelChoiceField(label=_("Team"), queryset=Team.objects.none(), empty_label=None)

    def __init__(self, data: Any = None, *, user: User, team: Team | None) -> None:
        super().__init__(data, initial={"team": team})
        self.fields["team"].queryset = Team.objects.of(user).order_by("name")  # type: ignore[attr-defined]

"""Forms of people: signing in, keys, members and the team one works in."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.api import ChangedMember, NewMember
from accounts.models import ApiKey, Membership, Team, User
from common.forms import PageForm, field_like


class SignInForm(PageForm):
    email = forms.CharField(
        label=_("Email"),
        max_length=User._meta.get_field("email").max_length,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class KeyForm(PageForm):
    """A new key; only administrators may give it their powers."""

    name = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=ApiKey._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"placeholder": _("e.g. nightly training script")}),
    )
    admin = forms.BooleanField(
        label=_("Grant administrator rights"),
        required=False,
        help_text=_("The key may set quotas and download models. Otherwise it may do what a member may."),
    )

    def __init__(self, data: Any = None, *, by: User) -> None:
        super().__init__(data)
        if not by.is_staff:
            del self.fields["admin"]


class MemberForm(PageForm):
    email = field_like(
        NewMember,
        "email",
        label=_("Email"),
        help_text=_("The person must already have an account. Administrators create accounts."),
        widget=forms.EmailInput,
    )
    role = field_like(NewMember, "role", label=_("Role"))


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

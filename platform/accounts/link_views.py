"""Pages behind links, and the page of one's own password."""

from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import links
from accounts.forms import NewPasswordForm, NewPersonForm, OwnPasswordForm
from accounts.middleware import SESSION_KEY
from accounts.models import Link, User
from accounts.requests import PageRequest
from accounts.views import GUESS_WINDOW_SECONDS, GUESSES
from common.valkey import forget_attempts, is_over_limit

BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters("password", "password_again")
@require_http_methods(["GET", "POST"])
def invitation(request: PageRequest, token: str) -> HttpResponse:
    """Take whoever holds the link into the team: with an account that there is, or with a new one."""
    link = links.find_invitation(token)
    if User.objects.filter(email=link.email).exists():
        return _with_account(request, link, token)
    person = NewPersonForm(request.POST if request.method == "POST" else None, user=User(email=link.email))

    def accept(name: str, password: str) -> HttpResponse:
        user = links.accept_as_new_person(token=token, name=name, password=password)
        login(request, user, backend=BACKEND)
        return _welcome(request, link)

    return person.answer(accept) or _invitation_page(request, link, person)


def _with_account(request: PageRequest, link: Link, token: str) -> HttpResponse:
    is_them = request.user.is_authenticated and request.user.email == link.email
    if request.method == "GET" or not is_them:
        return _invitation_page(request, link, None, status=200 if request.method == "GET" else 403)
    links.accept_with_account(token=token, by=request.user)
    return _welcome(request, link)


def _invitation_page(
    request: PageRequest, link: Link, form: NewPersonForm | None, *, status: int | None = None
) -> HttpResponse:
    is_them = request.user.is_authenticated and request.user.email == link.email
    context = {"link": link, "form": form, "is_them": is_them}
    return render(
        request, "accounts/invitation.html", context, status=status or (form.status if form and form.errors else 200)
    )


def _welcome(request: PageRequest, link: Link) -> HttpResponse:
    assert link.team is not None
    request.session[SESSION_KEY] = link.team.pk
    messages.success(request, _("You are now in the team %(team)s.") % {"team": link.team.name})
    return redirect("home")


@sensitive_post_parameters("password", "password_again")
@require_http_methods(["GET", "POST"])
def new_password(request: PageRequest, token: str) -> HttpResponse:
    """Let whoever holds the link choose a password."""
    _link, user = links.find_password_link(token)
    form = NewPasswordForm(request.POST if request.method == "POST" else None, user=user)

    def reset(password: str) -> HttpResponse:
        links.reset_password(token=token, password=password)
        forget_attempts(f"sign-in:{user.email[:200]}")
        messages.success(request, _("Your password was changed. Sign in with it."))
        return redirect("sign_in")

    context = {"form": form, "email": user.email}
    return form.answer(reset) or render(
        request, "accounts/new_password.html", context, status=form.status if form.errors else 200
    )


@sensitive_post_parameters("old_password", "password", "password_again")
@login_required
@require_http_methods(["GET", "POST"])
def password(request: PageRequest) -> HttpResponse:
    """Change one's own password; every other session of the person ends."""
    form = OwnPasswordForm(request.POST if request.method == "POST" else None, user=request.user)

    def change(old_password: str, password: str) -> HttpResponse:
        if is_over_limit(f"password:{request.user.pk}", limit=GUESSES, seconds=GUESS_WINDOW_SECONDS):
            form.status = 429
            form.add_error(None, _("Too many attempts. Wait five minutes, then try again."))
        elif not request.user.check_password(old_password):
            form.add_error("old_password", _("This is not your current password."))
        else:
            links.change_password(user=request.user, password=password)
            update_session_auth_hash(request, request.user)
            messages.success(request, _("Your password was changed. Everywhere else you are signed out."))
            return redirect("password")
        return _password_page(request, form)

    return form.answer(change) or _password_page(request, form)


def _password_page(request: PageRequest, form: OwnPasswordForm) -> HttpResponse:
    return render(request, "accounts/password.html", {"form": form}, status=form.status if form.errors else 200)

"""Signing in and out, language and theme, the team one works in."""

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import services
from accounts.forms import PreferencesForm, SignInForm, TeamForm
from accounts.middleware import SESSION_KEY
from accounts.models import User
from accounts.requests import PageRequest
from common.valkey import count_attempt, forget_attempts

GUESSES = 10
"""At one account."""
GUESSES_FROM_ADDRESS = 100
"""From one address, for all accounts together: an office may share it."""
GUESS_WINDOW_SECONDS = 300
YEAR_SECONDS = 31_536_000
COOKIES = {"language": settings.LANGUAGE_COOKIE_NAME, "theme": "luthier_theme"}


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: PageRequest) -> HttpResponse:
    """Ask for email and password; after too many attempts at an account, or from an address, it is 429 for a while."""
    form = SignInForm(request.POST if request.method == "POST" else None)
    is_filled = form.is_valid()
    next_page = _safe_next(request, request.GET.get("next") or (form.cleaned_data.get("next") if form.is_bound else ""))
    if not form.is_bound:
        return redirect(next_page) if request.user.is_authenticated else _sign_in_page(request, form, next_page)
    if not is_filled:
        return _sign_in_page(request, form, next_page, status=form.status)
    email = form.cleaned_data["email"]
    # Counted before the password is looked at: a right guess within the lock is refused like any other.
    account, address = f"sign-in:{email[:200]}", f"sign-in-from:{request.META.get('REMOTE_ADDR', '')}"
    beyond = {
        email: count_attempt(account, seconds=GUESS_WINDOW_SECONDS) - GUESSES,
        "": count_attempt(address, seconds=GUESS_WINDOW_SECONDS) - GUESSES_FROM_ADDRESS,
    }
    if any(number > 0 for number in beyond.values()):
        services.record_lock([whose for whose, number in beyond.items() if number == 1])
        form.add_error(None, _("Too many attempts. Wait five minutes, then try again."))
        return _sign_in_page(request, form, next_page, status=429)
    user = authenticate(request, username=email, password=form.cleaned_data["password"])
    if user is not None:
        forget_attempts(account)
        services.record_sign_in(user=user)
        login(request, user)
        request.session.set_expiry(None)  # a form that was kept gave it an hour
        return _as_preferred(request, redirect(next_page))
    form.add_error(None, _("This email and password do not match. Check both and try again."))
    return _sign_in_page(request, form, next_page, status=401)


def _sign_in_page(request: PageRequest, form: SignInForm, next_page: str, *, status: int = 200) -> HttpResponse:
    return render(request, "accounts/sign_in.html", {"next": next_page, "form": form}, status=status)


@require_POST
def sign_out(request: PageRequest) -> HttpResponse:
    logout(request)
    return redirect("sign_in")


@require_POST
def preferences(request: PageRequest) -> HttpResponse:
    """Keep the language or the theme in a cookie, and with the person, whom it follows to other browsers."""
    sent = PreferencesForm(request.POST).sent()
    response = redirect(_safe_next(request, sent.get("next")))
    chosen = {name: sent[name] for name in COOKIES if sent.get(name)}
    for name, value in chosen.items():
        response.set_cookie(COOKIES[name], value, max_age=YEAR_SECONDS, samesite="Lax")
    if chosen and request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(**chosen)
    return response


def _as_preferred(request: PageRequest, response: HttpResponse) -> HttpResponse:
    """Give a browser without settings the person's own language and theme."""
    for name, cookie in COOKIES.items():
        value = getattr(request.user, name)
        if cookie not in request.COOKIES and PreferencesForm({name: value}).sent().get(name):
            response.set_cookie(cookie, value, max_age=YEAR_SECONDS, samesite="Lax")
    return response


@login_required
@require_POST
def choose_team(request: PageRequest) -> HttpResponse:
    form = TeamForm(request.POST, user=request.user, team=request.team)
    if form.is_valid():
        request.session[SESSION_KEY] = form.cleaned_data["team"].pk
    return redirect("/")


@login_required
@require_GET
def more(request: PageRequest) -> HttpResponse:
    """On a phone: what the bottom bar has no room for."""
    return render(request, "accounts/more.html", {"form": TeamForm(user=request.user, team=request.team)})


def _safe_next(request: PageRequest, target: str | None) -> str:
    hosts = {request.get_host()}
    if (
        target
        and target.startswith("/")
        and url_has_allowed_host_and_scheme(target, hosts, require_https=request.is_secure())
    ):
        return target
    return settings.LOGIN_REDIRECT_URL

"""The team's name on every page leads to the person's other teams."""

import pytest
from django.test import Client

from accounts.models import Membership, Team, User
from tests.console.forms import forms_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def member(*names: str) -> tuple[Client, list[Team]]:
    user = User.objects.create_user("alice@example.com")
    teams = [Team.create(name=name) for name in names]
    for team in teams:
        Membership.objects.create(team=team, user=user, role=Membership.Role.MEMBER)
    browser = Client()
    browser.force_login(user)
    return browser, teams


def test_another_team_is_one_click_away_on_every_page() -> None:
    browser, (_, second) = member("Violins", "Cellos")
    Team.create(name="Foreign")
    page = browser.get("/datasets")
    assert '<summary title="Your team">Violins</summary>' in page.content.decode()
    assert "Foreign" not in page.content.decode()
    assert any(form.action == "/team" for form in forms_of(page, "/datasets"))
    browser.post("/team", {"team": second.pk})
    assert '<summary title="Your team">Cellos</summary>' in browser.get("/datasets").content.decode()


def test_whoever_has_one_team_sees_its_name_alone() -> None:
    browser, _ = member("Violins")
    page = browser.get("/datasets").content.decode()
    assert '<p class="team" title="Your team">Violins</p>' in page
    assert 'action="/team"' not in page

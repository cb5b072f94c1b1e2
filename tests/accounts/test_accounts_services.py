import pytest

from accounts.models import ApiKey, Team, User
from accounts.services import create_api_key, ensure_first_login, revoke_api_key
from common.errors import NotFound, UserError

pytestmark = pytest.mark.django_db


class TestCreateApiKey:
    def test_makes_what_is_missing_and_keeps_only_a_hash(self):
        secret = create_api_key(email="Alice@Example.com", team_name="Violins", admin=True)
        key = ApiKey.find(secret)
        assert key.user.email == "alice@example.com"
        assert key.user.is_staff
        assert key.team.name == "Violins"
        assert secret not in str(ApiKey.objects.values_list())

    def test_keeps_a_persons_first_team(self):
        create_api_key(email="a@example.com", team_name="One")
        assert ApiKey.find(create_api_key(email="a@example.com")).team.name == "One"

    def test_refuses_what_is_no_email(self):
        with pytest.raises(UserError, match="not an email"):
            create_api_key(email="alice")


class TestRevokeApiKey:
    def test_a_revoked_key_finds_nothing(self):
        secret = create_api_key(email="a@example.com")
        key = ApiKey.find(secret)
        revoke_api_key(key_id=key.id, team=key.team, by=key.user)
        assert ApiKey.find(secret) is None

    def test_another_teams_key_does_not_exist(self):
        key = ApiKey.find(create_api_key(email="a@example.com", team_name="One"))
        with pytest.raises(NotFound):
            revoke_api_key(key_id=key.id, team=Team.create(name="Two"), by=key.user)


class TestFirstLogin:
    def test_is_made_once(self):
        password = ensure_first_login(email="admin@example.com")
        assert User.objects.get().check_password(password)
        assert ensure_first_login(email="admin@example.com") is None

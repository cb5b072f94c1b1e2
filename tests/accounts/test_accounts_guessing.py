import pytest
from rest_framework.test import APIClient

from accounts.authentication import GUESSES
from common.valkey import client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_earlier_guesses():
    client().delete("luthier:limit:key:203.0.113.7")


class TestGuessing:
    def test_many_wrong_keys_are_a_429_that_says_when_to_come_back(self):
        api = APIClient(REMOTE_ADDR="203.0.113.7", HTTP_AUTHORIZATION="Bearer sk-luthier-wrong")
        statuses = [api.get("/v1/models").status_code for _ in range(GUESSES)]
        assert set(statuses) == {401}
        refused = api.get("/v1/models")
        assert refused.status_code == 429
        assert int(refused["Retry-After"]) > 0
        assert refused.json()["error"]["code"] == "throttled"

    def test_another_address_is_not_held_for_it(self):
        api = APIClient(REMOTE_ADDR="203.0.113.8", HTTP_AUTHORIZATION="Bearer sk-luthier-wrong")
        assert api.get("/v1/models").status_code == 401

"""What is asked for twice under one key happens once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from common import idempotency
from common.errors import UserError
from common.models import KEPT_HOURS, IdempotentReply

pytestmark = pytest.mark.django_db


class Maker:
    """Makes a thing at every call."""

    def __init__(self) -> None:
        self.num_made = 0

    def __call__(self) -> idempotency.Reply:
        self.num_made += 1
        return 201, {"id": self.num_made, "share": 0.1}


def once(make: Maker, *, key: str = "k", owner: str = "team:1", asked: str = "POST /things {}") -> idempotency.Reply:
    return idempotency.run_once(owner=owner, key=key, asked=asked, handler=make)


def test_the_second_gets_what_the_first_got() -> None:
    make = Maker()
    assert once(make) == once(make) == (201, {"id": 1, "share": 0.1})
    assert make.num_made == 1


@pytest.mark.parametrize("other", [{"key": "l"}, {"owner": "team:2"}])
def test_another_key_or_owner_makes_another_one(other: dict[str, str]) -> None:
    make = Maker()
    assert once(make)[1]["id"] == 1
    assert once(make, **other)[1]["id"] == 2


def test_another_wish_under_the_same_key_is_a_conflict() -> None:
    make = Maker()
    once(make)
    with pytest.raises(UserError, match="Use a new key") as refused:
        once(make, asked="POST /things {1}")
    assert (refused.value.status, refused.value.code, make.num_made) == (409, "idempotency_key_reused", 1)


def test_what_failed_may_be_asked_again() -> None:
    def fail() -> Any:
        raise UserError("There is no such file.", code="file_not_found")

    with pytest.raises(UserError):
        idempotency.run_once(owner="team:1", key="k", asked="POST /things {}", handler=fail)
    assert not IdempotentReply.objects.exists()
    assert once(Maker(), asked="POST /things {mended}")[0] == 201


@pytest.mark.parametrize("key", ["x" * (idempotency.LONGEST_KEY + 1), "a\0b"])
def test_a_key_that_cannot_be_stored_is_refused(key: str) -> None:
    make = Maker()
    with pytest.raises(UserError, match="Idempotency-Key header"):
        once(make, key=key)
    assert make.num_made == 0


def test_a_reply_is_kept_for_a_day() -> None:
    make = Maker()
    once(make)
    assert idempotency.forget_outdated() == 0
    IdempotentReply.objects.update(created_at=timezone.now() - timedelta(hours=KEPT_HOURS, seconds=1))
    assert idempotency.forget_outdated() == 1
    assert once(make)[1]["id"] == 2

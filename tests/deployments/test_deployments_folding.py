"""Requests in the ledger: daily sums once a day is over, single rows until then, and nothing lost on the way."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from common.days import beginning
from console import retention
from deployments.models import Deployment, Usage
from deployments.usage import fold_requests
from ledger.days import today
from ledger.models import Entry, FoldedDay
from ledger.reading import GROUPS, Question, total, usage
from tests.deployments.deployments_cast import Person, make_base, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Person:
    return make_person("Alice")


def asked(person: Person, days_ago: int, *, count: int = 1, **more: Any) -> None:
    """Have `person` ask `count` times on a day, just after it began."""
    rows = Usage.objects.bulk_create(
        Usage(
            team=person.team, user=person.user, milliseconds=1, outcome="answered",
            **{"model": "tiny", "prompt_tokens": 3, "completion_tokens": 4, **more},
        )
        for _ in range(count)
    )  # fmt: skip
    at = beginning(today() - timedelta(days=days_ago)) + timedelta(seconds=1)
    Usage.objects.filter(pk__in=[row.pk for row in rows]).update(at=at)


def told(by: str = "day", first: date | None = None) -> list[tuple[str, int, int, int]]:
    question = Question(first=first or today() - timedelta(days=1000), last=today(), by=by)
    return [(row.key, row.requests, row.prompt_tokens, row.completion_tokens) for row in usage(question)]


def test_the_sums_are_the_same_before_and_after_folding(alice: Person) -> None:
    bob = make_person("Bob")
    asked(alice, 3, count=2)
    asked(alice, 0)
    asked(bob, 3, model="large", prompt_tokens=None)
    before = [told(by) for by in GROUPS]
    assert before[0] == [("alices-team", 3, 9, 12), ("bobs-team", 1, 0, 4)]
    assert before[1] == [("alice@example.com", 3, 9, 12), ("bob@example.com", 1, 0, 4)]
    fold_requests()
    assert Entry.objects.filter(what="requests").count() == 2, "a sum for each team, person and model of the day"
    assert [told(by) for by in GROUPS] == before


def test_a_day_is_folded_once_and_not_before_it_is_over(alice: Person) -> None:
    asked(alice, 2)
    asked(alice, 0)
    for _ in range(2):
        fold_requests()
    assert Entry.objects.filter(what="requests").count() == 1
    assert sorted(FoldedDay.objects.values_list("day", flat=True)) == [
        today() - timedelta(days=ago) for ago in (2, 1) if _is_over(ago)
    ]


def _is_over(days_ago: int) -> bool:
    """Whether a day is over for long enough, which yesterday is not within ten minutes after midnight."""
    return timezone.now() >= beginning(today() - timedelta(days=days_ago - 1)) + timedelta(minutes=10)


def test_what_retention_deletes_stays_in_the_usage(alice: Person) -> None:
    asked(alice, int(settings.KEEP_DAYS["usage"]) + 3, count=2)
    asked(alice, 5)
    before = told()
    retention.sweep_database()
    assert Usage.objects.count() == 1
    assert told() == before
    retention.sweep_database()
    assert told() == before


def test_a_deployments_requests_are_its_models(alice: Person) -> None:
    base = make_base()
    made = Deployment.objects.create(team=alice.team, name="bot", model="ft:tiny:x", base_model=base)
    asked(alice, 2, model="bot", deployment=made)
    for _ in range(2):
        assert told("model") == [("ft:tiny:x", 1, 3, 4)]
        fold_requests()


def test_a_million_requests_are_added_up_by_the_database(alice: Person) -> None:
    asked(alice, 4, count=500)
    asked(alice, 0, count=500)
    fold_requests()
    with CaptureQueriesContext(connection) as queries:
        rows = usage(Question(first=today() - timedelta(days=9), last=today(), by="day"))
    assert total(rows).requests == 1000
    assert len(queries) <= 5

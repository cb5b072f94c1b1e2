"""Lists of files go on while their rows are deleted."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from datasets_app.models import TrainingFile
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, rows

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_deleting_while_going_through_deletes_all(alice: Member, order: str) -> None:
    for number in range(7):
        dataset_makers.stored(alice.team, lines_of(*rows(2)), f"{number}.jsonl", by=alice.user)
    client, after, seen = Client(), "", 0
    for _ in range(7):
        query = {"limit": 2, "order": order} | ({"after": after} if after else {})
        page = client.get("/v1/files", query, headers=alice.headers).json()
        for file in page["data"]:
            assert client.delete(f"/v1/files/{file['id']}", headers=alice.headers).status_code == 200
            after, seen = file["id"], seen + 1
        if not page["has_more"]:
            break
    assert (seen, TrainingFile.objects.count()) == (7, 0)


def test_a_wrong_after_names_after(alice: Member, charlie: Member) -> None:
    foreign = dataset_makers.stored(charlie.team, lines_of(*rows(2)), by=charlie.user)
    for after in ("file-none", foreign.pk):
        reply = Client().get("/v1/files", {"after": after}, headers=alice.headers)
        assert (reply.status_code, reply.json()["error"]["param"]) == (404, "after")
    Client().delete(f"/v1/files/{foreign.pk}", headers=charlie.headers)
    reply = Client().get("/v1/files", {"after": foreign.pk}, headers=alice.headers)
    assert reply.status_code == 404


def test_a_list_leaves_what_it_does_not_show_in_the_database(alice: Member) -> None:
    for number in range(5):
        dataset_makers.stored(alice.team, lines_of(*rows(2)), f"{number}.jsonl", by=alice.user)
    with CaptureQueriesContext(connection) as asked:
        page = Client().get("/v1/files", headers=alice.headers).json()
    assert len(page["data"]) == 5
    (listing,) = (query["sql"] for query in asked if "datasets_app_trainingfile" in query["sql"])
    assert '"statistics"' not in listing

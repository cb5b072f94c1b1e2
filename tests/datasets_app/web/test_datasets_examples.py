"""The rows of any format, downloaded as the trainer by hand reads them."""

import gzip
import json
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from chat import parse_row
from datasets_app import services
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import body_of, lines_of, rows

pytestmark = pytest.mark.django_db
FORMATS = {
    "pairs.csv": b"question,answer\n" + b"".join(b"q%d,a%d\n" % (n, n) for n in range(12)),
    "alpaca.jsonl": lines_of(*({"instruction": f"q{n}", "input": "", "output": f"a{n}"} for n in range(12))),
    "chats.jsonl": lines_of(*rows(12)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_is_a_line_that_the_trainer_reads(alice: Member, name: str) -> None:
    file = dataset_makers.stored(alice.team, FORMATS[name], name, by=alice.user)
    reply = Client().get(f"/api/v1/files/{file.pk}/examples", headers=alice.headers)
    lines = async_to_sync(body_of)(reply).decode().splitlines()
    assert [parse_row(json.loads(line)) for line in lines] == [c for _, c in services.read_conversations(file)]
    assert f'filename="{Path(name).stem}.jsonl"' in reply["content-disposition"]


def test_texts_are_lines_or_stand_each_by_itself(alice: Member) -> None:
    book = dataset_makers.stored(
        alice.team, gzip.compress("\ufeff序。\r\n\r\nOnce.\n".encode()), "book.txt.gz", by=alice.user
    )
    notes = dataset_makers.stored(alice.team, b'text\nA note.\n"Two\nlines."\n', "notes.csv", by=alice.user)
    for file, name, content in (
        (book, "book.txt", "序。\nOnce.\n"),
        (notes, "notes.jsonl", '{"text": "A note."}\n{"text": "Two\\nlines."}\n'),
    ):
        reply = Client().get(f"/api/v1/files/{file.pk}/examples", headers=alice.headers)
        assert async_to_sync(body_of)(reply).decode() == content
        assert f'filename="{name}"' in reply["content-disposition"]


def test_is_refused_where_rows_cannot_be_read_and_unknown_to_others(alice: Member, charlie: Member) -> None:
    faulty = dataset_makers.stored(alice.team, b"nonsense\n", by=alice.user)
    assert Client().get(f"/api/v1/files/{faulty.pk}/examples", headers=alice.headers).status_code == 400
    assert Client().get(f"/api/v1/files/{faulty.pk}/examples", headers=charlie.headers).status_code == 404

"""The pages of a data set: every tab, without JavaScript."""

import re
from typing import Any

import pytest
from django.test import Client

from datasets_app.checking import recording
from datasets_app.formats import FORMATS
from datasets_app.models import TrainingFile
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, row, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def stored(member: Member, content: bytes, filename: str = "chats.jsonl") -> TrainingFile:
    return dataset_makers.stored(member.team, content, filename, by=member.user)


def text_of(client: Client, path: str, **query: Any) -> str:
    reply = client.get(path, query)
    assert reply.status_code == 200
    return reply.content.decode()


class TestTabs:
    def test_rows_are_paged_and_searched(self, alice: Member, page: Client) -> None:
        file = stored(alice, lines_of(*rows(45)))
        first = text_of(page, f"/datasets/{file.pk}")
        assert "Question 0?" in first
        assert "Question 20?" not in first
        assert "Question 20?" in text_of(page, f"/datasets/{file.pk}", tab="rows", offset=20)
        found = text_of(page, f"/datasets/{file.pk}", tab="rows", search="question 33")
        assert "Question 33?" in found
        assert "Question 3?" not in found

    def test_a_faulty_row_is_shown_with_its_fault(self, alice: Member, page: Client) -> None:
        file = stored(alice, lines_of(*rows(3), row(answer=" ")))
        shown = text_of(page, f"/datasets/{file.pk}", tab="rows", kind="empty_answer")
        assert "messages[1].content" in shown
        assert "Write the answer or remove the message." in shown

    def test_faults_offer_repairs_and_show_what_changes(self, alice: Member, page: Client) -> None:
        file = stored(
            alice,
            lines_of(*rows(12), {"messages": [{"role": "User", "content": "a"}, {"role": "bot", "content": "b"}]}),
        )
        shown = text_of(page, f"/datasets/{file.pk}")
        assert "Correct the names of roles" in shown
        preview = text_of(page, f"/datasets/{file.pk}", tab="faults", repair="fix_roles")
        assert "Create the repaired version" in preview
        reply = page.post(f"/datasets/{file.pk}/repair", {"repair": "fix_roles"})
        made = TrainingFile.objects.exclude(pk=file.pk).get()
        assert reply.headers["Location"] == f"/datasets/{made.pk}"
        recording.check_file(made.pk)
        assert "repaired from 1" in text_of(page, f"/datasets/{made.pk}", tab="about")

    def test_what_is_no_number_or_tab_is_the_first_page(self, alice: Member, page: Client) -> None:
        file = stored(alice, lines_of(*rows(3)))
        for query in ({"tab": "nothing"}, {"offset": "-1"}, {"offset": "x" * 50}, {"tab": "learn", "row": "²"}):
            assert "chats.jsonl" in text_of(page, f"/datasets/{file.pk}", **query)

    def test_what_a_file_was_taken_for_is_said(self, alice: Member, page: Client) -> None:
        file = stored(alice, "问题,回答\n你是谁？请介绍一下你自己。,我是小智。\n".encode("gb18030"), "问答.csv")
        assert "CSV, GB18030: questions from 问题, answers from 回答" in text_of(page, f"/datasets/{file.pk}")

    def test_both_forms_of_an_upload_offer_the_files_of_each_format(self, alice: Member, page: Client) -> None:
        file = stored(alice, lines_of(*rows(3)))
        for shown in (text_of(page, "/datasets"), text_of(page, f"/datasets/{file.pk}", tab="about")):
            offered = re.findall(r'accept="([^"]*)"', shown)[0].split(",")
            assert {suffix for form in FORMATS for suffix in form.suffixes} < set(offered)
            assert {".jsonl", ".csv", ".xlsx", ".txt", ".gz"} < set(offered)

    def test_strangers_see_nothing(self, alice: Member, charlie: Member) -> None:
        file = stored(alice, lines_of(*rows(3)))
        stranger = Client()
        stranger.force_login(charlie.user)
        for path in (f"/datasets/{file.pk}", f"/datasets/{file.pk}/faults"):
            assert stranger.get(path).status_code == 404
        assert stranger.post(f"/datasets/{file.pk}/repair", {"repair": "trim"}).status_code == 404

"""Rows that somebody has read: changed, removed, as a new version."""

import json
from typing import Any

import pytest
from django.test import Client

from common.errors import UserError
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.recipes.labels import LABELS
from datasets_app.storage import new_files
from tests.console.forms import form_at
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, recheck, row, rows, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
OTHER = row("Other?", "Yes.")["messages"]


def content_of(file: TrainingFile) -> list[dict[str, Any]]:
    recheck(file)
    assert file.is_processed, file.status_details
    with services.open_file(file) as stream:
        return [json.loads(line) for line in stream.read().splitlines()]


@pytest.fixture
def file(alice: Member) -> TrainingFile:
    return stored(alice.team, lines_of(*rows(30)), by=alice.user)


class TestEditRows:
    def test_makes_a_version_in_which_rows_are_others_or_gone(self, alice: Member, file: TrainingFile) -> None:
        made = services.edit_rows(file=file, edits={3: OTHER, 5: None}, by=alice.user, reason="Read")
        found = content_of(made)
        assert len(found) == 29
        assert found[3]["messages"] == OTHER
        assert found[5] == rows(30)[6]
        assert (made.version, made.parent, made.made["changed"], made.made["dropped"]) == (2, file, 1, 1)
        assert made.made["edits"] == {}
        assert len(content_of(file)) == 30

    def test_keeps_tools_and_what_is_not_learned(self, alice: Member) -> None:
        tool = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
        values = [{**one, "tools": [tool]} for one in rows(12)]
        file = stored(alice.team, lines_of(*values), by=alice.user)
        found = content_of(services.edit_rows(file=file, edits={0: OTHER}, by=None))
        assert found[0]["tools"] == [tool]
        assert found[0]["messages"] == OTHER

    def test_leaves_a_large_set_to_a_worker(
        self, alice: Member, file: TrainingFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(new_files, "AT_ONCE_BYTES", 10)
        made = services.edit_rows(file=file, edits={0: None}, by=alice.user)
        assert made.is_being_made
        new_files.make_file(made.pk)
        assert len(content_of(made)) == 29

    @pytest.mark.parametrize("at_once", [10, 10_000_000])
    def test_takes_what_postgres_does_not(
        self, alice: Member, file: TrainingFile, monkeypatch: pytest.MonkeyPatch, at_once: int
    ) -> None:
        monkeypatch.setattr(new_files, "AT_ONCE_BYTES", at_once)
        said = row("Other?", "a\0b")["messages"]
        made = services.edit_rows(file=file, edits={0: said}, by=alice.user)
        new_files.make_file(made.pk)
        assert content_of(made)[0]["messages"] == said

    @pytest.mark.parametrize(
        ("edits", "sentence"),
        [
            ({}, "1 to 1000 rows"),
            ({30: None}, "no row 30"),
            ({-1: None}, "no row -1"),
            (dict.fromkeys(range(30)), "Every row"),
            ({1: [{"role": "user", "content": "No answer"}]}, "assistant"),
        ],
    )
    def test_refuses_what_leaves_nothing_to_learn(
        self, file: TrainingFile, edits: dict[int, Any], sentence: str
    ) -> None:
        with pytest.raises(UserError, match=sentence):
            services.edit_rows(file=file, edits=edits, by=None)
        assert TrainingFile.objects.count() == 1


class TestOverHttp:
    def test_the_api_changes_and_removes(
        self, client: Client, alice: Member, charlie: Member, file: TrainingFile
    ) -> None:
        body = {"edits": [{"row": 1, "messages": OTHER}, {"row": 2, "messages": None}]}
        address = f"/api/v1/files/{file.pk}/rows"
        assert client.patch(address, body, "application/json", headers=charlie.headers).status_code == 404
        reply = client.patch(address, body, "application/json", headers=alice.headers)
        assert reply.status_code == 201, reply.content
        assert len(content_of(TrainingFile.objects.get(pk=reply.json()["id"]))) == 29

    @pytest.mark.parametrize("method", ["patch", "post"])
    def test_the_api_takes_a_call_without_words(
        self, client: Client, alice: Member, file: TrainingFile, method: str
    ) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
        said = [{"role": "user", "content": "Time?"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
        body = {"patch": {"edits": [{"row": 0, "messages": said}]}, "post": {"rows": [said]}}[method]
        send = getattr(client, method)
        reply = send(f"/api/v1/files/{file.pk}/rows", body, "application/json", headers=alice.headers)
        assert reply.status_code == 201, reply.content

    def test_the_page_saves_what_was_changed_and_nothing_else(self, page: Client, file: TrainingFile) -> None:
        address = f"/datasets/{file.pk}/edit?offset=20"
        form = form_at(page, address)
        assert form["row-21-1"] == ["Answer 21."]
        unchanged = page.post(address, form)
        assert unchanged.headers["Location"] == f"/datasets/{file.pk}"
        form = form_at(page, address)
        made = page.post(address, {**form, "row-21-1": "Better.\r\nTwice.", "remove-22": "1"})
        new = TrainingFile.objects.exclude(pk=file.pk).get()
        assert made.headers["Location"] == f"/datasets/{new.pk}"
        found = content_of(new)
        assert found[21]["messages"][1]["content"] == "Better.\nTwice."
        assert [one["messages"][0]["content"] for one in found].count("Question 22?") == 0
        assert len(found) == 29

    @pytest.mark.parametrize("text", ["One.\nTwo.\n", "One.\r\nTwo.", "One.\u2028Two.\n\n", "\nOne.\x85Two."])
    def test_the_page_leaves_a_text_that_nobody_touched(self, page: Client, alice: Member, text: str) -> None:
        file = stored(alice.team, lines_of(row("Q?", text), *rows(12)), by=alice.user)
        address = f"/datasets/{file.pk}/edit"
        form = form_at(page, address)
        sent = text.replace("\r\n", "\n").replace("\n", "\r\n")  # as browsers send lines
        unchanged = page.post(address, {**form, "row-0-1": sent})
        assert unchanged.headers["Location"] == f"/datasets/{file.pk}"
        assert TrainingFile.objects.count() == 1

    def test_the_page_saves_long_conversations(self, page: Client, alice: Member) -> None:
        long = [{"messages": [turn for number in range(30) for turn in row(f"{at}?", f"{number}.")["messages"]]}
                for at in range(20)]  # fmt: skip
        file = stored(alice.team, lines_of(*long), by=alice.user)
        address = f"/datasets/{file.pk}/edit"
        made = page.post(address, {**form_at(page, address), "row-3-1": "Better."})
        assert made.status_code == 302, made.content
        assert content_of(TrainingFile.objects.exclude(pk=file.pk).get())[3]["messages"][1]["content"] == "Better."

    def test_the_page_says_what_is_wrong_and_keeps_the_rest(self, page: Client, file: TrainingFile) -> None:
        form = form_at(page, f"/datasets/{file.pk}/edit")
        refused = page.post(f"/datasets/{file.pk}/edit", {**form, "row-0-1": "", "row-1-1": "Kept."})
        assert refused.status_code == 400
        assert "Kept." in refused.content.decode()
        assert TrainingFile.objects.count() == 1

    def test_a_recipes_data_set_asks_to_be_read_and_says_what_is_asked(self, page: Client, alice: Member) -> None:
        made = services.recipe_file(team=alice.team, by=alice.user, recipe=LABELS, answers=LABELS.example)
        recheck(made)
        shown = page.get(f"/datasets/{made.pk}").content.decode()
        assert f'href="/datasets/{made.pk}/edit"' in shown
        assert "a text unlike all of them still gets a label" in shown
        assert made.recipe["answers"]["held_out"][0][0] in shown

"""Conversations that a team shares, and answers that become rows of a data set."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Membership, User
from console import retention
from datasets_app.checking import recording
from datasets_app.models import TrainingFile
from datasets_app.rows.reading import read_examples
from jobs.models import TunedModel
from playground import services
from playground.models import Share
from playground.talks import Talk
from tests.datasets_app.dataset_makers import lines_of, rows, stored
from tests.deployments.deployments_cast import Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
TURNS = [{"prompt": "你是谁？", "left": "I am SmolLM.", "right": "I am Xiaozhi."}]
FORM = {"left": "tiny", "right": "", "system": "", "temperature": "0", "top_p": "1", "max_tokens": "256", "seed": ""}


def client_of(person: Person | User) -> Client:
    client = Client()
    client.force_login(person.user if isinstance(person, Person) else person)
    return client


def sent(adapter: TunedModel, **fields: str) -> dict[str, str]:
    return {**FORM, "right": adapter.name, "turns": json.dumps(TURNS), **fields}


def shared(person: Person, **fields: Any) -> Share:
    return services.share_talk(team=person.team, by=person.user, talk=Talk.of(turns=TURNS, left="tiny", **fields))


def viewer_of(person: Person) -> User:
    user = User.objects.create_user("viewer@example.com")
    Membership.objects.create(team=person.team, user=user, role=Membership.Role.VIEWER)
    return user


class TestSharing:
    def test_lists_titles_without_reading_what_was_said(self, alice: Person) -> None:
        shared(alice)
        [listed] = Share.objects.visible_to(alice.team).listed()
        assert listed.title == "你是谁？"
        assert {"turns", "system", "settings"} <= listed.get_deferred_fields()
        assert "你是谁？" in client_of(alice).get("/playground/shares").content.decode()

    def test_makes_an_address_that_the_team_can_open(self, alice: Person, bob: Person, adapter: TunedModel) -> None:
        reply = client_of(alice).post("/playground/shares", sent(adapter))
        share = Share.objects.get()
        assert reply["Location"] == f"/playground/shares/{share.pk}"
        for reader in (alice, viewer_of(alice)):
            shown = client_of(reader).get(f"/playground/shares/{share.pk}").content.decode()
            assert "你是谁？" in shown
            assert "<mark> Xiaozhi</mark>" in shown
        for method, path in (("get", ""), ("post", "/delete")):
            assert getattr(client_of(bob), method)(f"/playground/shares/{share.pk}{path}").status_code == 404
        assert AuditEvent.objects.filter(action="conversation.shared", target=share.pk).exists()

    def test_goes_on_from_there(self, alice: Person, adapter: TunedModel) -> None:
        share = shared(alice, right=adapter.name, system="Be brief.")
        shown = client_of(alice).get(f"/playground?from={share.pk}").content.decode()
        assert f'<option value="{adapter.name}" selected>' in shown
        assert "Be brief." in shown
        assert "I am SmolLM." in shown

    def test_says_so_where_there_is_nothing_to_share(self, alice: Person, adapter: TunedModel) -> None:
        reply = client_of(alice).post("/playground/shares", sent(adapter, turns="[]"))
        assert (reply.status_code, Share.objects.count()) == (400, 0)
        assert "There is nothing to share yet" in reply.content.decode()

    def test_is_deleted_by_its_author_or_an_owner(self, alice: Person, adapter: TunedModel) -> None:
        share = shared(alice)
        other = User.objects.create_user("member@example.com")
        Membership.objects.create(team=alice.team, user=other, role=Membership.Role.MEMBER)
        assert client_of(other).post(f"/playground/shares/{share.pk}/delete").status_code == 403
        assert client_of(alice).post(f"/playground/shares/{share.pk}/delete").status_code == 302
        assert not Share.objects.exists()

    def test_is_bounded_in_number(self, alice: Person, monkeypatch: pytest.MonkeyPatch, adapter: TunedModel) -> None:
        monkeypatch.setattr(services, "MOST_SHARES", 1)
        shared(alice)
        reply = client_of(alice).post("/playground/shares", sent(adapter))
        assert (reply.status_code, Share.objects.count()) == (409, 1)

    def test_goes_when_it_is_old(self, alice: Person) -> None:
        old, new = shared(alice), shared(alice)
        Share.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
        retention.sweep_database()
        assert [share.pk for share in Share.objects.all()] == [new.pk]

    def test_at_the_api(self, alice: Person, bob: Person) -> None:
        headers, path = {"authorization": f"Bearer {alice.secret}"}, "/api/v1/playground/shares"
        reply = Client().post(path, {"left": "tiny", "turns": TURNS}, "application/json", headers=headers)
        assert (reply.status_code, reply.json()["turns"]) == (201, TURNS)
        share = reply.json()["id"]
        assert Client().get(f"{path}/{share}", headers={"authorization": f"Bearer {bob.secret}"}).status_code == 404
        assert [one["id"] for one in Client().get(path, headers=headers).json()["data"]] == [share]
        assert Client().delete(f"{path}/{share}", headers=headers).json()["deleted"]
        reply = Client().post(path, {"turns": [{"prompt": "Hi"}]}, "application/json", headers=headers)
        assert reply.status_code == 400


class TestThumbs:
    def keep(self, person: Person, adapter: TunedModel, **fields: str) -> Any:
        given = {"thumb": "0-right-up", "learned": "I am Xiaozhi.", "new_name": "talks", "consent": "1", **fields}
        return client_of(person).post("/playground/kept", sent(adapter, **given))

    def test_says_what_would_be_stored_and_stores_nothing(self, alice: Person, adapter: TunedModel) -> None:
        for thumb, answer in (
            ("up", "I am Xiaozhi.</textarea>"),
            ("down", '<del class="said muted">I am Xiaozhi.</del>'),
        ):
            reply = client_of(alice).post("/playground/keep", sent(adapter, thumb=f"0-right-{thumb}"))
            shown = reply.content.decode()
            assert "你是谁？" in shown
            assert answer in shown
        assert not TrainingFile.objects.exists()

    def test_a_good_answer_begins_a_data_set(self, alice: Person, adapter: TunedModel) -> None:
        assert self.keep(alice, adapter)["Location"] == "/playground"
        file = TrainingFile.objects.get()
        recording.check_file(file.pk)
        file.refresh_from_db()
        assert (file.filename, file.version, file.num_rows, file.use) == ("talks.jsonl", 1, 1, "chat")
        [example] = read_examples(file)
        assert example.conversation is not None
        assert [turn.content for turn in example.conversation.messages] == ["你是谁？", "I am Xiaozhi."]

    def test_a_better_answer_becomes_the_next_version(self, alice: Person, adapter: TunedModel) -> None:
        first = stored(alice.team, lines_of(*rows(3)), by=alice.user)
        for answer in ("我是小智。", "我叫小智。"):  # the second before the first was checked
            self.keep(alice, adapter, thumb="0-left-down", learned=answer, data_set=first.pk)
        newest = TrainingFile.objects.order_by("-version").first()
        assert newest is not None
        recording.check_file(newest.pk)
        newest.refresh_from_db()
        assert (newest.family, newest.version, newest.num_rows, newest.made["how"]) == (first.family, 3, 5, "append")
        said = [example.conversation.messages[-1].content for example in read_examples(newest) if example.conversation]
        assert said[-2:] == ["我是小智。", "我叫小智。"]

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"consent": ""}, "may be stored"),
            ({"learned": " "}, "Write the answer"),
            ({"new_name": ""}, "Choose a data set"),
        ],
    )
    def test_nothing_is_stored_without_consent_answer_or_place(
        self, alice: Person, adapter: TunedModel, fields: dict[str, str], said: str
    ) -> None:
        reply = self.keep(alice, adapter, **fields)
        assert (reply.status_code, TrainingFile.objects.count()) == (400, 0)
        assert said in reply.content.decode()

    def test_another_teams_data_set_does_not_exist(self, alice: Person, bob: Person, adapter: TunedModel) -> None:
        theirs = stored(bob.team, lines_of(*rows(3)))
        assert self.keep(alice, adapter, data_set=theirs.pk).status_code == 404
        assert TrainingFile.objects.count() == 1

    def test_an_answer_that_is_not_there_is_refused(self, alice: Person, adapter: TunedModel) -> None:
        for path in ("keep", "kept"):
            reply = client_of(alice).post(f"/playground/{path}", sent(adapter, thumb="7-right-up", consent="1"))
            assert reply.status_code == 400


class TestAppending:
    def test_rows_come_after_those_of_any_format(self, alice: Person) -> None:
        table = b"instruction,output\nHi,Hello\nBye,Goodbye\n"
        file = stored(alice.team, table, "chats.csv")
        headers = {"authorization": f"Bearer {alice.secret}"}
        body = {"rows": [[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]], "reason": "more"}
        reply = Client().post(f"/api/v1/files/{file.pk}/rows", body, "application/json", headers=headers)
        assert (reply.status_code, reply.json()["version"], reply.json()["parent"]) == (201, 2, file.pk)
        made = TrainingFile.objects.get(pk=reply.json()["id"])
        recording.check_file(made.pk)
        made.refresh_from_db()
        assert (made.filename, made.num_rows, made.reason, made.made["added"]) == ("chats.jsonl", 3, "more", 1)

    def test_a_row_that_teaches_nothing_is_refused(self, alice: Person) -> None:
        file = stored(alice.team, lines_of(*rows(3)))
        headers = {"authorization": f"Bearer {alice.secret}"}
        body = {"rows": [[{"role": "user", "content": "Q"}]]}
        reply = Client().post(f"/api/v1/files/{file.pk}/rows", body, "application/json", headers=headers)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "rows.0")

    def test_a_file_that_is_still_checked_is_not_added_to(self, alice: Person) -> None:
        file = stored(alice.team, lines_of(*rows(3)), is_checked=False)
        headers = {"authorization": f"Bearer {alice.secret}"}
        body = {"rows": [[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]]}
        reply = Client().post(f"/api/v1/files/{file.pk}/rows", body, "application/json", headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "file_not_ready")

"""A file that is uploaded as the next version of a data set: by the API and by the plain form."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from datasets_app import services
from datasets_app.models import TrainingFile
from tests.datasets_app.conftest import Member, stored_files
from tests.datasets_app.dataset_makers import lines_of, rows
from tests.datasets_app.web.test_datasets_pages import stored, text_of
from tests.datasets_app.web.test_datasets_receiving import (
    CONTENT,
    closed_connections,  # noqa: F401 - a fixture
    http,
    post,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("plain_static")]

OTHER = lines_of(*rows(7))


async def first(member: Member) -> str:
    return str((await post(member)).json()["id"])


async def send(
    member: Member, file_id: str, *, content: bytes = OTHER, name: str = "新.csv", data: Any = None, **headers: str
) -> httpx.Response:
    async with http() as client:
        return await client.post(
            f"/api/v1/files/{file_id}/versions",
            files={"file": (name, content)},
            data=data or {},
            headers={**member.headers, **headers},
        )


class TestByTheApi:
    async def test_it_is_the_next_of_the_family(self, alice: Member) -> None:
        file_id = await first(alice)
        made = (await send(alice, file_id, data={"reason": "Two more rows."})).json()
        assert (made["version"], made["parent"], made["filename"]) == (2, file_id, "新.csv")
        assert made["made"] == {"how": "upload", "of": file_id}
        assert (made["reason"], made["author"], made["bytes"]) == ("Two more rows.", alice.user.email, len(OTHER))
        # A version of an older one still is the newest.
        third = (await send(alice, file_id)).json()
        assert (third["version"], third["parent"], third["reason"]) == (3, file_id, None)
        async with http() as client:
            listed = (await client.get(f"/api/v1/files/{made['id']}/versions", headers=alice.headers)).json()
        assert [version["version"] for version in listed["data"]] == [3, 2, 1]

    async def test_it_may_be_larger_than_a_common_body(self, alice: Member) -> None:
        content = CONTENT * (settings.MAX_BODY_BYTES // len(CONTENT) + 2)
        made = await send(alice, await first(alice), content=content)
        assert (made.status_code, made.json()["bytes"]) == (200, len(content))

    @pytest.mark.parametrize(
        ("asked", "code"),
        [
            ({"content": b""}, "empty_file"),
            ({"content": b"%PDF-1.7"}, "pdf"),
            ({"data": {"colour": "red"}}, "unknown_parameter"),
        ],
    )
    async def test_what_no_upload_may_be_leaves_nothing(
        self, alice: Member, home: Path, asked: dict[str, Any], code: str
    ) -> None:
        file_id = await first(alice)
        reply = await send(alice, file_id, **asked)
        assert reply.status_code == 400
        assert code in reply.json()["error"]["code"]
        assert len(stored_files(home)) == 1

    async def test_a_jobs_result_has_no_versions(self, alice: Member, tmp_path: Path) -> None:
        path = tmp_path / "metrics.csv"
        path.write_bytes(b"step,loss\n1,2\n")
        result = await asyncio.to_thread(
            services.create_result_file, team=alice.team, filename="metrics.csv", path=path
        )
        reply = await send(alice, result.pk)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "no_data_set")

    async def test_another_teams_file_does_not_exist(self, alice: Member, charlie: Member, home: Path) -> None:
        file_id = await first(alice)
        assert (await send(charlie, file_id)).status_code == 404
        assert (await send(alice, "file-none")).status_code == 404
        assert len(stored_files(home)) == 1

    async def test_sent_again_with_its_key_it_is_one(self, alice: Member) -> None:
        file_id = await first(alice)
        replies = [await send(alice, file_id, **{"Idempotency-Key": "k"}) for _ in range(2)]
        assert replies[0].json() == replies[1].json()
        other = await send(alice, file_id, content=CONTENT, **{"Idempotency-Key": "k"})
        assert other.status_code == 409

    async def test_two_at_once_get_two_numbers(self, alice: Member) -> None:
        file_id = await first(alice)
        made = await asyncio.gather(*(send(alice, file_id, content=OTHER + b"\n" * n) for n in range(3)))
        assert sorted(reply.json()["version"] for reply in made) == [2, 3, 4]


class TestByThePlainForm:
    def page(self, member: Member) -> Client:
        client = Client()
        client.force_login(member.user)
        return client

    def test_it_is_made_and_shown(self, alice: Member) -> None:
        file, page = stored(alice, CONTENT), self.page(alice)
        about = text_of(page, f"/datasets/{file.pk}", tab="about")
        assert f'action="/datasets/{file.pk}/versions"' in about
        reply = page.post(
            f"/datasets/{file.pk}/versions", {"file": SimpleUploadedFile("two.jsonl", OTHER), "reason": "More."}
        )
        made = TrainingFile.objects.exclude(pk=file.pk).get()
        assert reply.headers["Location"] == f"/datasets/{made.pk}"
        assert (made.version, made.parent, made.family, made.created_by) == (2, file, file.pk, alice.user)
        assert (made.made, made.reason) == ({"how": "upload", "of": file.pk}, "More.")
        shown = text_of(page, f"/datasets/{file.pk}", tab="about")
        assert "uploaded after 1" in shown
        assert "More." in shown

    @pytest.mark.parametrize("given", [{}, {"file": SimpleUploadedFile("a.pdf", b"%PDF-1.7")}])
    def test_a_refusal_is_told_on_the_page(self, alice: Member, given: dict[str, Any]) -> None:
        file, page = stored(alice, CONTENT), self.page(alice)
        reply = page.post(f"/datasets/{file.pk}/versions", given, follow=True)
        assert reply.redirect_chain == [(f"/datasets/{file.pk}?tab=about", 302)]
        assert "notice-error" in reply.content.decode()
        assert TrainingFile.objects.count() == 1

    def test_strangers_and_reading_make_nothing(self, alice: Member, charlie: Member) -> None:
        file = stored(alice, CONTENT)
        path = f"/datasets/{file.pk}/versions"
        given = {"file": SimpleUploadedFile("two.jsonl", OTHER)}
        assert self.page(charlie).post(path, given).status_code == 404
        assert self.page(alice).get(path).status_code == 405
        assert Client().post(path, given).status_code == 302
        assert Client(enforce_csrf_checks=True).post(path, given).status_code == 403
        assert TrainingFile.objects.count() == 1

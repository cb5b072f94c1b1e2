"""Tuned models: the list, a model's page, its card and what is downloaded of it."""

import asyncio
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from datasets_app.services import create_result_file
from deployments.services import deploy
from evaluations import services
from evaluations.models import Evaluation
from jobs.models import FineTuningJob, TunedModel
from tests.evaluations.evaluation_makers import FakeProcess, told
from tests.jobs.conftest import Member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def browser(alice: Member) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


@pytest.fixture
def asked(alice: Member, tuned: TunedModel) -> Evaluation:
    prompts = [{"prompt": "Hm?"}, {"prompt": "2 + 2?", "reference": "four"}]
    made = services.create_evaluation(team=alice.team, by=alice.user, models=[tuned.name], prompts=prompts)
    return FakeProcess(made).start().answer(told({"2 + 2?": "four"})).end("succeeded")


def read(browser: Client, path: str, **headers: str) -> str:
    reply = browser.get(path, headers=headers)
    assert reply.status_code == 200, path
    return str(reply.content.decode())


def call(member: Member, path: str) -> Any:
    return member.client.get(f"/api/v1/models{path}")


def body_of(reply: Any) -> bytes:
    async def collect() -> bytes:
        return b"".join([piece async for piece in reply.streaming_content])

    return asyncio.run(collect())


class TestList:
    def test_shows_names_for_people_and_is_searched(self, browser: Client, tuned: TunedModel) -> None:
        assert f'<a href="/models/{tuned.pk}">violin</a>' in read(browser, "/models")
        for text in ("VIOL", "chats", tuned.base_model.display_name):
            assert f"/models/{tuned.pk}" in read(browser, f"/models?q={text}")
        assert "No model has that in its name." in read(browser, "/models?q=cello")

    def test_is_paged(self, browser: Client, alice: Member, tuned: TunedModel) -> None:
        for n in range(51):
            job = FineTuningJob.objects.create(team=alice.team, base_model=tuned.base_model, name=f"model {n}")
            TunedModel.objects.create(
                job=job, team=alice.team, base_model=tuned.base_model, name=f"ft:{n}", result="adapter"
            )
        shown = read(browser, "/models")
        assert "model 50<" in shown
        assert ">violin<" not in shown
        after = TunedModel.objects.order_by("-created_at", "-pk")[49].pk
        assert f'href="?after={after}"' in shown
        assert ">violin<" in read(browser, f"/models?after={after}")

    def test_at_the_api(self, alice: Member, charlie: Member, tuned: TunedModel) -> None:
        [found] = call(alice, "?q=viol").json()["data"]
        assert (found["id"], found["name"], found["model"]) == (tuned.pk, "violin", tuned.name)
        assert found["training_data"]["sha256"] == tuned.job.training_file.sha256  # type: ignore[union-attr]
        assert call(charlie, "").json()["data"] == []


class TestPage:
    def test_shows_before_and_after_and_where_it_comes_from(
        self, browser: Client, tuned: TunedModel, asked: Evaluation
    ) -> None:
        shown = read(browser, f"/models/{tuned.pk}")
        assert "<h1>violin</h1>" in shown
        assert shown.index("<h3>2 + 2?</h3>") < shown.index("<h3>Hm?</h3>")  # what became better comes first
        assert f'href="/evaluations/{asked.pk}"' in shown
        assert f'href="/datasets/{tuned.job.training_file_id}"' in shown
        assert tuned.job_id in shown

    def test_says_where_it_answers(self, browser: Client, alice: Member, tuned: TunedModel) -> None:
        assert "No deployment has it yet." in read(browser, f"/models/{tuned.pk}")
        made = deploy(team=alice.team, by=alice.user, name="fiddle", model=tuned.name)
        assert f'<a href="/deployments/{made.pk}">fiddle</a>' in read(browser, f"/models/{tuned.pk}")

    def test_is_renamed_in_place(self, browser: Client, tuned: TunedModel) -> None:
        assert browser.post(f"/models/{tuned.pk}/name", {"name": "Strad"})["Location"] == f"/models/{tuned.pk}"
        for path in (f"/models/{tuned.pk}", "/models", f"/jobs/{tuned.job_id}", "/evaluations", "/deployments"):
            assert "Strad" in read(browser, path)
        assert call_name(tuned) == tuned.name

    def test_is_nobodys_elses(self, charlie: Member, tuned: TunedModel) -> None:
        client = Client()
        client.force_login(charlie.user)
        for path in ("", "/card", "/package"):
            assert client.get(f"/models/{tuned.pk}{path}").status_code == 404
        assert client.post(f"/models/{tuned.pk}/name", {"name": "Mine"}).status_code == 404
        for path in ("", "/card", "/package"):
            assert call(charlie, f"/{tuned.pk}{path}").status_code == 404

    def test_reads_chinese(self, browser: Client, tuned: TunedModel, asked: Evaluation) -> None:
        shown = read(browser, f"/models/{tuned.pk}", **{"accept-language": "zh-CN"})
        assert "训练前后" in shown
        assert "模型卡" in shown

    def test_offers_a_checkpoint_to_compare(self, browser: Client, tuned: TunedModel) -> None:
        name = f"{tuned.name}:ckpt-step-4"
        assert f'<option value="{name}" selected>' in read(browser, f"/evaluations?model={name}")


def call_name(tuned: TunedModel) -> str:
    return TunedModel.objects.get(pk=tuned.pk).name


class TestCard:
    def test_holds_facts(self, alice: Member, tuned: TunedModel, asked: Evaluation) -> None:
        reply = call(alice, f"/{tuned.name}/card")
        assert reply["Content-Type"] == "text/markdown; charset=utf-8"
        card = reply.content.decode()
        file, base = tuned.job.training_file, tuned.base_model
        assert file is not None
        assert card.startswith("---\n")
        front = card.split("---\n")[1]
        assert f"base_model: {json.dumps(base.pk)}" in front
        assert 'library_name: "peft"' in front
        assert 'license: "other"' in front
        assert f"| Training | chats.jsonl | 1 | 20 | `{file.sha256}` | {file.pk} |" in card
        assert base.sha256 in card
        assert tuned.sha256 in card
        assert "| Answers exactly as expected (exact match) | 0 % (0 % – 0 %) | 100 % (100 % – 100 %) |" in card
        assert "| `learning_rate` |" in card

    def test_says_how_to_train_again_without_this_machines_folders(self, alice: Member, tuned: TunedModel) -> None:
        card = call(alice, f"/{tuned.pk}/card").content.decode()
        assert "deepspeed" in card
        assert "--chat_path ." in card
        assert f"--model_name_or_path {tuned.base_model.pk}" in card
        assert str(tuned.base_model.path) not in card

    def test_takes_no_names_for_markdown(self, alice: Member, tuned: TunedModel) -> None:
        FineTuningJob.objects.filter(pk=tuned.job_id).update(name="<b>*x*</b> | `y`")
        assert "# \\<b\\>\\*x\\*\\</b\\> \\| \\`y\\`" in call(alice, f"/{tuned.pk}/card").content.decode()

    def test_lies_in_the_downloaded_adapter(
        self, browser: Client, alice: Member, tuned: TunedModel, tmp_path: Path
    ) -> None:
        path = tmp_path / "adapter.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("adapter_config.json", "{}")
        stored = create_result_file(team=alice.team, filename="adapter.zip", path=path)
        tuned.job.result_files.add(stored)
        reply = browser.get(f"/models/{tuned.pk}/package")
        with zipfile.ZipFile(io.BytesIO(body_of(reply))) as archive:
            assert archive.namelist() == ["adapter_config.json", "README.md"]
            assert b'library_name: "peft"' in archive.read("README.md")
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == ["adapter_config.json"]
        for name in (tuned.pk, tuned.name):
            assert body_of(call(alice, f"/{name}/package")) == body_of(browser.get(f"/models/{tuned.pk}/package"))

    def test_is_not_put_where_there_is_no_package(self, browser: Client, alice: Member, tuned: TunedModel) -> None:
        assert browser.get(f"/models/{tuned.pk}/package").status_code == 404
        assert call(alice, f"/{tuned.pk}/package").status_code == 404

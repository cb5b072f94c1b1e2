"""Contract tests: a local server that answers as the hubs' documented HTTP interfaces do, not the hubs themselves."""

import hashlib
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from catalogue import fetching
from catalogue.downloading import fetch_model
from catalogue.hubs import Hub, HubError
from catalogue.models import BaseModel, HubToken
from catalogue.progress import Progress
from common.errors import UserError
from tests.catalogue.conftest import WEIGHTS, FakeHub

pytestmark = pytest.mark.django_db

FETCHED = ["config.json", "manifest.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def tiny() -> Callable[..., BaseModel]:
    def make(*kinds: str, **fields: object) -> BaseModel:
        revisions = {"huggingface": "main", "modelscope": "master"}
        sources = [
            {"kind": kind, "repo": "owner/tiny", "revision": revisions[kind]} for kind in kinds or ("huggingface",)
        ]
        return BaseModel.objects.create(
            id="tiny",
            display_name="Tiny",
            family="llama",
            parameters=1,
            context_length=64,
            hidden_size=8,
            num_layers=2,
            vocab_size=32,
            licence="MIT",
            template="own",
            sources=sources,
            **fields,
        )

    return make


@pytest.mark.parametrize("kind", ["huggingface", "modelscope"])
def test_fetches_weights_settings_and_tokenizer_only(kind: str, hub: FakeHub, tiny: Callable[..., BaseModel]) -> None:
    said: list[tuple[int, int]] = []
    base = fetch_model(base=tiny(kind), progress=Progress(report=lambda done, total: said.append((done, total))))

    assert sorted(path.name for path in base.path.iterdir()) == FETCHED
    assert (base.state, base.sha256) == ("present", hashlib.sha256(WEIGHTS).hexdigest())
    assert said[-1][1] == base.bytes_total == sum(len(hub.files[n]) for n in FETCHED if n in hub.files)
    assert not list(base.path.parent.glob(".*.part"))


def test_goes_on_where_the_connection_broke(hub: FakeHub, tiny: Callable[..., BaseModel]) -> None:
    hub.cut_after["model.safetensors"] = 100_000
    base = fetch_model(base=tiny())

    first, second = hub.asked_for("model.safetensors")
    assert "Range" not in first
    assert second["Range"] == "bytes=100000-"
    assert (base.path / "model.safetensors").read_bytes() == WEIGHTS
    assert base.bytes_done == base.bytes_total


def test_goes_on_after_a_restart(hub: FakeHub, tiny: Callable[..., BaseModel], home: Path) -> None:
    partial = home / "models" / ".tiny.part"
    partial.mkdir(parents=True)
    (partial / "model.safetensors").write_bytes(WEIGHTS[:5000])
    (partial / "left.over").write_bytes(b"x")
    base = fetch_model(base=tiny())

    assert [headers["Range"] for headers in hub.asked_for("model.safetensors")] == ["bytes=5000-"]
    assert sorted(path.name for path in base.path.iterdir()) == FETCHED


def test_refuses_a_wrong_checksum(hub: FakeHub, tiny: Callable[..., BaseModel]) -> None:
    hub.stated_sha256["model.safetensors"] = "0" * 64
    base = tiny()
    with pytest.raises(UserError, match="does not have the checksum"):
        fetch_model(base=base)

    base.refresh_from_db()
    assert (base.state, base.error_code, base.sha256) == ("failed", "wrong_checksum", "")
    assert not base.path.exists()


def test_checks_the_disk_first(hub: FakeHub, tiny: Callable[..., BaseModel], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage(free=500_000_000))
    with pytest.raises(UserError, match=r"has 0\.5 GB free") as caught:
        fetch_model(base=tiny())

    assert caught.value.code == "disk_too_small"
    assert not hub.asked_for("model.safetensors")


def test_follows_no_redirect_to_a_strange_host(hub: FakeHub, tiny: Callable[..., BaseModel]) -> None:
    for target in ("http://169.254.169.254/latest", "https://evil.example/x", "file:///etc/passwd"):
        hub.redirect_weights_to = target
        with pytest.raises(UserError, match="does not belong to it"):
            fetch_model(base=BaseModel.objects.filter(pk="tiny").first() or tiny())


def test_the_next_source_is_tried_and_all_reasons_are_told(
    hub: FakeHub, tiny: Callable[..., BaseModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.HUB_MIRRORS, "huggingface", "http://127.0.0.1:9")
    base = tiny("huggingface", "modelscope")
    assert fetch_model(base=base).is_present

    monkeypatch.setitem(settings.HUB_MIRRORS, "modelscope", "http://127.0.0.1:9")
    base.delete()
    fetching.shutil.rmtree(base.path)
    with pytest.raises(UserError, match=r"Hugging Face cannot be reached.*ModelScope cannot be reached"):
        fetch_model(base=tiny("huggingface", "modelscope"))


def test_sends_the_token_and_asks_for_one(hub: FakeHub, tiny: Callable[..., BaseModel]) -> None:
    hub.token = "hf_secret"
    base = tiny()
    with pytest.raises(UserError, match="enter an access token") as caught:
        fetch_model(base=base)
    assert caught.value.code == "hub_token_needed"

    HubToken.store(hub="huggingface", token="hf_secret", by=None)
    assert "hf_secret" not in HubToken.objects.get().encrypted
    assert fetch_model(base=base).is_present


def test_asks_for_the_licence_first(hub: FakeHub, tiny: Callable[..., BaseModel]) -> None:
    with pytest.raises(UserError, match="must accept it"):
        fetch_model(base=tiny(needs_licence_acceptance=True))
    assert hub.requests == []


def test_refuses_a_model_with_code_of_its_own(hub: FakeHub, tiny: Callable[..., BaseModel]) -> None:
    hub.files["config.json"] = b'{"model_type": "evil", "auto_map": {"AutoModel": "modeling_tiny.Tiny"}}'
    with pytest.raises(UserError, match="run code"):
        fetch_model(base=tiny())


def test_adopts_a_folder_that_was_finished_before_a_crash(hub: FakeHub, tiny: Callable[..., BaseModel]) -> None:
    base = fetch_model(base=tiny())
    sha256 = base.sha256
    base.delete()
    hub.requests.clear()
    assert fetch_model(base=tiny()).sha256 == sha256
    assert hub.requests == []


def test_a_hub_must_be_reached_by_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.HUB_MIRRORS, "huggingface", "http://10.0.0.1")
    with pytest.raises(HubError, match="must begin with https"):
        Hub.named("huggingface")

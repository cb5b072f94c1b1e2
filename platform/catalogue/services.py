"""Use cases of the catalogue."""

import dataclasses
from datetime import date
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import AuditEvent, User
from catalogue import tasks
from catalogue.chat_formats import chat_format
from catalogue.downloading import fetch_model, require_licence
from catalogue.entries import ENTRIES, Entry
from catalogue.fetching import AlreadyFetching
from catalogue.folders import FolderError, facts, identity, inspect, needs_conversion
from catalogue.hubs import HUBS
from catalogue.messages import message
from catalogue.models import VALID_ID, BaseModel, HubToken
from catalogue.placing import StorageAway, chat_folder, publish_or_log
from catalogue.progress import Progress
from catalogue.proving import prove
from common.errors import NotFound, UserError
from common.wake import wake

__all__ = [
    "AlreadyFetching",
    "Progress",
    "StorageAway",
    "accept_licence",
    "chat_format",
    "ensure_chat",
    "ensure_starter",
    "fetch_model",
    "get_model",
    "prove",
    "register_folder",
    "request_download",
    "set_hub_token",
    "sync_catalogue",
]


@transaction.atomic
def sync_catalogue() -> None:
    """Bring the declared entries into the database; what is known of a present model stays."""
    for entry in ENTRIES:
        BaseModel.objects.update_or_create(id=entry.id, defaults=_declared(entry))


def get_model(model_id: str) -> BaseModel:
    """Return the base model of this id, or raise NotFound."""
    base = BaseModel.objects.filter(pk=model_id).first()
    if base is None:
        raise NotFound(message("model_not_found", model=model_id[:80]), param="model")
    return base


@transaction.atomic
def accept_licence(*, base: BaseModel, by: User) -> None:
    """Note that `by` accepts the licence of `base` for this platform."""
    if base.licence_is_open:
        return
    base.accept_licence(by=by)
    AuditEvent.record(actor=by, action="model.licence_accepted", target=base.id, licence=base.licence)


@transaction.atomic
def announce_shutdown(*, base: BaseModel, by: User, day: date | None) -> None:
    """Say from which day `base` is to be gone, with all that is made of it; None takes that back."""
    locked = BaseModel.objects.select_for_update().get(pk=base.pk)
    if locked.leaves_on == day:
        return
    before = {"shutdown_date": locked.leaves_on.isoformat() if locked.leaves_on else None}
    BaseModel.objects.filter(pk=base.pk).update(leaves_on=day)
    said = day.isoformat() if day else None
    AuditEvent.record(actor=by, action="model.shutdown_announced", target=base.id, before=before, shutdown_date=said)


@transaction.atomic
def request_download(*, base: BaseModel, by: User | None) -> None:
    """Have a worker download `base`; asking twice is not an error."""
    base = BaseModel.objects.select_for_update().get(pk=base.pk)
    if base.is_present:
        raise UserError(message("model_present", model=base.id), status=409)
    require_licence(base)
    if not base.sources:
        raise UserError(message("registered_not_downloaded", model=base.id), code="no_source")
    if base.mark_downloading():
        AuditEvent.record(actor=by, action="model.download_requested", target=base.id)
    wake(tasks.download_model, base.id)


def ensure_starter(progress: Progress | None = None) -> BaseModel | None:
    """Fetch the starter model unless it is here, and return it; None when the settings name none."""
    if not settings.STARTER_MODEL:
        return None
    return fetch_model(base=get_model(settings.STARTER_MODEL), progress=progress)


def ensure_chat(base: BaseModel) -> None:
    """Have the tokenizer and chat template of `base` on this machine, if need be with its weights."""
    try:
        chat_folder(base)
    except UserError as error:
        if error.code != "model_not_here":
            raise
        fetch_model(base=base)


def register_folder(
    *, path: Path, model_id: str, by: User | None, display_name: str = "", licence: str = "unknown", template: str = ""
) -> BaseModel:
    """Add a model from a folder of this machine; the folder stays where it is and must stay as it is."""
    _require_new_id(model_id)
    if not path.is_absolute() or not path.is_dir():
        raise FolderError(message("no_folder_here", path=str(path)))
    if needs_conversion(config := inspect(path)):
        said = message("needs_conversion", folder=path.name, path=str(path))
        raise FolderError(said, code=said.code)
    about = facts(config, path)
    if template:
        about["template"] = template
    sha256 = identity(path)
    with transaction.atomic():
        base = BaseModel(id=model_id, display_name=display_name or model_id, licence=licence, **about)
        base.bytes_total = sum(file.stat().st_size for file in path.glob("*.safetensors"))
        base.save(force_insert=True)
        base.mark_present(folder=str(path.resolve()), sha256=sha256)
        AuditEvent.record(actor=by, action="model.registered", target=base.id, path=str(path))
    publish_or_log(base)
    return base


@transaction.atomic
def set_hub_token(*, hub: str, token: str, by: User | None) -> None:
    """Store the access token for a hub, or remove it when `token` is empty."""
    if hub not in HUBS:
        raise UserError(message("unknown_hub", hub=hub, hubs=list(HUBS)), param="hub")
    if token.strip():
        HubToken.store(hub=hub, token=token, by=by)
    else:
        HubToken.objects.filter(hub=hub).delete()
    AuditEvent.record(actor=by, action="hub_token.set" if token.strip() else "hub_token.removed", target=hub)


def _declared(entry: Entry) -> dict[str, object]:
    fields = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry) if field.name != "id"}
    licence, licence_url = fields.pop("licence")
    sources = [dataclasses.asdict(source) for source in fields.pop("sources")]
    return fields | {"licence": licence, "licence_url": licence_url, "sources": sources}


def _require_new_id(model_id: str) -> None:
    try:
        VALID_ID(model_id)
    except ValidationError:
        raise UserError(message("invalid_id"), param="id") from None
    if BaseModel.objects.filter(pk=model_id).exists():
        raise UserError(message("id_taken", model=model_id), param="id")

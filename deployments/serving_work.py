"""Serving, as a kind of work that compute runs: what a replica is given, and what it reports."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.db.models import Q

from catalogue.services import chat_format
from chat import SystemChoice
from common.errors import UserError
from common.storage_errors import STORAGE_AWAY
from compute.models import Run
from compute.node.bringing import bring_model
from compute.services import request_stop
from compute.work import Command, WorkError, trouble
from deployments.messages import message
from deployments.models import Measured, Replica, ReplicaAdapter
from deployments.replicas import KIND, align_states, end_replica, record_gate
from deployments.unloading import let_idle_go
from jobs.models import TunedModel
from jobs.training.checkpoints import Adapter, local_weights, name_of
from rundir import Event, RunDirectory, write_json
from serving.spec import ServedAdapter, ServingSpec
from wording import received

logger = logging.getLogger(__name__)

MAX_CONTEXT = 4096
"""Tokens of prompt and answer together: the room that the longest answers of all requests at once may take."""
_PARTS = ("adapter", "checkpoint__job__team")
LOAD_SECONDS = 120
"""The longest that one adapter may take to be loaded and proven."""


class ServingWork:
    """A replica: prepared from the database, launched, listened to, and given more adapters while it lives."""

    kind = KIND
    preload = "serving.preload"

    def prepare(self, run: Run, directory: RunDirectory) -> None:
        """Write spec.json, the chat format and, where they are missing on this node, the adapters."""
        replica = _replica(run)
        if replica.full_model is None and not replica.base_model.is_present:
            raise WorkError(
                message("base_model_gone", model=str(replica.base_model)),
                code="model_not_present",
            )
        if not replica.has_readable_token:
            replica.renew_token()
        directory.create()
        full_model = replica.full_model
        spec = _spec_of_full_model(replica, full_model) if full_model else _spec_of_base(replica, directory)
        write_json(directory.spec, spec.to_json())

    def command(self, run: Run, directory: RunDirectory) -> Command:
        """Return the engine's command line."""
        return Command(argv=(settings.TRAINER_PYTHON, "-m", "serving", str(directory.root)), environment={})

    def record(self, run: Run, events: list[Event]) -> None:
        """Store where the replica answers and what the same-answer checks said."""
        replica = _replica(run)
        for event in events:
            if event.type == "ready":
                replica.mark_ready(host=event.data["host"], port=event.data["port"])
                align_states(replica)
            elif event.type == "gate":
                _record_gate(replica, event)

    def attend(self, run: Run, directory: RunDirectory) -> None:
        """Load the adapters that were requested, and unload those that were deleted or that nobody asks any more."""
        replica = _replica(run)
        if not replica.is_answering:
            return
        if not replica.has_readable_token:  # nobody can ask it any more: another one takes its place
            logger.warning("Replica %s was started under another LUTHIER_ENCRYPTION_KEY and is replaced.", replica.pk)
            request_stop(run=run, reason="expire")
            return
        loaded = replica.adapters.select_related(*_PARTS)
        if replica.is_shared and replica.full_model is None:
            let_idle_go(replica)
            deleted = Q(adapter__deleted_at__isnull=False) | Q(checkpoint__job__adapter__deleted_at__isnull=False)
            for one in loaded.filter(deleted | Q(state=ReplicaAdapter.State.LEAVING)):
                _release(replica, one)
        for one in loaded.filter(state=ReplicaAdapter.State.WANTED):
            _load(replica, one)

    def conclude(self, run: Run, directory: RunDirectory, outcome: str) -> None:
        """Note the end; a deployment that should continue asks for a new Run."""
        replica = Replica.objects.filter(run_id=run.pk).first()
        if replica is not None:
            end_replica(replica=replica, outcome=outcome, reason=run.outcome_message)


def _replica(run: Run) -> Replica:
    return Replica.objects.select_related("run", "base_model", "full_model", "deployment").get(run_id=run.pk)


def _spec_of_base(replica: Replica, directory: RunDirectory) -> ServingSpec:
    base = replica.base_model
    bring_model(base, replica.run)
    directory.chat.mkdir(exist_ok=True)
    chat_format(base, SystemChoice("model_default")).save(directory.chat)
    wanted = replica.adapters.select_related(*_PARTS).order_by("id")
    return ServingSpec(
        model_path=str(base.path),
        model_name=base.id,
        chat_path=str(directory.chat),
        adapters=[served for one in wanted if (served := _served(replica, one)) is not None],
        **_common(replica),
    )


def _served(replica: Replica, loaded: ReplicaAdapter) -> ServedAdapter | None:
    """Return how the engine finds an adapter; a damaged one fails its own deployment, but no shared replica."""
    try:
        path = str(_fetched(loaded.weights))
        return ServedAdapter(name=loaded.weights_id, path=path, has_probes=loaded.checkpoint_id is None)
    except WorkError as error:
        if not replica.is_shared:
            raise
        loaded.mark_refused(error.message)
        return None


def _fetched(model: Adapter) -> Path:
    """Return the model's folder on this node; WorkError when it is damaged or refused, TryAgain when not now."""
    try:
        return local_weights(model)
    except UserError as error:
        raise WorkError(error.message, code=error.code) from error
    except STORAGE_AWAY as error:
        raise trouble(f"Object storage did not give {name_of(model)}", error) from error


def _spec_of_full_model(replica: Replica, model: TunedModel) -> ServingSpec:
    folder = _fetched(model)
    return ServingSpec(
        model_path=str(folder),
        model_name=replica.own_name,
        chat_path=str(folder),
        probe_path=str(folder / "probe"),
        **_common(replica),
    )


def _common(replica: Replica) -> dict[str, Any]:
    return {
        "run_id": replica.run_id,
        "host": settings.NODE_ADDRESS,
        "token": replica.token,
        "max_model_len": min(replica.base_model.context_length or MAX_CONTEXT, MAX_CONTEXT),
        "lease_checkpoint_seconds": settings.TIMES.lease_checkpoint_seconds,
        "lease_timeout_seconds": settings.TIMES.lease_timeout_seconds,
    }


def _record_gate(replica: Replica, event: Event) -> None:
    measured = event.data.get
    verdict: Measured = {
        "max_difference": measured("max_difference"),
        "tolerance": measured("tolerance"),
        "base_difference": measured("base_difference"),
    }
    refusal = None if event.data["passed"] is True else event.message or message("replica_failed")
    size = int(event.data.get("memory_bytes") or 0)
    record_gate(replica=replica, model=event.data["model"], refusal=refusal, verdict=verdict, memory_bytes=size)


def _release(replica: Replica, loaded: ReplicaAdapter) -> None:
    """Have the engine forget an adapter, whose answers in the making it finishes; asked again until it has."""
    headers = {"authorization": f"Bearer {replica.token}"}
    url = f"{replica.url}/adapters/{loaded.weights_id}"
    try:
        reply = httpx.delete(url, headers=headers, timeout=LOAD_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        logger.warning("Replica %s did not let go of adapter %s yet: %r", replica.pk, loaded.weights_id, error)
        return
    if reply.is_success or reply.status_code == httpx.codes.NOT_FOUND:
        loaded.delete()
    else:
        logger.warning("Replica %s answered %s for adapter %s.", replica.pk, reply.status_code, loaded.weights_id)


def _load(replica: Replica, loaded: ReplicaAdapter) -> None:
    """Have the engine load one adapter; its `gate` event brings the verdict, so that a lost reply loses nothing."""
    served = _served(replica, loaded)
    if served is None:
        align_states(replica)
        return
    body = asdict(served)
    headers = {"authorization": f"Bearer {replica.token}"}
    try:
        reply = httpx.post(f"{replica.url}/adapters", json=body, headers=headers, timeout=LOAD_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        logger.warning("Replica %s did not take adapter %s yet: %r", replica.pk, loaded.weights_id, error)
        return
    if reply.is_success:
        loaded.mark_proven()
    elif reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        refusal = reply.json()["error"]
        loaded.mark_refused(received(refusal.get("translatable"), english=refusal["message"]))
    else:
        logger.warning("Replica %s answered %s for adapter %s.", replica.pk, reply.status_code, loaded.weights_id)

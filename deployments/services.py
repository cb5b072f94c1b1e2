"""Use cases of deployments."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import AuditEvent, Team, User
from accounts.roles import require_own
from catalogue.models import BaseModel
from common.errors import NotFound, UserError
from compute import services as compute
from compute.administering.choosing import pool_for, require_fit, require_still_there
from compute.models import Pool
from compute.models.shares import DEFAULT_POOL
from deployments.messages import message
from deployments.models import VALID_NAME, Accelerators, Deployment
from deployments.names import find_model
from deployments.replicas import align_states, most_accelerators, serve_deployment, wake_shared
from deployments.reservations import as_stored, columns
from deployments.standing import standing_of
from jobs import services as jobs
from jobs.models import TunedModel, TunedModelQuerySet
from jobs.training.checkpoints import Adapter, as_columns, is_there


def deploy(
    *,
    team: Team,
    by: User,
    name: str,
    model: str,
    accelerators: Accelerators = "shared",
    min_replicas: int | None = None,
    pool: str | None = None,
    open_to_loopback: bool = False,
) -> Deployment:
    """Give `model` (a tuned model of `team`, or a base) the name `name`, and accelerators of its own where asked for.

    It is loaded at once, so that whoever deploys it hears whether it answers as trained.
    """
    _check_name(name)
    chosen = pool_for(team, pool)
    reserved = columns(accelerators, min_replicas, chosen)
    found = find_model(team=team, name=model)
    if chosen is not None:
        _require_fit(chosen, found.base_model)
    with _refusing_taken_names(name), transaction.atomic():
        if found.adapter is not None and not _lock_weights(found.adapter):
            raise NotFound(message("named_model_deleted", model=model), code="model_not_found", param="model")
        deployment = Deployment.objects.create(
            team=team,
            name=name,
            model=model,
            **as_columns(found.adapter),
            base_model=found.base_model,
            **reserved,
            open_to_loopback=open_to_loopback,
            created_by=by,
        )
        require_still_there(chosen)
        _start(deployment)
        AuditEvent.record(
            actor=by, team=team, action="deployment.created", target=deployment.id, name=name, model=model
        )
    return deployment


@transaction.atomic
def undeploy(*, deployment: Deployment, by: User) -> None:
    """Take `deployment` down: its name answers no more and its accelerators become free."""
    require_own(by=by, team=deployment.team, author_id=deployment.created_by_id)
    _stop_replica(deployment, reason="cancel")
    deployment = _locked(deployment)
    deployment.mark_deleted()
    AuditEvent.record(
        actor=by,
        team=deployment.team,
        action="deployment.deleted",
        target=deployment.id,
        before={"name": deployment.name},
    )


def update_deployment(
    *,
    deployment: Deployment,
    by: User,
    open_to_loopback: bool | None = None,
    accelerators: Accelerators | None = None,
    min_replicas: int | None = None,
    pool: str | None = None,
) -> Deployment:
    """Change the loopback switch, the accelerators, their pool or whether they are kept; None leaves each as it is.

    New accelerators, another pool, or "shared", start it anew, a failed one included.
    """
    require_own(by=by, team=deployment.team, author_id=deployment.created_by_id)
    with _refusing_taken_names(deployment.name), transaction.atomic():
        chosen = _chosen(deployment, pool)
        if chosen != deployment.pool and accelerators is None:
            accelerators = deployment.reserved
        if accelerators is not None:
            columns(accelerators, min_replicas, chosen)
            if chosen is not None:
                _require_fit(chosen, deployment.base_model)
            _stop_replica(deployment, reason="expire")
        deployment = _locked(deployment)
        before = {
            "open_to_loopback": deployment.open_to_loopback,
            "accelerators": deployment.accelerators,
            "pool": pool_name(deployment),
        }
        if open_to_loopback is not None:
            _write(deployment, open_to_loopback=open_to_loopback)
        if accelerators is not None:
            _change_accelerators(deployment, accelerators, min_replicas, chosen)
        elif min_replicas is not None:
            _change_min_replicas(deployment, min_replicas)
        require_still_there(chosen)
        AuditEvent.record(
            actor=by,
            team=deployment.team,
            action="deployment.changed",
            target=deployment.id,
            before=before,
            open_to_loopback=deployment.open_to_loopback,
            accelerators=deployment.reserved,
            min_replicas=deployment.min_replicas,
            pool=pool_name(deployment),
        )
    return deployment


@transaction.atomic
def pause_deployment(*, deployment: Deployment, by: User) -> Deployment:
    """Put `deployment` to sleep: its own accelerators become free, and its next request, or `resume`, wakes it."""
    require_own(by=by, team=deployment.team, author_id=deployment.created_by_id)
    _stop_replica(deployment, reason="pause")
    deployment = _locked(deployment)
    if deployment.state == Deployment.State.ASLEEP:
        return deployment
    if deployment.shared or not deployment.mark_asleep(message("deployment_was_paused")):
        raise UserError(message("nothing_to_pause"), code="nothing_to_pause", status=409)
    AuditEvent.record(
        actor=by, team=deployment.team, action="deployment.paused", target=deployment.id, name=deployment.name
    )
    return deployment


@transaction.atomic
def resume_deployment(*, deployment: Deployment, by: User) -> Deployment:
    """Wake `deployment` without a request, one that has failed included."""
    require_own(by=by, team=deployment.team, author_id=deployment.created_by_id)
    deployment = _locked(deployment)
    was = standing_of(deployment).state
    if was in (Deployment.State.ASLEEP, Deployment.State.FAILED):
        _wake(deployment)
        AuditEvent.record(
            actor=by, team=deployment.team, action="deployment.resumed", target=deployment.id, name=deployment.name
        )
    return deployment


def pool_name(deployment: Deployment) -> str:
    return deployment.pool.name if deployment.pool else DEFAULT_POOL


def get_deployment(*, team: Team, deployment_id: str) -> Deployment:
    """Return a live deployment of `team`; another team's does not exist."""
    found = Deployment.objects.visible_to(team).live().filter(pk=deployment_id)
    deployment = found.select_related("base_model", "adapter", "checkpoint", "team", "pool").first()
    if deployment is None:
        raise NotFound(message("deployment_not_found", id=deployment_id))
    return deployment


@transaction.atomic
def delete_model(*, team: Team, by: User, name: str) -> None:
    """Delete a tuned model of `team`; refused by name while a deployment serves it.

    Shared replicas unload it within seconds.
    """
    adapter = _lock(TunedModel.objects.visible_to(team).live().filter(name=name))
    if adapter is None:
        raise NotFound(message("model_not_yours", model=name), code="model_not_found")
    using = Deployment.objects.live().filter(Q(adapter=adapter) | Q(checkpoint__job=adapter.job_id)).first()
    if using is not None:
        raise UserError(message("model_in_use", name=using.name), status=409)
    jobs.delete_model(adapter=adapter, by=by)


def _lock_weights(adapter: Adapter) -> bool:
    """Keep it from being deleted meanwhile; False where it is. A checkpoint goes with the model of its job."""
    if isinstance(adapter, TunedModel):
        return _lock(TunedModel.objects.live().filter(pk=adapter.pk)) is not None
    _lock(TunedModel.objects.filter(job=adapter.job_id))
    return is_there(adapter)


def _lock(adapters: TunedModelQuerySet) -> TunedModel | None:
    """Return a tuned model, locked for deploying or deleting it: of two at once the second sees what the first did."""
    return adapters.select_for_update(no_key=True, of=("self",)).first()


def _start(deployment: Deployment) -> None:
    """Have the deployment loaded, by its own replica or by the shared one of its model."""
    if deployment.shared:
        align_states(wake_shared(base_model=deployment.base_model, adapter=deployment.weights, pool=deployment.pool))
    else:
        serve_deployment(deployment)


def _wake(deployment: Deployment) -> None:
    """Have it loaded; where a Run that was asked to stop has not ended yet, the new one is asked for when it has."""
    deployment.mark_starting()
    _start(deployment)


def _chosen(deployment: Deployment, pool: str | None) -> Pool | None:
    """Return the pool that it shall answer in; the one that it has stays, whatever the team may choose now."""
    if pool in (None, "", pool_name(deployment)):
        return deployment.pool
    return as_stored(pool_for(deployment.team, pool))


def _require_fit(pool: Pool, base: BaseModel) -> None:
    """Refuse a pool whose accelerators cannot hold the model: the engine computes on one GPU, or on any cores."""
    require_fit(pool, model=base.pk, parameters=base.parameters, accelerators=most_accelerators(pool))


def _change_accelerators(
    deployment: Deployment, accelerators: Accelerators, min_replicas: int | None, pool: Pool | None
) -> None:
    kept = deployment.min_replicas if min_replicas is None and not deployment.shared else min_replicas
    _write(deployment, **columns(accelerators, min_replicas if accelerators == "shared" else kept, pool))
    _wake(deployment)


def _change_min_replicas(deployment: Deployment, min_replicas: int) -> None:
    _write(deployment, min_replicas=columns(deployment.reserved, min_replicas, deployment.pool)["min_replicas"])
    if min_replicas and deployment.state == Deployment.State.ASLEEP:
        _wake(deployment)


def _write(deployment: Deployment, **changes: Any) -> None:
    """Write these columns of a row that is locked."""
    Deployment.objects.filter(pk=deployment.pk).update(**changes)
    for name, value in changes.items():
        setattr(deployment, name, value)


def _stop_replica(deployment: Deployment, *, reason: str) -> None:
    """Stop what serves `deployment`, before its own row is locked: supervisors lock the Run first, too."""
    if (replica := deployment.live_replica) is not None:
        compute.request_stop(run=replica.run, reason=reason)


def _locked(deployment: Deployment) -> Deployment:
    found = Deployment.objects.select_for_update(of=("self",)).select_related(
        "team", "adapter", "checkpoint", "base_model", "pool"
    )
    locked = found.get(pk=deployment.pk)
    if not locked.is_live:
        raise NotFound(message("deployment_taken_down", id=deployment.id), code="deployment_not_found")
    return locked


def _check_name(name: str) -> None:
    try:
        VALID_NAME(name)
    except ValidationError:
        raise UserError(message("deployment_name_invalid"), code="invalid_name", param="name") from None
    if BaseModel.objects.filter(pk=name).exists():
        raise UserError(
            message("deployment_name_is_a_base", name=name),
            code="name_taken",
            param="name",
        )


@contextmanager
def _refusing_taken_names(name: str) -> Iterator[None]:
    """Turn a violated constraint into a sentence: the database decides, so that of two at once one wins."""
    try:
        yield
    except IntegrityError as error:
        if "an_open_deployments_name_is_unique" in str(error):
            taken = message("open_deployment_name_taken", name=name)
        elif "a_team_uses_a_deployment_name_once" in str(error):
            taken = message("deployment_name_taken", name=name)
        else:
            raise
        raise UserError(taken, code="name_taken", param="name", status=409) from None

"""From a target to a replica that answers for it: one look at the database, which asks compute for what is missing.

A look is cheap and repeatable; only the first that finds nothing makes a replica, and with it a Run. A waiting request
looks again until the model is ready, is refused, or gives up.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from compute import services as compute
from compute.models import Run
from deployments.messages import message
from deployments.models import Deployment, Replica, ReplicaAdapter, ReplicaQuerySet
from deployments.names import Target
from deployments.replicas import full_model_of, serve_deployment, touch, wake_shared
from jobs.training.checkpoints import as_columns, is_there, team_of
from wording import Message

RETRY_AFTER_FAILURE = 0.5
"""Share of `lease_seconds` for which a model whose replica failed is not started again by the next request."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where a request goes."""

    replica_id: str
    url: str
    token: str
    model: str
    """The model's name on the replica."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Not yet, and why."""

    reason: Message


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Not at all, in the current state."""

    reason: Message
    code: str
    status: int
    retry_after: int | None = None


def route_or_wake(target: Target) -> Route | Waiting | Refusal:
    """Return the way to a replica that is proven to answer for `target`, or start one and say what is waited for.

    `serve_deployment` starts one on a deployment's own accelerators, `wake_shared` the one that all on its base share.
    """
    if target.deployment is not None:
        return _look_at_deployment(target, target.deployment.pk)
    if (own := _own_replica(target)) is not None:
        return _route(own, target)
    if not settings.SHARED_REPLICAS and not _has_a_name(target):
        return Refusal(
            reason=message("model_not_deployed", model=target.name),
            code="model_not_deployed",
            status=409,
        )
    return _look_at_shared(target)


def _look_at_deployment(target: Target, deployment_id: str) -> Route | Waiting | Refusal:
    deployment = Deployment.objects.select_related("pool").get(pk=deployment_id)
    if not deployment.is_live:
        return _taken_down(target)
    if deployment.shared:
        return _look_at_shared(replace(target, deployment=deployment))  # its pool may be another one by now
    if deployment.state == Deployment.State.FAILED:
        reason = message("deployment_failed", name=target.name, reason=deployment.reason or message("replica_failed"))
        return Refusal(reason=reason, code="deployment_failed", status=409)
    replica = deployment.live_replica or serve_deployment(deployment)
    return _judge(replica, target) if replica is not None else _taken_down(target)


def _taken_down(target: Target) -> Refusal:
    reason = message("named_deployment_taken_down", name=target.name)
    return Refusal(reason=reason, code="model_not_found", status=404)


def _look_at_shared(target: Target) -> Route | Waiting | Refusal:
    replica = _shared(target).live().select_related("run").first()
    if replica is None and (failed := _recent_failure(target)) is not None:
        return failed
    if replica is None or (target.adapter is not None and not replica.adapters.of(target.adapter).exists()):
        if target.adapter is not None and not is_there(target.adapter):
            reason = message("named_model_deleted", model=target.name)
            return Refusal(reason=reason, code="model_not_found", status=404)
        pool = target.deployment.pool if target.deployment is not None else None
        replica = wake_shared(base_model=target.base_model, adapter=target.adapter, pool=pool)
        if target.deployment is not None:  # whatever it failed of is tried again
            target.deployment.move(Deployment.State.STARTING, only_from=Deployment.State.FAILED, reason=None)
    return _judge(replica, target)


def _judge(replica: Replica, target: Target) -> Route | Waiting | Refusal:
    loaded = replica.adapters.of(target.adapter).first() if target.adapter else None
    touch(replica, loaded)
    if loaded is not None and loaded.state == ReplicaAdapter.State.REFUSED:
        reason = message("model_check_failed", model=target.name).followed_by(loaded.reason)
        return Refusal(reason=reason, code="model_check_failed", status=409)
    if not replica.is_answering:
        return Waiting(reason=_why_not_yet(replica, target))
    if loaded is not None and loaded.state == ReplicaAdapter.State.WANTED:
        return Waiting(reason=message("model_being_proven", model=target.name))
    if loaded is not None and loaded.state == ReplicaAdapter.State.LEAVING:
        return Waiting(reason=message("model_being_loaded", model=target.name))
    return _route(replica, target)


def _own_replica(target: Target) -> Replica | None:
    """Return an answering deployment's replica of the same team that has proven the very model asked for."""
    if target.adapter is None:
        return None
    proven = ReplicaAdapter.objects.of(target.adapter).filter(state=ReplicaAdapter.State.PROVEN)
    replicas = Replica.objects.answering().filter(deployment__team=team_of(target.adapter), adapters__in=proven)
    return replicas.select_related("run").first()


def _has_a_name(target: Target) -> bool:
    """Say whether a deployment of the same team, on the shared replica, serves the tuned model that is asked for."""
    if target.adapter is None:
        return False
    names = Deployment.objects.live().filter(team=team_of(target.adapter), shared=True)
    return names.filter(**as_columns(target.adapter)).exists()


def _shared(target: Target) -> ReplicaQuerySet:
    full_model = full_model_of(target.adapter)
    pool = target.deployment.pool_id if target.deployment is not None else None
    return Replica.objects.shared().filter(base_model=target.base_model, full_model=full_model, pool=pool)


def _recent_failure(target: Target) -> Refusal | None:
    """Return why the last shared replica failed, so that a broken model is not started by every request."""
    last = _shared(target).first()
    pause = settings.TIMES.lease_seconds * RETRY_AFTER_FAILURE
    if last is None or last.ended_at is None or not last.failure:
        return None
    if last.ended_at < timezone.now() - timedelta(seconds=pause):
        return None
    reason = message("model_not_started", model=target.name, reason=last.failure)
    return Refusal(reason=reason, code="model_not_ready", status=503, retry_after=max(1, round(pause)))


def _why_not_yet(replica: Replica, target: Target) -> Message:
    if waiting := compute.explain(replica.run):
        return waiting
    if replica.run.state == Run.State.WAITING:
        return message("model_waits_for_accelerator", model=target.name)
    if replica.run.stop_requested_at is not None:
        return _moving(target).reason
    return message("model_being_loaded", model=target.name)


def _moving(target: Target) -> Waiting:
    return Waiting(reason=message("model_being_moved", model=target.name))


def _route(replica: Replica, target: Target) -> Route | Waiting:
    if not replica.has_readable_token:
        return _moving(target)  # its supervisor replaces it
    model = target.adapter.pk if target.adapter is not None else replica.own_name
    return Route(replica_id=replica.pk, url=replica.url, token=replica.token, model=model)

"""How deployments stand: a name stands as the shared replica of its model does, and knows nothing better."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from catalogue.models import BaseModel
from compute import services as compute
from compute.models import Run
from deployments.messages import message
from deployments.models import Deployment, Replica, ReplicaAdapter
from deployments.replicas import full_model_of
from jobs.training.checkpoints import Adapter, as_columns
from wording import Message

Served = tuple[str, str | None, int | None]
"""A base, the fully trained model that is served in its place, and the pool; None is the default one."""
FEW_WAKES = 5
"""So many measured wakes say how long the next one takes."""
RECENT_REPLICAS = 200


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One deployment, now."""

    state: str
    """starting, answering, asleep, failed or stopped."""
    message: Message
    replica: Replica | None = None
    """What serves it or is about to."""
    is_waiting: bool = False
    """What serves it stands in the queue."""
    asleep_since: datetime | None = None
    wake_seconds: int | None = None
    """How long it takes to wake, as it was measured; None where it never was."""


def standing_of(deployment: Deployment) -> Standing:
    return standings([deployment])[deployment.pk]


def standings(deployments: Iterable[Deployment]) -> dict[str, Standing]:
    """Return how each stands; the number of questions to the database is the same for one and for many."""
    every = list(deployments)
    now = _Now(every)
    return {deployment.pk: now.standing(deployment) for deployment in every}


def standing_of_model(base_model: BaseModel, adapter: Adapter | None) -> Standing:
    """Return how a model stands that is asked by its own name: as a deployment of it would that reserves nothing."""
    name = Deployment(base_model=base_model, shared=True, state=Deployment.State.STARTING, **as_columns(adapter))
    return standing_of(name)


@dataclass(frozen=True)
class _Wakes:
    """What the earlier replicas of a model tell."""

    seconds: int | None = None
    last_end: datetime | None = None


class _Now:
    """The replicas of these deployments, and what they have in memory."""

    def __init__(self, deployments: list[Deployment]) -> None:
        live = Replica.objects.live().select_related("run")
        own = [deployment for deployment in deployments if not deployment.shared]
        bases = {deployment.base_model_id for deployment in deployments if deployment.shared}
        self._own = {one.deployment_id: one for one in live.filter(deployment__in=own)}
        self._shared = {served_by(one): one for one in live.shared().filter(base_model__in=bases)}
        rows = ReplicaAdapter.objects.filter(replica__in=self._shared.values())
        self._loaded = {(row.replica_id, row.weights_id): row for row in rows}
        self._recent: dict[Served, list[Replica]] | None = None
        self._bases = {deployment.base_model_id for deployment in deployments}

    def standing(self, deployment: Deployment) -> Standing:
        if deployment.state == Deployment.State.STOPPED:
            return Standing(state="stopped", message=message("deployment_stopped"))
        if deployment.state == Deployment.State.FAILED:
            reason = deployment.reason or message("replica_failed")
            return Standing(state="failed", message=message("deployment_has_failed", reason=reason))
        return self._of_a_name(deployment) if deployment.shared else self._of_its_own(deployment)

    def _of_its_own(self, deployment: Deployment) -> Standing:
        replica = self._own.get(deployment.pk)
        if deployment.state == Deployment.State.ASLEEP:
            return self._asleep(deployment)
        if deployment.state == Deployment.State.ANSWERING:
            return Standing(state="answering", message=message("deployment_answering"), replica=replica)
        return _starting(replica)

    def _of_a_name(self, deployment: Deployment) -> Standing:
        replica = self._shared.get(served_model(deployment))
        loaded = self._loaded.get((replica.pk, deployment.weights_id)) if replica and deployment.weights_id else None
        if replica is None or replica.run.stop_requested_at is not None:
            return self._asleep(deployment)
        if deployment.weights_id and (loaded is None or loaded.state == ReplicaAdapter.State.LEAVING):
            return Standing(state="asleep", message=message("deployment_beside_its_base"), replica=replica)
        if loaded is not None and loaded.state == ReplicaAdapter.State.REFUSED:
            reason = loaded.reason or message("replica_failed")
            return Standing(state="failed", message=message("deployment_has_failed", reason=reason), replica=replica)
        is_proven = loaded is None or loaded.state == ReplicaAdapter.State.PROVEN
        if replica.is_answering and is_proven:
            return Standing(state="answering", message=message("deployment_answering"), replica=replica)
        return _starting(replica)

    def _asleep(self, deployment: Deployment) -> Standing:
        wakes = self._wakes(served_model(deployment))
        said = message("deployment_asleep")
        if wakes.seconds is not None:
            said = message("deployment_asleep_wakes_in", seconds=wakes.seconds)
        if deployment.proven_at is None and deployment.adapter_id:
            said = said.followed_by(message("deployment_unproven"))
        if deployment.state == Deployment.State.ASLEEP:
            said = said.followed_by(deployment.reason)
        return Standing(state="asleep", message=said, asleep_since=wakes.last_end, wake_seconds=wakes.seconds)

    def _wakes(self, served: Served) -> _Wakes:
        """Return how long the latest replicas of the model took, in the queue and to be ready."""
        if self._recent is None:
            self._recent = defaultdict(list)
            for replica in Replica.objects.filter(base_model__in=self._bases)[:RECENT_REPLICAS]:
                self._recent[served_by(replica)].append(replica)
        recent = self._recent.get(served, [])
        ready = [(one.ready_at - one.created_at).total_seconds() for one in recent if one.ready_at is not None]
        seconds = max(1, round(statistics.median(ready[:FEW_WAKES]))) if ready else None
        return _Wakes(seconds, max((one.ended_at for one in recent if one.ended_at is not None), default=None))


def served_by(replica: Replica) -> Served:
    return replica.base_model_id, replica.full_model_id, replica.pool_id


def served_model(deployment: Deployment) -> Served:
    full_model = full_model_of(deployment.adapter)
    return deployment.base_model_id, full_model.pk if full_model is not None else None, deployment.pool_id


def _starting(replica: Replica | None) -> Standing:
    waiting = compute.explain(replica.run) if replica is not None else None
    return Standing(
        state="starting",
        message=waiting or message("deployment_starting"),
        replica=replica,
        is_waiting=replica is not None and replica.run.state == Run.State.WAITING,
    )

"""The life of replicas: asked for, ready, asleep, ended, and what each of these means for a deployment."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team
from catalogue.models import BaseModel
from compute import services as compute
from compute.beside import NO_DEVICE
from compute.models import Node, Pool, Run
from compute.work import Pausable
from deployments.messages import message
from deployments.models import Deployment, Measured, Replica, ReplicaAdapter
from jobs.models import TunedModel
from jobs.training.checkpoints import Adapter
from webhooks.outbox import announce
from wording import Message

KIND = "serving"
IDLE_AFTER = 2 / 3
"""Share of `reconcile_seconds` without a request after which a shared replica may give way; a request in flight renews
its note twice in that time."""
IDLE_SECONDS = 60
"""A deployment without a request for so long is named to people whose Runs wait for its devices."""
FALSE_STARTS = 3
"""A deployment whose replica was lost so often in a row before it could answer is not retried automatically."""


def full_model_of(adapter: Adapter | None) -> TunedModel | None:
    """Return `adapter` when its job trained every weight, so that the result needs its own replica; else None."""
    return adapter if isinstance(adapter, TunedModel) and adapter.result == "model" else None


@transaction.atomic
def serve_deployment(deployment: Deployment, *, queued_at: datetime | None = None) -> Replica | None:
    """Ask for a Run that serves `deployment`, unless it has one; None when it was taken down.

    `queued_at` is the place in line of the Run that served it before, where it continues as if nothing had happened.
    """
    every = Deployment.objects.select_for_update(of=("self",)).select_related("adapter", "checkpoint")
    deployment = every.get(pk=deployment.pk)
    if not deployment.is_live:
        return None
    if (live := deployment.live_replica) is not None:
        return live
    deployment.move(Deployment.State.STARTING, only_from=Deployment.State.ASLEEP)
    accelerators = deployment.accelerators or most_accelerators(deployment.pool)
    run = compute.request_run(
        kind=KIND,
        team=deployment.team,
        pool=deployment.pool,
        accelerators=accelerators,
        queued_at=queued_at,
        user=deployment.created_by,
        preemptible=False,
        label=deployment.name,
        model=deployment.model,
    )
    return _create(run, deployment.base_model, deployment.weights, deployment, deployment.pool)


@transaction.atomic
def wake_shared(*, base_model: BaseModel, adapter: Adapter | None, pool: Pool | None = None) -> Replica:
    """Ask for `adapter` (None: the base itself) on the shared replica of its base, which is started if there is none.

    Each pool has one of its own; `pool` None is the default one. The base's row is locked, so that many requests at
    once ask for one Run and one load.
    """
    BaseModel.objects.select_for_update().get(pk=base_model.pk)
    full_model = full_model_of(adapter)
    shared = Replica.objects.live().shared().filter(base_model=base_model, full_model=full_model, pool=pool)
    replica = shared.select_related("run").first()
    if replica is None:
        run = compute.request_run(
            kind=KIND,
            team=Team.objects.platform(),
            pool=pool,
            accelerators=_shared_accelerators(pool),
            counts_in_quota=False,
            yields=True,
            label=base_model.id if full_model is None else full_model.name,
            model=base_model.id if full_model is None else full_model.name,
        )
        return _create(run, base_model, adapter, None, pool)
    if adapter is not None:
        replica.want(adapter)
    return replica


def most_accelerators(pool: Pool | None = None) -> int | None:
    """Return on how many accelerators of a pool the engine can compute: one GPU, or any number of cores (None).

    `pool` None is the default one.
    """
    nodes = Node.objects.heard().filter(pool=pool or Pool.default())
    return 1 if nodes.filter(kind=Node.Kind.CUDA).exists() else None


def _shared_accelerators(pool: Pool | None) -> int:
    """Return what a shared replica holds: one GPU, or on cores nothing, where it computes beside what holds them."""
    return most_accelerators(pool) or NO_DEVICE


def record_gate(
    *, replica: Replica, model: str, refusal: Message | None, verdict: Measured, memory_bytes: int = 0
) -> None:
    """Store what the same-answer check said about `model`, an adapter's id: why it is refused, or None."""
    for loaded in replica.adapters.filter(Q(adapter=model) | Q(checkpoint=model)):
        if refusal is None:
            loaded.mark_proven(verdict, memory_bytes=memory_bytes)
        else:
            loaded.mark_refused(refusal, verdict)
    align_states(replica)


def align_states(replica: Replica) -> None:
    """Bring the states of what the replica answers for in line with what it can do."""
    if replica.ready_at is None:
        return
    loaded = {one.weights_id: one for one in replica.adapters.all()}
    for deployment in Deployment.objects.serving(replica):
        if deployment.weights_id is None or not deployment.shared or deployment.weights_id in loaded:
            _align(deployment, replica, loaded.get(deployment.weights_id or ""))


def _align(deployment: Deployment, replica: Replica, loaded: ReplicaAdapter | None) -> None:
    if loaded is None or loaded.state == ReplicaAdapter.State.PROVEN:
        if deployment.shared:  # what failed elsewhere, or earlier, may be proven here
            deployment.move(Deployment.State.STARTING, only_from=Deployment.State.FAILED, reason=None)
        deployment.mark_answering(loaded.verdict if loaded is not None else None)
    elif loaded.state == ReplicaAdapter.State.REFUSED:
        _fail(deployment, loaded.reason or message("replica_failed"))
        if not deployment.shared:
            compute.request_stop(run=replica.run, reason="expire")


@transaction.atomic
def _fail(deployment: Deployment, reason: Message) -> None:
    """Note that it has failed, and tell webhooks of it where it had not before."""
    if deployment.mark_failed(reason):
        announce("deployment.failed", deployment.team, {"id": deployment.pk}, about=deployment, because=reason)


@transaction.atomic
def end_replica(*, replica: Replica, outcome: str, reason: Message | None = None) -> None:
    """Note that the replica's Run has ended; a deployment that was not taken down asks for a new Run."""
    replica = Replica.objects.select_for_update(of=("self",)).select_related("run", "deployment").get(pk=replica.pk)
    if replica.ended_at is not None:
        return
    # A replica that had answered and was killed, as by a restart of its host, is no sign of a broken model.
    is_failure = outcome == Run.Outcome.FAILED or (outcome == Run.Outcome.LOST and replica.ready_at is None)
    replica.mark_ended(reason if is_failure else None)
    if replica.deployment_id is None:
        if outcome == Run.Outcome.FAILED:
            for name in Deployment.objects.serving(replica):
                _fail(name, reason or message("replica_failed"))
        return
    # As it is now: it may have been taken down, or have failed, since the caller looked.
    deployment = Deployment.objects.select_for_update(of=("self",)).get(pk=replica.deployment_id)
    if replica.run.stop_reason == Run.StopReason.YIELD and outcome == Run.Outcome.STOPPED:
        deployment.mark_asleep(message("deployment_gave_way", minutes=round(settings.IDLE_WORK_SECONDS / 60)))
    stays_ended = deployment.state in (Deployment.State.FAILED, Deployment.State.ASLEEP)
    if not deployment.is_live or deployment.shared or stays_ended:
        return
    if why := _reason_to_give_up(deployment, replica, outcome):
        _fail(deployment, why)
        return
    deployment.mark_starting()
    serve_deployment(deployment, queued_at=replica.run.queued_at)


def note_idleness() -> None:
    """Tell compute which shared replicas have no request in flight, so that they can give way to Runs that wait."""
    silent = timezone.now() - timedelta(seconds=settings.TIMES.reconcile_seconds * IDLE_AFTER)
    idle = Replica.objects.answering().shared().silent_since(silent).filter(run__idle_since=None)
    for replica in idle.select_related("run"):
        compute.set_idle(run=replica.run, since=replica.last_request_at)
    if settings.RECLAIM_IDLE_WORK and settings.IDLE_WORK_SECONDS:
        _note_idle_deployments()


def _note_idle_deployments() -> None:
    """Let deployments that keep their accelerators give way as well: the administrator's rule."""
    silent = timezone.now() - timedelta(seconds=settings.IDLE_WORK_SECONDS)
    idle = Replica.objects.answering().exclude(deployment=None).silent_since(silent).filter(run__idle_since=None)
    for replica in idle.select_related("run"):
        compute.set_idle(run=replica.run, since=replica.last_request_at, yields=True)


def idle_deployments(team_id: int) -> list[Pausable]:
    """Return the team's deployments that hold devices and had no request for IDLE_SECONDS."""
    silent = timezone.now() - timedelta(seconds=IDLE_SECONDS)
    found = Replica.objects.answering().filter(deployment__team_id=team_id).silent_since(silent)
    return [
        Pausable(
            run_id=replica.run_id,
            id=replica.deployment.id,
            name=replica.deployment.name,
            idle_seconds=(timezone.now() - replica.last_request_at).total_seconds(),
        )
        for replica in found.select_related("deployment")
        if replica.deployment is not None
    ]


def put_to_sleep() -> None:
    """Stop the shared replicas that have had no request for a long time, and queued ones that no request waits for.

    One that serves a whole model which was deleted goes at once. Deployments that need not keep their accelerators
    sleep likewise.
    """
    long_ago = timezone.now() - timedelta(seconds=settings.TIMES.replica_idle_seconds)
    given_up = timezone.now() - timedelta(seconds=settings.TIMES.wake_hold_seconds)
    shared = Replica.objects.live().shared().filter(run__stop_requested_at=None)
    unwanted = shared.silent_since(given_up).filter(run__state=Run.State.WAITING)
    deleted = shared.filter(full_model__deleted_at__isnull=False)
    for replica in (shared.silent_since(long_ago) | unwanted | deleted).select_related("run"):
        compute.request_stop(run=replica.run, reason="expire")
    sleepers = Replica.objects.live().filter(deployment__min_replicas=0, run__stop_requested_at=None)
    long_ago = timezone.now() - timedelta(seconds=settings.DEPLOYMENT_IDLE_SECONDS)
    unwanted = sleepers.silent_since(given_up).filter(run__state=Run.State.WAITING)
    for replica in (sleepers.silent_since(long_ago) | unwanted).select_related("run", "deployment"):
        _put_deployment_to_sleep(replica)


@transaction.atomic
def _put_deployment_to_sleep(replica: Replica) -> None:
    compute.request_stop(run=replica.run, reason="expire")  # before the deployment's row: supervisors lock so, too
    if replica.deployment is not None:
        replica.deployment.mark_asleep()


def end_what_ended() -> None:
    """End the replicas whose Run ended without anyone telling us, such as one stopped while it waited."""
    ended = Replica.objects.live().filter(run__state=Run.State.ENDED).select_related("run")
    for replica in ended:
        end_replica(replica=replica, outcome=replica.run.outcome, reason=replica.run.outcome_message)


def restart_deployments() -> None:
    """Give a Run to each deployment that should answer and has no replica."""
    wanted = Deployment.objects.live().filter(shared=False).exclude(state__in=["failed", "asleep"])
    for deployment in wanted.exclude(replicas__in=Replica.objects.live()):
        serve_deployment(deployment)


def mark_requested(replicas: Iterable[str]) -> None:
    """Note that requests are in flight on these replicas, so that none is taken for idle."""
    for replica in Replica.objects.live().filter(pk__in=list(replicas)).select_related("run"):
        replica.mark_requested()
        if replica.run.idle_since is not None:
            compute.set_idle(run=replica.run, since=None)


def touch(replica: Replica, loaded: ReplicaAdapter | None) -> None:
    """Note that replica and adapter are asked, once a note is getting old: no row is written at every request."""
    old = timezone.now() - timedelta(seconds=settings.TIMES.reconcile_seconds / 3)
    if replica.run.idle_since is not None or replica.last_request_at < old:
        mark_requested([replica.pk])
    if loaded is not None and loaded.last_used_at < old:
        loaded.mark_used()


def _create(
    run: Run, base_model: BaseModel, adapter: Adapter | None, deployment: Deployment | None, pool: Pool | None
) -> Replica:
    full_model = full_model_of(adapter)
    replica = Replica.create(run=run, base_model=base_model, full_model=full_model, deployment=deployment, pool=pool)
    if adapter is not None:
        replica.want(adapter)
    return replica


def _reason_to_give_up(deployment: Deployment, replica: Replica, outcome: str) -> Message | None:
    """Return why the deployment must not be retried automatically; None when it should."""
    if outcome == Run.Outcome.FAILED:
        return replica.failure or message("replica_failed")
    if replica.run.stop_reason == "cancel":
        return message("replica_run_stopped")
    recent = list(deployment.replicas.all()[:FALSE_STARTS])
    if len(recent) == FALSE_STARTS and all(one.failure and one.ready_at is None for one in recent):
        return message("replica_false_starts", times=FALSE_STARTS, reason=replica.failure)
    return None

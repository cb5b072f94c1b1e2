"""The cast of these tests: Alice's team, Bob's team, a base, their tuned models, and replicas that answer."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from django.utils import timezone

from accounts.models import ApiKey, Membership, Team, User
from catalogue.folders import identity
from catalogue.models import BaseModel
from compute.models import Run
from deployments import services
from deployments.gateway import in_flight
from deployments.models import Deployment, Replica, ReplicaAdapter
from jobs.models import Attempt, Checkpoint, FineTuningJob, TunedModel


@dataclass(frozen=True)
class Person:
    user: User
    team: Team
    secret: str
    key: ApiKey


def make_person(name: str) -> Person:
    user = User.objects.create_user(f"{name.lower()}@example.com")
    team = Team.create(name=f"{name}'s team")
    Membership.objects.create(team=team, user=user, role=Membership.Role.OWNER)
    key, secret = ApiKey.issue(user=user, team=team)
    return Person(user, team, secret, key)


def make_base(folder: str = "/nowhere/tiny", **fields) -> BaseModel:
    defaults = {
        "id": "tiny", "display_name": "Tiny", "family": "llama", "parameters": 1, "context_length": 8192,
        "hidden_size": 64, "num_layers": 2, "vocab_size": 340, "licence": "none", "template": "own",
    }  # fmt: skip
    base = BaseModel.objects.create(**{**defaults, **fields})
    base.mark_present(folder=folder, sha256=identity(Path(folder)) if Path(folder).is_dir() else "0" * 64)
    return base


def make_adapter(team: Team, base: BaseModel, suffix: str = "violin", result: str = "adapter") -> TunedModel:
    name = f"ft:{base.id}:{team.slug}:{suffix}:{TunedModel.objects.count()}"
    job = FineTuningJob.objects.create(team=team, base_model=base, fine_tuned_model=name)
    return TunedModel.objects.create(
        job=job, team=team, base_model=base, name=name, result=result, storage_name=f"jobs/{job.pk}/{result}"
    )


def make_checkpoint(adapter: TunedModel, step: int = 3, *, status: str = "succeeded") -> Checkpoint:
    """Return a stored checkpoint of the job that made `adapter`."""
    FineTuningJob.objects.filter(pk=adapter.job_id).update(status=status)
    attempt = Attempt.objects.filter(job=adapter.job_id).first()
    if attempt is None:
        run = Run.objects.create(kind="training", team=adapter.team, state=Run.State.ENDED)
        attempt = Attempt.objects.create(job=adapter.job, number=1, run=run)
    return Checkpoint.objects.create(
        job=adapter.job, attempt=attempt, step=step, storage_name=f"jobs/{adapter.job_id}/step-{step}",
        published_at=timezone.now(),
    )  # fmt: skip


def deploy(person: Person, model: TunedModel, name: str = "violin", accelerators: Any = "auto", **more) -> Deployment:
    """Deploy `model` for the person's team, on accelerators of its own unless others are asked for."""
    asked = {"name": name, "model": model.name, "accelerators": accelerators, **more}
    return services.deploy(team=person.team, by=person.user, **asked)


def run_of(replica: Replica) -> Run:
    return Run.objects.get(pk=replica.run_id)


def make_ready(replica: Replica, *, port: int = 1, prove: bool = True) -> Replica:
    """Do what supervisor and engine do: the Run runs, the replica answers, its adapters are proven."""
    Run.objects.filter(pk=replica.run_id).update(state=Run.State.RUNNING)
    replica = Replica.objects.select_related("run", "deployment").get(pk=replica.pk)
    replica.mark_ready(host="127.0.0.1", port=port)
    if prove:
        ReplicaAdapter.objects.filter(replica=replica).update(state=ReplicaAdapter.State.PROVEN)
    if replica.deployment is not None:
        Deployment.objects.filter(pk=replica.deployment_id).update(state=Deployment.State.ANSWERING)
    return replica


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("waited in vain")


class Server:
    """An ASGI application on a free port, in a thread."""

    def __init__(self, application: Any) -> None:
        config = uvicorn.Config(application, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        until(lambda: self._server.started)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> set[Any]:
        """Those that are open, as the server goes on noting them."""
        return self._server.server_state.connections

    def stop(self) -> None:
        """Stop serving; return when no query of a request is under way, which would lock what the next test empties."""
        self._server.should_exit = True
        self._thread.join()
        everybody_is_here = threading.Barrier(in_flight.THREADS._max_workers)
        list(in_flight.THREADS.map(lambda _: everybody_is_here.wait(), range(everybody_is_here.parties)))

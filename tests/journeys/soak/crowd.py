"""Twenty teams that submit jobs, a few at a time, and now and then think better of it."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform, django_shell, wait_until
from tests.journeys.soak.apps import MODEL

NUM_TEAMS = 20
GUARANTEED = 4
"""Teams with an accelerator of their own; the others borrow."""
MOST_UNFINISHED = 160
CANCELLED_SHARE = 0.03
ROWS = 16
BATCH = 8
STAND_IN = {"num_train_epochs": 10, "save_steps": 5}
REAL = {"num_train_epochs": 40, "save_steps": 10, "lora_dim": 4, "learning_rate": 1e-3}
ALWAYS = {"per_device_train_batch_size": BATCH, "validation_split": 0}
REAL_SEED = 7

MAKE_TEAMS = f"""
import json
from django.core.management import call_command
from io import StringIO
keys = []
for number in range({NUM_TEAMS}):
    told, name = StringIO(), f"Team {{number:02}}"
    call_command("create_api_key", "--email", f"person{{number}}@example.com", "--team", name, stdout=told)
    guaranteed = int(number < {GUARANTEED})
    call_command("set_quota", "--team", name, "--guaranteed", str(guaranteed), "--ceiling", str(1 + number % 4),
                 stdout=StringIO())
    keys.append(told.getvalue().strip())
print(json.dumps(keys))
"""


def steps_of(hyperparameters: dict[str, Any]) -> int:
    return ROWS // BATCH * int(hyperparameters["num_train_epochs"])


@dataclass
class Job:
    """What was submitted."""

    id: str
    team: int
    is_real: bool
    seed: int


@dataclass(kw_only=True)
class Crowd:
    """Submits `num_stand_ins` + `num_real` jobs in a seeded order."""

    platform: RunningPlatform
    choice: random.Random
    num_stand_ins: int
    num_real: int
    jobs: dict[str, Job] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    """Jobs of which the platform has taken a request to cancel."""
    _plan: list[bool] = field(default_factory=list)
    _clients: list[httpx.Client] = field(default_factory=list)
    _files: list[str] = field(default_factory=list)

    def gather(self) -> None:
        """Make teams, keys, quotas and each team's file."""
        keys = json.loads(django_shell(self.platform, MAKE_TEAMS).splitlines()[-1])
        for key in keys:
            headers = {"Authorization": f"Bearer {key}"}
            self._clients.append(httpx.Client(base_url=self.platform.url, headers=headers, timeout=60))
        content = jsonl(conversations(ROWS)).getvalue()
        for client in self._clients:
            parts = {"file": ("chats.jsonl", content)}
            reply = client.post("/v1/files", data={"purpose": "fine-tune"}, files=parts).raise_for_status()
            self._files.append(reply.json()["id"])
        for client, file in zip(self._clients, self._files, strict=True):
            wait_until(
                lambda client=client, file=file: client.get(f"/v1/files/{file}").json()["status"] == "processed",
                seconds=120, what="a checked file",
            )  # fmt: skip
        # The first ones of a kind rehearse: a plan that begins with both kinds has that behind it soon.
        rest = [False] * (self.num_stand_ins - 1) + [True] * (self.num_real - 1)
        self.choice.shuffle(rest)
        self._plan = [*rest, True, False]

    @property
    def num_left(self) -> int:
        return len(self._plan)

    def submit(self, unfinished: int) -> None:
        """Submit a handful of jobs while fewer than MOST_UNFINISHED wait or run."""
        for _ in range(min(10, MOST_UNFINISHED - unfinished, len(self._plan))):
            self._submit(is_real=self._plan.pop())

    def _submit(self, *, is_real: bool) -> None:
        team = self.choice.randrange(NUM_TEAMS)
        seed = REAL_SEED if is_real else self.choice.randrange(1, 10**6)
        body = {
            "model": "tiny" if is_real else MODEL,
            "training_file": self._files[team],
            "seed": seed,
            "priority": self.choice.choice(["low", "normal", "normal", "high"]),
            "accelerators": 2 if not is_real and team % 4 and self.choice.random() < 0.1 else 1,
            "hyperparameters": {**ALWAYS, **(REAL if is_real else STAND_IN)},
        }
        client = self._clients[team]
        reply = client.post("/v1/fine_tuning/jobs", json=body)
        assert reply.status_code == 200, reply.text
        job = Job(id=reply.json()["id"], team=team, is_real=is_real, seed=seed)
        self.jobs[job.id] = job

    def think_better(self, live: list[str]) -> None:
        """Cancel a job now and then, as many in all as CANCELLED_SHARE says."""
        wished = int(CANCELLED_SHARE * sum(not job.is_real for job in self.jobs.values()))
        candidates = sorted(one for one in live if not self.jobs[one].is_real and one not in self.cancelled)
        if len(self.cancelled) >= wished or not candidates:
            return
        job = self.jobs[self.choice.choice(candidates)]
        reply = self._clients[job.team].post(f"/v1/fine_tuning/jobs/{job.id}/cancel")
        if reply.status_code == 200:
            self.cancelled.add(job.id)

    def losses(self, job_ids: list[str]) -> dict[str, list[float]]:
        """Return the losses of each job's metrics.csv."""
        with ThreadPoolExecutor(4) as pool:
            return dict(zip(job_ids, pool.map(self._losses, job_ids), strict=True))

    def _losses(self, job_id: str) -> list[float]:
        client = self._clients[self.jobs[job_id].team]
        for file in client.get(f"/v1/fine_tuning/jobs/{job_id}").raise_for_status().json()["result_files"]:
            content = client.get(f"/v1/files/{file}/content").raise_for_status()
            if content.text.startswith("step,"):
                rows = [line.split(",") for line in content.text.splitlines()[1:]]
                assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1)), job_id
                return [float(row[1]) for row in rows]
        return []

    def story(self, job_id: str) -> str:
        """Return what happened to a job, a line an event."""
        client, after, lines = self._clients[self.jobs[job_id].team], "", list[str]()
        with suppress(httpx.HTTPError, ValueError, KeyError):
            while True:
                query = {"limit": 100, **({"after": after} if after else {})}
                page = client.get(f"/v1/fine_tuning/jobs/{job_id}/events", params=query).json()
                for event in page["data"]:
                    told = time.strftime("%H:%M:%S", time.gmtime(event["created_at"]))
                    lines.append(f"{told} {event['message']} {event['data']}")
                if not page["has_more"]:
                    break
                after = page["data"][-1]["id"]
        return f"{self.jobs[job_id]}\n" + "\n".join(reversed(lines))

"""/metrics: for whom it is there, what it counts, and that dashboard and alerts ask for nothing else."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import Team
from common import shared_measures, valkey
from compute import services
from compute.models import Device, Node, Run
from compute.scheduling.rounds import schedule
from console.asgi import application

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
OPS = Path(__file__).parents[2] / "ops"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def pool() -> Team:
    """A node of three devices, of which one is broken and one held; two Runs wait."""
    node = Node.objects.create(
        name="n1", queue="q", last_seen_at=timezone.now(), disk={"kinds": {"runs": 7}, "free": 3, "total": 10}
    )
    for index in range(3):
        Device.objects.create(node=node, index=index, kind="cpu", healthy=index < 2)
    team = Team.create(name="Violins")
    services.request_run(kind="training", team=team, accelerators=1)
    schedule()
    for _ in range(2):
        services.request_run(kind="training", team=team, accelerators=3)
    Run.objects.waiting().update(queued_at=timezone.now() - timedelta(seconds=100))
    return team


def samples(body: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def read(**more: Any) -> Samples:
    reply = Client().get("/metrics", **more)
    assert reply.status_code == 200
    return samples(reply.content.decode())


class TestForWhom:
    def test_this_machine_and_nobody_else(self) -> None:
        assert Client().get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200
        for address in ("203.0.113.7", "10.0.0.4", ""):
            assert Client().get("/metrics", REMOTE_ADDR=address).status_code == 404

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
    def test_not_what_a_proxy_on_this_machine_passes_on(self, header: str) -> None:
        assert Client().get("/metrics", headers={header: "203.0.113.7"}).status_code == 404

    @pytest.mark.parametrize(
        ("token", "given", "status"),
        [("s3cret", "s3cret", 200), ("s3cret", "s3cre", 404), ("s3cret", "é", 404), ("s3cret", "", 404), ("", "", 404)],
    )
    def test_whoever_has_the_token(self, settings: Any, token: str, given: str, status: int) -> None:
        settings.METRICS_TOKEN = token
        headers = {"authorization": f"Bearer {given}"}
        assert Client().get("/metrics", headers=headers, REMOTE_ADDR="203.0.113.7").status_code == status


class TestPool:
    def test_queue_runs_devices_and_disk(self, pool: Team) -> None:
        found = read()
        node = (("node", "n1"), ("pool", "default"))
        where = (("kind", "training"), ("pool", "default"), ("team", "violins"))
        assert found["luthier_queue_runs", where] == 2
        assert 100 <= found["luthier_queue_oldest_seconds", (("pool", "default"),)] < 160
        assert found["luthier_runs", (("kind", "training"), ("state", "starting"))] == 1
        kinds = [found[f"luthier_devices{kind}", node] for kind in ("", "_healthy", "_held")]
        assert kinds == [3, 2, 1]
        assert found["luthier_disk_free_bytes", (("node", "n1"),)] == 3
        assert found["luthier_home_bytes", (("kind", "runs"), ("node", "n1"))] == 7

    def test_ends_and_preemptions(self, pool: Team) -> None:
        Run.objects.filter(state="starting").update(state="ended", outcome="stopped", stop_reason="preempt")
        found = read()
        assert found["luthier_runs_ended_total", (("kind", "training"), ("outcome", "stopped"))] == 1
        assert found["luthier_preemptions_total", ()] == 1

    def test_what_devices_use_and_what_computes_nothing(self, pool: Team) -> None:
        Device.objects.filter(index=0).update(utilisation=40, memory_used_bytes=7)
        Node.objects.update(sampled_at=timezone.now())
        Run.objects.filter(state="starting").update(idle_told_at=timezone.now())
        found = read()
        device = (("device", "0"), ("node", "n1"), ("pool", "default"))
        assert found["luthier_device_busy_percent", device] == 40
        assert found["luthier_device_memory_used_bytes", device] == 7
        assert found["luthier_runs_computing_nothing", (("kind", "training"),)] == 1
        Node.objects.update(sampled_at=timezone.now() - timedelta(hours=1))
        assert ("luthier_device_busy_percent", device) not in read()

    def test_decisions_of_whichever_process(self, pool: Team) -> None:
        valkey.client().delete("luthier:measure:scheduler")
        for seconds in (0.002, 0.3, 99):
            shared_measures.observe(shared_measures.SCHEDULER, seconds)
        found = read()
        up_to = {
            limit: found["luthier_scheduler_decision_seconds_bucket", (("le", limit),)] for limit in ("0.005", "0.5")
        }
        assert up_to == {"0.005": 1, "0.5": 2}
        assert found["luthier_scheduler_decision_seconds_count", ()] == 3
        assert found["luthier_scheduler_decision_seconds_sum", ()] == pytest.approx(99.302)

    def test_every_look_of_the_scheduler_is_one(self, pool: Team) -> None:
        before = read()["luthier_scheduler_decision_seconds_count", ()]
        schedule()
        assert read()["luthier_scheduler_decision_seconds_count", ()] == before + 1


@pytest.mark.django_db(transaction=True)
async def test_requests_are_counted_by_route_never_by_address() -> None:
    transport = httpx.ASGITransport(application, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for path in ("/v1/models/one", "/v1/models/two", "/v1/chat/completions", "/nowhere", "/never"):
            await client.get(path)
        await client.post("/v1/chat/completions", json={})
        body = (await client.get("/metrics")).text
    found = samples(body)
    count = {key: value for key, value in found.items() if key[0] == "luthier_http_requests_total"}
    labels = [dict(names) for _, names in count]
    assert any(label["route"].startswith("/v1/models/<") and label["status"] == "401" for label in labels)
    assert any(label["route"] == "other" and label["status"] == "404" for label in labels)
    assert any("completions" in label["route"] and label["method"] == "POST" for label in labels)
    assert not any(word in body for word in ("nowhere", "/never", "models/one"))
    assert any(name == "luthier_http_request_seconds_count" for name, _ in found)
    await sync_to_async(connections.close_all)()


def names_in(text: str) -> set[str]:
    return set(re.findall(r"luthier_[a-z_]+", text))


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "alerts.yml"])
def test_dashboard_and_alerts_ask_for_what_there_is(file: str, pool: Team) -> None:
    text = (OPS / file).read_text()
    if file.endswith(".json"):
        asked = {target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]}
        ids = [panel["id"] for panel in json.loads(text)["panels"]]
        assert len(ids) == len(set(ids))
    else:
        rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        asked = {rule["expr"] for rule in rules}
        assert all(rule["alert"] and rule["annotations"]["summary"] for rule in rules)
    families = list(text_string_to_metric_families(Client().get("/metrics").content.decode()))
    offered = {
        name
        for family in families
        for name in {
            "counter": [f"{family.name}_total"],
            "histogram": [f"{family.name}_bucket", f"{family.name}_sum", f"{family.name}_count"],
        }.get(family.type, [family.name])
    }
    assert len(asked) > 8
    assert names_in(" ".join(asked)) <= offered

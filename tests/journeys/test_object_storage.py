"""One job against a real S3 server: everything is there, and the run directories may be lost."""

import json
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.journeys.conftest import TIME_SCALE
from tests.journeys.data import conversations, jsonl
from tests.journeys.extra_node import ExtraNode
from tests.journeys.figures import Figures
from tests.journeys.harness import RunningPlatform, django_shell, wait_until
from tests.journeys.invariants import holding
from tests.journeys.measuring import Observed, seconds_until
from tests.journeys.tiny_job import FINISHED, end_of, step_of

pytestmark = [pytest.mark.system]

ACCESS, SECRET, BUCKET = "luthier", "luthier-secret-key", "luthier"
CHECKPOINT = re.compile(r"/checkpoints/step-\d+/manifest\.json$")


def weed_ports(count: int) -> list[int]:
    """Return ports that are free together with those 10,000 above them, where weed listens for gRPC."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randint(20_000, 22_500)  # gRPC's stay below those that outgoing connections take
        with socket.socket() as http, socket.socket() as grpc:
            try:
                http.bind(("127.0.0.1", port))
                grpc.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            found.add(port)
    return list(found)


class S3Server:
    """A seaweedfs server with one bucket, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        key = {"accessKey": ACCESS, "secretKey": SECRET}
        identity = {"name": "luthier", "credentials": [key], "actions": ["Admin"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        port, master, volume, filer = weed_ports(4)
        self._command = [
            str(Path(sys.executable).parent / "weed"), "server", "-ip=127.0.0.1", f"-dir={folder}", "-s3",
            f"-s3.port={port}",
            f"-s3.config={folder / 's3.json'}", f"-master.port={master}", f"-volume.port={volume}",
            f"-filer.port={filer}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
            "-volume.max=20", "-master.volumeSizeLimitMB=128",
        ]  # fmt: skip
        self.endpoint = f"http://127.0.0.1:{port}"
        self.client = boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=ACCESS, aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it has the bucket."""
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._has_bucket, seconds=60, what="the S3 server")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stored(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def _has_bucket(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "weed.log").read_text()[-2000:]
        try:
            self.client.create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError) as error:
            return "BucketAlready" in str(error)
        return True


@pytest.fixture(scope="module")
def s3(homes: Path) -> Iterator[S3Server]:
    server = S3Server(homes / "s3")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def platform(homes: Path, s3: S3Server, tiny_folder: Path) -> Iterator[RunningPlatform]:
    running = RunningPlatform(
        homes / "s3-home",
        time_scale=TIME_SCALE,
        environment={
            "LUTHIER_STARTER_MODEL": "",
            "LUTHIER_S3_ENDPOINT": s3.endpoint,
            "LUTHIER_S3_BUCKET": BUCKET,
            "LUTHIER_S3_ACCESS_KEY": ACCESS,
            "LUTHIER_S3_SECRET_KEY": SECRET,
        },
    )
    running.start()
    running.manage("register_model", "--id", "tiny", "--path", str(tiny_folder))
    yield running
    running.stop()


def lose_runs(platform: RunningPlatform) -> None:
    """Remove all run directories, while the platform may be tidying one of them itself."""
    runs = platform.home / "runs"
    while runs.exists():
        shutil.rmtree(runs, ignore_errors=True)


def test_a_job_survives_the_loss_of_its_run_directories(platform: RunningPlatform, s3: S3Server) -> None:
    client = platform.client(platform.api_key())
    file = client.files.create(file=jsonl(conversations(64)), purpose="fine-tune")
    hyperparameters = {
        "num_train_epochs": 50,
        "per_device_train_batch_size": 8,
        "save_steps": 20,
        "validation_split": 0,
    }
    job = client.fine_tuning.jobs.create(
        model="tiny", training_file=file.id, seed=1, extra_body={"hyperparameters": hyperparameters}
    )
    # Any one: where storage is slower than the training, the trainer drops older ones unpublished.
    wait_until(lambda: any(CHECKPOINT.search(key) for key in s3.stored()), seconds=120, what="a published checkpoint")
    assert step_of(client, job.id) < 400
    client.fine_tuning.jobs.pause(job.id)
    wait_until(
        lambda: client.fine_tuning.jobs.with_raw_response.retrieve(job.id).http_response.json()["status"] == "paused",
        seconds=60,
        what="the pause",
    )
    lose_runs(platform)
    client.fine_tuning.jobs.with_raw_response.resume(job.id)
    ended = end_of(client, job.id)
    assert ended.status == "succeeded", ended.error
    keys = s3.stored()
    assert any(key.endswith("adapter_model.safetensors") for key in keys)
    assert any(key.endswith("log.txt") for key in keys)
    checkpoints = client.fine_tuning.jobs.checkpoints.list(job.id).data
    for checkpoint in checkpoints:
        assert any(f"step-{checkpoint.step_number}/manifest.json" in key for key in keys)
    lose_runs(platform)
    shutil.rmtree(platform.home / "adapters", ignore_errors=True)
    reply = client.chat.completions.create(
        model=ended.fine_tuned_model, messages=[{"role": "user", "content": "Who are you?"}], max_tokens=8, timeout=120
    )
    assert reply.choices[0].finish_reason in ("stop", "length")


@pytest.mark.slow
@pytest.mark.fault("object storage down at the end")
def test_a_result_waits_for_storage_and_is_not_trained_again(
    platform: RunningPlatform, s3: S3Server, figures: Figures
) -> None:
    client = platform.client(platform.api_key())
    file = client.files.create(file=jsonl(conversations(64)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="tiny", training_file=file.id, seed=1)
    look = Observed(platform, job.id)
    wait_until(lambda: step_of(client, job.id) >= 1, seconds=120, what="a step")
    s3.kill()
    over = "SELECT outcome FROM compute_run WHERE id = %s AND state = 'concluding'"
    with holding(platform):
        wait_until(lambda: look.database.rows(over, look.attempts()[0]["run"]), seconds=180, what="the training's end")
        wait_until(lambda: not platform.trainers(), seconds=30, what="the trainer's end")
        assert client.fine_tuning.jobs.retrieve(job.id).status == "running"
        began = time.monotonic()
        s3.start()
        figures.recovered(seconds_until(lambda: is_over(client, job.id), seconds=180, what="the result", since=began))
    ended = client.fine_tuning.jobs.retrieve(job.id)
    assert ended.status == "succeeded", ended.error
    assert len(look.attempts()) == 1
    figures.lost(look.steps_lost(), promised=0)


def is_over(client: Any, job_id: str) -> bool:
    return client.fine_tuning.jobs.retrieve(job_id).status in FINISHED


@pytest.fixture
def second_node(platform: RunningPlatform, homes: Path) -> Iterator[Path]:
    """A node with a home of its own, to which all new work goes; yields its home."""
    node = ExtraNode(platform, homes / "second-home", name="second")
    node.start()
    django_shell(platform, "from compute.models import Node; Node.objects.update(draining=True)")
    yield node.home
    django_shell(
        platform, "from compute.models import Node; Node.objects.exclude(name='second').update(draining=False)"
    )
    node.end()


@pytest.mark.slow
def test_a_second_node_brings_the_model_by_itself(
    platform: RunningPlatform, second_node: Path, tiny_folder: Path, homes: Path
) -> None:
    folder = shutil.copytree(tiny_folder, homes / "of-another-machine")
    platform.manage("register_model", "--id", "moved", "--path", str(folder))
    shutil.rmtree(folder)
    client = platform.client(platform.api_key())
    file = client.files.create(file=jsonl(conversations(16)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="moved", training_file=file.id, seed=1)
    ended = end_of(client, job.id)
    assert ended.status == "succeeded", ended.error
    assert (second_node / "models" / "moved" / "model.safetensors").exists()
    assert not (platform.home / "models" / "moved").exists(), "the data was read without the weights"
    assert list((second_node / "runs").iterdir()), "it was trained on the second node"

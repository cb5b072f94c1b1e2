"""A platform of its own for the benchmarks, kept between them, and jobs on it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai

from demo.serving import MANAGE, ROOT, Server

ASK_SECONDS = 1.0
"""Between two looks at a job: as often as a person's page asks."""
BASE = "smollm2-135m-instruct"
DATA = ROOT / "demo" / "self_cognition.jsonl"


def home() -> Path:
    """Return the benchmarks' LUTHIER_HOME; models that a checkout's own home has are linked, not fetched again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("LUTHIER_BENCH_HOME") or cache / "luthier-bench")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = ROOT / "var" / "models"
    if own.is_dir() and not (folder / "models").exists():
        shutil.copytree(own, folder / "models")
    return folder


@contextmanager
def running_platform() -> Iterator[openai.OpenAI]:
    """Start the platform in `home()` on a free port; give a client with a key; stop it at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    os.environ |= {"LUTHIER_HOME": str(home()), "PORT": str(port)}
    server = Server(port=port)
    try:
        server.start()
        command = [sys.executable, MANAGE, "create_api_key", "--email", "bench@luthier.local", "--team", "Bench"]
        key = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        yield openai.OpenAI(base_url=f"{server.url}/v1", api_key=key)
    finally:
        server.stop()


def upload(client: openai.OpenAI, path: Path = DATA) -> str:
    """Upload a file and wait until it is checked; return its id."""
    with path.open("rb") as stream:
        file_id = client.files.create(file=stream, purpose="fine-tune").id
    while client.files.retrieve(file_id).status == "uploaded":
        time.sleep(0.1)
    return file_id


def create(client: openai.OpenAI, file_id: str, **hyperparameters: Any) -> str:
    """Create a job with these values; return its id."""
    made = client.fine_tuning.jobs.create(
        model=BASE, training_file=file_id, seed=1, extra_body={"hyperparameters": hyperparameters}
    )
    return made.id


def end_of(client: openai.OpenAI, job_id: str) -> Any:
    """Wait for the job's end and return it; RuntimeError when it did not succeed."""
    while (job := client.fine_tuning.jobs.retrieve(job_id)).status not in ("succeeded", "failed", "cancelled"):
        time.sleep(ASK_SECONDS)
    if job.status != "succeeded":
        raise RuntimeError(f"The job {job.status}: {job.error.message if job.error else ''}")
    return job


def newest_training() -> Path:
    """Return the run directory of the training that began last."""
    specs = [path for path in (home() / "runs").glob("run-*/spec.json") if '"kind": "training"' in path.read_text()]
    return max(specs, key=lambda path: path.stat().st_mtime).parent

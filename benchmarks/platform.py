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

from demo.serving import MANAGE, ROOT, NotReady, Server, api_key
from rundir.manifest import NAME as MANIFEST

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


def starter_model() -> Path:
    """Return the folder of the model that the benchmarks use, fetched now if it is not here.

    Where that cannot be done the process ends with a sentence that says why.
    """
    folder = home() / "models" / BASE
    if (folder / MANIFEST).exists():
        return folder
    print(f"fetching {BASE} (once) …", flush=True)
    try:
        # The catalogue lies in the platform's database, which therefore runs meanwhile and fetches nothing by itself.
        with _server(LUTHIER_STARTER_MODEL=""):
            done = subprocess.run([sys.executable, MANAGE, "fetch_model", BASE], stderr=subprocess.PIPE, text=True)
            why = done.stderr.strip().rpartition("\n")[2].removeprefix("CommandError: ") if done.returncode else ""
    except NotReady as error:
        why = str(error)
    if why or not (folder / MANIFEST).exists():
        sys.exit(
            f"{BASE} could not be fetched, and without it there is nothing to measure: {why or 'it is not there.'}"
        )
    return folder


@contextmanager
def running_platform() -> Iterator[openai.OpenAI]:
    """Start the platform in `home()` with its model; give a client with a key; stop it at the end."""
    starter_model()
    with _server() as server:
        key = api_key(email="bench@luthier.local", team="Bench")
        yield openai.OpenAI(base_url=f"{server.url}/v1", api_key=key)


@contextmanager
def _server(**environment: str) -> Iterator[Server]:
    """Run the platform in `home()` on a free port, with these variables more; our own process gets them too."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    os.environ |= {"LUTHIER_HOME": str(home()), "PORT": str(port)}
    before = {name: os.environ.get(name) for name in environment}
    os.environ |= environment
    server = Server(port=port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


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

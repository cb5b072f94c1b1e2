"""The command of a job on plain text: the trainer by hand reads the very tokens that the platform's job does."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from job_makers import make_job

from catalogue.chat_formats import chat_format
from chat import SystemChoice
from datasets_app import services
from datasets_app.checking import recording
from datasets_app.models import TrainingFile
from datasets_app.storage.spool import Spool
from jobs.models import FineTuningJob
from trainer.command_line import parse
from trainer.prepare_run import build_run_directory

pytestmark = pytest.mark.django_db
LINES = [f"Line {n}: a violin maker carves 云杉 and maple.{' And so on.' * (n % 40)}" for n in range(1500)]
BOOK = "\n\n".join(LINES).encode()
NOTES = "".join(json.dumps({"text": f"{line}\n{line}"}, ensure_ascii=False) + "\n" for line in LINES[:600]).encode()
TEXTS = {"book.txt": BOOK, "book.txt.gz": gzip.compress(BOOK), "notes.jsonl": NOTES}


@pytest.fixture(params=TEXTS)
def job(alice: Any, request: pytest.FixtureRequest) -> FineTuningJob:
    with Spool(limit=2**30) as spool:
        spool.write(TEXTS[request.param])
        file = services.store_file(
            team=alice.team, by=alice.user, filename=request.param, purpose="fine-tune", spool=spool
        )
    recording.check_file(file.pk)
    asked = {"validation_split": 0.2, "data_split": "8,1,1", "max_seq_len": 200, "seed": 3}
    return make_job(alice.team, training_file=file.pk, hyperparameters=asked)


async def _body(reply: Any) -> bytes:
    return b"".join([block async for block in reply.streaming_content])


def test_reads_the_same_tokens(alice: Any, job: FineTuningJob, chat_folder: Path, tmp_path: Path) -> None:
    found = alice.client.get(f"/api/v1/jobs/{job.pk}/command").json()
    name = found["argv"][found["argv"].index("--data_path") + 1]
    assert name == ("notes.jsonl" if job.training_file.filename == "notes.jsonl" else "book.txt")
    reply = alice.client.get(found["data_url"].partition("8000")[2] or found["data_url"])
    (tmp_path / name).write_bytes(async_to_sync(_body)(reply))
    options = dict(zip(found["argv"][5::2], found["argv"][6::2], strict=True))
    options |= {
        "--data_path": str(tmp_path / name), "--output_dir": str(tmp_path / "output"), "--chat_path": str(chat_folder),
    }  # fmt: skip
    by_hand = build_run_directory(
        parse([part for pair in options.items() for part in pair], world_size=1), "this launch"
    ).data
    chat = chat_format(job.base_model, SystemChoice.from_json(job.system))
    by_platform = services.ensure_tokens(
        file=job.training_file, validation_file=None, chat=chat,
        max_seq_len=200, data_split="8,1,1", validation_share=0.2, seed=3,
    )  # fmt: skip
    assert by_platform.validation is not None
    for mine, theirs in ((by_hand / "train", by_platform.train), (by_hand / "validation", by_platform.validation)):
        contents = {path.name: path.read_bytes() for path in theirs.glob("*.bin")}
        assert contents
        assert {path.name: path.read_bytes() for path in mine.glob("*.bin")} == contents


@pytest.mark.usefixtures("plain_static")
def test_is_shown_on_the_page(alice: Any, job: FineTuningJob) -> None:
    page = Client()
    page.force_login(alice.user)
    shown = page.get(f"/jobs/{job.pk}").content.decode()
    assert "Show as command" in shown
    assert f"/api/v1/files/{job.training_file_id}/examples" in shown
    assert TrainingFile.objects.get().use == "text"

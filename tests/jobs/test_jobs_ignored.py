"""What is sent for a job means something or is refused, and nothing is stored that nobody reads."""

from typing import Any

import pytest
from job_makers import make_file, make_job

from catalogue.models import BaseModel
from datasets_app.models import Upload
from jobs.models import FineTuningJob

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [
        "/v1/fine_tuning/jobs",
        "/v1/fine_tuning/jobs/{job}/events",
        "/v1/fine_tuning/jobs/{job}/checkpoints",
        "/api/v1/jobs/{job}/log",
        "/api/v1/hyperparameters",
        "/api/v1/files/{file}/rows",
        "/api/v1/files/{file}/faults",
        "/api/v1/files/{file}/faults/content",
    ],
)
def test_an_unknown_query_is_refused_by_its_name(alice: Any, address: str) -> None:
    file = make_file(alice.team)
    url = address.format(job=make_job(alice.team, training_file=file.pk).pk, file=file.pk)
    reply = alice.client.get(url, {"limt": "5"})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "limt"


def test_metadata_is_no_unknown_query_of_the_list(alice: Any) -> None:
    job = make_job(alice.team, metadata={"voice": "high"})
    found = alice.client.get("/v1/fine_tuning/jobs", {"metadata[voice]": "high", "limit": 5}).json()["data"]
    assert [one["id"] for one in found] == [job.pk]
    assert alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}/events", {"metadata[voice]": "high"}).status_code == 400


def test_faults_come_in_the_asked_form_or_not_at_all(alice: Any) -> None:
    url = f"/api/v1/files/{make_file(alice.team).pk}/faults/content"
    assert alice.client.get(url, {"format": "csv"}).status_code == 200
    assert alice.client.get(url, {"format": "xml"}).status_code == 400


@pytest.mark.parametrize(("model", "name"), [(FineTuningJob, "method"), (BaseModel, "defaults"), (Upload, "mime_type")])
def test_what_nobody_reads_is_not_stored(model: Any, name: str) -> None:
    assert name not in {field.name for field in model._meta.get_fields()}


def test_a_base_models_answer_holds_no_empty_promise(alice: Any) -> None:
    assert "defaults" not in alice.client.get("/api/v1/catalogue/tiny").json()

"""Lists ask the database as often for many jobs as for one."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from job_makers import make_job
from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def questions(client: Any, path: str) -> int:
    client.get(path)  # what is kept for later is asked now
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


@pytest.mark.parametrize("path", ["/jobs", "/", "/v1/fine_tuning/jobs?limit=50"])
def test_many_jobs_cost_no_more_questions_than_one(alice: Any, path: str) -> None:
    page: Client | APIClient = alice.client
    if not path.startswith("/v1"):
        page = Client()
        page.force_login(alice.user)
    make_job(alice.team)
    few = questions(page, path)
    for _ in range(8):
        make_job(alice.team)
    assert questions(page, path) <= few

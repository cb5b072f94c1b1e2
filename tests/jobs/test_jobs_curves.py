"""What was measured of a training: on its page, by the API, and however much of it there is."""

import itertools
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from job_makers import FakeTrainer, make_job, run_of

from jobs.models import Checkpoint, FineTuningJob, JobEvent, TunedModel
from jobs.training.recording import record
from jobs.web.curves import curve_of, figures_of, lowest_of, points_of, summary_of
from wording import as_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def told(job: FineTuningJob, *events: dict[str, Any], type: str = "metrics") -> FineTuningJob:
    """Append what a trainer measured."""
    JobEvent.append(job, [JobEvent(message=as_written("Said."), type=type, data=data) for data in events])
    return job


def step(number: int, loss: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"step": number, "total_steps": 100, "train_loss": loss, **more}


class TestPoints:
    def test_carry_everything_that_a_trainer_measures(self, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).step(2)
        trainer.write("validation", "Looked.", step=2, valid_loss=0.75, valid_mean_token_accuracy=0.5)
        record(run_of(job), trainer.checkpoint(2, valid_loss=0.75).events)
        job.refresh_from_db()
        first, second = points_of(job)
        assert (first["train_loss"], first["learning_rate"], first["tokens_per_second"]) == (1.0, 1e-3, 100.0)
        assert (first["peak_memory_bytes"], first["valid_loss"], first["checkpoint"]) == (1000, None, None)
        assert (second["valid_loss"], second["checkpoint"]) == (0.75, Checkpoint.objects.get().pk)

    def test_the_smoothed_loss_begins_at_the_first_and_follows(self, job: FineTuningJob) -> None:
        found = points_of(told(job, step(1, 4.0), step(2, 2.0), step(3, 3.0)))
        smoothed = [point["smoothed_loss"] for point in found]
        assert smoothed[0] == 4.0
        assert smoothed[1] == pytest.approx((2.0 + 0.5 * 4.0) / 1.5)
        assert smoothed[1] < smoothed[2] < 3.0

    def test_an_attempt_that_went_on_replaces_what_it_did_again(self, job: FineTuningJob) -> None:
        found = points_of(told(job, *(step(n, 9.0) for n in range(1, 8)), step(4, 1.0), step(5, 1.0)))
        assert [(point["step"], point["train_loss"]) for point in found] == [
            (1, 9.0), (2, 9.0), (3, 9.0), (4, 1.0), (5, 1.0),
        ]  # fmt: skip

    def test_tokens_are_counted_or_else_shared_out(self, job: FineTuningJob) -> None:
        told(job, step(1, tokens_so_far=70), step(2))
        job.tokens, job.current_step = 1000, 10
        assert [point["tokens"] for point in points_of(job)] == [70, 200]

    def test_validation_at_a_step_that_was_thinned_out_is_there(self, job: FineTuningJob) -> None:
        told(job, step(1), step(5))
        told(job, {"step": 3, "valid_loss": 0.5}, {"step": 9, "valid_loss": 0.1}, type="message")
        assert [(point["step"], point["train_loss"], point["valid_loss"]) for point in points_of(job)] == [
            (1, 1.0, None), (3, None, 0.5), (5, 1.0, None),
        ]  # fmt: skip


class TestManySteps:
    @pytest.fixture
    def long(self, job: FineTuningJob) -> FineTuningJob:
        """A hundred thousand steps with a look at the validation data after each hundredth, the best at step 40,100."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                insert into jobs_jobevent (id, job_id, number, created_at, level, type, message, data)
                select 'm' || n, %s, n, now(), 'info', case when n %% 100 = 1 then 'message' else 'metrics' end, '{}',
                    case when n %% 100 = 1 then jsonb_build_object('step', n - 1, 'valid_loss', abs(n - 40101) + 1)
                    else jsonb_build_object('step', n, 'train_loss', 1.0) end
                from generate_series((select num_events + 1 from jobs_finetuningjob where id = %s), 100000) as n
                """,
                [job.pk, job.pk],
            )
            cursor.execute("analyze jobs_jobevent")
        job.num_events = 100_000
        job.save(update_fields=["num_events"])
        return job

    def test_are_thinned_evenly_and_keep_the_ends_and_the_best(self, long: FineTuningJob) -> None:
        found = points_of(long, most=500)
        drawn = [point["step"] for point in found if point["train_loss"] is not None]
        assert 490 <= len(drawn) <= 500
        assert drawn[-1] == 100_000
        assert max(b - a for a, b in itertools.pairwise(drawn)) <= 400
        best = lowest_of(found)
        assert best is not None
        assert (best["step"], best["valid_loss"]) == (40_100, 1)
        assert len(figures_of(found)) <= 20

    def test_are_looked_up_not_read(self, long: FineTuningJob) -> None:
        """Of a hundred thousand rows the database touches a few for each point."""
        with CaptureQueriesContext(connection) as asked:
            points_of(long, most=500)
        with connection.cursor() as cursor:
            for query in asked.captured_queries[:2]:
                cursor.execute("explain (analyze, format json, timing off) " + query["sql"])
                scans = _scans(cursor.fetchone()[0])
                assert sum(rows for rows in scans) < 5_000, query["sql"]


def _scans(plan: Any) -> list[float]:
    """Return how many rows each scan of the events gave or threw away, over all of its loops."""
    found = plan if isinstance(plan, list | dict) else json.loads(plan)
    if isinstance(found, list):
        return [rows for one in found for rows in _scans(one)]
    rows = []
    if found.get("Relation Name") == "jobs_jobevent":
        seen = found["Actual Rows"] + found.get("Rows Removed by Filter", 0)
        rows = [seen * found["Actual Loops"]]
    parts = [*found.get("Plans", []), *([found["Plan"]] if "Plan" in found else [])]
    return rows + [one for part in parts for one in _scans(part)]


class TestPage:
    @pytest.fixture
    def browser(self, alice: Any) -> Client:
        client = Client()
        client.force_login(alice.user)
        return client

    def test_marks_stand_on_the_smoothed_loss(self, job: FineTuningJob) -> None:
        told(job, step(1, 4.0), step(2, 2.0))
        attempt = job.newest_attempt
        Checkpoint.objects.create(job=job, attempt=attempt, step=2)
        curve = curve_of(points_of(job))
        assert curve["checkpoints"] == [None, curve["smoothed_loss"][1]]
        assert {len(column) for column in curve.values()} == {2}

    def test_says_the_curve_in_words_and_figures(self, browser: Client, job: FineTuningJob) -> None:
        told(job, step(1, 2.5, learning_rate=2e-4, tokens_per_second=1234.4, peak_memory_bytes=2_500_000_000))
        told(job, {"step": 1, "valid_loss": 1.25}, type="message")
        assert summary_of(points_of(job)) == (
            "The training loss was 2.500 at step 1 and is 2.500 at step 1. "
            "The lowest validation loss is 1.250, at step 1."
        )
        for path in (f"/jobs/{job.pk}", f"/jobs/{job.pk}/figures"):
            shown = browser.get(path).content.decode()
            for figure in ("2.500", "1.250", "0.0002", "1,234", "2.5 GB"):
                assert f'<td class="n">{figure}</td>' in shown, (path, figure)

    def test_a_mark_has_a_row_to_lead_to_where_it_is_compared(
        self, browser: Client, alice: Any, job: FineTuningJob, make_model: Any
    ) -> None:
        attempt = job.newest_attempt
        Checkpoint.objects.create(job=job, attempt=attempt, step=2, published_at=job.created_at)
        shown = browser.get(f"/jobs/{job.pk}").content.decode()
        assert 'id="checkpoint-2"' in shown
        assert "ckpt-step-2" not in shown, "a job without a model has nothing to compare yet"
        make_model(job)
        FineTuningJob.objects.filter(pk=job.pk).update(status="succeeded", fine_tuned_model="ft:tiny:violins:violin:x")
        assert "ft%3Atiny%3Aviolins%3Aviolin%3Ax%3Ackpt-step-2" in browser.get(f"/jobs/{job.pk}").content.decode()


class TestApi:
    def test_lists_the_steps_in_order(self, alice: Any, job: FineTuningJob) -> None:
        told(job, step(1, 2.0), step(2, 1.0))
        answer = alice.client.get(f"/api/v1/jobs/{job.pk}/metrics").json()
        assert (answer["object"], answer["has_more"]) == ("list", False)
        assert (answer["first_id"], answer["last_id"]) == ("1", "2")
        assert [point["train_loss"] for point in answer["data"]] == [2.0, 1.0]

    def test_thins_to_what_is_asked_for(self, alice: Any, job: FineTuningJob) -> None:
        told(job, *(step(n) for n in range(1, 101)))
        answer = alice.client.get(f"/api/v1/jobs/{job.pk}/metrics?limit=10").json()
        assert len(answer["data"]) <= 10
        assert answer["last_id"] == "100"
        refused = alice.client.get(f"/api/v1/jobs/{job.pk}/metrics?limit=9")
        assert refused.status_code == 400

    def test_is_not_there_for_other_teams(self, charlie: Any, alice: Any) -> None:
        assert charlie.client.get(f"/api/v1/jobs/{make_job(alice.team).pk}/metrics").status_code == 404


@pytest.fixture
def make_model() -> Any:
    def make(job: FineTuningJob) -> TunedModel:
        name = "ft:tiny:violins:violin:x"
        FineTuningJob.objects.filter(pk=job.pk).update(status="succeeded", fine_tuned_model=name)
        return TunedModel.objects.create(
            job=job, team=job.team, base_model=job.base_model, name=name, result="adapter", storage_name="adapters/x"
        )

    return make

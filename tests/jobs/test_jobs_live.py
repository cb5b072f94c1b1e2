"""The stream of a job's page: each thing once, also after the line broke; for whom; and at what cost."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import httpx
import pytest
from django.conf import settings as configured
from django.db import OperationalError
from django.test import Client
from job_makers import FakeTrainer, make_job, run_of

from accounts.models import Membership
from console.asgi import application
from jobs.messages import message
from jobs.models import FineTuningJob, JobEvent
from jobs.training.recording import record
from jobs.web.live import looking, watching
from jobs.web.live.frames import Batch, frame, lines_frame
from jobs.web.live.positions import Position
from jobs.web.logs import LogLines
from tests.deployments.deployments_cast import Server
from wording import as_written

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("plain_static")]
Told = dict[str, Any]


@pytest.fixture
def platform(settings: Any) -> Iterator[Server]:
    settings.TIMES = replace(settings.TIMES, reconcile_seconds=0.2)
    server = Server(application)
    yield server
    server.stop()
    watching.ASKING.submit(watching.give_back).result()


def cookies(member: Any) -> dict[str, str]:
    client = Client()
    client.force_login(member.user)
    return {configured.SESSION_COOKIE_NAME: client.cookies[configured.SESSION_COOKIE_NAME].value}


@contextmanager
def following(platform: Server, member: Any, job: FineTuningJob, **headers: str) -> Iterator[Iterator[Told]]:
    """Give what the stream says, one thing after another; `after` is where the page is."""
    address = f"{platform.url}/jobs/{job.pk}/stream?after={headers.pop('after', '')}"
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    with (
        httpx.Client(cookies=cookies(member), timeout=20) as client,
        client.stream("GET", address, headers=headers) as reply,
    ):
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield told(reply.iter_lines())


def told(lines: Iterator[str]) -> Iterator[Told]:
    found: Told = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name in ("id", "event"):
            found[name] = value
        elif name == "data":
            found |= {"data": json.loads(value)}
        elif not line and "event" in found:
            yield found
            found = {}


def say(job: FineTuningJob, *words: str) -> None:
    job.refresh_from_db()
    JobEvent.append(job, [JobEvent(message=as_written(one)) for one in words])


def named(said: Iterator[Told], name: str, count: int) -> list[Told]:
    """Return the next `count` things of that name."""
    found: list[Told] = []
    while len(found) < count:
        one = next(said)
        if one["event"] == name:
            found.append(one)
    return found


class TestReplay:
    def test_each_event_is_heard_once_whenever_the_line_breaks(
        self, platform: Server, alice: Any, job: FineTuningJob
    ) -> None:
        first = job.num_events
        heard: list[Told] = []
        last = f"{first}.0.0"
        for part in range(3):
            say(job, *(f"missed {part}.{n}" for n in range(4)))  # while nobody listens
            with following(platform, alice, job, last_event_id=last) as said:
                heard += named(said, "said", 4)
                say(job, *(f"heard {part}.{n}" for n in range(3)))
                heard += named(said, "said", 3)
            last = heard[-1]["id"]
        assert [one["data"]["number"] for one in heard] == list(range(first + 1, first + 22))
        assert [one["id"].split(".")[0] for one in heard] == [str(one["data"]["number"]) for one in heard]

    def test_what_the_browser_heard_counts_more_than_its_address(
        self, platform: Server, alice: Any, job: FineTuningJob
    ) -> None:
        say(job, "one", "two")
        with following(platform, alice, job, after="0.0.0", last_event_id=f"{job.num_events - 1}.0.0") as said:
            assert "two" in named(said, "said", 1)[0]["data"]["html"]

    def test_whoever_lacks_too_much_is_told_to_ask_for_the_page(
        self, platform: Server, alice: Any, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(looking, "MOST_EVENTS", 3)
        say(job, *"abcdefgh")
        with following(platform, alice, job, after="0.0.0") as said:
            stale = named(said, "stale", 1)[0]
            assert stale["id"].startswith(f"{job.num_events}.")
            say(job, "next")
            assert "next" in named(said, "said", 1)[0]["data"]["html"]


class TestSaid:
    def test_steps_lines_and_state_as_a_trainer_works(self, platform: Server, alice: Any, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start()
        trainer.directory.log.write_text("09:00:00 Loading\nTraceback (most recent call last):\n09:00:01 Half a l")
        record(trainer.run, trainer.events)
        with following(platform, alice, job, after=f"{job.num_events}.0.0") as said:
            assert named(said, "log", 1)[0]["data"]["text"] == "09:00:00 Loading\n"
            record(trainer.run, trainer.step(1).events)
            step = named(said, "step", 1)[0]["data"]
            assert (step["step"], step["train_loss"], step["learning_rate"]) == (1, 1.0, 1e-3)
            with trainer.directory.log.open("a") as log:
                log.write("ine\n")
            assert named(said, "log", 1)[0]["data"]["text"] == "09:00:01 Half a line\n"
            while (state := named(said, "state", 1)[0]["data"])["percent"] != 10:
                pass
            assert "step 1 of 10" in state["sentence"]
            assert "loss 1.000" in state["line"]

    def test_everybody_hears_their_own_language(self, platform: Server, alice: Any, job: FineTuningJob) -> None:
        with (
            following(platform, alice, job, after=f"{job.num_events}.0.0", accept_language="zh-hans") as chinese,
            following(platform, alice, job, after=f"{job.num_events}.0.0", accept_language="en") as english,
        ):
            job.record_event(message("pausing_requested"))
            assert "Pause requested." in named(english, "said", 1)[0]["data"]["html"]
            row = named(chinese, "said", 1)[0]["data"]["html"]
            assert "Pause" not in row
            assert "暂停" in row

    def test_the_end_is_said_and_ends_the_stream(self, platform: Server, alice: Any, job: FineTuningJob) -> None:
        with following(platform, alice, job, after=f"{job.num_events}.0.0") as said:
            named(said, "state", 1)
            job.refresh_from_db()
            job.move("cancelled", message("job_was_cancelled"))
            assert [one["event"] for one in said][-1] == "over"

    def test_words_are_text(self, platform: Server, alice: Any, job: FineTuningJob) -> None:
        with following(platform, alice, job, after=f"{job.num_events}.0.0") as said:
            say(job, "<script>alert(1)</script>")
            assert "&lt;script&gt;" in named(said, "said", 1)[0]["data"]["html"]


class TestWho:
    def test_other_teams_and_strangers_do_not(
        self, platform: Server, alice: Any, charlie: Any, job: FineTuningJob
    ) -> None:
        address = f"{platform.url}/jobs/{job.pk}/stream"
        assert httpx.get(address, cookies=cookies(charlie)).status_code == 404
        assert httpx.get(address).headers["location"].startswith("/sign-in")

    def test_whoever_leaves_the_team_hears_no_more(self, platform: Server, alice: Any, job: FineTuningJob) -> None:
        with following(platform, alice, job, after=f"{job.num_events}.0.0") as said:
            named(said, "state", 1)
            Membership.objects.filter(user=alice.user).delete()
            assert "said" not in [one["event"] for one in said]  # which ends

    def test_beyond_the_bound_a_page_asks_instead(
        self, platform: Server, alice: Any, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watching, "MOST_OF_ONE", 1)
        with following(platform, alice, job) as said:
            next(said)
            reply = httpx.get(f"{platform.url}/jobs/{job.pk}/stream", cookies=cookies(alice))
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "too_many_streams")


class TestTrouble:
    def test_a_look_that_fails_ends_the_streams_and_the_next_is_another(
        self, platform: Server, alice: Any, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with following(platform, alice, job, after=f"{job.num_events}.0.0") as said:
            named(said, "state", 1)
            with monkeypatch.context() as broken:
                broken.setattr(looking.Look, "read", lambda *_: 1 / 0)
                assert "said" not in [one["event"] for one in said]  # which ends
        with following(platform, alice, job, after=f"{job.num_events}.0.0") as said:
            say(job, "after it")
            assert "after it" in named(said, "said", 1)[0]["data"]["html"]

    def test_a_database_that_was_away_for_a_moment_costs_nobody_a_word(
        self, platform: Server, alice: Any, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with following(platform, alice, job, after=f"{job.num_events}.0.0") as said:
            named(said, "state", 1)
            ask, failed = looking.Look.ask, []

            def once(self: looking.Look, after: Position) -> Any:
                if not failed:
                    failed.append(True)
                    raise OperationalError("away")
                return ask(self, after)

            monkeypatch.setattr(looking.Look, "ask", once)
            say(job, "meanwhile")
            assert "meanwhile" in named(said, "said", 1)[0]["data"]["html"]
            assert failed

    def test_a_state_that_could_not_be_said_is_said_by_the_next_look(
        self, platform: Server, alice: Any, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with following(platform, alice, job, after=f"{job.num_events}.0.0") as said:
            named(said, "state", 1)
            batch, lost, is_away = looking.Look.batch, Event(), Event()
            is_away.set()

            def away(self: looking.Look, found: FineTuningJob, *rest: Any) -> Any:
                made = batch(self, found, *rest)
                if is_away.is_set() and found.status == "running":
                    if any(b"event: state" in one.body for frames in made.frames.values() for one in frames):
                        lost.set()
                    raise OperationalError("away")
                return made

            monkeypatch.setattr(looking.Look, "batch", away)
            trainer = FakeTrainer(run_of(job)).start()
            record(trainer.run, trainer.events)
            for _ in range(2):
                lost.clear()
                assert lost.wait(10), "it is tried again"
            is_away.clear()
            while "Training" not in named(said, "state", 1)[0]["data"]["sentence"]:
                pass


class TestCost:
    def test_one_look_serves_all_readers(
        self, platform: Server, alice: Any, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks: list[Any] = []

        class Counted(looking.Look):
            def __init__(self, job_id: str) -> None:
                super().__init__(job_id)
                self.asked = 0
                looks.append(self)

            def ask(self, after: Position) -> Any:
                self.asked += 1
                return super().ask(after)

        monkeypatch.setattr(watching, "Look", Counted)
        with (
            following(platform, alice, job, after=f"{job.num_events}.0.0") as one,
            following(platform, alice, job, after=f"{job.num_events}.0.0") as other,
        ):
            for words in ("first", "second", "third"):
                say(job, words)
                assert named(one, "said", 1)[0]["data"] == named(other, "said", 1)[0]["data"]
        assert len(looks) == 3, "that of both, and what each lacked at its start"
        assert sorted(one.asked for one in looks)[:2] == [1, 1]


class TestBatch:
    LINES = LogLines(attempt=1, start=10, end=40, raw=b"09:00:00 one..\n09:00:01 two..\n")

    def batch(self) -> Batch:
        frames = [frame("step", {"step": 7}, number=7), lines_frame(self.LINES), frame("state", {})]
        return Batch(before=Position(6, 1, 10), after=Position(7, 1, 40), frames={"en": frames})

    def test_of_lines_a_reader_hears_those_that_it_lacks(self) -> None:
        said, position = self.batch().said_to(Position(7, 1, 25), "en")
        assert position == Position(7, 1, 40)
        [lines, state] = told(iter(said.decode().split("\n")))
        assert lines["data"]["text"] == "09:00:01 two..\n"
        assert (lines["id"], state["event"]) == ("7.1.40", "state")
        assert "id" not in state

    def test_ids_never_go_back(self) -> None:
        said, position = self.batch().said_to(Position(6, 2, 5), "en")
        assert [one.get("id") for one in told(iter(said.decode().split("\n")))] == ["7.2.5", None]
        assert position == Position(7, 2, 5)

    def test_who_came_during_the_look_hears_it_by_what_it_missed(self) -> None:
        assert self.batch().said_to(Position(6, 1, 10), "zh-hans") == (b"", Position(6, 1, 10))

    @pytest.mark.parametrize("text", ["", "7", "7.1", "a.b.c", "7.1.40x", "-1.1.1", "9" * 30 + ".1.1"])
    def test_what_is_no_position_is_none(self, text: str) -> None:
        assert Position.parse(text) is None
        assert Position.parse(str(Position(7, 1, 40))) == Position(7, 1, 40)


def test_the_page_shows_whole_lines_and_says_where_it_is(alice: Any) -> None:
    job = make_job(alice.team, by=alice.user)
    trainer = FakeTrainer(run_of(job)).start()
    trainer.directory.log.write_text("09:00:00 Whole\n09:00:01 Ha")
    client = Client()
    client.force_login(alice.user)
    page = client.get(f"/jobs/{job.pk}").content.decode()
    assert f'data-number="{job.num_events}"' in page
    assert 'data-attempt="1"' in page
    assert 'data-offset="15"' in page
    assert "09:00:01 Ha" not in page
    assert f'data-stream="/jobs/{job.pk}/stream"' in page

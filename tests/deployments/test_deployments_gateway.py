"""The gateway in front of replicas: contract tests, in which a small ASGI server speaks the replica's HTTP."""

import threading
from collections.abc import Iterator

import httpx
import openai
import pytest
from deployments_cast import Server, deploy, make_ready, until
from fake_replica import HELLO

from compute import services as compute
from compute.models import Run
from console.asgi import application
from deployments import replicas, services
from deployments.models import Replica, Usage
from serving.faults import RequestError
from serving.messages import message
from wording import as_written

pytestmark = pytest.mark.django_db(transaction=True)
SECRET_WORDS = "the prompt that no log may hold"
PROMPT_EMPTY = message("prompt_empty")


@pytest.fixture(scope="module")
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture
def replica(base, adapter, upstream) -> Replica:
    """A shared replica that answers for the base and Alice's tuned model."""
    return make_ready(replicas.wake_shared(base_model=base, adapter=adapter), port=upstream.port)


@pytest.fixture
def client(platform, alice) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{platform.url}/v1", api_key=alice.secret, max_retries=0, _strict_response_validation=True
    )


def post(
    platform: Server, model: str, *, key: str | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    given = {**({"authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
    return httpx.post(
        f"{platform.url}/v1/chat/completions", json={"model": model, "messages": HELLO}, headers=given, timeout=30
    )


class TestAnswers:
    def test_whole_under_the_public_name(self, client, adapter, replica, engine, alice):
        reply = client.chat.completions.create(model=adapter.name, messages=HELLO, temperature=0)
        assert (reply.model, reply.choices[0].message.content) == (adapter.name, "琴")
        assert engine.requests[0]["model"] == adapter.id
        assert engine.requests[0]["temperature"] == 0
        assert engine.headers[0]["authorization"] == f"Bearer {replica.token}"
        row = until(Usage.objects.first)
        assert (row.team, row.model, row.outcome) == (alice.team, adapter.name, "answered")
        assert (row.prompt_tokens, row.completion_tokens, row.api_key) == (5, 3, alice.key)

    def test_by_the_name_of_a_deployment_that_reserves_nothing(self, client, platform, adapter, replica, engine, alice):
        made = deploy(alice, adapter, accelerators="shared", open_to_loopback=True)
        assert client.chat.completions.create(model="violin", messages=HELLO).model == "violin"
        assert post(platform, "violin").json()["model"] == "violin"
        assert [one["model"] for one in engine.requests] == [adapter.id] * 2
        rows = until(lambda: Usage.objects.filter(deployment=made) if Usage.objects.count() == 2 else None)
        assert {(row.model, row.team, row.outcome) for row in rows} == {("violin", alice.team, "answered")}

    def test_of_a_model_that_the_replica_has_just_let_go_of(self, client, adapter, replica, engine):
        engine.forget_first = 1
        assert client.chat.completions.create(model=adapter.name, messages=HELLO).model == adapter.name
        assert len(engine.requests) == 2

    def test_base_under_its_own_name(self, client, base, replica, engine):
        assert client.chat.completions.create(model=base.id, messages=HELLO).model == base.id
        assert engine.requests[0]["model"] == base.id

    def test_streamed_without_the_usage_that_nobody_asked_for(self, client, adapter, replica, engine):
        chunks = list(client.chat.completions.create(model=adapter.name, messages=HELLO, stream=True))
        assert "".join(one.choices[0].delta.content for one in chunks) == "012"
        assert {one.model for one in chunks} == {adapter.name}
        assert all(one.usage is None for one in chunks)
        row = until(Usage.objects.first)
        assert (row.prompt_tokens, row.completion_tokens, row.outcome) == (5, 3, "answered")
        assert row.first_token_milliseconds is not None

    def test_streamed_with_usage(self, client, adapter, replica):
        options = {"include_usage": True}
        *_, last = client.chat.completions.create(
            model=adapter.name, messages=HELLO, stream=True, stream_options=options
        )
        assert last.usage.total_tokens == 8

    def test_text_completions(self, client, platform, adapter, replica, engine, alice):
        reply = httpx.post(
            f"{platform.url}/v1/completions", json={"model": adapter.name, "prompt": "a"},
            headers={"authorization": f"Bearer {alice.secret}"},
        )  # fmt: skip
        assert reply.json()["model"] == adapter.name
        assert engine.requests[0]["prompt"] == "a"

    def test_a_refusal_is_passed_on_without_what_only_the_house_needs(self, client, adapter, replica, engine):
        engine.refuse = RequestError(PROMPT_EMPTY, param="prompt").to_json()
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model=adapter.name, messages=HELLO)
        assert refused.value.body == {
            "message": "The prompt is empty.",
            "type": "invalid_request_error",
            "param": "prompt",
            "code": None,
        }

    def test_a_stream_that_breaks_says_why(self, client, adapter, replica, engine):
        engine.fault = RequestError(PROMPT_EMPTY, status=503, code="generation_failed").to_json()
        with pytest.raises(openai.APIError, match="The prompt is empty") as broken:
            list(client.chat.completions.create(model=adapter.name, messages=HELLO, stream=True))
        assert "translatable" not in broken.value.body

    def test_request_ids_go_through(self, platform, alice, adapter, replica, engine):
        reply = post(platform, adapter.name, key=alice.secret)
        assert reply.headers["x-request-id"] == engine.headers[0]["x-request-id"]

    def test_no_log_holds_the_prompt(self, client, adapter, replica, engine, caplog):
        engine.fail_first = 2
        with pytest.raises(openai.OpenAIError):
            client.chat.completions.create(model=adapter.name, messages=[{"role": "user", "content": SECRET_WORDS}])
        assert engine.requests
        assert SECRET_WORDS not in caplog.text


class TestTenancy:
    def test_another_teams_names_do_not_exist(self, platform, bob, adapter, replica, engine):
        for name in (adapter.name, "ft:tiny:nobody", "nothing"):
            reply = post(platform, name, key=bob.secret)
            assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
        assert engine.requests == []

    @pytest.mark.parametrize("key", [None, "sk-luthier-wrong", "EMPTY"])
    def test_without_a_live_key_there_is_no_answer(self, platform, adapter, replica, engine, key):
        reply = post(platform, adapter.name, key=key)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("Bearer")
        assert reply.json()["error"]["code"] == "invalid_api_key"
        assert engine.requests == []


class TestLoopback:
    @pytest.fixture
    def deployment(self, alice, adapter, upstream):
        made = services.deploy(
            team=alice.team,
            by=alice.user,
            name="qwen-14b",
            model=adapter.name,
            open_to_loopback=True,
            accelerators="auto",
        )
        make_ready(made.live_replica, port=upstream.port)
        return made

    @pytest.mark.parametrize("key", [None, "EMPTY"])
    def test_a_program_of_this_machine_needs_no_key(self, platform, deployment, engine, key, adapter, alice):
        reply = post(platform, "qwen-14b", key=key)
        assert (reply.status_code, reply.json()["model"]) == (200, "qwen-14b")
        assert engine.requests[0]["model"] == adapter.id
        row = until(Usage.objects.first)
        assert (row.team, row.deployment, row.api_key) == (alice.team, deployment, None)

    @pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Origin"])
    def test_a_caller_from_elsewhere_needs_one(self, platform, deployment, engine, name):
        assert post(platform, "qwen-14b", headers={name: "203.0.113.9"}).status_code == 401
        assert engine.requests == []

    def test_only_the_deployments_own_name_is_open(self, platform, deployment, adapter, base):
        for name in (adapter.name, base.id, "nothing"):
            assert post(platform, name).status_code == 401

    def test_a_shut_deployment_needs_a_key(self, platform, deployment, alice):
        services.update_deployment(deployment=deployment, by=alice.user, open_to_loopback=False)
        assert post(platform, "qwen-14b").status_code == 401
        assert post(platform, "qwen-14b", key=alice.secret).status_code == 200

    def test_a_wrong_key_is_wrong_even_here(self, platform, deployment):
        assert post(platform, "qwen-14b", key="sk-luthier-wrong").status_code == 401


class TestBodies:
    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"[" * 100_000, b'{"model": 1}', b'{"model": "a\\u0000"}', b'{"model": NaN}', b"\xff"],
    )
    def test_what_is_no_request_is_a_400(self, platform, alice, content):
        headers = {"authorization": f"Bearer {alice.secret}", "content-type": "application/json"}
        reply = httpx.post(f"{platform.url}/v1/chat/completions", content=content, headers=headers)
        assert reply.status_code == 400
        assert reply.json()["error"]["message"]

    def test_get_is_no_request(self, platform):
        assert httpx.get(f"{platform.url}/v1/chat/completions").status_code == 405


class TestWaking:
    def test_many_requests_at_once_wake_one_replica_and_are_held(self, platform, alice, adapter, upstream):
        replies: list[httpx.Response] = []
        ask = lambda: replies.append(post(platform, adapter.name, key=alice.secret))  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        replica = until(Replica.objects.first)
        until(lambda: Replica.objects.get().adapters.exists())
        make_ready(replica, port=upstream.port)
        for thread in threads:
            thread.join()
        assert [reply.status_code for reply in replies] == [200] * 8
        assert Run.objects.count() == 1

    def test_who_waits_in_vain_is_told_why(self, platform, alice, adapter, settings):
        settings.TIMES = settings.TIMES.scaled(0.01)
        reply = post(platform, adapter.name, key=alice.secret)
        assert reply.status_code == 503
        assert int(reply.headers["retry-after"]) > 0
        run = Run.objects.get()
        assert compute.explain(run)
        assert str(compute.explain(run)) in reply.json()["error"]["message"]

    def test_a_failed_check_is_no_wait(self, platform, alice, adapter, base, engine):
        replica = make_ready(replicas.wake_shared(base_model=base, adapter=adapter), prove=False)
        replicas.record_gate(replica=replica, model=adapter.id, refusal=as_written("It differs by 3."), verdict={})
        reply = post(platform, adapter.name, key=alice.secret)
        assert reply.status_code == 409
        assert "It differs by 3." in reply.json()["error"]["message"]


class TestFaults:
    def test_a_replica_that_dies_before_the_first_byte_costs_one_more_try(self, client, adapter, replica, engine):
        engine.fail_first = 1
        assert client.chat.completions.create(model=adapter.name, messages=HELLO).model == adapter.name
        assert len(engine.requests) == 2

    def test_but_not_two(self, platform, alice, adapter, replica, engine):
        engine.fail_first = 5
        reply = post(platform, adapter.name, key=alice.secret)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "replica_lost")
        assert len(engine.requests) == 2

    def test_a_request_that_breaks_answers_is_not_sent_for_ever(self, platform, alice, adapter, replica, engine):
        engine.refuse_status, engine.refuse = 503, {"error": {"message": "Broken.", "code": "generation_failed"}}
        reply = post(platform, adapter.name, key=alice.secret)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "replica_lost")
        assert len(engine.requests) == 2

    def test_a_replica_that_is_gone_is_replaced(self, platform, alice, base, upstream):
        gone = make_ready(replicas.wake_shared(base_model=base, adapter=None), port=1)
        replies: list[httpx.Response] = []
        thread = threading.Thread(target=lambda: replies.append(post(platform, base.id, key=alice.secret)))
        thread.start()
        replicas.end_replica(replica=gone, outcome="stopped")
        make_ready(until(lambda: Replica.objects.live().first()), port=upstream.port)
        thread.join()
        assert replies[0].status_code == 200

    def test_a_stream_that_breaks_ends_with_an_error(self, client, adapter, replica, engine):
        engine.breaks_after = 1
        with pytest.raises(openai.APIError, match="in the middle"):
            list(client.chat.completions.create(model=adapter.name, messages=HELLO, stream=True))
        assert until(Usage.objects.first).outcome == "failed"

    def test_a_caller_who_leaves_stops_the_replica(self, client, adapter, replica, engine):
        engine.endless = True
        with client.chat.completions.create(model=adapter.name, messages=HELLO, stream=True) as stream:
            next(iter(stream))
        assert engine.was_left.wait(5)
        assert until(Usage.objects.first).outcome == "cancelled"


class TestInFlight:
    def test_a_stream_keeps_its_replica_awake(self, client, adapter, replica, engine):
        engine.endless = True
        with client.chat.completions.create(model=adapter.name, messages=HELLO, stream=True) as stream:
            iterator = iter(stream)
            next(iterator)
            before = Replica.objects.get().last_request_at
            until(lambda: next(iterator) and Replica.objects.get().last_request_at > before)
            replicas.note_idleness()
            assert Run.objects.get().idle_since is None
        until(lambda: replicas.note_idleness() or Run.objects.get().idle_since)

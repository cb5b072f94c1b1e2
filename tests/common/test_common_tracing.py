"""Traces: one from a request over a wake-up to the supervisor, sent where the variable says, and nothing without it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from common import tracing
from common.log_lines import about
from common.tracing import TRACING, span
from console.asgi import application
from console.celery import TracedTask, app

pytest.importorskip("opentelemetry.sdk")
ROOT = Path(__file__).parents[2]
FAR = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@contextmanager
def kept_spans() -> Iterator[Any]:
    """Have an exporter keep the spans that are made."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    TRACING.begin(SimpleSpanProcessor(exporter))
    try:
        yield exporter
    finally:
        TRACING.end()


@pytest.fixture
def spans() -> Iterator[Any]:
    with kept_spans() as exporter:
        yield exporter


def by_name(spans: Any) -> dict[str, Any]:
    return {one.name: one for one in spans.get_finished_spans()}


def trace_of(one: Any) -> int:
    found: int = one.context.trace_id
    return found


def test_a_span_has_the_ids_of_its_log_lines(spans: Any) -> None:
    with about(run="run-1"), span("outer", size=3), span("inner"):
        pass
    found = by_name(spans)
    assert found["outer"].attributes.items() >= {"size": 3, "luthier.run_id": "run-1"}.items()
    assert found["inner"].parent.span_id == found["outer"].context.span_id


def test_without_a_parent_from_elsewhere_a_trace_begins(spans: Any) -> None:
    with span("other"), span("begun", parent=""):
        assert tracing.carried()
    with span("far", parent=FAR):
        pass
    found = by_name(spans)
    assert found["begun"].parent is None
    assert trace_of(found["far"]) == int(FAR.split("-")[1], 16)


@pytest.mark.usefixtures("plain_static")
async def test_an_answer_is_a_span_by_its_route_and_never_by_its_address(spans: Any) -> None:
    transport = httpx.ASGITransport(application, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        await client.get("/v1/chat/completions?secret=1", headers={"traceparent": FAR})
        await client.get("/nowhere/secret")
    answered, unknown = spans.get_finished_spans()
    assert answered.name == "GET /v1/chat/completions"
    told = answered.attributes
    assert (told["http.request.method"], told["http.response.status_code"]) == ("GET", 405)
    assert trace_of(answered) == int(FAR.split("-")[1], 16)
    assert told["luthier.request_id"]
    assert "secret" not in str([unknown.name, dict(unknown.attributes), dict(told)])


def test_a_round_that_nobody_asked_for_begins_no_trace(spans: Any) -> None:
    @app.task(name="tests.round", base=TracedTask)  # type: ignore[untyped-decorator]
    def rounds() -> str:
        return "done"

    assert rounds.apply().get() == "done"
    assert not spans.get_finished_spans()


class Receiver(BaseHTTPRequestHandler):
    """What takes OTLP over HTTP."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Any]:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.taken = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


SCRIPT = """
import sys
import django
django.setup()
from common import tracing
from console.asgi import application
with tracing.span("spoken", size=1):
    said = tracing.carried()
print(bool(said), any(name.startswith("opentelemetry.exporter") for name in sys.modules))
"""


def run_script(tmp_path: Path, script: str = SCRIPT, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment |= {"DJANGO_SETTINGS_MODULE": "console.settings", "LUTHIER_HOME": str(tmp_path), **variables}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'platform'}"
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_spans_arrive_where_the_variable_says(receiver: Any, tmp_path: Path) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    endpoint = f"http://127.0.0.1:{receiver.server_port}"
    done = run_script(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert done.stdout.split() == ["True", "True"], done.stderr
    ((path, body),) = receiver.taken
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert [one.name for scope in resource.scope_spans for one in scope.spans] == ["spoken"]
    assert {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"] == "luthier"


def test_nothing_is_imported_without_the_variable(tmp_path: Path) -> None:
    """But what the client of Redis imports by itself where it is installed."""
    done = run_script(tmp_path)
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_without_the_package_the_platform_goes_on_and_says_so(tmp_path: Path) -> None:
    hidden = f"import sys\nsys.modules['opentelemetry.sdk'] = None\n{SCRIPT}"
    done = run_script(tmp_path, hidden, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert done.stdout.split()[0] == "False", done.stderr
    assert "luthier[tracing]" in done.stderr

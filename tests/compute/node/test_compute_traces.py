"""One trace leads from a request over what it wakes to the end of the Run that it asks for."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Team
from common import wake
from common.tracing import span
from compute import services
from compute.models import Node, Run
from compute.scheduling.rounds import schedule
from console.celery import TracedTask, app
from tests.common.test_common_tracing import by_name, kept_spans, trace_of
from tests.compute.supervision import ScriptWork, Supervise

pytest.importorskip("opentelemetry.sdk")


@pytest.fixture
def spans() -> Iterator[Any]:
    with kept_spans() as exporter:
        yield exporter


@pytest.mark.django_db(transaction=True)
def test_from_a_request_to_the_end_of_its_run(
    spans: Any, node: Node, script_work: ScriptWork, supervise: Supervise, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message between them is carried by hand, as the broker would."""
    sent: list[dict[str, Any]] = []
    made: list[Run] = []
    team = Team.create(name="Violins")

    @app.task(name="tests.ask", base=TracedTask)  # type: ignore[untyped-decorator]
    def ask() -> None:
        made.append(services.request_run(kind="script", team=team, accelerators=1))

    monkeypatch.setattr(ask, "apply_async", lambda **options: sent.append(options))
    with span("POST /v1/fine_tuning/jobs", parent=""):
        wake.wake(ask)
    ask.apply(headers=sent[0]["headers"]).get()
    schedule()
    supervise(made[0].pk).end()
    found = by_name(spans)
    assert set(found) == {"POST /v1/fine_tuning/jobs", "tests.ask", "start run", "watch run", "conclude run"}
    assert len({trace_of(one) for one in found.values()}) == 1
    assert found["watch run"].attributes["luthier.run_kind"] == "script"
    assert script_work.concluded == [(made[0].pk, "succeeded")]

"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT says who takes them; else none of it is imported here.

One trace leads from a request over the wake-ups that it sends to the supervisor of the Run that it asks for: a wake-up
carries where it came from in its headers, a Run in its row, as W3C's `traceparent`. Rounds that nobody has asked for
begin no trace.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from common import log_lines

logger = logging.getLogger(__name__)

PARENT = "traceparent"
NAME = "luthier"


class Tracing:
    """Whether spans are made, and of what; found out at the first one."""

    def __init__(self) -> None:
        self._api: Any = None
        self._tracer: Any = None
        self._is_known = False

    def begin(self, processor: Any = None) -> None:
        """Make spans from now on, sent to the endpoint, or given to `processor`."""
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=Resource.create(_named()))
        provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._api, self._tracer, self._is_known = trace, provider.get_tracer("luthier"), True

    def end(self) -> None:
        """Make no more spans, and forget what was known."""
        self._api = self._tracer = None
        self._is_known = False

    @property
    def api(self) -> Any:
        """OpenTelemetry's own, or None where nothing is traced."""
        if not self._is_known:
            self._is_known = True
            if settings.TRACES_TO:
                self._try_to_begin()
        return self._api

    @property
    def tracer(self) -> Any:
        return self._tracer

    def _try_to_begin(self) -> None:
        try:
            self.begin()
        except ImportError:
            logger.warning(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not there. Install it: luthier[tracing]."
            )


def _named() -> dict[str, str]:
    """Return the name of the service, unless OpenTelemetry's own variables say another."""
    told = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {} if told else {"service.name": NAME}


TRACING = Tracing()


@contextmanager
def span(name: str, *, parent: str | None = None, is_answer: bool = False, **attributes: Any) -> Iterator[None]:
    """Have what is done meanwhile appear as one span, with the ids that its log lines carry.

    `parent` is a traceparent from elsewhere; "" begins a trace, None goes on in the one that there is. `is_answer`
    marks what answers somebody outside. In the names of attributes a double underscore stands for a dot.
    """
    if (api := TRACING.api) is None:
        yield
        return
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = None if parent is None else TraceContextTextMapPropagator().extract({PARENT: parent}, context=Context())
    kind = api.SpanKind.SERVER if is_answer else api.SpanKind.INTERNAL
    known = _dotted(attributes)
    with TRACING.tracer.start_as_current_span(name, context=context, kind=kind, attributes=known) as found:
        try:
            yield
        finally:
            found.set_attributes({f"luthier.{key}": value for key, value in log_lines.ids().items()})


def note(name: str = "", **attributes: Any) -> None:
    """Give the current span further attributes, and another name."""
    if (api := TRACING.api) is not None:
        current = api.get_current_span()
        current.set_attributes(_dotted(attributes))
        if name:
            current.update_name(name)


def carried() -> str:
    """Return the current span as a traceparent; "" where there is none."""
    if TRACING.api is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(PARENT, "")


def _dotted(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in attributes.items()}

"""Spans of the plain OpenTelemetry API land in the same journal, in the same tree.

So do those of any OpenTelemetry instrumentation (requests, sqlalchemy ...): clientobs sets the global
providers, or joins those that the application has set before.

You will see:

    the child of our span is in our trace: True
    the provider is the SDK's own: TracerProvider
"""

from opentelemetry import trace

import clientobs

clientobs.init("standard", version="1.0.0")
tracer = trace.get_tracer("some.library")

with clientobs.span("publish"), tracer.start_as_current_span("query_database") as inner:
    inner.set_attribute("db.system.name", "postgresql")
    same = f"{inner.get_span_context().trace_id:032x}" == clientobs.trace_id()
    print("the child of our span is in our trace:", same)

print("the provider is the SDK's own:", type(trace.get_tracer_provider()).__name__)

"""Spans of the plain OpenTelemetry API land in the same journal, in the same tree.

So do those of any OpenTelemetry instrumentation (requests, sqlalchemy ...): clientobs sets the global
providers, or joins those that the application has set before.

You will see:

    the child of our span is in our trace: True
    the global provider is one of the SDK's: True
"""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import clientobs

clientobs.init("standard", version="1.0.0")
tracer = trace.get_tracer("some.library")

with clientobs.span("publish"), tracer.start_as_current_span("query_database") as inner:
    inner.set_attribute("db.system.name", "postgresql")
    same = f"{inner.get_span_context().trace_id:032x}" == clientobs.trace_id()
    print("the child of our span is in our trace:", same)

print("the global provider is one of the SDK's:", isinstance(trace.get_tracer_provider(), TracerProvider))

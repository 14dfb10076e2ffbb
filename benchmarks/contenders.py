"""What is compared: each contender says how it is set up, how it opens a span, and how it ends.

This module is loaded in the measured process. It imports nothing before a contender asks for it, because the
imports are measured too. Every span carries six production attributes, as an artist's tool sets them, and two
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

__all__ = ["CONTENDERS", "PRODUCTION", "Contender"]

OpenSpan: TypeAlias = Callable[[int], AbstractContextManager[Any]]

PRODUCTION: dict[str, str | int] = {
    "production.project": "comet",
    "production.sequence": "sq010",
    "production.shot": "sh0040",
    "production.task": "comp",
    "workfile.version": 12,
    "publish.version": 3,
}


class Contender:
    """One way to record: `start` sets it up and returns what opens a span, `stop` ends it as programs do."""

    package: str
    """What a program imports of it, before it sets anything up."""

    def start(self, endpoint: str) -> OpenSpan:
        """Set it up to export to `endpoint` ("" for none) and return the function that opens span `i`."""
        raise NotImplementedError

    def stop(self) -> None:
        """Flush and shut down."""


class BareSdk(Contender):
    """The SDK's tracer with no processor at all: what a span costs before anything is done with it."""

    package = "opentelemetry.sdk.trace"

    def start(self, endpoint: str) -> OpenSpan:
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

        self.provider = TracerProvider()
        tracer = self.provider.get_tracer("bench")
        return lambda i: tracer.start_as_current_span(
            "render_frame", attributes={**PRODUCTION, "frame": i, "renderer": "karma"}
        )

    def stop(self) -> None:
        self.provider.shutdown()


class BatchSdk(BareSdk):
    """The SDK as its documentation sets it up: three signals, batch processors, OTLP/HTTP exporters."""

    def start(self, endpoint: str) -> OpenSpan:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk._logs import LoggerProvider  # noqa: PLC0415
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: PLC0415
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        opened = super().start(endpoint)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.logs = LoggerProvider()
        self.logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{endpoint}/v1/logs")))
        self.meters = MeterProvider(
            [PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"))]
        )
        return opened

    def stop(self) -> None:
        for provider in (self.provider, self.logs, self.meters):
            provider.shutdown()


class Sentry(Contender):
    """sentry-sdk with every transaction sampled and the default integrations; a transaction holds a hundred spans."""

    package = "sentry_sdk"

    def start(self, endpoint: str) -> OpenSpan:
        import sentry_sdk  # noqa: PLC0415

        sentry_sdk.init(dsn=endpoint.replace("://", "://key@") + "/1", traces_sample_rate=1.0)
        self.sentry = sentry_sdk
        self.transaction = sentry_sdk.start_transaction(name="render", op="task")

        def opened(i: int) -> AbstractContextManager[Any]:
            if (
                i % 100 == 99
            ):  # sentry sends nothing before a transaction ends, and keeps a thousand spans of one
                self.transaction.finish()
                self.transaction = sentry_sdk.start_transaction(name="render", op="task")
            span = self.transaction.start_child(op="render_frame")
            for key, value in PRODUCTION.items():
                span.set_data(key, value)
            span.set_data("frame", i)
            span.set_data("renderer", "karma")
            return span

        return opened

    def stop(self) -> None:
        self.transaction.finish()
        self.sentry.get_client().close()


class Clientobs(Contender):
    """clientobs as the README sets it up, with the drain as a process of its own."""

    package = "clientobs"

    def start(self, endpoint: str) -> OpenSpan:
        import clientobs  # noqa: PLC0415

        # Thinning of storms is off here: each span of the measurement is to be recorded.
        clientobs.init("bench", version="1.0.0", limits={"storm_per_minute": 1_000_000_000})
        clientobs.set_context(
            project="comet",
            sequence="sq010",
            shot="sh0040",
            task="comp",
            workfile_version=12,
            publish_version=3,
        )
        span = clientobs.span
        return lambda i: span("render_frame", frame=i, renderer="karma")

    def stop(self) -> None:
        import clientobs  # noqa: PLC0415

        clientobs.shutdown()


CONTENDERS: dict[str, type[Contender]] = {
    "bare SDK": BareSdk,
    "SDK, batch, OTLP/HTTP": BatchSdk,
    "sentry-sdk": Sentry,
    "clientobs": Clientobs,
}

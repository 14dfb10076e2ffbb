"""Names and answers of the three OTLP services, by signal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

if TYPE_CHECKING:
    from clientobs.config.model import Signal

__all__ = ["GRPC_METHODS", "refusal_words", "success"]

GRPC_METHODS: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}

_RESPONSES: Final[dict[Signal, Any]] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
_REJECTED: Final[dict[Signal, tuple[str, str]]] = {
    "traces": ("rejected_spans", "rejectedSpans"),
    "logs": ("rejected_log_records", "rejectedLogRecords"),
    "metrics": ("rejected_data_points", "rejectedDataPoints"),
}


def success(signal: Signal, body: bytes, content_type: str = "") -> tuple[int, str]:
    """Return how many records an accepting response rejects, and its words; (0, "") for a plain success.

    A body that can't be read changes nothing about the 2xx: some gateways answer "ok" in text.
    """
    field, json_field = _REJECTED[signal]
    if "json" in content_type:
        partial = _json_object(body).get("partialSuccess")
        if not isinstance(partial, dict):
            return 0, ""
        rejected = partial.get(json_field, 0)  # protobuf's JSON writes 64-bit integers as text
        count = int(rejected) if str(rejected).isdigit() else 0
        return count, str(partial.get("errorMessage", ""))
    try:
        partial_success = _RESPONSES[signal].FromString(body).partial_success
    except DecodeError:
        return 0, ""
    return max(0, getattr(partial_success, field)), partial_success.error_message


def refusal_words(body: bytes, content_type: str) -> str:
    """Return what a refusing response says: the message of a Status, else the start of its text."""
    if "protobuf" in content_type:
        try:
            return str(Status.FromString(body).message)
        except DecodeError:
            return ""
    if "json" in content_type and isinstance(message := _json_object(body).get("message"), str):
        return message
    return "" if "html" in content_type else body[:1000].decode("utf-8", "replace")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

"""The official protobuf classes of OTLP by signal."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

Signal: TypeAlias = Literal["traces", "logs", "metrics"]

REQUESTS: Final[dict[Signal, Any]] = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
}
RESPONSES: Final[dict[Signal, Any]] = {
    "traces": trace_service_pb2.ExportTraceServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
}
REJECTED: Final[dict[Signal, str]] = {
    "traces": "rejected_spans",
    "logs": "rejected_log_records",
    "metrics": "rejected_data_points",
}
SERVICES: Final[dict[Signal, str]] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


def decode_request(signal: Signal, body: bytes) -> Any:
    """Return the request message, or None for bytes that are not one."""
    try:
        return REQUESTS[signal].FromString(body)
    except DecodeError:
        return None


def partial_success(signal: Signal, rejected: int, words: str) -> bytes:
    """Return the bytes of a response that rejects some records."""
    response = RESPONSES[signal]()
    setattr(response.partial_success, REJECTED[signal], rejected)
    response.partial_success.error_message = words
    return bytes(response.SerializeToString())

"""What the span of a request says, by the semantic conventions for HTTP clients (v1.44).

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, StatusCode

from clientobs import semconv

if TYPE_CHECKING:
    from clientobs.instruments.http.exchange import Exchange
    from clientobs.instruments.http.target import Target
    from clientobs.record.recorder import Recorder

__all__ = ["CLIENT", "asked", "end", "error_type_of", "peer_of", "take_head"]

CLIENT: Final = SpanKind.CLIENT
_OTHER: Final = "_OTHER"
_FAILURE: Final = 400
_REDIRECTIONS: Final = frozenset({301, 302, 303, 307, 308})
_VERSIONS: Final = {9: "0.9", 10: "1.0", 11: "1.1", 20: "2"}
_MOST_ORIGINAL: Final = 32


def asked(target: Target, recorder: Recorder) -> dict[str, Any]:
    """Return what is known when a request goes out.

    The URL is clean already here: an application's own exporter sees attributes before our journal does.
    """
    told: dict[str, Any] = {
        semconv.HTTP_REQUEST_METHOD: target.method if target.known else _OTHER,
        semconv.URL_FULL: recorder.redactor.value(semconv.URL_FULL, target.url),
        semconv.SERVER_ADDRESS: target.host,
        semconv.SERVER_PORT: target.port,
    }
    if target.method and not target.known:
        told[semconv.HTTP_REQUEST_METHOD_ORIGINAL] = target.method[:_MOST_ORIGINAL]
    return told


def peer_of(connection: Any) -> str:
    """Return the address that a connection leads to, which may be a proxy's; "" where there is none."""
    try:
        name = connection.sock.getpeername()
    except (AttributeError, OSError, NotImplementedError):  # broken already, or a socket of the host's own
        return ""
    return name[0] if type(name) is tuple and type(name[0]) is str else ""


def take_head(exchange: Exchange, response: Any) -> None:
    """Keep what the head of an answer says."""
    status, length = getattr(response, "status", None), getattr(response, "length", None)
    exchange.status = status if type(status) is int else None
    exchange.length = length if type(length) is int else None
    exchange.version = _VERSIONS.get(getattr(response, "version", 0), "")
    if exchange.status in _REDIRECTIONS:
        location = response.getheader("location")
        exchange.location = location if type(location) is str else ""


def error_type_of(exchange: Exchange) -> str:
    """Return what to group a failure by: an exception's class, or the status; "" where it succeeded."""
    if exchange.error:
        return exchange.error
    return str(exchange.status) if exchange.status is not None and exchange.status >= _FAILURE else ""


def end(exchange: Exchange, body: int | None) -> None:
    """Write what is known when it is over, and end the span when the last of it happened."""
    span = exchange.span
    if not span.is_recording():
        return
    if exchange.error:
        span.set_status(StatusCode.ERROR, f"{exchange.error}: {exchange.error_text}")
    elif error_type_of(exchange):
        span.set_status(StatusCode.ERROR)  # the status says it: no description, by the convention
    told = _learned(exchange, body)
    start = getattr(span, "start_time", None)
    ended = None if start is None else start + exchange.last - exchange.began
    at_once = getattr(span, "end_with", None)  # our own spans do both in half the time
    if at_once is not None and ended is not None:
        at_once(told, ended)
    else:
        span.set_attributes(told)
        span.end(ended)


def _learned(exchange: Exchange, body: int | None) -> dict[str, Any]:
    told = {
        semconv.HTTP_RESPONSE_STATUS_CODE: exchange.status,
        semconv.ERROR_TYPE: error_type_of(exchange) or None,
        semconv.TOOL_OUTCOME: "cancelled" if exchange.outcome == "cancelled" else None,
        semconv.HTTP_REQUEST_RESEND_COUNT: exchange.number or None,
        semconv.NETWORK_PROTOCOL_VERSION: exchange.version or None,
        semconv.NETWORK_PEER_ADDRESS: exchange.peer or None,
        semconv.HTTP_REQUEST_BODY_SIZE: exchange.sent_body if _is_counted(exchange) else None,
        semconv.HTTP_RESPONSE_BODY_SIZE: body,
        semconv.HTTP_RESPONSE_SIZE: exchange.received or None,
        semconv.HTTP_CONNECT_TIME: _seconds(exchange.connect_time),
        semconv.HTTP_WAIT_TIME: _seconds(exchange.wait_time),
    }
    return {name: value for name, value in told.items() if value is not None}


def _is_counted(exchange: Exchange) -> bool:
    return exchange.sent_head > 0 and not exchange.uncounted


def _seconds(spent: int | None) -> float | None:
    return None if spent is None else spent / 1e9

"""The way to children and farm jobs: TRACEPARENT, TRACESTATE and BAGGAGE, as environment variables.

W3C trace context and baggage in the environment, as OpenTelemetry's environment carrier has it:
https://opentelemetry.io/docs/specs/otel/context/env-carriers/ . Here, and only here, the production context
travels as baggage: it stays out of OpenTelemetry's own baggage, which default propagators send to every HTTP
server that an instrumented client talks to.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from clientobs._dataclass import dataclass
from clientobs._guarded import guarded
from clientobs._patterns import pattern
from clientobs.pipeline.context import OVERLAY_KEY
from clientobs.record import recorder as _recorder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanContext

    from clientobs.record.recorder import Recorder

__all__ = ["Incoming", "carrier", "carrier_in", "read_incoming", "trace_id"]

_TRACEPARENT: Final = pattern(r"^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$")
_CARRIED: Final = ("production.", "workfile.", "publish.", "farm.")
# https://www.w3.org/TR/baggage/#limits
_MAX_BAGGAGE: Final = 8192
_MAX_MEMBERS: Final = 64
_MAX_STATE: Final = 512


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a carrier said: ids are 0 where there was none; `production` are attributes."""

    trace_id: int = 0
    span_id: int = 0
    flags: int = 0
    state: str = ""
    production: Mapping[str, str] = field(default_factory=dict)

    def span_context(self) -> Any:
        """Return OpenTelemetry's SpanContext of the span that was named, or None."""
        if not self.trace_id:
            return None
        from opentelemetry.trace import SpanContext, TraceFlags, TraceState  # noqa: PLC0415  # loaded with the SDK

        state = TraceState.from_header([self.state]) if self.state else None
        return SpanContext(
            self.trace_id, self.span_id, is_remote=True, trace_flags=TraceFlags(self.flags), trace_state=state
        )


@guarded("trace_id", default=None)
def trace_id() -> str | None:
    """Return the current trace's id, 32 hex digits, or None outside a span."""
    if _recorder.active() is None:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415  # loaded with the SDK

    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def carrier() -> dict[str, str]:
    """Return the variables that let a child process or a farm job join or link to the current span.

    TRACEPARENT, TRACESTATE and BAGGAGE, each only where it has something to say; empty outside a span
    without a production context, and when clientobs is off.

    >>> carrier()
    {}
    """
    return _carrier() or {}


@guarded("carrier", default=None)
def _carrier() -> dict[str, str]:
    if _recorder.active() is None:
        return {}
    from opentelemetry.context import get_current  # noqa: PLC0415  # loaded with the SDK

    return carrier_in(get_current())


def carrier_in(current: Any, span: SpanContext | None = None) -> dict[str, str]:
    """Return what `carrier` does, of another OpenTelemetry context than the current one, and of another span."""
    recorder = _recorder._active  # noqa: SLF001  # what `active()` returns; each call is a cold line at a launch
    if recorder is None:
        return {}
    if not _otel:
        _bind()
    current_span, baggage_in = _otel
    carried: dict[str, str] = {}
    if span is None:
        span = current_span(current).get_span_context()
    if not span.is_valid and recorder.origin.parent is not None:
        span = recorder.origin.parent  # outside any span: hand on what was handed to us
    valid, state = span.is_valid, span.trace_state
    if valid:
        carried["TRACEPARENT"] = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 0xFF:02x}"
        if state:
            carried["TRACESTATE"] = state.to_header()[:_MAX_STATE]
    encoded = _baggage_in(current, recorder, baggage_in(current))
    if not valid and recorder.origin.link is not None:
        # The child will find the submission's TRACEPARENT, which it inherits: it is to link to that as we do, and
        # not to be told that it is inside our task.
        encoded = ",".join(member for member in encoded.split(",") if not member.startswith("farm."))
    if encoded:
        carried["BAGGAGE"] = encoded
    return carried


_otel: tuple[Any, ...] = ()
"""OpenTelemetry's get_current_span and baggage.get_all, once it is loaded."""


def _bind() -> None:
    global _otel  # noqa: PLW0603  # bound once: an import within a function is a call or two each time
    from opentelemetry.baggage import get_all  # noqa: PLC0415
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    _otel = (get_current_span, get_all)


_last: tuple[Any, Any, Any, str] = (None, None, None, "")


def _baggage_in(current: Any, recorder: Recorder, own: Mapping[str, Any]) -> str:
    """Return the header of a context; that of the last call, as one child after the other has it, at once."""
    global _last  # noqa: PLW0603  # one slot, replaced whole
    contexts = recorder.contexts
    overlay, base = current.get(OVERLAY_KEY), contexts.base
    if not own and _last[0] is contexts and _last[1] is overlay and _last[2] is base:
        return _last[3]
    values = contexts.values_of(current)
    ours = {key: value for key, value in values.items() if key.startswith(_CARRIED)}
    # farm.* first: where the bounds cut something off, a child still knows that it is inside the task.
    members = {key: value for key, value in ours.items() if key.startswith("farm.")} | ours
    members.update({str(key): value for key, value in own.items() if str(key) not in ours})
    encoded = _encode_baggage(members)
    if not own:
        _last = (contexts, overlay, base, encoded)
    return encoded


def _encode_baggage(members: Mapping[str, Any]) -> str:
    parts: list[str] = []
    size = 0
    for key, value in members.items():
        text = value if isinstance(value, str) else str(value)
        part = f"{quote(key, safe='.-_', errors='replace')}={quote(text, safe='.-_/:', errors='replace')}"
        size += len(part) + 1
        if size > _MAX_BAGGAGE or len(parts) >= _MAX_MEMBERS:
            break
        parts.append(part)
    return ",".join(parts)


def read_incoming(environ: Mapping[str, str], propagators: tuple[str, ...]) -> Incoming:
    """Return what TRACEPARENT, TRACESTATE and BAGGAGE say; anything malformed counts as absent.

    >>> variables = {"TRACEPARENT": "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "BAGGAGE": "production.shot=sh020"}
    >>> incoming = read_incoming(variables, ("tracecontext", "baggage"))
    >>> incoming.flags, dict(incoming.production)
    (1, {'production.shot': 'sh020'})
    """
    trace, span, flags, state = 0, 0, 0, ""
    if "tracecontext" in propagators:
        parent = _text_in(environ, "TRACEPARENT").strip()
        match = _TRACEPARENT.match(parent) if parent else None
        if match and match[1] != "ff" and not (match[1] == "00" and match[5]):
            trace, span, flags = int(match[2], 16), int(match[3], 16), int(match[4], 16)
        if trace and span:
            state = _text_in(environ, "TRACESTATE")[:_MAX_STATE]
        else:
            trace = span = flags = 0
    members = _decode_baggage(_text_in(environ, "BAGGAGE")) if "baggage" in propagators else {}
    production = {key: value for key, value in members.items() if key.startswith(_CARRIED)}
    return Incoming(trace, span, flags, state, production)


def _text_in(environ: Mapping[str, Any], name: str) -> str:
    value = environ.get(name)
    return value if isinstance(value, str) else ""  # a carrier may come from a job's own plug-in data


def _decode_baggage(header: str) -> dict[str, str]:
    members: dict[str, str] = {}
    for part in header[:_MAX_BAGGAGE].split(",")[:_MAX_MEMBERS]:
        key, equals, value = part.partition(";")[0].partition("=")
        if equals and key.strip():
            members[unquote(key.strip())] = unquote(value.strip())
    return members

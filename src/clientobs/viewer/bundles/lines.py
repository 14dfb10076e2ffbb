"""One span or log as one line of JSON, and back with nothing believed that isn't checked."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final

from clientobs.journal.records import LogRecord, SpanEvent, SpanLink, SpanRecord

if TYPE_CHECKING:
    from clientobs.viewer.model import Log, Span

__all__ = ["Parsed", "line_of", "parse"]

_BYTES: Final = "$bytes"
_LARGEST_ID: Final = (1 << 128) - 1
_LARGEST_TIME: Final = (1 << 63) - 1
_TEXTS: Final = frozenset({"name", "trace_state", "status_message", "severity_text", "event_name"})
_IDS: Final = frozenset({"trace_id", "span_id", "parent_id"})
_MAPPINGS: Final = frozenset({"attributes"})
_APART: Final = frozenset({"links", "events", "dropped", "body"})

Parsed = tuple[str, "SpanRecord | LogRecord", dict[str, Any], str]
"""Kind ("span", "open" or "log"), the record, its production context, its scope."""


def line_of(item: Span | Log) -> bytes:
    """Return a span or log as a line of JSON, in ASCII."""
    kind = (
        "log" if isinstance(item.record, LogRecord) else "span" if getattr(item, "ended", False) else "open"
    )
    document = {"record": kind, **asdict(item.record), "context": item.context, "scope": item.scope}
    return json.dumps(document, default=_as_json, separators=(",", ":")).encode("ascii") + b"\n"


def parse(line: bytes) -> Parsed | None:
    """Return what a line holds, or None where it is not one of ours. Raises nothing."""
    try:
        document = json.loads(line, object_hook=_bytes_back)
        kind, context, scope = document["record"], document["context"], document["scope"]
        if not (isinstance(context, dict) and isinstance(scope, str)):
            return None
        if kind == "log":
            return (
                kind,
                LogRecord(**_checked(document, LogRecord), body=document["body"], dropped=0),
                context,
                scope,
            )
        if kind not in {"span", "open"}:
            return None
        record = SpanRecord(
            **_checked(document, SpanRecord),
            links=tuple(SpanLink(**_checked(one, SpanLink)) for one in document["links"]),
            events=tuple(SpanEvent(**_checked(one, SpanEvent)) for one in document["events"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return kind, record, context, scope


def _as_json(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    return str(value)


def _bytes_back(found: dict[str, Any]) -> Any:
    if found.keys() == {_BYTES} and isinstance(found[_BYTES], str):
        return base64.b64decode(found[_BYTES])
    return found


def _checked(document: dict[str, Any], kind: type) -> dict[str, Any]:
    """Return the plain fields of a record, each of its type and within its range; ValueError for another."""
    found: dict[str, Any] = {}
    for field in fields(kind):
        name = field.name
        if name in _APART:
            continue
        if name in {"context", "scope"} and kind in {SpanRecord, LogRecord}:
            found[name] = 0
            continue
        value = document[name]
        if name in _TEXTS:
            fits = isinstance(value, str)
        elif name in _MAPPINGS:
            fits = isinstance(value, dict)
        else:
            most = _LARGEST_ID if name in _IDS else _LARGEST_TIME
            fits = type(value) is int and 0 <= value <= most
        if not fits:
            raise ValueError(name)
        found[name] = value
    return found

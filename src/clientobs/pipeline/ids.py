"""Trace and span ids for the SDK from our own generator; see `clientobs._ids` for why."""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import IdGenerator

from clientobs._ids import ids

__all__ = ["PrivateIdGenerator"]


class PrivateIdGenerator(IdGenerator):
    """The SDK's interface over `ids`: never touches the global `random`."""

    def generate_span_id(self) -> int:
        """Return a 64-bit id."""
        return ids.span_id()

    def generate_trace_id(self) -> int:
        """Return a 128-bit id."""
        return ids.trace_id()

    def is_trace_id_random(self) -> bool:
        """Say that all bits are random (W3C trace flags, level 2)."""
        return True

"""The span that records nothing: what `clientobs.span` gives when clientobs is off.

OpenTelemetry's own non-recording span would mean importing OpenTelemetry into a host that has clientobs off,
or whose copies make it unusable.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["UNRECORDED", "UnrecordedSpan"]


class UnrecordedSpan:
    """Answers every method of an OpenTelemetry span and keeps nothing."""

    __slots__ = ()

    def set_attribute(self, key: str, value: Any) -> None:
        """Ignore an attribute."""

    def set_attributes(self, attributes: Any) -> None:
        """Ignore attributes."""

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Ignore an event."""

    def add_link(self, context: Any, attributes: Any = None) -> None:
        """Ignore a link."""

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Ignore a status."""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Ignore an exception."""

    def update_name(self, name: str) -> None:
        """Ignore a name."""

    def is_recording(self) -> bool:
        """Return False."""
        return False

    def end(self, end_time: int | None = None) -> None:
        """Do nothing."""


UNRECORDED: Final = UnrecordedSpan()

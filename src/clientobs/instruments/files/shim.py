"""The instrument as OpenTelemetry's own tools know one: `opentelemetry-instrument`, BaseInstrumentor.

Importing the base class takes 90 ms, so nothing else imports this module.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from clientobs.instruments import registry

__all__ = ["FileIOInstrumentor"]


class FileIOInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the package has no types on all its releases
    """Switches the instrument `files` on and off."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: the standard library is all that is instrumented."""
        return ()

    def _instrument(self, **_settings: Any) -> None:
        registry.instrument("files")

    def _uninstrument(self, **_settings: Any) -> None:
        registry.uninstrument("files")

"""The instrument as OpenTelemetry's own tools know one: `opentelemetry-instrument`, BaseInstrumentor.

Importing the base class takes 90 ms, so nothing else imports this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Not in the __all__ of every release:
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from clientobs.instruments import registry

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["ExceptionsInstrumentor"]


class ExceptionsInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the package has no types on all its releases
    """Switches the instrument `exceptions` on and off."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: the standard library is all that is instrumented."""
        return ()

    def _instrument(self, **_settings: Any) -> None:
        registry.instrument("exceptions")

    def _uninstrument(self, **_settings: Any) -> None:
        registry.uninstrument("exceptions")

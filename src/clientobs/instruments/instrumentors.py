"""The instruments as OpenTelemetry's own tools know them: `opentelemetry-instrument`, BaseInstrumentor.

Importing the base class takes 90 ms, so nothing but the entry points asks for this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

# Not in the __all__ of every release:
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from clientobs.instruments import registry

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "ExceptionsInstrumentor",
    "FileIOInstrumentor",
    "HttpClientInstrumentor",
    "LogsInstrumentor",
    "SubprocessInstrumentor",
    "ThreadsInstrumentor",
]


class _Instrumentor(BaseInstrumentor):  # type: ignore[misc]  # the package has no types on all its releases
    name: ClassVar[str]

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: the standard library is all that is instrumented."""
        return ()

    def _instrument(self, **_settings: Any) -> None:
        registry.instrument(self.name)

    def _uninstrument(self, **_settings: Any) -> None:
        registry.uninstrument(self.name)


class ExceptionsInstrumentor(_Instrumentor):
    """Switches the instrument `exceptions` on and off."""

    name = "exceptions"


class FileIOInstrumentor(_Instrumentor):
    """Switches the instrument `files` on and off."""

    name = "files"


class HttpClientInstrumentor(_Instrumentor):
    """Switches the instrument `http` on and off."""

    name = "http"


class LogsInstrumentor(_Instrumentor):
    """Switches the instrument `logs` on and off."""

    name = "logs"


class SubprocessInstrumentor(_Instrumentor):
    """Switches the instrument `processes` on and off."""

    name = "processes"


class ThreadsInstrumentor(_Instrumentor):
    """Switches the instrument `threads` on and off."""

    name = "threads"

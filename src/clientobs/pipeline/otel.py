"""Load the OpenTelemetry SDK into a host without the parts that a host must not pay for.

- `opentelemetry.sdk.resources` imports psutil, subprocess and socket for detectors that we don't use: see detectors.py.
- Older releases look up their context class, propagators and detectors by entry points at import. That
  reads the metadata of every distribution on every search path; 200 folders on the NAS are normal. The way there
  is `opentelemetry.util._importlib_metadata`, so while the SDK loads, that name answers for the API's own entry
  points.
- The SDK's loggers have no handler: `logging.lastResort` would print their warnings to the host's stderr,
  and on a farm stderr is a protocol.

Where the host's own copies make OpenTelemetry unusable (a poisoned typing_extensions, an ancient
opentelemetry), `load()` raises OtelUnusable, and clientobs becomes a no-op whose `doctor` says why.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import warnings
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from clientobs.errors import ClientobsError
from clientobs.pipeline.detectors import without_their_modules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["OtelUnusable", "load"]

_METADATA: Final = "opentelemetry.util._importlib_metadata"


class OtelUnusable(ClientobsError):  # noqa: N818  # reads as what it says; never raised to users
    """OpenTelemetry cannot be used in this interpreter; the message says which import failed and why."""


def load(invalid_variables: Sequence[str] = ()) -> None:
    """Import the API and the SDK for traces and logs; raise OtelUnusable where that fails.

    The SDK reads some OTEL_* variables as it is imported, and a malformed one is an exception there:
    `invalid_variables`, which the configuration has found to be so, are out of its sight meanwhile.
    """
    _keep_quiet()
    try:
        with without_their_modules(), _without_metadata_scan(), _quiet_warnings(), _unseen(invalid_variables):
            importlib.import_module("opentelemetry.sdk.trace")
            importlib.import_module("opentelemetry.sdk._logs")
        _require_recent()
    except OtelUnusable:
        raise
    except Exception as error:
        raise OtelUnusable(f"OpenTelemetry cannot be imported: {type(error).__name__}: {error}") from error


def _require_recent() -> None:
    logs = importlib.import_module("opentelemetry.sdk._logs")
    if not hasattr(logs, "ReadWriteLogRecord"):
        origin = getattr(logs, "__file__", "?")
        raise OtelUnusable(f"opentelemetry-sdk is older than 1.40 (found at {origin})")


def _keep_quiet() -> None:
    logger = logging.getLogger("opentelemetry")
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())


@contextmanager
def _quiet_warnings() -> Iterator[None]:
    """Ignore the warning that the SDK's import sets to "once": on a farm, once is once too often."""
    before = {id(item) for item in warnings.filters}
    yield
    for place, item in enumerate(warnings.filters):
        if id(item) not in before and str(item[2].__module__).startswith("opentelemetry."):
            warnings.filters[place] = ("ignore", *item[1:])  # type: ignore[index]  # a list, not a Sequence


@contextmanager
def _unseen(names: Sequence[str]) -> Iterator[None]:
    # Not out of the process's environment: unsetenv() beside a getenv() of another thread is undefined. Only
    # out of the mapping that Python code reads, and values that nobody can use.
    data: dict[Any, Any] = getattr(os.environ, "_data", {})
    encode = getattr(os.environ, "encodekey", lambda name: name)
    hidden = {encode(name): data.pop(encode(name)) for name in names if encode(name) in data}
    try:
        yield
    finally:
        for name, value in hidden.items():
            data.setdefault(name, value)


class _KnownEntryPoint:
    """An entry point of the API itself, whose target needs no look at any distribution's metadata."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def load(self) -> Any:
        """Return the class."""
        return getattr(importlib.import_module(self._module), self._name)


_VERSIONS: Final = {
    "opentelemetry-api": "opentelemetry.version",
    "opentelemetry-sdk": "opentelemetry.sdk.version",
}
_KNOWN: Final = {
    ("opentelemetry_context", "contextvars_context"): _KnownEntryPoint(
        "opentelemetry.context.contextvars_context", "ContextVarsRuntimeContext"
    ),
    ("opentelemetry_propagator", "tracecontext"): _KnownEntryPoint(
        "opentelemetry.trace.propagation.tracecontext", "TraceContextTextMapPropagator"
    ),
    ("opentelemetry_propagator", "baggage"): _KnownEntryPoint(
        "opentelemetry.baggage.propagation", "W3CBaggagePropagator"
    ),
    ("opentelemetry_resource_detector", "otel"): _KnownEntryPoint(
        "opentelemetry.sdk.resources", "OTELResourceDetector"
    ),
}


class _LightMetadata(ModuleType):
    """Stands for `opentelemetry.util._importlib_metadata` while the SDK is imported."""

    def __init__(self) -> None:
        super().__init__(_METADATA)
        self._thread = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "entry_points":
            return self._entry_points
        if name == "version":
            return self._version
        return getattr(importlib.import_module("importlib.metadata"), name)

    def _entry_points(self, **params: Any) -> Any:
        known = _KNOWN.get((params.get("group", ""), params.get("name", "")))
        if known is not None and threading.get_ident() == self._thread:
            return (known,)
        return _real_metadata().entry_points(**params)

    @staticmethod
    def _version(distribution: str) -> str:
        module = _VERSIONS.get(distribution)
        if module is not None:
            return str(importlib.import_module(module).__version__)
        return str(_real_metadata().version(distribution))


def _real_metadata() -> Any:
    if isinstance(sys.modules.get(_METADATA), _LightMetadata):
        del sys.modules[_METADATA]
    return importlib.import_module(_METADATA)


@contextmanager
def _without_metadata_scan() -> Iterator[None]:
    already = "opentelemetry.context" in sys.modules or _METADATA in sys.modules
    if already or os.environ.get("OTEL_PYTHON_CONTEXT"):  # the application chose a context class of its own
        yield
        return
    light = _LightMetadata()
    sys.modules[_METADATA] = light
    try:
        yield
    finally:
        if sys.modules.get(_METADATA) is light:
            del sys.modules[_METADATA]

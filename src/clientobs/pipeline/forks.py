"""The SDK's providers without what they do in a forked child.

Newer releases let each provider look for its resource anew in every child: in a pool of threads that is started
for it, waited for, and told on stderr where it can't start. A child of ours writes a resource of its own into
the header of its run (runtime/start.py), and a host that forks must not notice us: only the locks are renewed.
"""

from __future__ import annotations

import threading
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider

__all__ = ["QuietLoggerProvider", "QuietTracerProvider", "renew_locks"]


def renew_locks(provider: Any, *names: str) -> None:
    """Replace the locks that a thread of the parent may have held; the names are the SDK's private ones."""
    for name in names:
        if hasattr(provider, name):
            setattr(provider, name, threading.Lock())


class QuietTracerProvider(TracerProvider):
    """The SDK's tracer provider."""

    def _handle_fork(self) -> None:
        renew_locks(self, "_tracers_lock")


class QuietLoggerProvider(LoggerProvider):
    """The SDK's logger provider."""

    def _handle_fork(self) -> None:
        renew_locks(self, "_logger_cache_lock", "_active_loggers_lock")

"""The thread that something is told on. One that C++ began stays unknown to Python.

`threading.current_thread()` makes a `_DummyThread` for such a one, which stays in `threading.enumerate()`: a host that
joins all threads at its end fails on it.
"""

from __future__ import annotations

import threading
from typing import Any

from clientobs import semconv

__all__ = ["is_main_thread", "thread_facts"]


def is_main_thread() -> bool:
    """Say whether this is the main thread."""
    return threading.get_ident() == threading.main_thread().ident


def thread_facts() -> dict[str, Any]:
    """Return thread.id, and thread.name where Python knows the thread."""
    ident = threading.get_ident()
    known = getattr(threading, "_active", {}).get(ident)
    name = {semconv.THREAD_NAME: str(known.name)} if known is not None else {}
    return {**name, semconv.THREAD_ID: ident}

"""Threads that stand where they are told to, for tests of who waits for whom."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StandingThreads", "stands_in", "until", "woken"]


class StandingThreads:
    """Threads that stand where they are told to, until the locks are let go."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], Any]) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def frames_with(self, first: threading.Thread) -> dict[int, Any]:
        """Return the frames of all threads, as if `first` were the main one."""
        frames = sys._current_frames()
        main = threading.main_thread().ident or 0
        return {
            main: frames[first.ident or 0],
            **{i: f for i, f in frames.items() if i not in (main, first.ident)},
        }


def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("not so within 10 s")


def stands_in(thread: threading.Thread, function: str) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    names_above = set()
    while frame is not None:
        names_above.add(frame.f_code.co_name)
        frame = frame.f_back
    return function in names_above


def woken(condition: threading.Condition) -> None:
    with condition:
        condition.wait()

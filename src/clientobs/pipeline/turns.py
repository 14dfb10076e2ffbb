"""Measurements that are made in the middle of a measurement, on the same thread.

The SDK aggregates under locks that are not re-entrant. A signal handler, a `__del__` or a trace function that
adds to a counter while its thread is inside one would wait for itself for ever, and the host with it. Here each
thread is inside the SDK at most once: what comes meanwhile waits until that turn is over.
"""

from __future__ import annotations

from collections import deque
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OwnTurns"]

_MOST_WAITING: Final = 1024  # of more, the oldest go: nobody measures that often inside one measurement


class OwnTurns:
    """Gives each thread one turn at a time inside the consumer of a meter provider."""

    __slots__ = ("_busy", "_collect", "_consume", "_waiting")

    def __init__(self) -> None:
        self._consume: Callable[[Any], None] = lambda _measurement: None
        self.reset()

    def reset(self) -> None:
        """Forget whose turn it is: in a forked child the other threads don't exist."""
        self._busy: set[int] = set()
        self._waiting: deque[Any] = deque(maxlen=_MOST_WAITING)

    def watch(self, consumer: Any, reader: Any) -> None:
        """Come between `consumer`, which all instruments of its provider measure into, and all who call it."""
        self._consume, self._collect = consumer.consume_measurement, consumer.collect
        consumer.consume_measurement = self.consume
        reader._set_collect_callback(self.collect)  # noqa: SLF001  # as the SDK's provider did

    def consume(self, measurement: Any) -> None:
        """Take one measurement, now or when this thread's turn is over."""
        me, busy = get_ident(), self._busy
        if me in busy:
            self._waiting.append(measurement)
            return
        busy.add(me)
        try:
            self._consume(measurement)
        finally:
            busy.discard(me)
        if self._waiting:
            self._take_waiting()

    def collect(self, *args: Any, **named: Any) -> Any:
        """Collect as the SDK does, or nothing where this thread is in the middle of a turn."""
        me, busy = get_ident(), self._busy
        if me in busy:
            return None
        busy.add(me)
        try:
            return self._collect(*args, **named)
        finally:
            busy.discard(me)
            self._take_waiting()

    def _take_waiting(self) -> None:
        waiting = self._waiting
        for _ in range(len(waiting)):
            try:
                measurement = waiting.popleft()
            except IndexError:  # another thread took it
                return
            self.consume(measurement)

"""The instrument `logs`: what is patched, and how it is put back."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from clientobs.instruments.lifecycle import Lifecycle
from clientobs.instruments.logs.desk import Desk
from clientobs.instruments.logs.foreign import ForeignHandlers
from clientobs.instruments.logs.handling import wrap_call_handlers
from clientobs.instruments.logs.levels import Levels
from clientobs.instruments.logs.streams import Streams
from clientobs.instruments.logs.warned import wrap_show

if TYPE_CHECKING:
    from clientobs.instruments.registry import Surroundings

__all__ = ["LogsInstrument"]


class LogsInstrument(Lifecycle):
    """Sees the log records of this process."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__()
        self._config = surroundings.config.logs
        self._count_loss = surroundings.count_loss
        self._foreign = ForeignHandlers()
        self._streams: Streams | None = None
        self.desk: Desk | None = None

    def _begin(self) -> None:
        self.desk = desk = self._make_desk()
        original = logging.Logger.callHandlers
        self._patches.replace(
            logging.Logger, "callHandlers", original, wrap_call_handlers(original, self._switch, desk)
        )
        if self._config.warnings:
            show: Any = getattr(warnings, "_showwarnmsg", None)
            if show is not None:
                self._patches.replace(warnings, "_showwarnmsg", show, wrap_show(show, self._switch, desk))
        if self._config.streams:
            self._streams = Streams(self._config.streams, self._switch, desk)
            self._streams.look()

    def _stop(self) -> None:
        if self._streams is not None:
            self._streams.leave()

    def _finish(self) -> None:
        self.settle()

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent."""
        if self.desk is not None:
            self.desk.forget()

    def _look(self) -> None:
        """Tell what was left out; notice handlers that came in exchange for others."""
        if self.desk is not None:
            self._foreign.look()
            if self._streams is not None:
                self._streams.look()
            self.desk.tell_left_out()

    def settle(self) -> None:
        """Tell all that is left to tell: the session ends."""
        if self.desk is not None:
            self.desk.tell_left_out(all_of_them=True)

    def _make_desk(self) -> Desk:
        from clientobs.record import span as record_span  # noqa: PLC0415

        record_span.bind()
        return Desk(
            levels=Levels(self._config.level, self._config.levels),
            per_minute=self._config.per_minute,
            foreign=self._foreign,
            count_loss=self._count_loss,
            get_current=record_span._get_current,  # noqa: SLF001  # bound once for all of us, see span.bind
        )

"""The instrument `exceptions`: what is patched, and how it is put back."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from clientobs.instruments.arrivals import Arrivals
from clientobs.instruments.exceptions import futures, loops, publishing, qt_messages
from clientobs.instruments.exceptions.desk import Desk
from clientobs.instruments.exceptions.hooks import replace_hooks
from clientobs.instruments.exceptions.missing import MissingModules
from clientobs.instruments.exceptions.printed import wrap_print_exception
from clientobs.instruments.lifecycle import Lifecycle
from clientobs.record import exceptions as _exceptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from clientobs.instruments.registry import Surroundings

__all__ = ["ExceptionsInstrument"]


class ExceptionsInstrument(Lifecycle):
    """Sees the exceptions of this process that nobody catches."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__()
        self._config = surroundings.config.exceptions
        self._desk = Desk()
        self._results = publishing.PublishResults(self._switch)
        self._missing = MissingModules()
        self._messages = qt_messages.QtMessages(self._switch)
        self._futures = futures.Futures(self._switch, self._desk)
        self._arrivals = Arrivals({})

    def _begin(self) -> None:
        # A handler of an earlier time that somebody in C++ still holds keeps the switch of that time.
        self._results = publishing.PublishResults(self._switch)
        self._messages = qt_messages.QtMessages(self._switch)
        self._futures = futures.Futures(self._switch, self._desk)
        self._arrivals = Arrivals(self._wanted())
        replace_hooks(self._patches, self._switch, self._desk)
        if self._config.printed:
            original = traceback.print_exception
            wrapper = wrap_print_exception(original, self._switch, self._desk)
            self._patches.replace(traceback, "print_exception", original, wrapper)
        self._arrivals.watch()
        self._missing.watch()

    def _wanted(self) -> dict[str, Callable[[ModuleType], None]]:
        wanted: dict[str, Callable[[ModuleType], None]] = {
            loops.MODULE: lambda module: loops.patch_loops(module, self._patches, self._switch, self._desk),
            futures.MODULE: lambda module: self._futures.patch(module, self._patches),
            publishing.MODULE: self._results.register,
            publishing.UTIL_MODULE: self._wrap_publish,
        }
        if self._config.qt_messages:
            wanted |= dict.fromkeys(qt_messages.MODULES, self._messages.install)
        return wanted

    def _stop(self) -> None:
        self._arrivals.stop()
        self._missing.stop()
        self._results.deregister()
        self._messages.uninstall()

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent."""
        _exceptions.forget()
        self._missing.forget()
        self._futures.forget()

    def settle(self) -> None:
        """Tell all that is left to tell: the session ends."""
        self.tick()
        self._futures.settle()

    def _look(self) -> None:
        """Look for what was printed while another hook was in force, and for modules that came oddly."""
        self._desk.look()
        self._arrivals.look()
        self._results.look()
        self._missing.tell()

    def _wrap_publish(self, module: ModuleType) -> None:
        original = module.publish
        wrapper = publishing.wrap_publish(original, self._switch)
        for name in ("publish", "run"):  # an alias of it
            if getattr(module, name, None) is original:
                self._patches.replace(module, name, original, wrapper)

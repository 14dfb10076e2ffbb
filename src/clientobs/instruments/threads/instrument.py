"""The instrument `threads`: what is patched, when, and how it is put back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs.instruments.arrivals import Arrivals
from clientobs.instruments.bindings import QT_CORE
from clientobs.instruments.lifecycle import Lifecycle
from clientobs.instruments.threads.current import Current
from clientobs.instruments.threads.executors import patch_executors
from clientobs.instruments.threads.qt import patch_qt
from clientobs.instruments.threads.starts import patch_starts

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.registry import Surroundings

__all__ = ["ThreadsInstrument"]

_POOLS: Final = "concurrent.futures.thread"


class ThreadsInstrument(Lifecycle):
    """Threads of this process."""

    def __init__(self, _surroundings: Surroundings) -> None:
        super().__init__()
        self._laid_down: dict[int, Any] = {}
        self._arrivals = Arrivals({_POOLS: self._patch_pools, **dict.fromkeys(QT_CORE, self._patch_qt)})

    def _begin(self) -> None:
        self._current = Current.of(self._switch)
        self._laid_down = patch_starts(self._current, self._patches)
        self._arrivals.watch()

    def _stop(self) -> None:
        self._arrivals.stop()

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent: threads that were about to begin there."""
        self._laid_down.clear()

    def _look(self) -> None:
        """Notice modules that came without our being told."""
        self._arrivals.look()

    def _patch_pools(self, module: ModuleType) -> None:
        patch_executors(module, self._current, self._patches)

    def _patch_qt(self, core: ModuleType) -> None:
        patch_qt(core, self._current, self._patches)

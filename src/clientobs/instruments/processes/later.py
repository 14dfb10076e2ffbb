"""The ways to start a child that a program may load later: asyncio, multiprocessing, pty, Qt."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from clientobs.instruments.arrivals import Arrivals
from clientobs.instruments.bindings import QT_CORE
from clientobs.instruments.processes.coroutines import patch_transports
from clientobs.instruments.processes.qprocess import patch_qprocess
from clientobs.instruments.processes.terminals import patch_terminals
from clientobs.instruments.processes.workers import Workers

if TYPE_CHECKING:
    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.children import Children

__all__ = ["arrivals_of"]


def arrivals_of(desk: Children, patches: Patches) -> Arrivals:
    """Return what waits for them, not yet begun."""
    return Arrivals(
        {
            **Workers(desk, patches).modules,
            "asyncio.base_subprocess": functools.partial(patch_transports, desk=desk, patches=patches),
            **dict.fromkeys(QT_CORE, functools.partial(patch_qprocess, desk=desk, patches=patches)),
            "pty": functools.partial(patch_terminals, desk=desk, patches=patches),
        }
    )

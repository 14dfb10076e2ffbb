"""The ways to start a child that a program may load later: subprocess, asyncio, multiprocessing, pty, Qt."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from clientobs.instruments.arrivals import Arrivals
from clientobs.instruments.bindings import QT_CORE
from clientobs.instruments.processes.coroutines import patch_transports
from clientobs.instruments.processes.launches import patch_launches
from clientobs.instruments.processes.popen import patch_popen
from clientobs.instruments.processes.qprocess import patch_qprocess
from clientobs.instruments.processes.terminals import patch_terminals
from clientobs.instruments.processes.workers import Workers

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.children import Children

__all__ = ["arrivals_of"]


def arrivals_of(desk: Children, patches: Patches, waitpid: Any) -> Arrivals:
    """Return what waits for them, not yet begun; `waitpid` is what polling is to ask."""

    def patch_subprocess(module: ModuleType) -> None:
        patch_popen(module, desk, patches, waitpid)
        patch_launches(module, desk, patches)

    return Arrivals(
        {
            "subprocess": patch_subprocess,
            **Workers(desk, patches).modules,
            "asyncio.base_subprocess": functools.partial(patch_transports, desk=desk, patches=patches),
            **dict.fromkeys(QT_CORE, functools.partial(patch_qprocess, desk=desk, patches=patches)),
            "pty": functools.partial(patch_terminals, desk=desk, patches=patches),
        }
    )

"""asyncio.create_subprocess_exec and _shell: what a program learns of a child through its transport.

asyncio makes a subprocess.Popen, which is where the span begins (popen.py), and lets a child watcher reap it, in a
way of its own on each Python from 3.10 on: a thread in os.waitpid, SIGCHLD, a pidfd. All of them end in the
transport's `_process_exited`, which is patched here for those that do not pass by os.waitpid; and what the child
says comes in by `_pipe_data_received`, never by the Popen's own pipes. Nothing is read for the program. A loop that
does without Popen (uvloop) is not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.instruments.patching import dressed

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.child import Child
    from clientobs.instruments.processes.children import Children

__all__ = ["patch_transports"]

_KEY: Final = "_clientobs_child"
"""Where a Popen object keeps its child, see popen.py."""
_STREAMS: Final = {1: "stdout", 2: "stderr"}


def patch_transports(module: ModuleType, desk: Children, patches: Patches) -> None:
    """Patch asyncio.base_subprocess."""
    owner = vars(module)["BaseSubprocessTransport"]
    for name, make in (
        ("__init__", _wrap_init),
        ("_process_exited", _wrap_exited),
        ("_pipe_data_received", _wrap_received),
        ("_pipe_connection_lost", _wrap_lost),
    ):
        original = vars(owner).get(name)
        if original is not None:
            patches.replace(owner, name, original, dressed(make(original, desk), original))


def _child_behind(transport: Any, desk: Children) -> Child | None:
    return getattr(getattr(transport, "_proc", None), _KEY, None) if desk.switch.on else None


def _wrap_init(original: Any, desk: Children) -> Any:
    def begin(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        try:
            child = _child_behind(self, desk)
            if child is not None:
                # The exit may be known before what was said is read: a failed child waits for its words.
                piped = [name for name in _STREAMS.values() if getattr(self._proc, name) is not None]
                child.reading = child.reading.union(piped)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.asyncio", error)
        return result

    return begin


def _wrap_exited(original: Any, desk: Children) -> Any:
    def exited(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            child = _child_behind(self, desk)
            if child is not None and args:
                child.ended(args[0])
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.asyncio", error)
        return original(self, *args, **kwargs)

    return exited


def _wrap_received(original: Any, desk: Children) -> Any:
    def received(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            child = _child_behind(self, desk)
            if child is not None and args[0] in _STREAMS:
                child.wrote(_STREAMS[args[0]], args[1])
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.asyncio", error)
        return original(self, *args, **kwargs)

    return received


def _wrap_lost(original: Any, desk: Children) -> Any:
    def lost(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            child = _child_behind(self, desk)
            if child is not None and args[0] in _STREAMS:
                child.read_up(_STREAMS[args[0]])
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.asyncio", error)
        return original(self, *args, **kwargs)

    return lost

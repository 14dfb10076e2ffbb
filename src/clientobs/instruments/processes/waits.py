"""The calls by which a program learns of a child's end, or brings it about: os.waitpid and its family, os.kill.

They tell what they have found for the program. `os.waitpid` for one child of ours is made as `os.wait4`, the same
system call, which also says what the child has used; but not where somebody else has taken the place of os.waitpid,
and not at the end of the interpreter, when wait4 could not import what it answers with and would lose the answer.
"""

from __future__ import annotations

import os
import sys
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any

from clientobs._guarded import faults
from clientobs.instruments.patching import in_place_of
from clientobs.instruments.processes.child import Usage
from clientobs.instruments.processes.memory import peak_in_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.children import Children

__all__ = ["patch_waits"]


def patch_waits(desk: Children, patches: Patches) -> Any:
    """Wrap what there is of the family; return what os.waitpid is now, None where there is none to poll by."""
    makers: dict[str, Callable[[Any, Children], Any]] = {
        "waitpid": _wrap_waitpid,
        "wait": _wrap_wait,
        "wait3": _wrap_wait,
        "wait4": _wrap_wait,
        "waitid": _wrap_waitid,
        "kill": _wrap_kill,
        "killpg": _wrap_killpg,
    }
    made = {}
    for name, make in makers.items():
        original = getattr(os, name, None)
        if original is not None:
            made[name] = (original, in_place_of(make(original, desk), original, "os"))
    for name, (original, wrapper) in made.items():
        patches.replace(os, name, original, wrapper)
    return made["waitpid"][1] if "waitpid" in made and hasattr(os, "wait4") else None


def _wrap_waitpid(original: Any, desk: Children) -> Any:
    by_pid, switch = desk.by_pid, desk.switch
    wait4 = getattr(os, "wait4", None) if isinstance(original, BuiltinFunctionType) else None
    modules, finalizing = sys.modules, sys.is_finalizing

    def waitpid(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not by_pid or not switch.on or len(args) != 2 or type(args[0]) is not int:  # noqa: PLR2004  # pid, options
            result = original(*args, **kwargs)
            if by_pid:
                _reaped(desk, result)
            return result
        child = by_pid.get(args[0])
        if child is None or wait4 is None or finalizing() or "resource" not in modules:
            result = original(*args)
            _reaped(desk, result)
            return result
        try:
            found, status, usage = wait4(*args)
        except ChildProcessError:
            child.ended(None)  # somebody else has reaped it; the caller will take that for code 0
            raise
        if found:
            _reaped(desk, (found, status, usage))
        return found, status

    return waitpid


def _wrap_wait(original: Any, desk: Children) -> Any:
    def wait(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if desk.by_pid:
            _reaped(desk, result)
        return result

    return wait


def _reaped(desk: Children, result: Any) -> None:
    try:
        if desk.switch.on and type(result) is tuple and result[0] in desk.by_pid:
            used = result[2] if len(result) > 2 else None  # noqa: PLR2004  # pid, status, usage
            usage = None
            if used is not None:
                usage = Usage(used.ru_utime + used.ru_stime, peak_in_bytes(used.ru_maxrss))
            desk.reaped(result[0], result[1], usage)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.wait", error)


def _wrap_waitid(original: Any, desk: Children) -> Any:
    def waitid(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if desk.by_pid and result is not None and desk.switch.on:
            _identified(desk, result, args)
        return result

    return waitid


def _identified(desk: Children, result: Any, args: tuple[Any, ...]) -> None:
    try:
        child = desk.by_pid.get(getattr(result, "si_pid", 0))
        if child is None or (len(args) > 2 and args[2] & os.WNOWAIT):  # noqa: PLR2004  # the options
            return
        if result.si_code == os.CLD_EXITED:
            child.ended(result.si_status)
        elif result.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            child.ended(-result.si_status)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.waitid", error)


def _wrap_kill(original: Any, desk: Children) -> Any:
    by_pid, switch = desk.by_pid, desk.switch

    def kill(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        if by_pid and switch.on and len(args) == 2 and type(args[0]) is int:  # noqa: PLR2004  # pid, signal
            child = by_pid.get(args[0])
            if child is not None:
                _signalled(child, args[1])
        return original(*args, **kwargs)

    return kill


def _wrap_killpg(original: Any, desk: Children) -> Any:
    by_pid, switch = desk.by_pid, desk.switch

    def killpg(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
        if by_pid and switch.on and len(args) == 2:  # noqa: PLR2004  # group, signal
            own = os.getpgrp()
            for pid, child in tuple(by_pid.items()):
                if args[0] in (pid, own):
                    _signalled(child, args[1])
        return original(*args, **kwargs)

    return killpg


def _signalled(child: Any, number: Any) -> None:
    try:
        child.signalled(int(number))
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.kill", error)

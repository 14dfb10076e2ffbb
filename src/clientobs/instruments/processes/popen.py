"""subprocess.Popen, and all that stands on it: run, call, check_output, os.popen, asyncio's subprocesses.

The class stays the class: methods of it are wrapped, and each instance remembers its `Child` in its `__dict__`. The
interpreter's own code launches, with its vfork or posix_spawn; what goes to it is untouched but for the list of the
environment, which is changed at the very last call (`Launches`), after the caller's mapping has been read as ever.
"""

from __future__ import annotations

import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.instruments.patching import dressed
from clientobs.instruments.processes.command import command_of, text_of
from clientobs.instruments.processes.pipes import watch_pipes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.child import Child
    from clientobs.instruments.processes.children import Children

__all__ = ["patch_popen"]

_KEY: Final = "_clientobs_child"
_HOW: Final = "subprocess.Popen"
# Places of the parameters of Popen.__init__, the same since Python 3.0.
_LOOKED_AT: Final = ((2, "executable"), (4, "stdout"), (8, "shell"), (9, "cwd"))
_ENV: Final = 10
_KEPT: Final = 8_192


def patch_popen(subprocess: Any, desk: Children, patches: Patches, waitpid: Any) -> None:
    """Wrap the methods of Popen of the module `subprocess`; `waitpid` is what polling is to ask."""
    popen, expired = subprocess.Popen, subprocess.TimeoutExpired
    safe = getattr(subprocess, "_del_safe", None)
    wrappers: dict[str, Callable[..., Any]] = {
        "__init__": _wrap_init(popen, subprocess.__file__, desk),
        "communicate": _wrap_communicate(popen.communicate, expired, desk),
        "wait": _wrap_wait(popen.wait, expired, desk),
        "_internal_poll": _wrap_poll(popen._internal_poll, _asking(popen, safe, waitpid), desk),  # noqa: SLF001
    }
    if sys.platform == "win32":
        wrappers["_wait"] = _wrap_windows_wait(popen._wait, desk)  # noqa: SLF001  # what wait() comes down to
        wrappers["terminate"] = wrappers["kill"] = _wrap_terminate(popen.terminate, desk)
    for name, wrapper in wrappers.items():
        original = getattr(popen, name)
        patches.replace(popen, name, original, dressed(wrapper, original))


def _child_of(popen: Any) -> Child | None:
    try:
        found: Child | None = popen.__dict__.get(_KEY)
    except AttributeError:  # whatever was handed in as self
        return None
    return found


def _wrap_init(popen: Any, source: str, desk: Children) -> Any:
    here, switch, original = desk.here, desk.switch, popen.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # the name of the original
        if not switch.on or here.busy or not isinstance(self, popen):
            return original(self, *args, **kwargs)  # type: ignore[no-any-return]  # None
        child = _begin(desk, args, kwargs)
        if child is None:
            return original(self, *args, **kwargs)  # type: ignore[no-any-return]  # None
        before, here.launching = here.launching, child
        try:
            result: None = original(self, *args, **kwargs)
        except BaseException as error:
            here.launching = before
            _not_started(child, error, args, kwargs)
            raise
        here.launching = before
        _started(child, self)
        return result

    if sys.flags.warn_default_encoding:
        # The warning of a missing encoding is for the first caller outside the file of subprocess.
        __init__.__code__ = __init__.__code__.replace(co_filename=source)
    return __init__


def _begin(desk: Children, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Child | None:
    began = desk.meter.now()
    try:
        if len(args) == 1:  # and all else by its name, as nearly all launches have it
            arguments, given = args[0], kwargs
        else:
            arguments = _given(args, kwargs, 0, "args")
            given = {name: _given(args, kwargs, place, name) for place, name in _LOOKED_AT}
        command = command_of(arguments, given.get("executable"), shell=bool(given.get("shell")))
        child = desk.begin(command, how=_HOW, cwd=given.get("cwd"))
        if child is not None and given.get("stdout") is not None:
            name = getattr(given["stdout"], "name", None)
            child.redirected = (name,) if isinstance(name, str) else ()
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.popen", error)
        return None
    finally:
        desk.meter.spend(began)
    return child


def _given(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _not_started(child: Child, error: BaseException, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        env = _given(args, kwargs, _ENV, "env")
        if env is not None and isinstance(error, FileNotFoundError):
            path = env.get("PATH") or env.get(b"PATH")
            child.search_path = text_of(path) if path is not None else os.defpath
    except Exception as fault:  # noqa: BLE001  # an odd mapping of the caller's
        faults.record("processes.search_path", fault)
    child.not_started(error)


def _started(child: Child, popen: Any) -> None:
    try:
        popen.__dict__[_KEY] = child
        child.watched = weakref.ref(popen)
        if popen.stdin is not None or popen.stdout is not None or popen.stderr is not None:
            child.piped = True
            watch_pipes(child, popen)
        child.started(popen.pid)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.popen", error)


def _wrap_communicate(original: Any, expired: type[BaseException], desk: Children) -> Any:
    def communicate(self: Any, *args: Any, **kwargs: Any) -> Any:
        child = _child_of(self) if desk.switch.on else None
        # Without a pipe nothing is read, and without a limit nothing can be cut off: it waits, no more.
        if child is None or child.finished or not (child.piped or _any_of(args) or _any_of(kwargs.values())):
            return original(self, *args, **kwargs)
        child.hold()
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            _take_read(child, self, None)
            if isinstance(error, expired):
                child.timed_out(_given(args, kwargs, 1, "timeout"))
            child.release()
            raise
        _take_read(child, self, result)
        child.release()
        return result

    return communicate


def _any_of(given: Any) -> bool:
    return any(value is not None for value in given)


def _take_read(child: Child, popen: Any, result: Any) -> None:
    """Take what communicate() has read past the buffers, by descriptor: whole, or until its time was over."""
    try:
        chunks = getattr(popen, "_fileobj2output", None) or {}
        for place, stream in enumerate(("stdout", "stderr")):
            handle = getattr(popen, stream, None)
            if handle is None:
                continue
            known = child.streams.get(stream)
            # The same chunks again where it is called again after its time was over.
            taken = known.size if known is not None else 0
            read = chunks.get(handle, ())
            size = sum(map(len, read))
            if size > taken:
                child.wrote(stream, _end_of(read)[-(size - taken) :], size - taken)
            elif result is not None and not taken and result[place]:
                data = result[place]
                data = data if isinstance(data, bytes) else data[-_KEPT:].encode("utf-8", "surrogateescape")
                child.wrote(stream, data[-_KEPT:], len(result[place]))
            if result is not None:
                child.reading = child.reading - {stream}
        sent = getattr(popen, "_input_offset", 0)
        if sent and "stdin" not in child.streams:
            child.wrote("stdin", b"", sent)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.communicate", error)


def _end_of(chunks: Sequence[bytes]) -> bytes:
    """Return the last of them, as much as is kept: a child that says a word at a time sends hundreds."""
    ends, size = [], 0
    for chunk in reversed(chunks):
        ends.append(chunk)
        size += len(chunk)
        if size >= _KEPT:
            break
    return b"".join(reversed(ends))


def _wrap_wait(original: Any, expired: type[Any], desk: Children) -> Any:
    def wait(self: Any, timeout: Any = None) -> Any:
        if timeout is None:
            return original(self)
        try:
            return original(self, timeout)
        except expired as error:
            child = _child_of(self) if desk.switch.on else None
            if child is not None and not child.held:
                child.timed_out(error.timeout)
            raise

    return wait


def _wrap_poll(original: Any, ours: dict[str, Any], desk: Children) -> Any:
    def _internal_poll(self: Any, *args: Any, **kwargs: Any) -> Any:
        child = _child_of(self)
        if child is None or child.over or not desk.switch.on:
            return original(self, *args, **kwargs)
        # By __del__ and at the interpreter's end it is called with arguments: then nothing is asked but what was.
        code = original(self, *args, **kwargs) if args or kwargs else original(self, **ours)
        if code is not None:
            child.ended(code if code != sys.maxsize else None)
        return code

    return _internal_poll


def _asking(popen: Any, safe: Any, waitpid: Any) -> dict[str, Any]:
    """Return the argument by which _internal_poll calls our os.waitpid, where it took the original at its import."""
    code = popen._internal_poll.__code__  # noqa: SLF001  # what poll() comes down to
    names = code.co_varnames[: code.co_argcount] if waitpid is not None else ()
    if "_waitpid" in names:  # until Python 3.12
        return {"_waitpid": waitpid}
    if "_del_safe" in names and hasattr(safe, "waitpid"):
        return {"_del_safe": type("_del_safe", (safe,), {"waitpid": staticmethod(waitpid)})}
    return {}


def _wrap_windows_wait(original: Any, desk: Children) -> Any:
    def _wait(self: Any, *args: Any, **kwargs: Any) -> Any:
        code = original(self, *args, **kwargs)
        child = _child_of(self)
        if child is not None and desk.switch.on and code is not None:
            child.ended(code)
        return code

    return _wait


def _wrap_terminate(original: Any, desk: Children) -> Any:
    def terminate(self: Any) -> Any:
        child = _child_of(self)
        if child is not None and desk.switch.on:
            child.signalled(_TERMINATED)
        return original(self)

    return terminate


_TERMINATED: Final = 15

"""multiprocessing, and with it concurrent.futures.ProcessPoolExecutor: one span for each child process.

Patched is what all start methods go through, the `Popen` of multiprocessing.popen_fork (on Windows that of
popen_spawn_win32): its making is the launch, its `poll` (there `wait`) learns the end. The child joins in the way
that its start method leaves open: by fork, the span of the child is current while it is forked, and stays so there;
spawned, it finds TRACEPARENT in its environment; from a fork server, whose environment is of another day, the
variables come with the preparation data that the child reads before it imports anything, as three calls of the
standard library's own, so that the child needs no clientobs to take them. Tasks and their pickles stay as they are.

The resource tracker and the fork server itself are machinery and get no span.
"""

from __future__ import annotations

import importlib
import operator
import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults, quiet
from clientobs.instruments.patching import dressed, in_place_of, loaded
from clientobs.instruments.processes.child import begin
from clientobs.instruments.processes.command import Command, base_name
from clientobs.instruments.processes.launches import patch_creation, wrap_fork_exec
from clientobs.record import span as _span
from clientobs.record.carrier import read_incoming

if TYPE_CHECKING:
    from types import ModuleType

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.child import Child
    from clientobs.instruments.processes.children import Children

__all__ = ["Workers"]

_CHILDS_OWN: Final = "--multiprocessing-fork"
_KEY: Final = "_clientobs_child"
_PLANTED: Final = "clientobs"


class Workers:
    """The patches of multiprocessing's modules, each made when that module is there."""

    def __init__(self, desk: Children, patches: Patches) -> None:
        self._desk = desk
        self._patches = patches
        self.modules: Final = {
            "multiprocessing.popen_fork": self._patch_popen,
            "multiprocessing.popen_forkserver": self._patch_end,
            "multiprocessing.popen_spawn_win32": self._patch_popen,
            "multiprocessing.util": self._patch_exec,
            "multiprocessing.spawn": self._patch_preparation,
        }

    def _replace(self, owner: Any, name: str, make: Any) -> None:
        original = vars(owner).get(name)
        if original is not None:
            self._patches.replace(owner, name, original, dressed(make(original, self._desk), original))

    def _patch_popen(self, module: ModuleType) -> None:
        patch_creation(self._desk, self._patches)  # that of Windows calls it by itself
        self._replace(vars(module)["Popen"], "__init__", _wrap_launch)
        self._patch_end(module)

    def _patch_end(self, module: ModuleType) -> None:
        windows = module.__name__.endswith("win32")
        self._replace(vars(module)["Popen"], "wait" if windows else "poll", _wrap_end)

    def _patch_exec(self, module: ModuleType) -> None:
        native = loaded("_posixsubprocess")
        original = getattr(native, "fork_exec", None)
        # Until Python 3.10 subprocess calls it by this name too, and it is wrapped already (launches.py).
        if original is not None and self._patches.of("fork_exec") is None:
            wrapper = in_place_of(wrap_fork_exec(original, self._desk), original, "_posixsubprocess")
            self._patches.replace(native, "fork_exec", original, wrapper)
        self._replace(module, "spawnv_passfds", _wrap_passfds)

    def _patch_preparation(self, module: ModuleType) -> None:
        self._replace(module, "get_preparation_data", _wrap_preparation)
        self._replace(module, "prepare", _wrap_prepare)


def _wrap_launch(original: Any, desk: Children) -> Any:
    here = desk.here

    def launch(self: Any, *args: Any, **kwargs: Any) -> Any:
        child = _begin(self, args[0]) if args else None
        if child is None:
            return original(self, *args, **kwargs)
        before, here.worker = here.worker, child
        token = _make_current(child) if _method_of(self) == "fork" else None
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            child.not_started(error)
            raise
        finally:
            here.worker = before
            if token is not None:
                _span._detach(token)  # noqa: SLF001  # bound once for all of us, see span.bind
        _started(child, self)
        return result

    return launch


def _method_of(popen: Any) -> str:
    return str(getattr(popen, "method", ""))


def _begin(popen: Any, process: Any) -> Child | None:
    try:
        executable = sys.executable or ""
        target = getattr(process, "_target", None)
        work = getattr(target, "__qualname__", None) or type(process).__qualname__
        name = str(getattr(process, "name", ""))
        method = _method_of(popen)
        words = (executable, f"<{method}>", name, f"{getattr(target, '__module__', '')}.{work}".lstrip("."))
        command = Command(base_name(executable) or "python", executable, words)
    except Exception as error:  # noqa: BLE001  # the wall; a class of the program's may do anything
        faults.record("processes.multiprocessing", error)
        return None
    return begin(command, how=f"multiprocessing.{method}")


def _make_current(child: Child) -> Any:
    with quiet("processes.multiprocessing"):
        from opentelemetry.trace import NonRecordingSpan  # noqa: PLC0415  # loaded with the instrument

        # The span itself is this process's: in the child it would be ended a second time.
        placed = NonRecordingSpan(child.span.get_span_context())
        return _span._attach(_span._Context({**child.context, _span._SPAN_KEY: placed}))  # noqa: SLF001
    return None


def _started(child: Child, popen: Any) -> None:
    try:
        vars(popen)[_KEY] = child
        child.watched = weakref.ref(popen)
        child.started(popen.pid)
    except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
        faults.record("processes.multiprocessing", error)


def _wrap_end(original: Any, desk: Children) -> Any:
    switch = desk.switch

    def poll(self: Any, *args: Any, **kwargs: Any) -> Any:
        code = original(self, *args, **kwargs)
        try:
            child = getattr(self, _KEY, None) if code is not None and switch.on else None
            if child is not None:
                child.ended(code)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("processes.multiprocessing", error)
        return code

    return poll


def _wrap_passfds(original: Any, desk: Children) -> Any:
    here = desk.here

    def spawnv_passfds(*args: Any, **kwargs: Any) -> Any:
        if here.worker is None or len(args) < 2 or _CHILDS_OWN not in args[1]:  # noqa: PLR2004  # path, words, fds
            return original(*args, **kwargs)
        before, here.launching = here.launching, here.worker
        try:
            return original(*args, **kwargs)
        finally:
            here.launching = before

    return spawnv_passfds


class _Environ:
    """Pickled as os.environ of whoever reads the pickle."""

    def __reduce__(self) -> Any:
        return getattr, (_Os(), "environ")


class _Os:
    def __reduce__(self) -> Any:
        return importlib.import_module, ("os",)


class _Variable:
    """Sets a variable in the process that reads the pickle."""

    def __init__(self, name: str, value: str) -> None:
        self._item = (name, value)

    def __reduce__(self) -> Any:
        return operator.setitem, (_Environ(), *self._item)


def _wrap_preparation(original: Any, desk: Children) -> Any:
    here = desk.here

    def get_preparation_data(*args: Any, **kwargs: Any) -> Any:
        data = original(*args, **kwargs)
        child = here.worker
        if child is not None and child.how == "multiprocessing.forkserver":
            with quiet("processes.multiprocessing"):
                variables = child.variables()
                if variables:
                    data[_PLANTED] = [_Variable(*item) for item in variables.items()]
        return data

    return get_preparation_data


def _wrap_prepare(original: Any, desk: Children) -> Any:
    def prepare(*args: Any, **kwargs: Any) -> Any:
        if desk.switch.on and args and isinstance(args[0], dict) and _PLANTED in args[0]:
            with quiet("processes.multiprocessing"):
                _join()
        return original(*args, **kwargs)

    return prepare


def _join() -> None:
    """Join the trace in the child of a fork server which recorded already, and so knows no other than its own."""
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags  # noqa: PLC0415  # loaded

    incoming = read_incoming(os.environ, ("tracecontext",))
    if incoming.trace_id:
        parent = SpanContext(incoming.trace_id, incoming.span_id, True, TraceFlags(incoming.flags))
        current = _span._get_current()  # noqa: SLF001
        _span._attach(_span._Context({**current, _span._SPAN_KEY: NonRecordingSpan(parent)}))  # noqa: SLF001

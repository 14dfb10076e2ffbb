"""QProcess of PySide6, PyQt6, PySide2 and PyQt5: what Qt itself says of its child.

`start` is not wrapped (bindings.py says what that would break). When a program reaches for it, functions of ours
are connected to the object's signals, once, and these say all there is to say, whoever starts the process and how
often: Starting (with program, arguments and folder settled, and the environment not yet read), Running, finished,
errorOccurred. They hold the object weakly, and call nothing on it but when it has just called them.

The context goes into the process environment of the object between Starting and Running; a program that asks the
object for its environment in between finds its own. What the class starts without an object is in qstatics.py.
"""

from __future__ import annotations

import signal
import weakref
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults, guarded
from clientobs.instruments.bindings import Called, Reached
from clientobs.instruments.processes.child import begin
from clientobs.instruments.processes.command import command_of
from clientobs.instruments.processes.qstatics import Lent, as_exception, member_of, statics_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from clientobs.instruments.patching import Patches
    from clientobs.instruments.processes.child import Child
    from clientobs.instruments.processes.children import Children

__all__ = ["patch_qprocess"]

_STARTS: Final = ("start", "startCommand", "open")
_ENVIRONMENTS: Final = ("processEnvironment", "setProcessEnvironment", "environment", "setEnvironment")
_SIGNALS: Final = {"kill": getattr(signal, "SIGKILL", 9), "terminate": signal.SIGTERM}
_READS: Final = {"readAllStandardOutput": "stdout", "readAllStandardError": "stderr"}
_KEY: Final = "_clientobs_watch"


def patch_qprocess(core: ModuleType, desk: Children, patches: Patches) -> None:
    """Patch a binding's QProcess."""
    owner = core.QProcess
    watch = _watcher(core, desk)
    made: dict[str, Any] = {
        name: Reached(vars(owner)[name], watch) for name in _STARTS if name in vars(owner)
    }
    for name in _ENVIRONMENTS:
        if name in vars(owner):
            made[name] = Reached(vars(owner)[name], _give_back)
    for name, number in _SIGNALS.items():
        made[name] = Reached(vars(owner)[name], _signaller(int(number)))
    for name, stream in _READS.items():
        made[name] = Called(vars(owner)[name], _reader(stream))
    made.update(statics_of(core))
    for name, descriptor in made.items():
        patches.replace(owner, name, vars(owner)[name], descriptor)


class _Watch:
    """What is known of one QProcess object's child."""

    __slots__ = ("_core", "_process", "child", "lent")

    def __init__(self, process: Any, core: ModuleType) -> None:
        self._process = weakref.ref(process)
        self._core = core
        self.lent = Lent(core)
        self.child: Child | None = None

    def connect(self, process: Any) -> None:
        """Connect; functions and not methods, of which the bindings would keep nothing alive."""
        # Directly: asked for by a queue, the moment would be over. PySide6 makes the namespace `Qt` when somebody asks
        # for it first (26 ms, and half made to other threads meanwhile). Where the host never has, that is here, on the
        # thread that starts its first process; at import it would cost every host that starts none.
        now = getattr(self._core.Qt, "ConnectionType", self._core.Qt).DirectConnection
        process.stateChanged.connect(lambda state: self.changed(state), now)  # noqa: PLW0108  # see above
        ended = process.finished
        if (
            self._core.__name__ == "PySide2.QtCore"
        ):  # there are two of that name, and it takes the shorter one
            ended = ended[int, self._core.QProcess.ExitStatus]
        ended.connect(lambda code, status: self.finished(code, status), now)  # noqa: PLW0108  # see above
        process.errorOccurred.connect(lambda error: self.failed(error), now)  # noqa: PLW0108  # see above

    @guarded("processes.qprocess", default=None)
    def changed(self, state: Any) -> None:
        """Take that the process is about to start, or runs, or does no more."""
        process = self._process()
        if process is None:
            return
        kinds = getattr(self._core.QProcess, "ProcessState", self._core.QProcess)
        if state == member_of(kinds, self._core, "Starting"):
            words = [process.program(), *process.arguments()]
            self.child = begin(
                command_of(words), how="QProcess.start", cwd=process.workingDirectory() or None
            )
            if self.child is not None:
                self.lent.give(process, self.child)
            return
        self.lent.take_back(process)
        if state == member_of(kinds, self._core, "Running") and self.child is not None:
            self.child.started(int(process.processId()))

    @guarded("processes.qprocess", default=None)
    def finished(self, code: int, status: Any) -> None:
        """Take the end, which Qt has learned."""
        child, self.child = self.child, None
        if child is not None:
            kinds = getattr(self._core.QProcess, "ExitStatus", self._core.QProcess)
            child.ended(-code if status == member_of(kinds, self._core, "CrashExit") else code)

    @guarded("processes.qprocess", default=None)
    def failed(self, error: Any) -> None:
        """Take an error: that the process could not be started is its end."""
        kinds = getattr(self._core.QProcess, "ProcessError", self._core.QProcess)
        process, child = self._process(), self.child
        if child is None or error != member_of(kinds, self._core, "FailedToStart"):
            return
        self.child = None
        text = str(process.errorString()) if process is not None else ""
        child.not_started(as_exception(child, text))


def _watcher(core: ModuleType, desk: Children) -> Callable[[Any], None]:
    def watch(process: Any) -> None:
        if not desk.switch.on or _KEY in vars(process):
            return
        made = _Watch(process, core)
        try:
            made.connect(process)
        except RuntimeError:  # its C++ half is gone, as the program is about to be told
            return
        vars(process)[_KEY] = made

    return watch


def _signaller(number: int) -> Callable[[Any], None]:
    def about_to_signal(process: Any) -> None:
        child = getattr(vars(process).get(_KEY), "child", None)
        if child is not None:
            child.signalled(number)

    return about_to_signal


def _give_back(process: Any) -> None:
    watch = vars(process).get(_KEY)
    if watch is not None:
        watch.lent.take_back(process)


def _reader(stream: str) -> Callable[[Any], Callable[..., Any]]:
    def wrap(bound: Any) -> Callable[..., Any]:
        def read(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = bound(*args, **kwargs)
            try:
                child = getattr(vars(self).get(_KEY), "child", None)
                if child is not None:
                    child.wrote(stream, bytes(result))
            except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("processes.qprocess", error)
            return result

        return read

    return wrap

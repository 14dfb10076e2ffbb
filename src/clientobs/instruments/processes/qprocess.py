"""QProcess of PySide6, PyQt6, PySide2 and PyQt5: what Qt itself says of its child.

`start` is not wrapped (bindings.py says what that would break). When a program reaches for it, functions of ours
are connected to the object's signals, once, and these say all there is to say, whoever starts the process and how
often: Starting (with program, arguments and folder settled, and the environment not yet read), Running, finished,
errorOccurred. They hold the object weakly, and call nothing on it but when it has just called them.

The context goes into the process environment of the object between Starting and Running; a program that asks the
object for its environment in between finds its own. `execute` and the static `startDetached` inherit this process's
environment, and nothing is added to that: their children are recorded and get no context.
"""

from __future__ import annotations

import errno
import functools
import signal
import weakref
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults, guarded, quiet
from clientobs.instruments.bindings import Called, Reached, Static
from clientobs.instruments.processes.child import begin
from clientobs.instruments.processes.command import command_of

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
_NOT_STARTED, _CRASHED = -2, -1
"""What QProcess.execute answers with beside exit codes."""


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
    made["execute"] = Static(owner, "execute", fits=_is_command, call=_execute)
    made["startDetached"] = Static(
        owner, "startDetached", fits=_is_command_or_own, call=functools.partial(_start_detached, core)
    )
    for name, descriptor in made.items():
        patches.replace(owner, name, vars(owner)[name], descriptor)


class _Watch:
    """What is known of one QProcess object's child."""

    __slots__ = ("_core", "_own", "_process", "child")

    def __init__(self, process: Any, core: ModuleType) -> None:
        self._process = weakref.ref(process)
        self._core = core
        self._own: Any = None
        self.child: Child | None = None

    def connect(self, process: Any) -> None:
        """Connect; functions and not methods, of which the bindings would keep nothing alive."""
        # Directly: asked for by a queue, the moment would be over.
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
        if state == _named(kinds, self._core, "Starting"):
            words = [process.program(), *process.arguments()]
            self.child = begin(
                command_of(words), how="QProcess.start", cwd=process.workingDirectory() or None
            )
            if self.child is not None:
                self.lend(process, self.child)
            return
        self.give_back(process)
        if state == _named(kinds, self._core, "Running") and self.child is not None:
            self.child.started(int(process.processId()))

    @guarded("processes.qprocess", default=None)
    def finished(self, code: int, status: Any) -> None:
        """Take the end, which Qt has learned."""
        child, self.child = self.child, None
        if child is not None:
            kinds = getattr(self._core.QProcess, "ExitStatus", self._core.QProcess)
            child.ended(-code if status == _named(kinds, self._core, "CrashExit") else code)

    @guarded("processes.qprocess", default=None)
    def failed(self, error: Any) -> None:
        """Take an error: that the process could not be started is its end."""
        kinds = getattr(self._core.QProcess, "ProcessError", self._core.QProcess)
        process, child = self._process(), self.child
        if child is None or error != _named(kinds, self._core, "FailedToStart"):
            return
        self.child = None
        text = str(process.errorString()) if process is not None else ""
        child.not_started(_as_exception(child, text))

    def lend(self, process: Any, child: Child) -> None:
        """Put the child's context into the object's environment, for the moment of the launch."""
        own = process.processEnvironment()
        inherits = own.inheritsFromParent() if hasattr(own, "inheritsFromParent") else own.isEmpty()
        if own.isEmpty() and not inherits:
            return
        env = self._core.QProcessEnvironment.systemEnvironment() if inherits else process.processEnvironment()
        given = {name: env.value(name) for name in env.keys()}  # noqa: SIM118  # no mapping
        completed = child.environment(given)
        if completed is given:
            return
        for name in given.keys() - completed.keys():
            env.remove(name)
        for name, value in completed.items():
            if given.get(name) != value:
                env.insert(name, value)
        process.setProcessEnvironment(env)
        self._own = own

    def give_back(self, process: Any) -> None:
        """Set the program's own environment again; nothing where nothing of ours is in it."""
        own, self._own = self._own, None
        if own is not None:
            process.setProcessEnvironment(own)


def _named(kinds: Any, core: ModuleType, name: str) -> Any:
    # PyQt5 keeps the members in the class, PyQt6 in the enumeration alone.
    return getattr(kinds, name, None) if hasattr(kinds, name) else getattr(core.QProcess, name)


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
    if watch is not None and watch._own is not None:  # noqa: SLF001  # our own, and on every look at an environment
        watch.give_back(process)


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


def _is_command_or_own(instance: Any, *args: Any, **kwargs: Any) -> bool:
    return _is_command(instance, *args, **kwargs) or (instance is not None and not args and not kwargs)


def _is_command(_instance: Any, *args: Any, **kwargs: Any) -> bool:
    # Program, arguments, folder: what all four bindings take in the same way.
    if kwargs or not 1 < len(args) <= 3 or type(args[0]) is not str:  # noqa: PLR2004
        return False
    words = type(args[1]) is list and all(type(word) is str for word in args[1])
    return words and all(type(folder) is str for folder in args[2:])


def _execute(own: Any, _instance: Any, *args: Any) -> Any:
    child = begin(command_of([args[0], *args[1]]), how="QProcess.execute")
    if child is None:
        return own(*args)
    try:
        code = own(*args)
    except BaseException as error:
        child.not_started(error)
        raise
    if code == _NOT_STARTED:
        child.not_started(_as_exception(child, ""))
    else:
        child.ended(None if code == _CRASHED else code)
    return code


def _start_detached(core: ModuleType, own: Any, instance: Any, *args: Any) -> Any:
    words, folder, watch = [], None, None
    with quiet("processes.qprocess"):
        if args:
            words, folder = [args[0], *args[1]], args[2] if len(args) > 2 else None  # noqa: PLR2004
        else:  # what the object was told before
            words, folder = [instance.program(), *instance.arguments()], instance.workingDirectory() or None
            watch = _Watch(instance, core)
    child = begin(command_of(words), how="QProcess.startDetached", cwd=folder)
    if child is None:
        return own(*args)
    try:
        if watch is not None:
            with quiet("processes.qprocess"):
                watch.lend(instance, child)
        result = own(*args)
    except BaseException as error:
        child.not_started(error)
        raise
    finally:
        if watch is not None:
            with quiet("processes.qprocess"):
                watch.give_back(instance)
    _tell_detached(child, result)
    return result


def _tell_detached(child: Child, result: Any) -> None:
    done, pid = result if isinstance(result, tuple) else (result, 0)
    if not done:
        child.not_started(_as_exception(child, ""))
        return
    if pid:
        child.started(int(pid))
    child.detached()


def _as_exception(child: Child, text: str) -> OSError:
    """Return what subprocess would have raised; Qt has a text for it, in the language of the machine, or none."""
    if not text or "No such file" in text or "not found" in text:
        return FileNotFoundError(errno.ENOENT, "No such file or directory", child.command.executable)
    return OSError(text)

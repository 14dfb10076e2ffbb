"""What QProcess starts without an object of the program's: `execute`, and the static `startDetached`.

Both inherit this process's environment, which nothing is ever put into. But both are, in Qt's own sources, a few lines
around an object that lives as long as the call (qprocess.cpp, the same in Qt 5.10 to 6): so the same lines are written
here, and that object gets the environment with the context in it. What no object can express is the binding's own
call, recorded and without context: a command line as one text (Qt 5), and the pid of a detached child, which the
static function of PySide answers with and its objects do not.

PySide's objects have a `startDetached` that no class can stand in the way of: it is not seen at all.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet
from clientobs.instruments.bindings import Static
from clientobs.instruments.processes.child import begin
from clientobs.instruments.processes.command import command_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from clientobs.instruments.processes.child import Child

__all__ = ["Lent", "as_exception", "member_of", "statics_of"]

_NOT_STARTED, _CRASHED = -2, -1
"""What QProcess.execute answers with beside exit codes."""
_FOLDER: Final = 3
"""Arguments of startDetached with a working directory."""


class Lent:
    """The child's context in the environment of a QProcess object, for the moment of the launch."""

    __slots__ = ("_core", "_own")

    def __init__(self, core: ModuleType) -> None:
        self._core = core
        self._own: Any = None

    def give(self, process: Any, child: Child) -> bool:
        """Put the context into the object's environment; say whether there is any to put."""
        own = process.processEnvironment()
        inherits = own.inheritsFromParent() if hasattr(own, "inheritsFromParent") else own.isEmpty()
        if own.isEmpty() and not inherits:
            return False
        env = self._core.QProcessEnvironment.systemEnvironment() if inherits else process.processEnvironment()
        given = {name: env.value(name) for name in env.keys()}  # noqa: SIM118  # no mapping
        completed = child.environment(given)
        if completed is given:
            return False
        for name in given.keys() - completed.keys():
            env.remove(name)
        for name, value in completed.items():
            if given.get(name) != value:
                env.insert(name, value)
        process.setProcessEnvironment(env)
        self._own = own
        return True

    def take_back(self, process: Any) -> None:
        """Set the program's own environment again; nothing where nothing of ours is in it."""
        own, self._own = self._own, None
        if own is not None:
            process.setProcessEnvironment(own)


def statics_of(core: ModuleType) -> dict[str, Static]:
    """Return what stands for the two functions, made before anything of the class is patched."""
    owner = core.QProcess
    calls = _Calls(core, start=vars(owner)["start"], detach=vars(owner)["startDetached"])
    return {
        "execute": Static(owner, "execute", fits=_is_command, call=calls.execute),
        "startDetached": Static(owner, "startDetached", fits=_is_command_or_own, call=calls.start_detached),
    }


class _Calls:
    """The two functions; what they call is the binding's own, which tells us of no second child."""

    def __init__(self, core: ModuleType, *, start: Any, detach: Any) -> None:
        self._core = core
        self._start = start
        self._detached = detach
        self._is_pyside = core.__name__.startswith("PySide")
        self._is_qt5 = core.__name__.startswith(("PySide2", "PyQt5"))

    def execute(self, own: Any, _instance: Any, *args: Any) -> Any:
        """Do as QProcess.execute does."""
        child = begin(command_of(self._words(args)), how="QProcess.execute")
        if child is None:
            return own(*args)
        process = self._lent_process(child, args)
        try:
            code = own(*args) if process is None else self._run(process, *args)
        except BaseException as error:
            child.not_started(error)
            raise
        if code == _NOT_STARTED:
            child.not_started(as_exception(child, ""))
        else:
            child.ended(None if code == _CRASHED else code)
        return code

    def start_detached(self, own: Any, instance: Any, *args: Any) -> Any:
        """Do as QProcess.startDetached does, of the class or of an object."""
        words, folder = [], None
        with quiet("processes.qprocess"):
            if args:
                words, folder = self._words(args), args[2] if len(args) == _FOLDER else None
            else:  # what the object was told before
                words, folder = (
                    [instance.program(), *instance.arguments()],
                    instance.workingDirectory() or None,
                )
        child = begin(command_of(words), how="QProcess.startDetached", cwd=folder)
        if child is None:
            return own(*args)
        try:
            result = self._detach_static(own, child, *args) if args else self._detach(own, instance, child)
        except BaseException as error:
            child.not_started(error)
            raise
        _tell_detached(child, result)
        return result

    def _words(self, args: tuple[Any, ...]) -> list[str]:
        if len(args) == 1 and self._is_qt5:
            split: Callable[[str], list[str]] | None = getattr(self._core.QProcess, "splitCommand", None)
            return list(split(args[0])) if split is not None else args[0].split()
        return [args[0], *(args[1] if len(args) > 1 else ())]

    def _lent_process(self, child: Child, args: tuple[Any, ...]) -> Any:
        """Return an object that can stand for the one in Qt's own call, None where none can."""
        with quiet("processes.qprocess"):
            if len(args) > 1 or not self._is_qt5:
                process = self._core.QProcess()
                if Lent(self._core).give(process, child):
                    return process
        return None

    def _run(self, process: Any, program: str, arguments: Any = ()) -> int:
        """Do as the body of QProcess::execute does."""
        owner = self._core.QProcess
        modes = getattr(owner, "ProcessChannelMode", owner)
        process.setProcessChannelMode(member_of(modes, self._core, "ForwardedChannels"))
        self._start.__get__(process, owner)(program, list(arguments))
        errors, statuses = getattr(owner, "ProcessError", owner), getattr(owner, "ExitStatus", owner)
        failed = member_of(errors, self._core, "FailedToStart")
        if not process.waitForFinished(-1) or process.error() == failed:
            return _NOT_STARTED
        normal = member_of(statuses, self._core, "NormalExit")
        return int(process.exitCode()) if process.exitStatus() == normal else _CRASHED

    def _detach(self, own: Any, instance: Any, child: Child) -> Any:
        lent = Lent(self._core)
        with quiet("processes.qprocess"):
            lent.give(instance, child)
        try:
            return own()
        finally:
            with quiet("processes.qprocess"):
                lent.take_back(instance)

    def _detach_static(self, own: Any, child: Child, *args: Any) -> Any:
        """Do as the body of the static QProcess::startDetached does; the answer as each binding gives it."""
        tells_pid = not self._is_qt5 or len(args) == _FOLDER
        if tells_pid and self._is_pyside:
            return own(*args)
        process = self._lent_process(child, args)
        if process is None:
            return own(*args)
        process.setProgram(args[0])
        process.setArguments(list(args[1]) if len(args) > 1 else [])
        if len(args) == _FOLDER:
            process.setWorkingDirectory(args[2])
        # PySide hands its own function to an object, past the class; PyQt hands out what stands in the class.
        detach = process.startDetached if self._is_pyside else self._detached.__get__(process)
        result = detach()
        return result if tells_pid or not isinstance(result, tuple) else result[0]


def member_of(kinds: Any, core: ModuleType, name: str) -> Any:
    """Return a member of an enumeration: PyQt5 keeps them in the class, PyQt6 in the enumeration alone."""
    return getattr(kinds, name, None) if hasattr(kinds, name) else getattr(core.QProcess, name)


def _is_command_or_own(instance: Any, *args: Any, **kwargs: Any) -> bool:
    return _is_command(instance, *args, **kwargs) or (instance is not None and not args and not kwargs)


def _is_command(_instance: Any, *args: Any, **kwargs: Any) -> bool:
    # Program, arguments, folder: what all four bindings take in the same way.
    if kwargs or not 0 < len(args) <= _FOLDER or type(args[0]) is not str:
        return False
    words = len(args) == 1 or (type(args[1]) in (list, tuple) and all(type(word) is str for word in args[1]))
    return words and all(type(folder) is str for folder in args[2:])


def _tell_detached(child: Child, result: Any) -> None:
    done, pid = result if isinstance(result, tuple) else (result, 0)
    if not done:
        child.not_started(as_exception(child, ""))
        return
    if pid:
        child.started(int(pid))
    child.detached()


def as_exception(child: Child, text: str) -> OSError:
    """Return what subprocess would have raised; Qt has a text for it, in the language of the machine, or none."""
    if not text or "No such file" in text or "not found" in text:
        return FileNotFoundError(errno.ENOENT, "No such file or directory", child.command.executable)
    return OSError(text)

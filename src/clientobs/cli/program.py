"""The span of a program that runs under `clientobs run`: open before its first line, ended by its exit.

A program that knows nothing of clientobs leaves a trace by it: how long the program ran, how it ended, what it
started, and whatever OpenTelemetry instrumentation it uses, below one root. It is opened where a plain Python
interpreter runs a script or a module (`-m`); not for `-c`, by which multiprocessing, pytest-xdist and build
tools start their workers, not for a prompt, and not for the programs in `_NO_PROGRAMS`.

How the program ended is told by what CPython leaves behind: `sys.last_value` after an uncaught exception, and
`__main__.__file__`, which it takes away when a script has run to its end and leaves there when SystemExit
ended it. The code of that SystemExit is that of the last `sys.exit()` on the main thread; where there was none, as
with a bare `raise SystemExit(3)` in a script, no code is recorded, rather than a wrong one. A script that can't be
opened ends without a word to anybody; `__main__` then has the loader that it had before.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import clientobs
from clientobs import semconv
from clientobs._guarded import quiet
from clientobs.config import environment
from clientobs.config.resolve import resolve
from clientobs.drain.launch.interpreter import named_like_python
from clientobs.hosts import presence
from clientobs.record import recorder as _recorder
from clientobs.record.span import span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clientobs.runtime.runtime import Runtime

__all__ = ["NO_SPAN_VARIABLE", "PARENT_VARIABLE", "Program", "program_name", "service_of", "start"]

NO_SPAN_VARIABLE: Final = "_CLIENTOBS_RUN_NO_SPAN"
PARENT_VARIABLE: Final = "_CLIENTOBS_RUN_PROGRAM"
"""The name that workers without one of their own (`python -c`) record under."""

_INSTALLERS: Final = frozenset(
    {
        "_in_process", "build", "compileall", "ensurepip", "pip", "py_compile", "pyproject_hooks", "venv",
        "virtualenv",
    }
)  # fmt: skip
"""Other programs start them by the dozen."""
_PROMPTS: Final = frozenset(
    {
        "asyncio", "bpython", "code", "idle", "idlelib", "ipykernel", "ipykernel_launcher", "ipython", "jupyter",
        "jupyter_client", "notebook", "ptpython",
    }
)  # fmt: skip
"""Prompts and kernels: a trace as long as a working day helps nobody."""
_NO_PROGRAMS: Final = _INSTALLERS | _PROMPTS | {"", "clientobs", "multiprocessing"}
_ENDING: Final = re.compile(r"(-script)?(\.pyw?|\.exe)?$", re.IGNORECASE)
_VERSION: Final = re.compile(r"[\d.]+$")
_WITH_VALUE: Final = "WX"
_NOT_OPENED: Final = 2
"""CPython's exit code where it can't open the script."""
_INTERRUPTED: Final = -2
"""process.exit.code of a program that Ctrl-C ended: CPython ends by the signal itself."""


def start() -> Runtime:
    """Call init(), under the program's own name where nobody has named the service, and open its span."""
    environ = environment.current()
    name = program_name(getattr(sys, "argv", ()), sys.orig_argv)
    called = service_of(name) if name else environ.get(PARENT_VARIABLE, "")
    unnamed = resolve({}, environ=environ, strict=False).source("service.name").kind == "default"
    runtime = clientobs.init(called) if called and unnamed else clientobs.init()
    runtime.preloaded = True
    if name and runtime.running and not environ.get(NO_SPAN_VARIABLE) and _is_for_us():
        with quiet("run.program"):
            Program(name).begin(runtime)
    return runtime


def _is_for_us() -> bool:
    # Debian's Blender says that it is /usr/bin/python3: the running program's own name counts too.
    own = presence.executable_name()
    return not sys.flags.inspect and named_like_python(sys.executable or "") and named_like_python(own)


def program_name(argv: Sequence[str], original: Sequence[str]) -> str | None:
    """Return what the program is called: its script or module; None where there is none that is worth a trace.

    `argv` is sys.argv as it is before the program begins, `original` sys.orig_argv.

    >>> program_name(["/show/bin/publish.py", "sh0040"], [])
    'publish.py'
    >>> program_name(["-m", "x"], ["python3", "-W", "error", "-Im", "publish.cli", "x"])
    'publish.cli'
    >>> program_name(["-c"], ["python3", "-c", "pass"]) is program_name(["/usr/bin/pip3.11"], []) is None
    True
    """
    first = argv[0] if argv else ""
    if first == "-m":
        module = _module_of(original)
        return None if module.partition(".")[0].lower() in _NO_PROGRAMS else module
    if first in ("", "-", "-c"):
        return None
    script = os.path.basename(first.rstrip("/\\"))
    if script == "__main__.py":
        script = os.path.basename(os.path.dirname(os.path.abspath(first)))
    return None if _VERSION.sub("", _ENDING.sub("", script)).lower() in _NO_PROGRAMS else script


def _module_of(original: Sequence[str]) -> str:
    """Find the module in a command line of the interpreter: `-m name`, `-Imname`, behind options with values."""
    words = iter(original[1:])
    for word in words:
        for at, letter in enumerate(word[1:], 1):
            if letter == "m":
                return word[at + 1 :] or next(words, "")
            if letter in _WITH_VALUE:
                if at == len(word) - 1:
                    next(words, "")
                break
            if letter == "-":  # --check-hash-based-pycs is the only one that takes a value
                next(words, "")
                break
    return ""


def service_of(name: str) -> str:
    """Return what the service is called whose program has this name: without the ending of a script."""
    return _ENDING.sub("", name) or name


class Program:
    """Holds the open span of this process's program, and what is known of how it ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._main = vars(sys.modules["__main__"])
        self._loader = self._main.get("__loader__")
        self._ran_out: bool | None = None
        self._status: Any = None
        self._exit_called = False
        self._undo: Callable[[], None] | None = None

    def begin(self, runtime: Runtime) -> None:
        """Open the span, make it the parent of all that follows here and below, and watch for the end."""
        self._span = span(self.name, **{semconv.PROCESS_COMMAND_ARGS: list(sys.orig_argv)})
        recorded: Any = self._span.__enter__()
        self._recorded = recorded
        recorder = _recorder.active()
        if recorder is not None:  # spans of other threads have no context of ours
            recorder.origin.parent, recorder.origin.link = recorded.get_span_context(), None
        carried = clientobs.carrier()
        # BAGGAGE too: by it what a farm's task starts is told from the next task (runtime/origin.py).
        os.environ.update(carried)
        os.environ[PARENT_VARIABLE] = service_of(self.name)
        if sys.argv[0] == "-m":
            self._watch_module()
        else:
            self._watch_exit()
        runtime.endings.append(self.end)

    def _watch_exit(self) -> None:
        original = sys.exit

        @functools.wraps(original)
        def leave(*arguments: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                self._status, self._exit_called = arguments[0] if arguments else None, True
            return original(*arguments)

        def undo() -> None:
            if sys.exit is leave:
                sys.exit = original

        sys.exit = leave
        self._undo = undo

    def _watch_module(self) -> None:
        import runpy  # noqa: PLC0415  # what `-m` imports next

        # No other place sees how a module ends; the price is one more line in its tracebacks.
        original: Any = runpy._run_module_as_main  # type: ignore[attr-defined]  # noqa: SLF001

        @functools.wraps(original)
        def run(*arguments: Any, **options: Any) -> Any:
            try:
                result = original(*arguments, **options)
            except SystemExit as error:
                self._status, self._exit_called, self._ran_out = error.code, True, False
                raise
            except BaseException:
                self._ran_out = True
                raise
            self._ran_out = True
            return result

        runpy._run_module_as_main = run  # type: ignore[attr-defined]  # noqa: SLF001

    def end(self, evidence: str) -> None:
        """End the span; `evidence` is how the process ends: "atexit", "os._exit 3", "exec name", "shutdown()"."""
        if self._undo is not None:
            self._undo()
        error: BaseException | None = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        way, code = self._how(evidence, error)
        self._recorded.set_attribute(semconv.EXIT_WAY, way)
        if code is not None:
            self._recorded.set_attribute(semconv.PROCESS_EXIT_CODE, code)
        if error is not None and (way == "exception" or (way == "os._exit" and code)):
            self._span.__exit__(type(error), error, error.__traceback__)
        else:
            if code:
                self._failed(code)
            self._span.__exit__(None, None, None)
        self._status = None  # may be an object of the program's

    def _how(self, evidence: str, error: BaseException | None) -> tuple[str, int | None]:
        """Return how the program ends, and its exit code where that is known."""
        way, _, detail = evidence.partition(" ")
        if way == "os._exit":
            return way, int(detail) if detail.lstrip("-").isdigit() else None
        if way != "atexit":
            return way.removesuffix("()"), None
        ran_out = self._ran_out if self._ran_out is not None else "__file__" not in self._main
        if not ran_out:
            return ("sys.exit", _exit_code(self._status)) if self._exit_called else ("SystemExit", None)
        if error is None:
            begun = self._ran_out is not None or self._main.get("__loader__") is not self._loader
            if begun:
                return "ran_out", 0
            self._status = "the script can't be opened"
            return "not_opened", _NOT_OPENED
        interrupted = isinstance(error, KeyboardInterrupt) and os.name == "posix"
        return "exception", _INTERRUPTED if interrupted else 1

    def _failed(self, code: int) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415  # loaded with the SDK

        message = f": {self._status}" if isinstance(self._status, str) else ""
        self._recorded.set_attribute(semconv.TOOL_OUTCOME, "failed")
        self._recorded.set_attribute(semconv.ERROR_TYPE, "SystemExit")
        self._recorded.set_status(StatusCode.ERROR, f"exit code {code}{message}")


def _exit_code(status: object) -> int:
    """Return what CPython makes of the argument of sys.exit()."""
    if status is None:
        return 0
    if isinstance(status, int):
        return int(status) & 0xFF if os.name == "posix" else int(status)
    return 1

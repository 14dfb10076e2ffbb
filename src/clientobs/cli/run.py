"""`clientobs run [OPTIONS] [--] COMMAND [ARGUMENT ...]`: the command runs with clientobs active.

The command replaces this process (exec), so that arguments, exit code, signals, standard streams, process
number and process group are its own. What is added is one folder at the head of PYTHONPATH, whose
sitecustomize.py switches clientobs on in every Python that starts below (`preload/`). Where Python itself has
changed what a child would inherit (ignored signals, a coerced locale), that is undone first.

Windows has no exec that keeps the process: there a child is started and waited for.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import sysconfig
from typing import TYPE_CHECKING, Final

from clientobs.cli.main import USAGE
from clientobs.cli.parser import command_parser

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

    from clientobs.cli.main import Invocation

__all__ = ["NOT_EXECUTABLE", "NOT_FOUND", "PRELOAD", "environment_for", "run", "split"]

NOT_EXECUTABLE, NOT_FOUND = 126, 127
_HERE: Final = os.path.dirname(os.path.abspath(__file__))
PRELOAD: Final = os.path.join(_HERE, "preload")
LEND_VARIABLE: Final = "_CLIENTOBS_RUN_LEND"
NO_SPAN_VARIABLE: Final = "_CLIENTOBS_RUN_NO_SPAN"
VERBOSE_VARIABLE: Final = "_CLIENTOBS_RUN_VERBOSE"
_WITH_VALUE: Final = frozenset({"--service", "--dcc"})
_COERCED: Final = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
_DESCRIPTION: Final = """\
Run COMMAND with clientobs active in every Python (3.10 or newer) that it starts.
Arguments, exit code, signals and standard streams are the command's own.

Each Python script or module (-m) that runs gets one span, from its start to its exit, with its command line
(secrets replaced), its exit code and what it failed with; scripts that it starts itself are below it in the
trace. `python -c`, prompts, pip and worker processes get none."""
_EXIT_CODES: Final = "exit codes: the command's own; 126 it cannot be executed, 127 it was not found"


def run(invocation: Invocation) -> int:
    """Replace this process by the command; return only where that fails."""
    own, command = split(invocation.arguments)
    parser = _parser()
    options = parser.parse_args(own)
    if not command:
        parser.error("which command? for example: clientobs run -- python publish.py")
    environ = environment_for(
        invocation.environ, service=options.service, span=not options.no_span, verbose=options.verbose
    )
    try:
        if options.farm or options.dcc:
            return _supervise(command, environ, options)
        return _start(command, environ)
    except FileNotFoundError:
        return _refuse(invocation.stderr, f"{command[0]}: command not found", NOT_FOUND)
    except OSError as error:
        return _refuse(invocation.stderr, f"{command[0]}: {error.strerror}", NOT_EXECUTABLE)
    except ValueError as error:  # a NUL in an argument
        return _refuse(invocation.stderr, f"{command[0]}: {error}", USAGE)


def _parser() -> argparse.ArgumentParser:
    usage = "clientobs run [OPTIONS] [--] COMMAND [ARGUMENT ...]"
    parser = command_parser("run", _DESCRIPTION, epilog=_EXIT_CODES, usage=usage)
    parser.add_argument("--service", metavar="NAME", help="service.name of what is recorded")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--farm",
        action="store_true",
        help="the command is a task of a farm, in whatever language: a trace of its own, linked to the submission",
    )
    kinds.add_argument(
        "--dcc",
        metavar="NAME",
        help="the command launches this application (maya, houdini ...): tell when it does not come up, and why",
    )
    parser.add_argument(
        "--last-words",
        action="store_true",
        help="with --farm: stand between the command and its pipes, to tell what it said last if it fails",
    )
    parser.add_argument(
        "--no-span",
        action="store_true",
        help="open no span for a program as a whole: for servers and tools that stay open all day",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="each Python says on stderr whether clientobs is active in it"
    )
    return parser


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return our own options and the command; its arguments are never looked into.

    >>> split(["--service", "tool", "--", "python", "--", "x"])
    (['--service', 'tool'], ['python', '--', 'x'])
    >>> split(["python", "--version"])
    ([], ['python', '--version'])
    """
    at = 0
    while at < len(arguments):
        word = arguments[at]
        if word == "--":
            return list(arguments[:at]), list(arguments[at + 1 :])
        if not word.startswith("-"):
            break
        at += 2 if word in _WITH_VALUE else 1
    return list(arguments[:at]), list(arguments[at:])


def environment_for(
    environ: Mapping[str, str], *, service: str | None = None, span: bool = True, verbose: bool = False
) -> dict[str, str]:
    """Return the environment of the command: the caller's own, and clientobs at the head of PYTHONPATH."""
    result = dict(environ)
    _undo_coercion(result)
    before = [entry for entry in result.get("PYTHONPATH", "").split(os.pathsep) if entry != PRELOAD]
    result["PYTHONPATH"] = os.pathsep.join([PRELOAD, *(entry for entry in before if before != [""])])
    result[LEND_VARIABLE] = os.pathsep.join([_interpreter_tag(), *_folders_to_lend()])
    if service:
        result["OTEL_SERVICE_NAME"] = service
    if not span:
        result[NO_SPAN_VARIABLE] = "1"
    if verbose:
        result[VERBOSE_VARIABLE] = "1"
    return result


def _interpreter_tag() -> str:
    return f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}"


def _folders_to_lend() -> list[str]:
    """Return where this interpreter finds clientobs and what it needs, for one that lacks them."""
    paths = sysconfig.get_paths()
    ours = os.path.dirname(os.path.dirname(_HERE))
    return list(dict.fromkeys([ours, paths["purelib"], paths["platlib"]]))


def _undo_coercion(environ: dict[str, str]) -> None:
    """Take out the LC_CTYPE that CPython itself sets at start under the C locale (PEP 538)."""
    if environ.get("LC_CTYPE") not in _COERCED:
        return
    try:
        with open("/proc/self/environ", "rb") as file:
            given = file.read()
    except OSError:
        return  # elsewhere it cannot be told from the user's own, which must stay
    if not any(entry.startswith(b"LC_CTYPE=") for entry in given.split(b"\0")):
        del environ["LC_CTYPE"]


def _start(command: list[str], environ: dict[str, str]) -> int:
    if sys.platform == "win32":
        return _wait_for(command, environ)
    # CPython ignores these two for itself, and a child would inherit that: `yes | head` would never end.
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    return os.execvpe(command[0], command, environ)  # noqa: S606  # the user's own command


def _supervise(command: list[str], environ: dict[str, str], options: argparse.Namespace) -> int:
    from clientobs.cli.supervise.command import Options, supervise  # noqa: PLC0415  # exec needs none of it

    return supervise(
        command,
        environ,
        Options(
            farm=options.farm,
            dcc=options.dcc or "",
            service=options.service or "",
            last_words=options.last_words,
        ),
    )


def _wait_for(command: list[str], environ: dict[str, str]) -> int:
    import subprocess  # noqa: PLC0415  # Windows only

    program = shutil.which(command[0], path=environ.get("PATH"))
    if program is None:
        raise FileNotFoundError(command[0])
    # Ctrl-C reaches every process of the console: the child decides, we only wait.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with subprocess.Popen([program, *command[1:]], env=environ) as child:  # noqa: S603
        return child.wait()


def _refuse(stderr: TextIO, message: str, code: int) -> int:
    print(f"clientobs run: {message}", file=stderr)
    return code

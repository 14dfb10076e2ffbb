"""The program that a launched interpreter runs: let go of the host, judge the interpreter, become the drain.

Run as a script (`python -I .../start.py --home H --destination D`), by an interpreter of which only the
name is known. So this file keeps to what any Python 3.6 can read, and imports clientobs only after its own
checks. An interpreter that is too old, or can't import what the drain needs, hands on to the next candidate
by exec.
"""

import contextlib
import json
import os
import signal
import sys

__all__ = ["FAILURE", "LAST_WORDS", "hand_on", "leave_word", "let_go_of_host", "main", "run_from_copy"]

OLDEST = (3, 10)
_IMPORT_PATH = "CLIENTOBS_DRAIN_IMPORT_PATH"
_CANDIDATES = "CLIENTOBS_DRAIN_CANDIDATES"
_COPY = "CLIENTOBS_DRAIN_COPY"
_UNFIT = "CLIENTOBS_DRAIN_UNFIT"
FAILURE = "interpreter.failed"
LAST_WORDS = "last-words.txt"
_MAX_WORDS = 8000
# Where cores are scarce the host goes first: at its own priority the drain would take the core from a span for a
# whole time slice (4 ms). Enough is left to deliver within seconds on a machine that renders on all cores.
_NICENESS = 10


def let_go_of_host(home: str) -> None:
    """Take off what a process inherits: descriptors, terminal, session, signals, priority, folder, umask."""
    os.umask(0o077)
    try:
        os.chdir(home)
    except OSError:
        os.chdir(os.path.abspath(os.sep))  # the home has just gone: any folder but the host's will do
    if os.name == "posix":
        _close_descriptors()
        _reset_signals()
        _reset_limits()


def _close_descriptors() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    # The kernel's list, not a range up to the limit: that may be a milliard.
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    for number in [int(name) for name in os.listdir(folder) if name.isdigit()]:
        if number > 2:  # noqa: PLR2004  # 0, 1 and 2 are the standard streams
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed by now
                os.close(number)


def _reset_signals() -> None:
    for number in range(1, signal.NSIG):
        # CPython relies on two of them being ignored: a write to a closed socket must be an exception.
        if number not in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            with contextlib.suppress(OSError, ValueError):  # SIGKILL, SIGSTOP and the C library's own
                signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _reset_limits() -> None:
    import resource  # noqa: PLC0415  # POSIX only

    with contextlib.suppress(PermissionError):  # the launcher has done it
        os.setsid()
    with contextlib.suppress(PermissionError):  # where the system forbids even to lower it
        # A farm's jobs may run lower still: not to be raised, which root's would be.
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    # The environment holds credentials; a core file would put them on disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def hand_on(reason: str, home: str) -> None:
    """Replace this interpreter by the next candidate; where none is left, write down why and end."""
    unfit = [*json.loads(os.environ.get(_UNFIT, "[]")), [sys.executable, reason]]
    candidates = [each for each in json.loads(os.environ.get(_CANDIDATES, "[]")) if each != sys.executable]
    if not candidates:
        with open(os.path.join(home, "drain", FAILURE), "w") as file:  # ASCII by json
            json.dump({"unfit": unfit}, file)
        sys.exit(78)
    os.environ[_UNFIT] = json.dumps(unfit)
    os.environ[_CANDIDATES] = json.dumps(candidates[1:])
    _become(candidates[0], os.path.abspath(__file__))


def _become(python: str, script: str) -> None:
    command = [python, "-I", "-X", "utf8", script, *sys.argv[1:]]
    if os.name == "posix":
        os.execve(python, command, dict(os.environ))  # noqa: S606  # judged by its name (interpreter.py)
    import subprocess  # noqa: PLC0415  # Windows has no exec: it would not quote, and give the new one our end

    subprocess.Popen(  # noqa: S603  # judged by its name (interpreter.py)
        command, close_fds=True, creationflags=0x00000008 | 0x00000200
    )  # detached, own group
    sys.exit(0)


def run_from_copy(version_of_copy: str, home: str) -> None:
    """Make the local copy of the code and go on from there; from the network only where that fails."""
    from clientobs.drain.launch import localcopy  # noqa: PLC0415  # needs the import path

    try:
        copy = localcopy.make(home, version_of_copy, json.loads(os.environ[_IMPORT_PATH]))
    except OSError:
        return  # a full disk: the drain still is worth more than none, and `status` tells where it runs from
    del os.environ[_COPY]
    os.environ[_IMPORT_PATH] = json.dumps([copy])
    _become(sys.executable, os.path.join(copy, "clientobs", "drain", "launch", os.path.basename(__file__)))


def main() -> None:
    """Become the drain."""
    home = os.path.abspath(sys.argv[sys.argv.index("--home") + 1])
    let_go_of_host(home)
    if sys.version_info < OLDEST or sys.implementation.name != "cpython":
        hand_on("Python {}.{} is too old".format(*sys.version_info[:2]), home)
    folders = json.loads(os.environ.get(_IMPORT_PATH, "[]"))
    sys.path[:] = folders + [
        place for place in sys.path if place != os.path.dirname(os.path.abspath(__file__))
    ]
    # Only a local copy may have .pyc files written beside it; an installation on the NAS is read by all.
    sys.dont_write_bytecode = not (folders and folders[0].startswith(home + os.sep))
    try:
        if _COPY in os.environ:
            run_from_copy(os.environ[_COPY], home)
        from clientobs.drain.__main__ import main as drain  # noqa: PLC0415
    except ImportError as error:
        hand_on(f"can't import what the drain needs: {error}", home)
    else:
        sys.exit(drain(sys.argv[1:]))


def leave_word() -> None:
    """Write the fault that ends this drain where `clientobs doctor` finds it: nobody sees its stderr."""
    import traceback  # noqa: PLC0415  # only where something went wrong

    place = os.path.join(os.path.abspath(sys.argv[sys.argv.index("--home") + 1]), "drain", LAST_WORDS)
    with open(place, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(traceback.format_exc()[-_MAX_WORDS:])


if __name__ == "__main__":
    try:
        main()
    except Exception:
        leave_word()
        raise

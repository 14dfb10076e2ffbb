"""A workstation of a test: one journal home, hosts that are real processes, and the drains that they start.

    with Workstation(tmp_path, receiver.base) as desk:
        host = desk.start('clientobs.init("tool"); say("ready"); wait()')
        host.heard() == "ready"
        host.kill()

A host's program begins with `import clientobs, json, os, signal, sys`. `say(value)` hands a value to the test,
`wait()` stops until the test calls `go()`, or ends the host's input by `end()`.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from clientobs.drain.service.state import DrainState, read_states
from support.processes import end_processes_in, processes_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    import psutil
    from typing_extensions import Self

__all__ = ["Host", "Workstation", "until"]

SOURCE: Final = Path(__file__).resolve().parents[2] / "src"
PATIENCE: Final = 30.0
"""Seconds that a test waits for what other processes do, on a machine that has other work."""

_PRELUDE: Final = """\
import clientobs, json, os, signal, sys
def say(value): os.write(1, json.dumps(value).encode() + b"\\n")
def wait(): sys.stdin.readline()
"""
_OURS: Final = ("CLIENTOBS_", "OTEL_", "TRACEPARENT", "TRACESTATE", "BAGGAGE")


class Host:
    """A running program that uses clientobs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pid = process.pid

    def heard(self, patience: float = PATIENCE) -> Any:
        """Wait for the next thing that the host says, and return it."""
        ready, _, _ = select.select([self._stdout], [], [], patience)
        assert ready, f"the host said nothing within {patience} s"
        line = self._stdout.readline()
        assert line, f"the host ended without a word: {self._errors()}"
        return json.loads(line)

    def go(self) -> None:
        """Let the host go on from its `wait()`."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self, patience: float = PATIENCE) -> int:
        """Let the host run to its end, and return its exit code (negative: a signal)."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        return self.process.wait(patience)

    def kill(self, number: int = 9) -> int:
        """Send a signal (SIGKILL, which Windows has no name for), wait for the end, and return the exit code."""
        os.kill(self.pid, number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End the process, if it still runs, and let go of its pipes."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    @property
    def _stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def _errors(self) -> str:
        self.process.wait(PATIENCE)
        return self.process.stderr.read().decode(errors="replace") if self.process.stderr else ""


class Workstation:
    """One journal home under `folder`, whose hosts deliver to `endpoint` unless they are told otherwise."""

    def __init__(
        self, folder: Path, endpoint: str = "", *, home: Path | None = None, **settings: str
    ) -> None:
        self.folder = folder
        self.home = home or folder / "home"
        self.began_ns = time.time_ns()
        self.login = "kim.artist"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self.environ = {
            **inherited,
            "PYTHONPATH": str(SOURCE),
            "CLIENTOBS_HOME": str(self.home),
            "LOGNAME": self.login,
            # Where the tests run in a container, exit would wait for delivery: that is one test's subject.
            "CLIENTOBS_EXIT_FLUSH": "0",
            **({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {}),
            **settings,
        }
        self._hosts: list[Host] = []

    def start(
        self, program: str, *arguments: str, environ: Mapping[str, str] | None = None, **options: Any
    ) -> Host:
        """Start a host."""
        process = subprocess.Popen(
            self.command(program, *arguments),
            env={**self.environ, **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=self.folder,
            **options,
        )
        host = Host(process)
        self._hosts.append(host)
        return host

    def run(
        self, program: str, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a host to its end, which has to be a good one that prints no error."""
        done = subprocess.run(
            self.command(program, *arguments),
            env={**self.environ, **(environ or {})},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            cwd=self.folder,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done

    def clientobs(
        self, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a `clientobs` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "clientobs.cli.main", *arguments],
            env={**self.environ, **(environ or {})},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            cwd=self.folder,
            check=False,
        )

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command of a host; warnings are errors in it, as in the tests."""
        return [sys.executable, "-W", "error", "-c", _PRELUDE + textwrap.dedent(program), *arguments]

    def drains(self) -> list[psutil.Process]:
        """Return the drains that work for this home."""
        hosts = {host.pid for host in self._hosts}
        return [process for process in processes_in(self.home) if process.pid not in hosts]

    def states(self) -> list[DrainState]:
        """Return what the drains of this home say of themselves."""
        return read_states(str(self.home))

    def all_bytes(self) -> dict[str, bytes]:
        """Return the content of every file under the home, by path; names count as content."""
        files = [path for path in self.home.rglob("*") if path.is_file()]
        return {str(path): os.fsencode(path) + path.read_bytes() for path in files}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the hosts and the drains."""
        for host in self._hosts:
            host.close()
        end_processes_in(self.home)


def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until `condition` holds; fail after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not so within {patience} s"
        time.sleep(0.05)

"""An installation of clientobs whose drain does as it is told by files: for tests of a drain's life.

The package is copied and only its service replaced, so start, lock, hand-over and exit are the real ones,
in real processes. The stub writes what it found of its surroundings to `<home>/seen/<pid>.json`, stays
while `<home>/live` exists, and dies at once where `<home>/die` does."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

SOURCE = Path(__file__).parents[2] / "src" / "clientobs"
SERVICE = """
import json, os, resource, sys, time
if "unfit" in sys.executable:
    raise ImportError("this interpreter is unfit")

class Service:
    def __init__(self, *, home, config, **_options):
        self.home = home = home.path
        if os.path.exists(f"{home}/die"):
            os._exit(9)
        fds = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                fds[name] = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                pass
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
        facts = {
            "pid": os.getpid(), "ppid": os.getppid(), "sid": os.getsid(0), "cwd": os.getcwd(), "fds": fds,
            "blocked": int(status["SigBlk"], 16), "ignored": int(status["SigIgn"], 16),
            "environ": dict(os.environ), "isolated": sys.flags.isolated, "python": sys.executable,
            "module": __file__, "path": sys.path, "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "umask": os.umask(0o077), "nice": os.getpriority(os.PRIO_PROCESS, 0), "argv": sys.orig_argv,
            "headers": config.delivery.traces.headers if config.delivery.traces else None,
        }
        os.makedirs(f"{home}/seen", exist_ok=True)
        with open(f"{home}/seen/{os.getpid()}.part", "w") as file:
            json.dump(facts, file)
        os.rename(f"{home}/seen/{os.getpid()}.part", f"{home}/seen/{os.getpid()}.json")

    @property
    def idle(self):
        return not os.path.exists(f"{self.home}/live")

    def step(self):
        return False

    def rest(self, read_more):
        time.sleep(0.02)

    def wake(self):
        pass

    def close(self):
        pass
"""
HOST = """
import json, os, sys, threading, time
from clientobs.config.model import Config, DeliveryConfig, DrainConfig, EndpointConfig
from clientobs.drain.launch import ensure as launch
from clientobs.journal.home import prepare

def ensure(destination="d1", idle=0.2, **options):
    headers = (("authorization", "Bearer T0PS3CRET"),)
    delivery = DeliveryConfig(traces=EndpointConfig(url="http://127.0.0.1:9/v1/traces", headers=headers))
    drain = DrainConfig(idle_seconds=idle, python=options.pop("python", None))
    config = Config(delivery=delivery, drain=drain)
    home = prepare(os.environ["HOME_OF_TEST"], uid=os.getuid())
    options.setdefault("is_network", lambda path: False)
    return launch.ensure_drain(config, home, destination, dict(os.environ), **options)
"""


class Site:
    """The installation, a journal home, and the processes that came of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site"
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        self.install(self.folder)
        self.stay()

    def install(self, folder: Path, version: str | None = None) -> None:
        """Install the package into `folder`, its number replaced by `version`."""
        shutil.copytree(SOURCE, folder / "clientobs", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "clientobs/drain/service/service.py").write_text(SERVICE)
        (folder / "hostlib.py").write_text(HOST)
        if version:
            (folder / "clientobs/_version.py").write_text(f'__version__ = "{version}"\n')

    def stay(self) -> None:
        """Let drains stay."""
        (self.home / "live").touch()

    def leave(self) -> None:
        """Let drains find nothing to do."""
        (self.home / "live").unlink(missing_ok=True)

    def command(self, program: str) -> list[str]:
        """Return the command of a host program that begins with `from hostlib import *`."""
        return [sys.executable, "-W", "error", "-c", f"from hostlib import *\n{program}"]

    def environ(self, folder: Path | None = None, **more: str) -> dict[str, str]:
        """Return the environment of a host of this installation."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        return {**kept, "PYTHONPATH": str(folder or self.folder), "HOME_OF_TEST": str(self.home), **more}

    def run(self, program: str, *, folder: Path | None = None, more: dict[str, str] | None = None) -> str:
        """Run a host program to its end, its output captured by pipes, and return what it printed."""
        done = subprocess.run(
            self.command(program),
            capture_output=True,
            text=True,
            timeout=30,
            env=self.environ(folder, **(more or {})),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def seen(self) -> list[dict[str, Any]]:
        """Return what each drain so far has written of its surroundings."""
        return [json.loads(path.read_text()) for path in sorted((self.home / "seen").glob("*.json"))]

    def drain(self) -> dict[str, Any]:
        """Wait for the one drain that lives, and return what it has written."""
        return until(lambda: [facts for facts in self.seen() if is_alive(facts["pid"])])[0]

    def end(self) -> None:
        """End every drain of this home; only processes whose command line names the home."""
        self.leave()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.pids())

    def pids(self) -> list[int]:
        """Return the drains of this home that live."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and is_alive(int(entry.name)):
                with contextlib.suppress(OSError):
                    if (
                        b"start.py" in (line := (entry / "cmdline").read_bytes())
                        and os.fsencode(self.home) in line
                    ):
                        found.append(int(entry.name))
        return found


def is_alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def until(condition: Callable[[], T], seconds: float = 15.0) -> T:
    """Wait until `condition` returns something true, and return it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return value


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return an installation of its own; its drains are ended afterwards."""
    made = Site(tmp_path)
    yield made
    made.end()

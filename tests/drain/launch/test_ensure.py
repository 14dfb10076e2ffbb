"""A host starts a drain and can't tell: real hosts, real drains."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from clientobs._guarded import faults
from clientobs.config.model import Config, DeliveryConfig, DrainConfig, EndpointConfig
from clientobs.drain.launch import linux as launch_linux
from clientobs.drain.launch.ensure import (
    AlreadyRunning,
    Failed,
    NoInterpreter,
    NotNeeded,
    Outcome,
    Started,
    Throttled,
    ensure_drain,
)
from clientobs.drain.launch.interpreter import Surroundings
from clientobs.drain.lock import DrainLock, drain_folder, file_of, look
from clientobs.journal.home import Home, prepare
from support.drain_site import Site, is_alive, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at the drain through /proc")

CONFIG = Config(delivery=DeliveryConfig(traces=EndpointConfig(url="http://127.0.0.1:9/v1/traces")))


class Recorder:
    """A launcher that starts nothing and remembers what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str], dict[str, str], str]] = []

    def __call__(self, path: str, argv: list[str], environ: list[tuple[str, str]], folder: str) -> int:
        self.calls.append((path, argv, dict(environ), folder))
        return 4711


def home_at(path: Path) -> Home:
    return prepare(str(path / "home"), uid=os.getuid())


def ensure(home: Path, recorder: Recorder, environ: Mapping[str, str] | None = None, **more: Any) -> Outcome:
    environ = environ or {"PATH": os.environ["PATH"]}
    return ensure_drain(CONFIG, home_at(home), "d1", environ, launcher=recorder, **more)


def test_captured_output_ends_with_the_host_though_the_drain_lives_on(site: Site) -> None:
    # run() returns only when nobody holds the pipes any more
    assert "Started" in site.run("print(ensure())")
    assert is_alive(site.drain()["pid"])


@pytest.mark.parametrize("way", ["libc chain", "shell"])
def test_the_drain_inherits_no_descriptor_terminal_signal_or_folder(
    site: Site, tmp_path: Path, way: str
) -> None:
    secret = tmp_path / "scene.ma"
    secret.write_text("scene")
    site.run(f"""
import signal
from clientobs.drain.launch import linux as launch_linux
launch_linux.available = lambda: {way == "libc chain"} and {launch_linux.available()}
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
os.set_inheritable(os.open({str(secret)!r}, os.O_RDWR), True)
os.set_inheritable(os.pipe()[1], True)
ensure()
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == {{signal.SIGUSR1, signal.SIGTERM}}, "changed"
""")
    drain = site.drain()
    names = {name for number, name in drain["fds"].items() if int(number) < 3}
    others = {name for number, name in drain["fds"].items() if int(number) >= 3}
    assert names == {"/dev/null"}
    locks = {f"{site.home}/drain/{name}.lock" for name in ("d1", "none")}
    assert others <= {*locks, f"/proc/{drain['pid']}/fd"}
    assert drain["blocked"] == 0
    assert not drain["ignored"] & (1 << (signal.SIGTERM - 1) | 1 << (signal.SIGHUP - 1))
    assert drain["sid"] == drain["pid"]
    assert drain["cwd"] == str(site.home)
    assert drain["umask"] == 0o077
    assert drain["nice"] == max(10, os.getpriority(os.PRIO_PROCESS, 0))
    assert drain["core"] == 0


def test_a_terminated_drain_leaves_and_frees_its_lock(site: Site) -> None:
    site.run("ensure()")
    pid = site.drain()["pid"]
    os.kill(pid, signal.SIGTERM)
    until(lambda: not is_alive(pid))
    assert look(file_of(str(site.home), "d1", "lock")) is None
    assert not Path(file_of(str(site.home), "d1", "launches")).exists()  # it left by itself: no bad start


def test_the_environment_keeps_credentials_and_loses_what_belongs_to_the_host(site: Site) -> None:
    dirty = {
        "PYTHONHOME_": "x", "PYTHONSTARTUP": "/opt/maya/start.py", "LD_PRELOAD_X": "/opt/maya/libtbb.so",
        "DYLD_LIBRARY_PATH": "/opt", "QT_PLUGIN_PATH": "/opt", "SGTK_CONTEXT": "pickle",
        "TRACEPARENT": "00-1-2-01",
    }  # fmt: skip
    kept = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20T0PS3CRET", "HTTPS_PROXY": "http://p:1"}
    site.run("ensure()", more={**kept, **dirty})
    drain = site.drain()
    assert drain["environ"].items() >= kept.items()
    assert not set(dirty) & set(drain["environ"])
    assert not [name for name in drain["environ"] if name.startswith(("PYTHON", "LD_", "DYLD_", "QT_"))]
    assert drain["isolated"] == 1
    assert drain["headers"] == [["authorization", "Bearer T0PS3CRET"]]


def test_no_credential_is_on_disk_or_in_a_command_line(site: Site) -> None:
    site.run("ensure()")
    drain = site.drain()
    written = [path for path in site.home.rglob("*") if path.is_file() and path.parent.name != "seen"]
    assert len(written) > 2
    assert not [path for path in written if b"T0PS3CRET" in path.read_bytes()]
    assert b"T0PS3CRET" not in Path(f"/proc/{drain['pid']}/cmdline").read_bytes()


def test_the_hosts_process_loads_nothing_heavy_to_start_a_drain(site: Site) -> None:
    heavy = [
        "subprocess",
        "shutil",
        "socket",
        "ssl",
        "http.client",
        "urllib.request",
        "multiprocessing",
        "asyncio",
    ]
    heavy += [
        "google.protobuf",
        "grpc",
        "psutil",
        "importlib.metadata",
        "hashlib",
        "platform",
    ]  # concurrent.futures is the SDK's in every host, and loaded ahead of our fork hooks (_fork.py)
    loaded = site.run(f"ensure(); print([name for name in {heavy!r} if name in sys.modules])")
    assert loaded == "[]"
    assert site.drain()


def test_twenty_hosts_at_once_start_one_drain(site: Site) -> None:
    program = """
until = float(sys.argv[-1])
while time.time() < until: time.sleep(0.001)
print(type(ensure()).__name__)
"""
    begin = str(time.time() + 2.0)
    hosts = [
        subprocess.Popen(
            [*site.command(program), begin], stdout=subprocess.PIPE, text=True, env=site.environ()
        )
        for _ in range(20)
    ]
    answers = [host.communicate(timeout=60)[0].strip() for host in hosts]
    assert answers.count("Started") == 1
    assert set(answers) <= {"Started", "Throttled", "AlreadyRunning"}
    pid = site.drain()["pid"]
    assert site.pids() == [pid]


def test_of_drains_started_past_all_checks_one_stays(site: Site) -> None:
    program = """
from clientobs.drain.launch import ensure as launch
calls = []
ensure(launcher=lambda *call: calls.append(call) or 0)
for _ in range(6): launch.start_detached(*calls[0])
"""
    site.run(program)
    pid = site.drain()["pid"]
    until(lambda: site.pids() == [pid])
    holder = look(file_of(str(site.home), "d1", "lock"))
    assert holder is not None
    assert holder.pid == pid


def test_a_killed_drain_is_replaced_by_the_next_call(site: Site) -> None:
    site.run("ensure()")
    first = site.drain()["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: not is_alive(first))
    assert "Started" in site.run("print(ensure(now=lambda: time.time() + 6))")
    assert site.drain()["pid"] != first


def test_a_drain_that_dies_at_once_is_not_started_again_at_once(site: Site) -> None:
    (site.home / "die").touch()
    now = time.time()  # one clock for all: a host of a busy machine takes seconds to come up
    assert "Started" in site.run(f"print(ensure(now=lambda: {now}))")
    until(lambda: not site.pids())
    assert site.run(f"print(ensure(now=lambda: {now} + 1))").startswith("Throttled(retry_in=4")
    # the pause doubles, and is kept over restarts of the host
    assert "Started" in site.run(f"print(ensure(now=lambda: {now} + 6))")
    until(lambda: not site.pids())
    assert "launches=2" in site.run(f"print(ensure(now=lambda: {now} + 6 + 9))")
    (site.home / "die").unlink()
    assert "Started" in site.run(f"print(ensure(now=lambda: {now} + 6 + 11))")
    assert site.drain()


def test_an_idle_drain_leaves_and_wipes_the_slate(site: Site) -> None:
    site.run("ensure(idle=0.1)")
    pid = site.drain()["pid"]
    site.leave()
    until(lambda: not is_alive(pid))
    site.stay()
    assert "Started" in site.run("print(ensure())")  # at once: it had left by its own choice
    assert site.drain()["pid"] != pid


def test_a_newer_version_takes_over_and_an_older_one_never_does(site: Site, tmp_path: Path) -> None:
    site.install(tmp_path / "newer", version="99.1")
    site.run("ensure()")
    old = site.drain()["pid"]
    outcome = site.run("print(ensure(now=lambda: time.time() + 6))", folder=tmp_path / "newer")
    assert "Started" in outcome
    assert "replaces='0." in outcome
    until(lambda: not is_alive(old))
    lock = file_of(str(site.home), "d1", "lock")
    until(lambda: (found := look(lock)) is not None and found.version == "99.1")
    assert not Path(file_of(str(site.home), "d1", "leave")).exists()
    assert "AlreadyRunning" in site.run("print(ensure(now=lambda: time.time() + 60))")
    assert "version='99.1'" in site.run("print(ensure(now=lambda: time.time() + 60))")


def test_a_package_on_network_storage_runs_from_a_verified_local_copy(site: Site) -> None:
    program = f"print(ensure(is_network=lambda path: path.startswith({str(site.folder)!r})))"
    site.run(program)
    drain = site.drain()
    copy = next((site.home / "drain").glob("0.*-py*"))
    assert drain["module"] == f"{copy}/clientobs/drain/service/service.py"
    assert not [place for place in drain["path"] if place.startswith(str(site.folder))]
    site.end()
    broken = copy / "clientobs/drain/lock.py"
    broken.write_bytes(broken.read_bytes()[:1000])  # torn: it would not even import
    site.stay()
    assert "Started" in site.run(program.replace("ensure(", "ensure(now=lambda: time.time() + 60, "))
    assert site.drain()["module"] == drain["module"]
    assert broken.read_bytes() == (site.folder / "clientobs/drain/lock.py").read_bytes()


def test_an_unfit_interpreter_hands_on_to_the_next_and_the_fit_one_is_remembered(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "unfit").mkdir()
    unfit = tmp_path / "unfit/python3"
    unfit.symlink_to(os.path.realpath(sys.executable))
    site.run(f"ensure(python={str(unfit)!r})")
    drain = site.drain()
    assert drain["python"] != str(unfit)
    memory = json.loads((site.home / "drain/interpreter.known").read_text())
    assert memory["path"] == drain["python"]
    assert memory["unfit"] == [[str(unfit), "can't import what the drain needs: this interpreter is unfit"]]


def test_an_interpreter_that_says_nothing_is_not_the_first_of_the_next_launch(tmp_path: Path) -> None:
    silent = tmp_path / "studio-python"
    silent.write_text("#!/bin/sh\nexit 0\n")
    silent.chmod(0o755)
    config = Config(delivery=CONFIG.delivery, drain=DrainConfig(python=str(silent)))
    recorder = Recorder()
    minutes = iter((1e9, 1e9 + 60.0))
    for _ in range(2):
        ensure_drain(
            config,
            home_at(tmp_path),
            "d1",
            {"PATH": ""},
            launcher=recorder,
            now=functools.partial(next, minutes),
        )
    first, second = (path for path, *_ in recorder.calls)
    assert first == str(silent)
    assert second != str(silent)


def test_a_sys_executable_that_is_the_host_is_never_started(site: Site, tmp_path: Path) -> None:
    started = tmp_path / "the-application-opened"
    for name in ("maya.bin", "hython", "UnrealEditor", "python3"):
        sentinel = tmp_path / name
        sentinel.write_text(f"#!/bin/sh\necho {name} >> {started}\n")
        sentinel.chmod(0o755)
        site.run(
            f"sys.executable = sys._base_executable = {str(sentinel)!r}\nensure(destination={name[:4]!r})"
        )
    until(lambda: len(site.pids()) == 4)
    assert {facts["python"] for facts in site.seen()}.isdisjoint({str(tmp_path / "python3")})
    assert not started.exists()


def test_without_an_interpreter_the_outcome_says_what_was_refused(tmp_path: Path) -> None:
    here = Surroundings(
        executable="/opt/maya/bin/maya.bin", base_executable=None, prefixes=("/opt/maya",), version=(3, 11),
        path="", platform="win32",
    )  # fmt: skip
    recorder = Recorder()
    outcome = ensure(tmp_path, recorder, here=here)
    assert isinstance(outcome, NoInterpreter)
    assert "/opt/maya/bin/maya.bin" in dict(outcome.refused)
    assert recorder.calls == []


@pytest.mark.parametrize("mode", ["external", "thread", "off"])
def test_only_process_mode_starts_anything(mode: Any, tmp_path: Path) -> None:
    config = Config(delivery=CONFIG.delivery, drain=DrainConfig(mode=mode))
    recorder = Recorder()
    outcome = ensure_drain(config, home_at(tmp_path), "d1", {}, launcher=recorder)
    assert isinstance(outcome, NotNeeded)
    assert mode in outcome.reason
    assert not (tmp_path / "home/drain").exists()
    assert recorder.calls == []


def test_without_a_destination_nothing_is_started(tmp_path: Path) -> None:
    assert isinstance(ensure_drain(Config(), home_at(tmp_path), "", {}, launcher=Recorder()), NotNeeded)


def test_what_the_machine_refuses_is_an_outcome_and_never_an_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "strict", False)
    Path(home_at(tmp_path).path, "drain").symlink_to(tmp_path)
    outcome = ensure(tmp_path, Recorder())
    assert isinstance(outcome, Failed)
    assert "JournalError" in outcome.reason
    assert faults.counts()["drain.launch"] == 1
    faults.reset()


def test_a_drain_of_ops_is_left_alone_by_a_newer_host(tmp_path: Path) -> None:
    home = home_at(tmp_path).path
    drain_folder(home)
    lock = DrainLock.acquire(file_of(home, "d1", "lock"), version="0.0.1", steward="ops")
    assert lock is not None
    try:
        assert ensure(tmp_path, Recorder()) == AlreadyRunning(pid=os.getpid(), version="0.0.1")
    finally:
        lock.release()


def test_while_another_process_launches_nobody_else_does(tmp_path: Path) -> None:
    home = home_at(tmp_path).path
    drain_folder(home)
    turn = DrainLock.acquire(file_of(home, "d1", "launching"))
    assert turn is not None
    recorder = Recorder()
    assert isinstance(ensure(tmp_path, recorder), Throttled)
    assert recorder.calls == []
    turn.release()
    assert isinstance(ensure(tmp_path, recorder), Started)
    assert len(recorder.calls) == 1

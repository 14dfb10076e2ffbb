"""Compare ways to start a detached process from a busy host: what the host notices, and what it costs.

    PYTHONPATH=src python benchmarks/launch.py [--launches 200] [--memory-mib 1024]

Each way runs in a host process of its own, on a background thread, beside a Python thread that never rests,
a thread that calls os.wait() for ever, a thread that allocates, and a SIGCHLD handler. Linux only. The
table gives: started (of the launches), stuck (children that never became the new program), what os.wait()
met, SIGCHLDs, and the time of the call (its thread waits; the others run on, except in the way that keeps
the GIL).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from clientobs.drain.launch import linux as launch_linux
from clientobs.drain.launch import posix as launch_posix

SYS_CLONE = {"x86_64": 56, "aarch64": 220}
WALL = 0x40000000
PROGRAM = "/bin/sh"


def argv(log: str) -> list[str]:
    """Return the command of the program that is started: it says so in a file."""
    return [PROGRAM, "-c", f"echo started >> {log}"]


def by_subprocess(log: str) -> int:
    """Start it as most people do."""
    return subprocess.Popen(argv(log), start_new_session=True, close_fds=True).pid


def by_double_fork(log: str) -> int:
    """Fork twice, as daemons do."""
    child = os.fork()
    if not child:
        if not os.fork():
            os.setsid()
            os.execve(PROGRAM, argv(log), {})
        os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
    return 0


def by_shell(log: str) -> int:
    """Let a shell start it in the background: our way on macOS."""
    launch_posix.launch(PROGRAM, argv(log), [], "/")
    return 0


def by_python_in_the_child(log: str) -> int:
    """Clone twice with exit signal 0 and let the children's Python go on to execve: the way not to take."""
    libc = ctypes.PyDLL(None)
    number = SYS_CLONE[os.uname().machine]
    arguments = argv(log)
    pid = int(libc.syscall(number, 0, 0, 0, 0, 0))
    if pid == 0:
        if int(libc.syscall(number, 0, 0, 0, 0, 0)) == 0:
            os.setsid()
            os.execve(PROGRAM, arguments, {})
        os._exit(0)
    with contextlib.suppress(ChildProcessError):
        for _ in range(1000):
            if os.waitpid(pid, WALL | os.WNOHANG)[0]:
                break
            time.sleep(0.002)
    return pid


def by_libc_chain(log: str) -> int:
    """Clone, and run libc functions only: our way on Linux."""
    return launch_linux.launch(PROGRAM, argv(log), [], "/")


WAYS: dict[str, Callable[[str], int]] = {
    "subprocess.Popen": by_subprocess,
    "os.fork twice": by_double_fork,
    "posix_spawn of sh": by_shell,
    "clone, Python in the child": by_python_in_the_child,
    "clone, libc chain (ours)": by_libc_chain,
}


def burn() -> None:
    """Never rest."""
    number = 0
    while True:
        number = (number * 7 + 1) % 1_000_003


def allocate() -> None:
    """Keep the allocators busy."""
    while True:
        _blocks = [bytearray(900 + size) for size in range(200)]
        time.sleep(0.001)


def hammer(met: list[int]) -> None:
    """Wait for children, whosever they are."""
    while True:
        try:
            met.append(os.wait()[0])
        except ChildProcessError:
            time.sleep(0.0002)


def host(way: str, launches: int, memory_mib: int, answer: str) -> None:
    """Play the busy host: launch, count, write the figures to `answer`."""
    memory = bytearray(os.urandom(1 << 20) * memory_mib)
    signals: list[int] = []
    met: list[int] = []
    signal.signal(signal.SIGCHLD, lambda number, _frame: signals.append(number))
    for target, arguments in ((burn, ()), (allocate, ()), (hammer, (met,))):
        threading.Thread(target=target, args=arguments, daemon=True).start()
    folder = tempfile.mkdtemp()
    log = f"{folder}/log"
    times: list[float] = []
    pids: list[int] = []

    def work() -> None:
        for _ in range(launches):
            begin = time.perf_counter()
            pids.append(WAYS[way](log))
            times.append((time.perf_counter() - begin) * 1e3)
            time.sleep(0.002)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(120)  # the way that sticks may take its host along
    begin = time.monotonic()
    while time.monotonic() - begin < 3 and lines(log) < launches:
        time.sleep(0.05)
    stuck = copies_of_host()
    for pid in stuck:
        os.kill(pid, signal.SIGKILL)
    times.sort()
    result = {
        "way": way, "started": lines(log), "stuck": len(stuck), "met": len(met), "signals": len(signals),
        "p50_ms": times[len(times) // 2], "max_ms": times[-1], "memory": len(memory),
    }  # fmt: skip
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(result, file)
    os._exit(0)


def lines(log: str) -> int:
    """Count the programs that have started."""
    try:
        with open(log, "rb") as file:
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0


def command_line(pid: int) -> bytes:
    """Return a process's arguments as the kernel tells them."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


def copies_of_host() -> list[int]:
    """Find children that still are a copy of this host: its command line holds a word that is its alone."""
    found = []
    own = command_line(os.getpid())
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(name)
            if pid != os.getpid() and command_line(pid) == own:
                found.append(pid)
    return found


def main() -> None:
    """Run each way in a host of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--launches", type=int, default=200)
    parser.add_argument("--memory-mib", type=int, default=64)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--answer")
    options = parser.parse_args()
    if options.way:
        host(options.way, options.launches, options.memory_mib, options.answer)
    print(f"{options.launches} launches, host of {options.memory_mib} MiB, Python {sys.version.split()[0]}\n")
    print("| way | started | stuck | met by os.wait() | SIGCHLDs | call p50 ms | call max ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for way in WAYS:
        answer = f"{tempfile.mkdtemp()}/answer.json"
        command = [sys.executable, __file__, "--way", way, "--launches", str(options.launches)]
        command += ["--memory-mib", str(options.memory_mib), "--answer", answer]
        # No pipe: a stuck child would keep it open, and this program would wait for it for ever.
        code = subprocess.run(command, check=False, timeout=300).returncode
        if code:
            print(f"| {way} | the host ended with {code} | | | | | |")
            continue
        with open(answer, encoding="utf-8") as file:
            row = json.load(file)
        print(
            f"| {way} | {row['started']} | {row['stuck']} | {row['met']} | {row['signals']} "
            f"| {row['p50_ms']:.2f} | {row['max_ms']:.1f} |"
        )


if __name__ == "__main__":
    main()

"""What it costs to see requests: each way of asking with the instrument off and on, in turns, in one run.

    python benchmarks/http_requests.py [--rounds 200]

The server is a process of its own on loopback that answers at once, which is the harshest case: a real server takes
milliseconds, and what is added stays the same. `a span` is what one span around each request costs, with nothing
patched; `official` is opentelemetry-instrumentation-requests, where it is installed and takes part. Contenders take
turns in short bursts, and the best burst of each counts. docs/explanation/http.md has the table.
"""

from __future__ import annotations

import argparse
import http.client
import importlib
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import requests

import clientobs

CONTENDERS = ("bare", "a span", "official", "clientobs")
SIZES = {"/small": 100, "/large": 10_000_000}


def serve() -> None:
    """Answer each request at once, for ever."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    while True:
        sock, _ = listening.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=converse, args=(sock,), daemon=True).start()


def converse(sock: socket.socket) -> None:
    """Answer what comes over one connection."""
    answers = {
        path.encode(): b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % size
        + b"x" * size
        for path, size in SIZES.items()
    }
    with sock, suppress(OSError):
        while head := sock.recv(65536):
            sock.sendall(answers[head.split(b" ", 2)[1]])


def rows(port: int) -> dict[str, tuple[Callable[[], object], int]]:
    """Return what is asked in each row, and how many calls make a burst."""
    kept = http.client.HTTPConnection("127.0.0.1", port)
    session = requests.Session()
    session.trust_env = False
    url = f"http://127.0.0.1:{port}/small"

    def ask(connection: http.client.HTTPConnection) -> None:
        connection.request("GET", "/small")
        connection.getresponse().read()

    def ask_anew() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        ask(connection)
        connection.close()

    def download() -> None:
        kept.request("GET", "/large")
        answer = kept.getresponse()
        while answer.read(65536):
            pass

    return {
        "http.client, kept connection": (lambda: ask(kept), 40),
        "http.client, new connection": (ask_anew, 20),
        "requests.Session.get": (lambda: session.get(url).content, 15),
        "requests.get": (lambda: requests.get(url).content, 8),
        "http.client, 10 MB in pieces of 64 KiB": (download, 1),
    }


def spanned(call: Callable[[], object]) -> Callable[[], object]:
    """Return the call with one span around it."""

    def once() -> None:
        with clientobs.span("GET", **{"http.request.method": "GET", "server.address": "127.0.0.1"}):
            call()

    return once


def burst(name: str, call: Callable[[], object], calls: int, official: Any) -> float:
    """Return the time of one burst in microseconds a call."""
    if name == "clientobs":
        clientobs.instrument("http")
    elif name == "official":
        official.instrument()
    once = spanned(call) if name == "a span" else call
    once()
    began = time.perf_counter_ns()
    for _ in range(calls):
        once()
    spent = (time.perf_counter_ns() - began) / calls / 1e3
    clientobs.uninstrument("http")
    if name == "official":
        official.uninstrument()
    return spent


def measure(call: Callable[[], object], calls: int, rounds: int, official: Any) -> Mapping[str, float]:
    """Return the best burst of each contender."""
    names = [name for name in CONTENDERS if name != "official" or official is not None]
    best = dict.fromkeys(names, float("inf"))
    for _ in range(rounds):
        for name in names:
            best[name] = min(best[name], burst(name, call, calls, official))
    return best


def find_official() -> Any:
    """Return the official instrumentor of requests, None where it is not installed."""
    try:
        return importlib.import_module("opentelemetry.instrumentation.requests").RequestsInstrumentor()
    except ImportError:
        return None


def main() -> None:
    """Measure all rows and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        with tempfile.TemporaryDirectory() as work:
            os.environ["CLIENTOBS_HOME"] = str(Path(work, "home"))
            assert server.stdout is not None
            show_all(int(server.stdout.readline()), options.rounds)
    finally:
        server.kill()
        server.wait()


def show_all(port: int, rounds: int) -> None:
    """Print the table."""
    # Each burst is a new storm of one name: the thinning of storms is not what is measured here.
    clientobs.init("bench", drain="off", instruments=[], limits={"storm_per_minute": 100_000_000})
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores\n")
    print("| | bare, us | " + " | ".join(CONTENDERS[1:]) + " |")
    print("| --- | ---: |" + " ---: |" * (len(CONTENDERS) - 1))
    for title, (call, calls) in rows(port).items():
        official = find_official() if title.startswith("requests") else None
        with clientobs.span("bench"):
            best = measure(call, calls, rounds, official)
        ratios = {name: found / best["bare"] for name, found in best.items()}
        cells = [f"{ratios[name]:.3f}x" if name in ratios else "" for name in CONTENDERS[1:]]
        print(f"| {title} | {best['bare']:.1f} | " + " | ".join(cells) + " |", flush=True)
    clientobs.shutdown()


if __name__ == "__main__":
    main()

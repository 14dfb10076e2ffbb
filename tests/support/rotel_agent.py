"""rotel, a collector written in Rust, as a decoder that shares no code with ours.

It takes OTLP over HTTP and gRPC, decodes it, and sends what it understood on to a receiver of the test. Its
wheel carries the binary, for Linux with CPython 3.11 alone; see `available`.
"""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Rotel", "available", "run_rotel"]


@dataclass(frozen=True)
class Rotel:
    """The ports of a running rotel."""

    http_port: int
    grpc_port: int

    def url(self, signal: str) -> str:
        return f"http://127.0.0.1:{self.http_port}/v1/{signal}"

    @property
    def grpc_url(self) -> str:
        return f"http://127.0.0.1:{self.grpc_port}"


def available() -> bool:
    """Say whether rotel is installed and its binary runs here (it wants glibc 2.34 and libpython3.11)."""
    if importlib.util.find_spec("rotel") is None:
        return False
    return subprocess.run([_binary(), "--version"], capture_output=True, check=False).returncode == 0


@contextmanager
def run_rotel(folder: Path, forward_to: str) -> Iterator[Rotel]:
    """Run rotel, which forwards over OTLP/HTTP to the base URL `forward_to`."""
    http_port, grpc_port = _free_port(), _free_port()
    options = {
        "otlp-http-endpoint": f"127.0.0.1:{http_port}",
        "otlp-grpc-endpoint": f"127.0.0.1:{grpc_port}",
        "exporter": "otlp",
        "otlp-exporter-protocol": "http",
        "otlp-exporter-endpoint": forward_to,
        "batch-timeout": "20ms",
        "pid-file": str(folder / "rotel.pid"),
        "log-file": str(folder / "rotel.log"),
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with open(folder / "rotel.out", "wb") as output:
        agent = subprocess.Popen([_binary(), "start", *arguments], stdout=output, stderr=output)
    try:
        for port in (http_port, grpc_port):
            _wait_for_port(port, agent)
        yield Rotel(http_port, grpc_port)
    finally:
        agent.terminate()
        agent.wait(10)


def _binary() -> str:
    from rotel.agent import Agent  # noqa: PLC0415  # installed on some platforms only

    return str(Agent.agent_path)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_for_port(port: int, agent: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not _listens(port):
        if agent.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"rotel does not listen on {port} (exit code {agent.poll()})")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

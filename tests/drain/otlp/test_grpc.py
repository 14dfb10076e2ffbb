"""OTLP/gRPC over real channels: each status, RetryInfo, metadata, deadlines, and a server that comes back."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from support.items import HEADER, batch, log, metrics, span, spans
from support.otlp_grpc_receiver import OtlpGrpcReceiver
from support.senders import Address, deliver_to, shelved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from clientobs.drain.batch import Outcome


@pytest.fixture
def receiver() -> Iterator[OtlpGrpcReceiver]:
    with OtlpGrpcReceiver() as running:
        yield running


def send_one(receiver: Any, folder: Path, **options: Any) -> Outcome:
    with deliver_to(receiver, folder, protocol="grpc", **options) as delivery:
        return delivery.traces.send(spans(1))


def test_each_signal_reaches_its_service(receiver: OtlpGrpcReceiver, tmp_path: Path) -> None:
    with deliver_to(receiver, tmp_path, protocol="grpc") as delivery:
        delivery.traces.send(spans(3))
        delivery.logs.send(batch("logs", log(1), log(2)))
        delivery.senders["metrics"].send(batch("metrics", metrics()))
    assert [got.signal for got in receiver.requests] == ["traces", "logs", "metrics"]
    assert (len(receiver.spans()), len(receiver.logs()), len(receiver.metrics())) == (3, 2, 1)


@pytest.mark.parametrize(
    ("code", "verdict", "settled"),
    [
        ("UNAVAILABLE", "retry", 0),
        ("DEADLINE_EXCEEDED", "retry", 0),
        ("ABORTED", "retry", 0),
        ("CANCELLED", "retry", 0),
        ("OUT_OF_RANGE", "retry", 0),
        ("DATA_LOSS", "retry", 0),
        ("INTERNAL", "retry", 0),
        ("UNKNOWN", "retry", 0),
        ("UNAUTHENTICATED", "hold", 0),
        ("PERMISSION_DENIED", "hold", 0),
        ("UNIMPLEMENTED", "hold", 0),
        ("INVALID_ARGUMENT", "delivered", 1),
        ("RESOURCE_EXHAUSTED", "delivered", 1),
        ("FAILED_PRECONDITION", "delivered", 1),
    ],
)
def test_each_status_has_its_outcome(
    receiver: OtlpGrpcReceiver, tmp_path: Path, code: str, verdict: str, settled: int
) -> None:
    receiver.refuse(code, "words of the server")
    outcome = send_one(receiver, tmp_path)
    assert (outcome.verdict, outcome.settled, outcome.poisoned) == (verdict, settled, settled)
    assert outcome.reason == f"{code}: words of the server"


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
def test_retry_info_is_waited_for(receiver: OtlpGrpcReceiver, tmp_path: Path, code: str) -> None:
    receiver.refuse(code, retry_after=12.5)
    outcome = send_one(receiver, tmp_path)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)
    assert 12.5 <= outcome.wait <= 15


def test_a_batch_over_the_servers_limit_is_split(receiver: OtlpGrpcReceiver, tmp_path: Path) -> None:
    """Spans of 1.9 MB go one by one past our own bound, and one of 5 MB past the server's 4 MiB."""
    items = [span(0), span(1, attributes={"text": "x" * 5_000_000}), span(2)]
    with deliver_to(receiver, tmp_path, protocol="grpc", compression="none") as delivery:
        outcome = delivery.traces.send(batch("traces", *items))
    assert (outcome.verdict, outcome.delivered, outcome.poisoned) == ("delivered", 2, 1)
    assert shelved(delivery.shelf) == [f"{HEADER.run}-bulk-1.traces"]
    assert outcome.reason.startswith("RESOURCE_EXHAUSTED")


def test_one_poison_record_takes_no_other_with_it(receiver: OtlpGrpcReceiver, tmp_path: Path) -> None:
    receiver.refuse_if(lambda got: "INVALID_ARGUMENT" if b"poison" in got.raw else None)
    with deliver_to(receiver, tmp_path, protocol="grpc") as delivery:
        outcome = delivery.traces.send(spans(1000, at_0="poison"))
    assert (outcome.delivered, outcome.poisoned, len(receiver.spans())) == (999, 1, 999)
    assert outcome.requests == len(receiver.requests) <= 22


def test_a_partial_success_is_counted(receiver: OtlpGrpcReceiver, tmp_path: Path) -> None:
    receiver.answer(rejected=2, words="late")
    with deliver_to(receiver, tmp_path, protocol="grpc") as delivery:
        outcome = delivery.traces.send(spans(5))
    assert (outcome.settled, outcome.delivered, outcome.rejected) == (5, 3, 2)
    assert outcome.reason == "OK: late"


def test_a_server_that_never_answers_costs_one_timeout(receiver: OtlpGrpcReceiver, tmp_path: Path) -> None:
    receiver.answer(hang=True)
    outcome = send_one(receiver, tmp_path, timeout=0.3)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)
    assert outcome.reason.startswith("DEADLINE_EXCEEDED")


def test_a_server_that_comes_back_is_reached_at_once(tmp_path: Path) -> None:
    """grpcio alone would answer "unavailable" from memory until its own backoff is over."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with deliver_to(Address(f"http://127.0.0.1:{port}"), tmp_path, protocol="grpc") as delivery:
        assert [delivery.traces.send(spans(1)).verdict for _ in range(5)] == ["retry"] * 5
        with OtlpGrpcReceiver(port=port):
            assert delivery.traces.send(spans(1)).verdict == "delivered"


@pytest.mark.parametrize(("compression", "small"), [("gzip", True), ("none", False)])
def test_messages_are_gzip_unless_told_otherwise(
    receiver: OtlpGrpcReceiver, tmp_path: Path, compression: str, small: bool
) -> None:
    item = span(attributes={"text": "x" * 500_000})
    with counting_relay(receiver.port) as relay:
        address = Address(f"http://127.0.0.1:{relay.port}")
        with deliver_to(address, tmp_path, protocol="grpc", compression=compression) as delivery:
            assert delivery.traces.send(batch("traces", item)).delivered == 1
    assert (relay.sent < 50_000) is small


@dataclass
class Relay:
    port: int
    sent: int = 0


@contextmanager
def counting_relay(target: int) -> Iterator[Relay]:
    """Pass one connection on to `target`, and count the bytes that the client sends."""
    server = socket.create_server(("127.0.0.1", 0))
    relay = Relay(server.getsockname()[1])

    def copy(source: socket.socket, to: socket.socket, *, count: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                relay.sent += len(data) * count
                to.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            client, _ = server.accept()
            with client, socket.create_connection(("127.0.0.1", target)) as onward:
                threading.Thread(
                    target=copy, args=(onward, client), kwargs={"count": False}, daemon=True
                ).start()
                copy(client, onward, count=True)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        with suppress(OSError):  # wakes a thread that waits in accept, where the system does so
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(1)


def test_headers_travel_as_metadata(receiver: OtlpGrpcReceiver, tmp_path: Path) -> None:
    send_one(receiver, tmp_path, headers=(("Authorization", "Bearer x"), ("x-scope-orgid", "a")))
    headers = receiver.requests[0].headers
    assert (headers["authorization"], headers["x-scope-orgid"]) == ("Bearer x", "a")
    assert headers["user-agent"].startswith("clientobs/")


@pytest.mark.parametrize("pair", [("x-studio", "Zürich"), ("trace-bin", "x"), ("grpc-timeout", "1S")])
def test_a_header_that_grpc_cannot_carry_holds(
    receiver: OtlpGrpcReceiver, tmp_path: Path, pair: tuple[str, str]
) -> None:
    outcome = send_one(receiver, tmp_path, headers=(pair,))
    assert (outcome.verdict, receiver.requests) == ("hold", [])
    assert pair[0] in outcome.reason


def test_a_token_that_changed_in_its_file_is_taken_at_once(
    receiver: OtlpGrpcReceiver, tmp_path: Path
) -> None:
    file = tmp_path / "headers"
    file.write_text("authorization=old")
    with deliver_to(receiver, tmp_path, protocol="grpc", headers_file=str(file)) as delivery:
        delivery.traces.send(spans(1))
        file.write_text("authorization=new")
        receiver.refuse("UNAUTHENTICATED")
        assert delivery.traces.send(spans(1)).verdict == "delivered"
    assert [got.headers["authorization"] for got in receiver.requests] == ["old", "old", "new"]


def test_an_address_without_a_scheme_is_plain_only_where_insecure_is_set(
    receiver: OtlpGrpcReceiver, tmp_path: Path
) -> None:
    address = Address(f"127.0.0.1:{receiver.port}")
    assert send_one(address, tmp_path, insecure=True).verdict == "delivered"
    assert send_one(address, tmp_path, insecure=False).verdict == "retry"


def test_an_address_that_is_none_holds(tmp_path: Path) -> None:
    outcome = send_one(Address("unix:///run/otel.sock"), tmp_path)
    assert (outcome.verdict, outcome.settled) == ("hold", 0)


def test_a_failing_channel_writes_nothing_to_the_terminal(tmp_path: Path) -> None:
    """On a farm stdout is a protocol, and in thread mode this runs inside the host."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1].split('|')\n"
        "from pathlib import Path\n"
        "from support.items import spans\n"
        "from support.senders import Address, deliver_to\n"
        "class A:\n"
        "    url = lambda self, signal: 'http://127.0.0.1:9'\n"
        "with deliver_to(A(), Path(sys.argv[2]), protocol='grpc', timeout=2.0) as d:\n"
        "    assert [d.traces.send(spans(1)).verdict for _ in range(3)] == ['retry'] * 3\n"
    )
    command = [sys.executable, "-c", code, "|".join(sys.path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_http_endpoints_never_load_grpc() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1].split('|')\n"
        "import clientobs.drain.otlp.senders\n"
        "sys.exit(int('grpc' in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "|".join(sys.path)], timeout=60, check=False)
    assert done.returncode == 0

"""OTLP/HTTP over real sockets, with servers that refuse, hang, drip, reset, redirect and lie."""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from clientobs._loss import LossLedger
from clientobs.config.model import DeliveryConfig, EndpointConfig
from clientobs.drain.otlp.endpoint import find_proxy
from clientobs.drain.otlp.poison import PoisonShelf
from clientobs.drain.otlp.senders import open_senders
from clientobs.errors import DeliveryError
from support.items import batch, log, metrics, spans
from support.otlp_messages import decode_request
from support.otlp_receiver import OtlpReceiver
from support.proxy import Proxy
from support.senders import Address, deliver_to, send_one

if TYPE_CHECKING:
    from pathlib import Path


def test_each_signal_reaches_its_path_in_protobuf(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with deliver_to(receiver, tmp_path) as delivery:
        delivery.traces.send(spans(3))
        delivery.logs.send(batch("logs", log(1), log(2)))
        delivery.senders["metrics"].send(batch("metrics", metrics()))
    assert [got.path for got in receiver.requests] == ["/v1/traces", "/v1/logs", "/v1/metrics"]
    assert {got.headers["content-type"] for got in receiver.requests} == {"application/x-protobuf"}
    assert (len(receiver.spans()), len(receiver.logs()), len(receiver.metrics())) == (3, 2, 1)


def test_bodies_are_gzip_unless_told_otherwise(receiver: OtlpReceiver, tmp_path: Path) -> None:
    send_one(receiver, tmp_path)
    send_one(receiver, tmp_path, compression="none")
    packed, plain = receiver.requests
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed.raw) == plain.raw
    assert decode_request("traces", plain.raw) is not None


def test_deflate_is_sent_as_the_zlib_format_that_http_means_by_it(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    send_one(receiver, tmp_path, compression="deflate")
    send_one(receiver, tmp_path, compression="none")
    packed, plain = receiver.requests
    assert packed.headers["content-encoding"] == "deflate"
    assert zlib.decompress(packed.raw) == plain.raw


def test_headers_are_sent_and_ours_are_not_replaced(receiver: OtlpReceiver, tmp_path: Path) -> None:
    headers = (("authorization", "Bearer t0ken"), ("content-type", "text/evil"), ("x-studio", "Zürich"))
    send_one(receiver, tmp_path, headers=headers)
    (got,) = receiver.requests
    assert got.headers["authorization"] == "Bearer t0ken"
    assert got.headers["content-type"] == "application/x-protobuf"
    assert got.headers["x-studio"].encode("latin-1").decode("utf-8") == "Zürich"
    assert got.headers["user-agent"].startswith("clientobs/")


def test_a_connection_is_kept_between_batches(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with deliver_to(receiver, tmp_path) as delivery:
        for _ in range(5):
            delivery.traces.send(spans(2))
    assert len({got.peer for got in receiver.requests}) == 1


def test_an_idle_connection_that_the_server_closed_is_opened_again(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    with deliver_to(receiver, tmp_path) as delivery:
        assert delivery.traces.send(spans(1)).verdict == "delivered"
        receiver._server.close_connections()
        assert delivery.traces.send(spans(1)).verdict == "delivered"
    assert len({got.peer for got in receiver.requests}) == 2


@pytest.mark.parametrize(
    ("status", "verdict", "settled"),
    [
        (202, "delivered", 1),
        (204, "delivered", 1),
        (302, "retry", 0),
        (307, "retry", 0),
        (401, "hold", 0),
        (403, "hold", 0),
        (404, "hold", 0),
        (400, "delivered", 1),
        (422, "delivered", 1),
        (413, "delivered", 1),
        (418, "delivered", 1),
        (429, "retry", 0),
        (500, "retry", 0),
        (502, "retry", 0),
        (503, "retry", 0),
        (504, "retry", 0),
    ],
)
def test_each_answer_has_its_outcome(
    receiver: OtlpReceiver, tmp_path: Path, status: int, verdict: str, settled: int
) -> None:
    receiver.answer(status)
    outcome = send_one(receiver, tmp_path)
    assert (outcome.verdict, outcome.settled) == (verdict, settled)
    assert outcome.poisoned == int(status in (400, 413, 418, 422))
    if outcome.verdict != "delivered":
        assert outcome.reason.startswith(f"HTTP {status}")


@pytest.mark.parametrize("value", ["20", formatdate(usegmt=True, timeval=4_000_000_000)])
def test_retry_after_is_waited_for(receiver: OtlpReceiver, tmp_path: Path, value: str) -> None:
    receiver.answer(429, headers=(("Retry-After", value),))
    outcome = send_one(receiver, tmp_path)
    assert outcome.verdict == "retry"
    assert outcome.wait >= 20


def test_the_servers_words_are_told(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.answer(401, content_type="text/plain", body=b"no org id\n")
    assert send_one(receiver, tmp_path).reason == "HTTP 401: no org id"
    receiver.answer(403, content_type="application/json", body=b'{"code": 7, "message": "wrong tenant"}')
    assert send_one(receiver, tmp_path).reason == "HTTP 403: wrong tenant"
    receiver.answer(503, content_type="application/x-protobuf", body=b"\x12\x04full")
    assert send_one(receiver, tmp_path).reason == "HTTP 503: full"


def test_a_partial_success_in_json_is_understood(receiver: OtlpReceiver, tmp_path: Path) -> None:
    body = b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "late"}}'
    receiver.answer(200, content_type="application/json", body=body)
    with deliver_to(receiver, tmp_path) as delivery:
        outcome = delivery.traces.send(spans(5))
    assert (outcome.delivered, outcome.rejected, outcome.reason) == (3, 2, "HTTP 200: late")


@pytest.mark.parametrize("body", [b"ok", b"\xff\xff\xff", b'{"partialSuccess": 3}', b"[" * 100_000])
@pytest.mark.parametrize("kind", ["application/x-protobuf", "application/json", "text/plain"])
def test_a_2xx_with_an_unreadable_body_is_a_2xx(
    receiver: OtlpReceiver, tmp_path: Path, kind: str, body: bytes
) -> None:
    receiver.answer(200, content_type=kind, body=body)
    assert send_one(receiver, tmp_path).delivered == 1


@pytest.mark.parametrize(
    "url", ["ftp://otel/v1/traces", "otel:4318", "http://", "", "http://[bad/v1", "http://h:port/"]
)
def test_an_endpoint_that_is_no_url_holds_and_says_so(tmp_path: Path, url: str) -> None:
    outcome = send_one(Address(url), tmp_path)
    assert outcome.settled == 0
    assert outcome.verdict == "hold"
    assert "the endpoint" in outcome.reason


def test_a_password_in_a_broken_url_is_told_to_nobody(tmp_path: Path) -> None:
    outcome = send_one(Address("ftp://ann:hunter2@otel/v1/traces"), tmp_path)
    assert outcome.verdict == "hold"
    assert "otel" in outcome.reason
    assert "hunter2" not in outcome.reason


def test_user_and_password_in_the_url_are_sent_as_basic_and_told_to_nobody(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    address = Address(receiver.url("traces").replace("//", "//ann:p%40ss@"))
    assert send_one(address, tmp_path).delivered == 1
    assert receiver.requests[0].headers["authorization"] == "Basic YW5uOnBAc3M="
    receiver.close()
    assert "p%40ss" not in send_one(address, tmp_path).reason


def test_a_query_in_the_url_is_kept(receiver: OtlpReceiver, tmp_path: Path) -> None:
    send_one(Address(f"{receiver.base}/otlp/v1/traces?tenant=a"), tmp_path)
    assert receiver.requests[0].path == "/otlp/v1/traces?tenant=a"


def test_a_token_that_changed_in_its_file_is_taken_at_once(receiver: OtlpReceiver, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("authorization=old")
    with deliver_to(receiver, tmp_path, headers_file=str(file)) as delivery:
        assert delivery.traces.send(spans(1)).verdict == "delivered"
        file.write_text("authorization=new")
        receiver.answer(401)
        assert delivery.traces.send(spans(1)).verdict == "delivered"
        receiver.answer(401)
        assert delivery.traces.send(spans(1)).verdict == "hold"
    assert [got.headers["authorization"] for got in receiver.requests] == ["old", "old", "new", "new"]


def test_a_header_command_is_asked_at_connect_alone(receiver: OtlpReceiver, tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'calls')!r}, 'a').write('x'); print('authorization=made')"
    with deliver_to(receiver, tmp_path, headers_command=(sys.executable, "-c", code)) as delivery:
        for _ in range(3):
            delivery.traces.send(spans(1))
    assert {got.headers["authorization"] for got in receiver.requests} == {"made"}
    assert (tmp_path / "calls").read_text() == "x"


def test_a_header_source_that_fails_holds_and_is_named(receiver: OtlpReceiver, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with deliver_to(receiver, tmp_path, headers_file=missing) as delivery:
        outcome = delivery.traces.send(spans(1))
    assert (outcome.verdict, outcome.settled, receiver.requests) == ("hold", 0, [])
    assert missing in outcome.reason


def test_a_plain_endpoint_is_reached_through_its_proxy(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with Proxy() as proxy:
        proxies = {"http": proxy.with_user("ann:secret")}
        outcome = send_one(receiver, tmp_path, proxies=proxies, headers=(("x-studio", "a"),))
    ((method, target, headers),) = proxy.asked
    assert (outcome.delivered, method, target) == (1, "POST", receiver.url("traces"))
    assert headers["proxy-authorization"] == "Basic YW5uOnNlY3JldA=="
    assert headers["host"] == urlsplit(receiver.base).netloc
    assert receiver.requests[0].headers["x-studio"] == "a"


def test_no_proxy_is_obeyed(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with Proxy() as proxy:
        outcome = send_one(receiver, tmp_path, proxies={"http": proxy.url, "no": "127.0.0.1"})
    assert (outcome.delivered, proxy.asked) == (1, [])


def test_proxies_come_from_the_environment_as_urllib_reads_it(
    receiver: OtlpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    endpoint = EndpointConfig(url=receiver.url("traces"))
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        senders = open_senders(
            DeliveryConfig(traces=endpoint), shelf=PoisonShelf(str(tmp_path)), loss=LossLedger()
        )
        assert senders["traces"].send(spans(1)).delivered == 1
        senders["traces"].close()
    assert len(proxy.asked) == 1


def test_a_proxy_of_another_kind_is_named() -> None:
    with pytest.raises(DeliveryError, match=re.escape("'socks5://proxy:1080' for http")):
        find_proxy(urlsplit("http://otel/v1/traces"), {"http": "socks5://proxy:1080"})


def test_only_signals_with_an_endpoint_have_a_sender(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with OtlpReceiver() as other:
        delivery = DeliveryConfig(
            traces=EndpointConfig(url=receiver.url("traces")),
            logs=EndpointConfig(url=other.url("logs"), compression="none"),
        )
        senders = open_senders(delivery, shelf=PoisonShelf(str(tmp_path)), loss=LossLedger(), proxies={})
        assert set(senders) == {"traces", "logs"}
        senders["traces"].send(spans(1))
        senders["logs"].send(batch("logs", log()))
        assert (len(receiver.spans()), len(receiver.logs())) == (1, 0)
        assert (len(other.spans()), len(other.logs())) == (0, 1)
        for sender in senders.values():
            sender.close()

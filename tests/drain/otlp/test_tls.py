"""TLS over HTTP and gRPC: own authorities, client certificates, tunnels, and what is never trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest

from support.certificates import Authority
from support.items import spans
from support.otlp_grpc_receiver import OtlpGrpcReceiver
from support.otlp_receiver import OtlpReceiver
from support.proxy import Proxy
from support.senders import Address, deliver_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.otlp_receiver import Inbox

Protocols = pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture
def secure(protocol: str, authority: Authority) -> Iterator[Inbox]:
    """Return a receiver whose certificate the authority signed."""
    identity = authority.sign("server")
    if protocol == "grpc":
        with OtlpGrpcReceiver(credentials=grpc.ssl_server_credentials([identity.content()])) as receiver:
            yield receiver
    else:
        with OtlpReceiver(tls=authority.server_context(identity)) as receiver:
            yield receiver


@pytest.fixture
def mutual(protocol: str, authority: Authority) -> Iterator[Inbox]:
    """Return a receiver that wants a client certificate of the authority."""
    identity = authority.sign("server")
    if protocol == "grpc":
        with open(authority.certificate, "rb") as file:
            credentials = grpc.ssl_server_credentials([identity.content()], file.read(), True)
        with OtlpGrpcReceiver(credentials=credentials) as receiver:
            yield receiver
    else:
        with OtlpReceiver(tls=authority.server_context(identity, ask_client=True)) as receiver:
            yield receiver


@Protocols
def test_an_own_authority_is_trusted_where_it_is_named(
    protocol: str, secure: Inbox, authority: Authority, tmp_path: Path
) -> None:
    with deliver_to(secure, tmp_path, protocol=protocol, certificate=authority.certificate) as delivery:
        outcomes = [delivery.traces.send(spans(2)).delivered for _ in range(3)]
    assert outcomes == [2, 2, 2]
    assert len({got.peer for got in secure.requests}) == 1, "one connection for all"


@Protocols
@pytest.mark.parametrize("trusted", ["platform", "stranger"])
def test_a_server_that_nobody_vouches_for_gets_nothing(
    protocol: str, secure: Inbox, stranger: Authority, tmp_path: Path, trusted: str
) -> None:
    certificate = stranger.certificate if trusted == "stranger" else None
    headers = (("authorization", "secret"),)
    with deliver_to(
        secure, tmp_path, protocol=protocol, certificate=certificate, headers=headers
    ) as delivery:
        outcome = delivery.traces.send(spans(1))
    assert (outcome.verdict, outcome.settled, secure.requests) == ("retry", 0, [])
    assert "certificate" in outcome.reason.lower() or "handshake" in outcome.reason.lower()


def test_a_certificate_for_another_host_is_refused(authority: Authority, tmp_path: Path) -> None:
    elsewhere = authority.sign("elsewhere", address="10.1.2.3")
    with (
        OtlpReceiver(tls=authority.server_context(elsewhere)) as receiver,
        deliver_to(receiver, tmp_path, certificate=authority.certificate) as delivery,
    ):
        outcome = delivery.traces.send(spans(1))
    assert (outcome.verdict, receiver.requests) == ("retry", [])


@Protocols
def test_a_client_certificate_opens_the_door(
    protocol: str, mutual: Inbox, authority: Authority, tmp_path: Path
) -> None:
    client = authority.sign("workstation")
    with deliver_to(
        mutual,
        tmp_path,
        protocol=protocol,
        certificate=authority.certificate,
        client_certificate=client.certificate,
        client_key=client.key,
    ) as delivery:
        assert delivery.traces.send(spans(1)).delivered == 1
    if protocol != "grpc":
        certificate = mutual.requests[0].client_certificate
        assert certificate is not None
        assert "workstation" in str(certificate["subject"])


@Protocols
def test_without_a_client_certificate_the_door_stays_shut(
    protocol: str, mutual: Inbox, authority: Authority, tmp_path: Path
) -> None:
    with deliver_to(mutual, tmp_path, protocol=protocol, certificate=authority.certificate) as delivery:
        outcome = delivery.traces.send(spans(1))
    assert (outcome.verdict, outcome.settled, mutual.requests) == ("retry", 0, [])


@Protocols
@pytest.mark.parametrize("setting", ["certificate", "client_certificate"])
def test_a_missing_file_holds_and_is_named(
    protocol: str, secure: Inbox, tmp_path: Path, setting: str
) -> None:
    missing = str(tmp_path / "missing.pem")
    files: dict[str, Any] = {setting: missing}
    with deliver_to(secure, tmp_path, protocol=protocol, **files) as delivery:
        outcome = delivery.traces.send(spans(1))
    assert (outcome.verdict, outcome.settled) == ("hold", 0)
    assert missing in outcome.reason


@Protocols
def test_a_file_that_is_no_certificate_holds(protocol: str, secure: Inbox, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not a certificate")
    with deliver_to(secure, tmp_path, protocol=protocol, certificate=str(garbage)) as delivery:
        outcome = delivery.traces.send(spans(1))
    assert outcome.verdict == "hold"
    assert str(garbage) in outcome.reason


@Protocols
def test_an_encrypted_key_is_refused_and_no_password_is_asked_for(
    protocol: str, mutual: Inbox, authority: Authority, tmp_path: Path
) -> None:
    locked = authority.sign("locked", password=b"hunter2")
    with deliver_to(
        mutual,
        tmp_path,
        protocol=protocol,
        certificate=authority.certificate,
        client_certificate=locked.certificate,
        client_key=locked.key,
    ) as delivery:
        outcome = delivery.traces.send(spans(1))
    assert outcome.verdict == "hold"
    assert "encrypted" in outcome.reason


@pytest.mark.parametrize("protocol", ["http/protobuf"])
def test_a_tunnel_shows_the_proxy_none_of_our_headers(
    secure: Inbox, authority: Authority, tmp_path: Path
) -> None:
    with (
        Proxy() as proxy,
        deliver_to(
            secure,
            tmp_path,
            certificate=authority.certificate,
            proxies={"https": proxy.with_user("ann:pw")},
            headers=(("authorization", "secret"),),
        ) as delivery,
    ):
        assert [delivery.traces.send(spans(1)).delivered for _ in range(2)] == [1, 1]
    ((method, target, headers),) = proxy.asked
    assert (method, target) == ("CONNECT", f"127.0.0.1:{secure.port}")  # type: ignore[attr-defined]
    assert headers["proxy-authorization"] == "Basic YW5uOnB3"
    assert "authorization" not in headers
    assert secure.requests[0].headers["authorization"] == "secret"


@pytest.mark.parametrize("protocol", ["http/protobuf"])
def test_a_proxy_that_refuses_the_tunnel_is_named(
    secure: Inbox, authority: Authority, tmp_path: Path
) -> None:
    with (
        Proxy(refuse=407) as proxy,
        deliver_to(
            secure, tmp_path, certificate=authority.certificate, proxies={"https": proxy.url}
        ) as delivery,
    ):
        outcome = delivery.traces.send(spans(1))
    assert (outcome.verdict, secure.requests) == ("retry", [])
    assert "refused the tunnel: HTTP 407" in outcome.reason


def test_a_plain_server_where_tls_is_expected_is_retried(tmp_path: Path) -> None:
    with OtlpReceiver() as receiver:
        address = Address(f"https://127.0.0.1:{receiver.port}/v1/traces")
        with deliver_to(address, tmp_path) as delivery:
            outcome = delivery.traces.send(spans(1))
    assert (outcome.verdict, outcome.settled) == ("retry", 0)

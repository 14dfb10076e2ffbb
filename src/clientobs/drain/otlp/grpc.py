"""OTLP over gRPC: one call, one status, nothing more.

grpcio is driven through a generic stub that takes and gives bytes, since requests come serialized. Its own
retries are off, and a channel that failed is thrown away: grpcio would answer "unavailable" from memory for
up to two minutes, and sit on a connection that died while the laptop slept.

Imported only where an endpoint speaks gRPC: it costs 17 MB (benchmarks/drain.py) and a few threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from clientobs._version import __version__
from clientobs.drain.otlp.answers import Action, Answer, grpc_answer, held
from clientobs.drain.otlp.connection import tls_context
from clientobs.drain.otlp.endpoint import port_of, split_endpoint
from clientobs.drain.otlp.messages import GRPC_METHODS, success
from clientobs.errors import DeliveryError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from clientobs.config.model import EndpointConfig, Signal
    from clientobs.drain.otlp.headers import Headers, Pairs

__all__ = ["GrpcTransport"]

_CREDENTIAL_REFUSED: Final = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})
_STATUS_DETAILS: Final = "grpc-status-details-bin"
_OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.primary_user_agent", f"clientobs/{__version__}"),
)


class GrpcTransport:
    """Calls Export of one signal's service at one address (`Transport` of deliver.py).

    Proxies are grpcio's own matter: it reads grpc_proxy, https_proxy, http_proxy and no_proxy.
    """

    def __init__(self, endpoint: EndpointConfig, signal: Signal, headers: Headers) -> None:
        self._endpoint = endpoint
        self._signal: Signal = signal
        self._headers = headers
        self._channel: Any = None
        self._export: Any = None
        self._metadata: Pairs = ()

    def post(self, body: bytes) -> Answer:
        """Make one call; its status is understood, and nothing is raised for what the network does."""
        try:
            answer = self._call(body)
            if answer.code in _CREDENTIAL_REFUSED and self._headers_changed():
                self.close()
                answer = self._call(body)
        except (DeliveryError, OSError) as error:  # a broken setting, or a file that went away
            self.close()
            return held(str(error))
        if answer.action in (Action.RETRY, Action.HOLD):
            self.close()
        return answer

    def close(self) -> None:
        """Close the channel; the next call opens another, with headers and certificates read anew."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _call(self, body: bytes) -> Answer:
        if self._channel is None:
            self._open()
        try:
            response, _ = self._export.with_call(
                body,
                timeout=self._endpoint.timeout,
                metadata=self._metadata,
                compression=grpc.Compression.Gzip if self._endpoint.compression != "none" else None,
            )
        except grpc.RpcError as error:
            return _refusal(error)
        rejected, words = success(self._signal, response)
        return grpc_answer("OK", words, rejected=rejected)

    def _open(self) -> None:
        self._metadata = _checked_metadata(self._headers.read())
        url = _url(self._endpoint)
        host = url.hostname or ""
        address = f"[{host}]:{port_of(url)}" if ":" in host else f"{host}:{port_of(url)}"
        if url.scheme == "http":
            self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        else:
            self._channel = grpc.secure_channel(address, _credentials(self._endpoint), options=_OPTIONS)
        self._export = self._channel.unary_unary(GRPC_METHODS[self._signal])

    def _headers_changed(self) -> bool:
        return self._headers.changeable and set(self._headers.read()) != set(self._metadata)


def _url(endpoint: EndpointConfig) -> SplitResult:
    if "://" in endpoint.url:
        return split_endpoint(endpoint.url)
    return split_endpoint(f"{'http' if endpoint.insecure else 'https'}://{endpoint.url}")


def _checked_metadata(headers: Pairs) -> Pairs:
    for name, value in headers:
        if not (value.isascii() and value.isprintable()):
            raise DeliveryError(f"header {name}: gRPC takes printable ASCII only")
        if name.endswith("-bin") or name.startswith("grpc-"):
            raise DeliveryError(f"header {name}: gRPC keeps names like this for itself")
    return headers


def _credentials(endpoint: EndpointConfig) -> Any:
    # grpcio says of a broken file no more than that the handshake failed, and prints the rest: load it with
    # the ssl module first, which names what is wrong.
    tls_context(endpoint.certificate, endpoint.client_certificate, endpoint.client_key)
    return grpc.ssl_channel_credentials(
        root_certificates=_content(endpoint.certificate),
        private_key=_content(endpoint.client_key),
        certificate_chain=_content(endpoint.client_certificate),
    )


def _content(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def _refusal(error: Any) -> Answer:
    """Return the answer of a failed call; an RpcError of grpcio is also the call with its status."""
    return grpc_answer(error.code().name, error.details() or "", _retry_seconds(error.trailing_metadata()))


def _retry_seconds(trailers: Any) -> float | None:
    """Return the seconds of a RetryInfo; 0 where it is there and asks for nothing, None without one."""
    for name, value in trailers or ():
        if name != _STATUS_DETAILS:
            continue
        try:
            for detail in Status.FromString(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return float(info.retry_delay.ToNanoseconds() / 1e9)
        except (DecodeError, TypeError, ValueError):
            return None
    return None

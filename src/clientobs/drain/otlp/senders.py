"""From settings to senders: one per signal that has an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.drain.otlp.deliver import Sender, Transport
from clientobs.drain.otlp.headers import Headers
from clientobs.drain.otlp.http import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs._loss import LossLedger
    from clientobs.config.model import DeliveryConfig, Signal
    from clientobs.drain.otlp.poison import PoisonShelf

__all__ = ["open_senders", "open_transport"]

_SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")


def open_senders(
    delivery: DeliveryConfig,
    *,
    shelf: PoisonShelf,
    loss: LossLedger,
    proxies: Mapping[str, str] | None = None,
) -> dict[Signal, Sender]:
    """Return a sender for each signal with an endpoint; nothing is connected before the first `send`.

    `proxies` is scheme -> URL, as `urllib.request.getproxies` returns it; None: as it returns it at each
    connect (environment, or the system's settings on Windows and macOS).
    """
    senders: dict[Signal, Sender] = {}
    for signal in _SIGNALS:
        transport = open_transport(delivery, signal, proxies)
        if transport is not None:
            senders[signal] = Sender(signal=signal, transport=transport, shelf=shelf, loss=loss)
    return senders


def open_transport(
    delivery: DeliveryConfig, signal: Signal, proxies: Mapping[str, str] | None = None
) -> Transport | None:
    """Return one signal's way to its endpoint, None where it has none; `doctor` asks by the same way."""
    endpoint = {"traces": delivery.traces, "logs": delivery.logs, "metrics": delivery.metrics}[signal]
    if endpoint is None:
        return None
    headers = Headers(endpoint.headers, file=delivery.headers_file, command=delivery.headers_command)
    if endpoint.protocol == "grpc":
        from clientobs.drain.otlp.grpc import GrpcTransport  # noqa: PLC0415  # 17 MB: only where it is used

        return GrpcTransport(endpoint, signal, headers)
    return HttpTransport(endpoint, signal, headers, proxies=proxies)

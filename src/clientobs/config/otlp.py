"""The destination: one endpoint a signal, put together from all layers as the OTLP specification says.

Within a layer a signal's own setting goes before the general one. Between layers an endpoint brings its own
settings along. What a lower layer says beside an endpoint of its own was meant for that endpoint alone: the
studio's token in the file is not sent to the collector that somebody names in a variable.
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.config.endpoints import grpc_address, http_address
from clientobs.config.layers import Found, Layer
from clientobs.config.model import DeliveryConfig, EndpointConfig, Signal
from clientobs.config.options import SETTINGS, SIGNALS
from clientobs.config.problems import Problem, Source, Unacceptable
from clientobs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Delivery", "delivery"]

_WHOLE: Final = ("headers_file", "headers_command", "metrics_max_age")
_SECRET_SOURCES: Final = ("headers_file", "headers_command")


class Delivery(NamedTuple):
    """The destination, where each part of it came from, and what is wrong with it."""

    config: DeliveryConfig
    sources: dict[str, Source]
    problems: list[Problem]


def delivery(layers: Sequence[Layer]) -> Delivery:
    """Put the destination together from `layers`, highest first; a wrong argument raises ConfigError."""
    result = Delivery(DeliveryConfig(), {}, [])
    endpoints: dict[str, EndpointConfig | None] = {}
    reach = len(layers)
    for signal in SIGNALS:
        seen = _layers_of(signal, layers)
        endpoints[signal] = _endpoint(signal, seen, result)
        if endpoints[signal] is not None:
            reach = min(reach, len(seen))
    whole: dict[str, Any] = {}
    for name in _WHOLE:
        key = f"delivery.{name}"
        within = layers[:reach] if name in _SECRET_SOURCES else layers
        found = next((layer.found[key] for layer in within if key in layer.found), None)
        if found is not None:
            whole[name] = found.value
            result.sources[key] = found.source
    return result._replace(
        config=DeliveryConfig(
            traces=endpoints["traces"], logs=endpoints["logs"], metrics=endpoints["metrics"], **whole
        )
    )


def _layers_of(signal: Signal, layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that may speak about the signal's endpoint: down to the next one that has its own."""
    seen: list[Layer] = []
    named = False
    for layer in layers:
        has_own = f"delivery.{signal}.endpoint" in layer.found or "delivery.endpoint" in layer.found
        if has_own and named:
            break
        named = named or has_own
        seen.append(layer)
    return seen


def _endpoint(signal: Signal, layers: Sequence[Layer], result: Delivery) -> EndpointConfig | None:
    exporter = next(
        (found for layer in layers if (found := layer.found.get(f"delivery.{signal}.exporter"))), None
    )
    if exporter is not None and exporter.value == "none":
        result.sources[f"delivery.{signal}.endpoint"] = exporter.source
        return None
    settings = {name: found for name in SETTINGS if (found := _setting(signal, name, layers))}
    given = settings.get("endpoint")
    if given is None:
        if exporter is None:
            return None
        # asked for by name, so the specification's default endpoint is meant
        given = settings["endpoint"] = Found("", exporter.source)
    try:
        endpoint = _assembled(signal, {name: found.value for name, found in settings.items()}, layers)
    except Unacceptable as error:
        if given.source.kind == "argument":
            raise ConfigError(f"{given.source.name} accepted: {error}") from None
        problem = Problem.at(given.source, f"accepted: {error}")
        if problem not in result.problems:
            # the one endpoint of all signals is complained about once
            result.problems.append(problem)
        return None
    result.sources.update({f"delivery.{signal}.{name}": found.source for name, found in settings.items()})
    return endpoint


def _setting(signal: Signal, name: str, layers: Sequence[Layer]) -> Found | None:
    for layer in layers:
        found = layer.found.get(f"delivery.{signal}.{name}") or layer.found.get(f"delivery.{name}")
        if found is not None:
            return found
    return None


def _assembled(signal: Signal, values: dict[str, Any], layers: Sequence[Layer]) -> EndpointConfig:
    """Return the endpoint of `values`; raises Unacceptable where its URL can't be used."""
    given = values.pop("endpoint")
    protocol = values.get("protocol", "http/protobuf")
    if protocol == "grpc":
        address = grpc_address(given or "http://localhost:4317", insecure=values.get("insecure", False))
    else:
        address = http_address(given or "http://localhost:4318", None if _is_own(signal, layers) else signal)
    headers = values.pop("headers", ())
    if address.login and not any(name == "authorization" for name, _ in headers):
        headers = (*headers, ("authorization", address.login))
    values["insecure"] = not address.secure
    return EndpointConfig(url=address.url, headers=headers, **values)


def _is_own(signal: Signal, layers: Sequence[Layer]) -> bool:
    """Whether the endpoint is the signal's own, used as it stands, and not the base of all three."""
    for layer in layers:
        if f"delivery.{signal}.endpoint" in layer.found:
            return True
        if "delivery.endpoint" in layer.found:
            return False
    return False

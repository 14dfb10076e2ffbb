"""The environment as a layer of settings: the one module that knows os.environ.

Empty variables count as unset, as the OpenTelemetry specification has it. A variable that can't be used is a
`Problem`, and the next source of that setting is asked.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from clientobs.config.layers import Found, Layer, adopt_service, refusal
from clientobs.config.options import OPTIONS
from clientobs.config.problems import Problem, Source, Unacceptable, did_you_mean
from clientobs.config.values import Base, user_home
from clientobs.farms.variables import OWN_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONFIG_VARIABLE", "current", "disabled_by", "read"]

CONFIG_VARIABLE: Final = "CLIENTOBS_CONFIG"
_SDK_DISABLED: Final = "OTEL_SDK_DISABLED"
_OURS: Final = "CLIENTOBS_"
_KNOWN: Final = (
    frozenset({CONFIG_VARIABLE})
    | {variable for option in OPTIONS.values() for variable in option.variables if variable.startswith(_OURS)}
    | OWN_VARIABLES
)


def current() -> dict[str, str]:
    """Return a copy of the process environment, to be handed to all that need it."""
    return dict(os.environ)


def disabled_by(environ: Mapping[str, str]) -> str | None:
    """Return the variable that switches everything off, or None: cheap enough to ask before all else.

    A switch that ops throw: either variable wins over the other, over `init(disabled=False)` and the file.
    """
    if environ.get("CLIENTOBS_DISABLED", "").strip().lower() in {"1", "true", "yes", "on"}:
        return "CLIENTOBS_DISABLED"
    return _SDK_DISABLED if environ.get(_SDK_DISABLED, "").strip().lower() == "true" else None


def read(environ: Mapping[str, str], platform: str) -> Layer:
    """Return the settings that the environment makes."""
    layer = Layer()
    base = Base(None, user_home(environ, platform), platform)
    for key, option in OPTIONS.items():
        for variable in option.variables:
            raw = environ.get(variable)
            if not raw or raw.isspace():
                continue
            source = Source(kind="environment", name=variable)
            try:
                layer.found[key] = Found(option.read(raw, base), source)
            except Unacceptable as error:
                layer.problems.append(Problem.at(source, refusal(raw, error, secret=option.secret)))
                if error.usable:
                    layer.found[key] = Found(error.usable, source)
            break
    _read_resource(environ, layer)
    _read_sdk_disabled(environ, layer)
    _find_misspelt(environ, layer)
    return layer


def _read_resource(environ: Mapping[str, str], layer: Layer) -> None:
    """Split OTEL_RESOURCE_ATTRIBUTES into single attributes: each may come from another layer."""
    source = Source(kind="environment", name="OTEL_RESOURCE_ATTRIBUTES")
    for number, item in enumerate(environ.get(source.name, "").split(","), 1):
        if not item.strip():
            continue
        name, equals, value = item.partition("=")
        name = name.strip()
        if not equals or not name:
            layer.problems.append(Problem.at(source, f"pair {number} is not key=value"))
            continue
        value = value.strip()
        if "%" in value:
            from urllib.parse import unquote  # noqa: PLC0415  # 3 ms, and few values are encoded

            value = unquote(value)
        layer.found[f"resource.{name}"] = Found(value, source)
    adopt_service(layer)


def _read_sdk_disabled(environ: Mapping[str, str], layer: Layer) -> None:
    word = environ.get(_SDK_DISABLED, "").strip().lower()
    if word == "true":
        layer.found["disabled"] = Found(True, Source(kind="environment", name=_SDK_DISABLED))
    elif word not in {"", "false"}:
        source = Source(kind="environment", name=_SDK_DISABLED)
        layer.problems.append(Problem.at(source, f"{word[:40]!r} is not true or false; taken as false"))


def _find_misspelt(environ: Mapping[str, str], layer: Layer) -> None:
    """Name near misses only: variables of other tools may begin with our prefix too."""
    for name in environ:
        if name.startswith(_OURS) and name not in _KNOWN:
            near = did_you_mean(name, _KNOWN, _OURS)
            if near:
                source = Source(kind="environment", name=name)
                layer.problems.append(Problem.at(source, f"no such variable{near}"))

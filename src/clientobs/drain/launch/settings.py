"""The settings of a drain as one text: how a host hands its Config to the drain that it starts.

The text travels in the drain's environment and nowhere else: headers and keys are credentials, which must
not rest on disk or stand in a command line. What the host was told by Python arguments, variables and TOML
is all in it, so the drain delivers exactly to the destination whose key the host computed. Unknown fields
are left out on reading, missing ones get their default.
"""

from __future__ import annotations

import dataclasses
import json
import types
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from clientobs.config.model import Config
from clientobs.errors import ConfigError

__all__ = ["config_from_text", "config_to_text"]

T = TypeVar("T")


def config_to_text(config: Config) -> str:
    """Write a Config as ASCII JSON."""
    return json.dumps(dataclasses.asdict(config), separators=(",", ":"))


def config_from_text(text: str) -> Config:
    """Read what `config_to_text` wrote; raise ConfigError for anything else.

    >>> config_from_text(config_to_text(Config())) == Config()
    True
    """
    try:
        return _instance(Config, json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError("The settings handed to the drain can't be read; start it anew.") from error


def _instance(cls: type[T], data: dict[str, Any]) -> T:
    from clientobs.config.log_files import LogFilesConfig  # noqa: PLC0415  # the drain reads; the host writes

    hints = get_type_hints(cls, localns={LogFilesConfig.__name__: LogFilesConfig})
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]  # only dataclasses come here
    return cls(**{name: _value(hints[name], value) for name, value in data.items() if name in known})


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(choice for choice in get_args(hint) if choice is not types.NoneType)
    if dataclasses.is_dataclass(hint):
        return _instance(hint, value)  # type: ignore[arg-type]  # is_dataclass also admits instances, hints are none
    if get_origin(hint) is tuple:
        items = get_args(hint)
        kinds = [items[0]] * len(value) if items[-1] is Ellipsis else items
        return tuple(_value(kind, item) for kind, item in zip(kinds, value, strict=True))
    return value

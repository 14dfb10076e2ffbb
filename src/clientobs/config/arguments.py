"""The arguments of `init()` as a layer of settings. A wrong one is a programmer's slip: ConfigError.

`init("publish", drain="off", journal={"bulk_bytes": "64 MiB"})`: the common settings have short names of
their own, each table of the TOML file may be handed in as a mapping, and None means "not given".
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

from clientobs.config.layers import Found, Layer, Leaf, adopt_service, leaves, read_leaf
from clientobs.config.options import OPTIONS, TABLES
from clientobs.config.problems import Source, Unacceptable, did_you_mean
from clientobs.config.values import Base
from clientobs.errors import ConfigError

__all__ = ["CONFIG_ARGUMENT", "config_file", "read"]

CONFIG_ARGUMENT: Final = "config"
_SHORT: Final = {option.argument: key for key, option in OPTIONS.items() if option.argument}
_MAPPINGS: Final = frozenset(table for table in TABLES if "." not in table)


def read(arguments: Mapping[str, object], *, user_home: str | None, platform: str) -> Layer:
    """Return the settings that a call of `init()` makes; raises ConfigError for the first wrong one."""
    layer = Layer()
    base = Base(None, user_home, platform)
    for argument, raw in arguments.items():
        if raw is None or argument == CONFIG_ARGUMENT:
            continue
        for leaf in _leaves(argument, raw):
            if leaf.raw is not None:
                layer.found[leaf.key] = _read(argument, leaf, base)
    adopt_service(layer)
    return layer


def config_file(arguments: Mapping[str, object]) -> str | None:
    """Return the TOML file named by `config=`; raises ConfigError where that is no path."""
    raw = arguments.get(CONFIG_ARGUMENT)
    if raw is None:
        return None
    if not isinstance(raw, (str, os.PathLike)) or not (path := os.fspath(raw)):
        raise ConfigError(f"config={_kind(raw)} is refused; accepted: the path of a TOML file")
    return os.fsdecode(path)


def _leaves(argument: str, raw: object) -> Iterator[Leaf]:
    is_mapping = isinstance(raw, Mapping)
    if argument in _SHORT and not (is_mapping and argument in _MAPPINGS):
        yield Leaf(_SHORT[argument], raw)
    elif argument in _MAPPINGS:
        yield from leaves({argument: raw})
    else:
        known = sorted(_SHORT.keys() | _MAPPINGS | {CONFIG_ARGUMENT})
        raise ConfigError(
            f"init() has no option {argument!r}{did_you_mean(argument, known)}; accepted: {', '.join(known)}"
        )


def _read(argument: str, leaf: Leaf, base: Base) -> Found:
    name = f"{argument}=" if _SHORT.get(argument) == leaf.key else f"{leaf.key}="
    try:
        if leaf.fault is not None:
            raise Unacceptable(leaf.fault)
        return Found(read_leaf(leaf, base), Source(kind="argument", name=name))
    except Unacceptable as error:
        raise ConfigError(f"{name} {error}") from None


def _kind(raw: object) -> str:
    return repr(raw) if isinstance(raw, str) else f"<{type(raw).__name__}>"

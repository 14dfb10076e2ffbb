"""A layer: the settings of one source (arguments, environment, file), flat, each with where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs._patterns import pattern
from clientobs.config.model import RootConfig
from clientobs.config.options import LOG_FILES, OPTIONS, TABLES
from clientobs.config.problems import Problem, Source, Unacceptable, did_you_mean

if TYPE_CHECKING:
    from clientobs.config.values import Base

__all__ = ["SERVICE_KEYS", "Found", "Layer", "Leaf", "adopt_service", "leaves", "read_leaf", "refusal"]

SERVICE_KEYS: Final = {
    "service.name": "service.name",
    "service.version": "service.version",
    "deployment.environment.name": "service.environment",
}
"""Resource attributes that are settings of their own."""

_ABSOLUTE: Final = {
    "linux": pattern(r"/"),
    "windows": pattern(r"[A-Za-z]:|[\\/]{2}[^\\/]"),
    "macos": pattern(r"/"),
}
_SHOWN: Final = 60
_ROOT_KEYS: Final = tuple(_ABSOLUTE)


class Found(NamedTuple):
    """One value that was read, and its source."""

    value: Any
    source: Source


class Layer:
    """What one source says: values by dotted key, and what is wrong with it."""

    __slots__ = ("found", "problems")

    def __init__(self) -> None:
        self.found: dict[str, Found] = {}
        self.problems: list[Problem] = []


class Leaf(NamedTuple):
    """One entry of a tree (a TOML file, the arguments): its raw value, or the reason why it has no place."""

    key: str
    raw: object
    fault: str | None = None


def leaves(tree: Mapping[str, object], prefix: str = "") -> Iterator[Leaf]:
    """Walk nested tables to settings, naming what is no setting.

    >>> list(leaves({"drain": {"mode": "off", "mod": 1}}))[1].fault
    "unknown key; did you mean 'drain.mode'?"
    """
    for name, raw in tree.items():
        key = f"{prefix}{name}"
        if key in OPTIONS:
            yield Leaf(key, raw)
        elif key in {"resource", "roots"} and isinstance(raw, Mapping):
            yield from _open_table(key, raw)
        elif key == LOG_FILES and isinstance(raw, (list, tuple)):
            yield from (Leaf(f"{key}.{number}", entry) for number, entry in enumerate(raw))
        elif key in TABLES and key != LOG_FILES and isinstance(raw, Mapping):
            yield from leaves(raw, f"{key}.")
        elif key in TABLES:
            expected = f"tables [[{key}]] are" if key == LOG_FILES else f"a table [{key}] is"
            yield Leaf(key, raw, f"{expected} expected here")
        else:
            yield Leaf(key, raw, _unknown(key, prefix))


def read_leaf(leaf: Leaf, base: Base) -> Any:
    """Return the typed value of a leaf; raises Unacceptable, which never repeats a secret."""
    if leaf.key.startswith("resource."):
        return _resource_value(leaf.raw)
    if leaf.key.startswith("roots."):
        return _root(leaf.key.removeprefix("roots."), leaf.raw)
    if leaf.key.startswith(f"{LOG_FILES}."):
        from clientobs.config.log_files import read_log_files  # noqa: PLC0415  # only where there is one

        return read_log_files(leaf.raw, base)
    option = OPTIONS[leaf.key]
    try:
        return option.read(leaf.raw, base)
    except Unacceptable as error:
        raise Unacceptable(refusal(leaf.raw, error, secret=option.secret), error.usable) from None


def refusal(raw: object, error: Unacceptable, *, secret: bool) -> str:
    """Say what was handed in, unless it may be a credential, and what is accepted."""
    return f"accepted: {error}" if secret else f"{_shown(raw)} is refused; accepted: {error}"


def adopt_service(layer: Layer) -> None:
    """Let service.* among the resource attributes speak where the setting of its own does not."""
    for name, key in SERVICE_KEYS.items():
        found = layer.found.pop(f"resource.{name}", None)
        if found is not None:
            layer.found.setdefault(key, found)


def _shown(raw: object) -> str:
    try:
        shown = ascii(raw)
    except Exception:  # noqa: BLE001  # an argument whose repr raises is still a wrong argument
        shown = f"a {type(raw).__name__}"
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."


def _open_table(table: str, raw: Mapping[str, object]) -> Iterator[Leaf]:
    for name, value in raw.items():
        if table == "resource" and isinstance(value, Mapping):
            # [resource] studio.site = "x" is a dotted key in TOML, and an attribute's name to us
            yield from _open_table(f"{table}.{name}", value)
        else:
            yield Leaf(f"{table}.{name}", value)


def _unknown(key: str, prefix: str) -> str:
    name = key.removeprefix(prefix)
    beside = {known[len(prefix) :].split(".")[0] for known in (*OPTIONS, *TABLES) if known.startswith(prefix)}
    elsewhere = [known for known in OPTIONS if known.rpartition(".")[2] == name]
    hint = did_you_mean(key, [f"{prefix}{each}" for each in beside], prefix)
    if not hint and elsewhere:
        hint = f"; did you mean {elsewhere[0]!r}?"
    return f"unknown key{hint}"


def _resource_value(raw: object) -> str:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (str, int, float)):
        return str(raw)
    raise Unacceptable(f"{_shown(raw)} is refused; accepted: text, a number, true or false")


def _root(name: str, raw: object) -> RootConfig:
    if not isinstance(raw, Mapping) or not raw:
        raise Unacceptable(f"accepted: a table with any of {', '.join(_ROOT_KEYS)}")
    for key, value in raw.items():
        if key not in _ROOT_KEYS:
            raise Unacceptable(f"unknown key {_shown(key)}; accepted: {', '.join(_ROOT_KEYS)}")
        if not isinstance(value, str) or not _ABSOLUTE[key].match(value):
            raise Unacceptable(f"{key} = {_shown(value)} is refused; accepted: an absolute path")
    return RootConfig(name=name, **{key: str(value) for key, value in raw.items()})

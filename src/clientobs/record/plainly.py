"""What can be said of an object without running any code of its class.

A log record, a local variable may be anything of the host: a node whose `__str__` asks a hung server, a proxy that
loads what it stands for, an object whose `__repr__` raises or has side effects. Where nobody asked the host for that
text, we don't either.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["is_plain", "name_of_class", "stand_in"]

SIMPLE: Final = frozenset({str, int, float, bool, type(None)})
_MODULES: Final = frozenset({"datetime", "decimal", "fractions", "pathlib", "pathlib._local", "uuid"})
_CONTAINERS: Final = frozenset({list, tuple, set, frozenset})
_NUMPY: Final = ("int", "uint", "float", "bool")
_MOST: Final = 100
_DEPTH: Final = 3


def is_plain(value: object, depth: int = _DEPTH) -> bool:
    """Say whether the text of a value is made by Python itself, whatever is in it.

    >>> is_plain({"shot": ["sh010", 3]}), is_plain(type("Node", (), {})())
    (True, False)
    """
    kind = type(value)
    if kind in SIMPLE:
        return True
    if kind in _CONTAINERS:
        return depth > 0 and _len(value) <= _MOST and all(is_plain(each, depth - 1) for each in value)  # type: ignore[attr-defined]  # one of four
    if kind is dict:
        items = list(value.items())[: _MOST + 1]  # type: ignore[attr-defined]  # a dict
        return (
            depth > 0
            and len(items) <= _MOST
            and all(is_plain(key, 0) and is_plain(each, depth - 1) for key, each in items)
        )
    module = kind.__module__
    if module in _MODULES or kind in {bytes, complex, bytearray, range}:
        return True
    if isinstance(value, BaseException):
        return module == "builtins" and is_plain(value.args, depth)
    return module == "numpy" and kind.__name__.startswith(_NUMPY)


def _len(value: Any) -> int:
    return len(value)


def name_of_class(value: object) -> str:
    """Return "module.Class"."""
    kind = type(value)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def stand_in(value: object) -> Any:
    """Return a plain value itself, and for any other the name of its class: "<studio.Node>"."""
    if is_plain(value):
        return value
    if type(value) in _CONTAINERS or type(value) is dict:
        return f"<{type(value).__name__} of {_len(value)}>"
    return f"<{name_of_class(value)}>"

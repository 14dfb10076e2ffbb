"""What can be said of an object without running any code of its class.

A log record, a local variable may be anything of the host: a node whose `__str__` asks a hung server, a proxy that
loads what it stands for, an object whose `__repr__` raises or has side effects. Where nobody asked the host for that
text, we don't either.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

__all__ = ["SIMPLE", "is_plain", "name_of_class", "stand_in"]

SIMPLE: Final = frozenset({str, int, float, bool, type(None)})
_MODULES: Final = frozenset({"datetime", "decimal", "fractions", "pathlib", "pathlib._local", "uuid"})
_CONTAINERS: Final = frozenset({list, tuple, set, frozenset})
_NUMPY: Final = ("int", "uint", "float", "bool")
_BASES: Final[tuple[tuple[type, Any], ...]] = (
    (str, str.__str__),
    (bool, bool),
    (int, int.__int__),
    (float, float.__float__),
)
_FOREIGN: Final = object()
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
    if issubclass(kind, BaseException):
        return module == "builtins" and is_plain(value.args, depth)  # type: ignore[attr-defined]  # an exception
    return module == "numpy" and kind.__name__.startswith(_NUMPY)


def _len(value: Any) -> int:
    return len(value)


def name_of_class(value: object) -> str:
    """Return "module.Class"."""
    kind = type(value)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def stand_in(value: object) -> Any:
    """Return what can be said of a value by Python itself, and for all else the name of its class: "<studio.Node>".

    A member of an enumeration or an object of a class derived from str, int or float is what it is built on.

    >>> from http import HTTPStatus
    >>> stand_in(HTTPStatus.NOT_FOUND), stand_in([type("Shot", (str,), {})("sh010")])
    (404, ['sh010'])
    """
    if is_plain(value):
        return value
    found = _bare(value, _DEPTH)
    if found is not _FOREIGN:
        return found
    if type(value) in _CONTAINERS or type(value) is dict:
        return f"<{type(value).__name__} of {_len(value)}>"
    return f"<{name_of_class(value)}>"


def _bare(value: Any, depth: int) -> Any:
    """Return a value without the classes around it, by methods of Python's own types; _FOREIGN where there is more."""
    kind = type(value)  # and never `isinstance`, which asks the object for `__class__`
    for base, method in _BASES:
        if issubclass(kind, base):
            return method(value)
    if issubclass(kind, Enum):
        return _member(value)
    if is_plain(value, depth):
        return value
    if depth <= 0 or not (kind in _CONTAINERS or kind is dict) or _len(value) > _MOST:
        return _FOREIGN
    if kind is dict:
        pairs = [(key, _bare(each, depth - 1)) for key, each in list(value.items())]
        is_known = all(each is not _FOREIGN and is_plain(key, 0) for key, each in pairs)
        return dict(pairs) if is_known else _FOREIGN
    items = [_bare(each, depth - 1) for each in list(value)]
    return _FOREIGN if any(each is _FOREIGN for each in items) else items


def _member(member: Any) -> str:
    fields = object.__getattribute__(member, "__dict__")
    name, value = fields.get("_name_"), fields.get("_value_")
    kind = type(member).__qualname__
    return f"{kind}.{name}" if type(name) is str else f"{kind}({value if type(value) is int else '...'})"

"""Headers of OTLP requests, from a variable or a table; `drain/otlp/headers.py` reads those of a file or a program.

Header values are credentials more often than not: no message here repeats one, nor a name that may have been
a value by mistake.
https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from clientobs._patterns import pattern
from clientobs.config.problems import Unacceptable

if TYPE_CHECKING:
    from clientobs.config.values import Base

__all__ = ["Headers", "headers"]

Headers = tuple[tuple[str, str], ...]

_TOKEN: Final = pattern(r"[!#$%&'*+\-.^_`|~0-9a-z]+\Z")
_VALUE: Final = pattern(r"[\t\x20-\x7e]*\Z")


def headers(raw: object, _base: Base) -> Headers:
    """Read `name=value,name=value` with URL-encoded values, or a mapping of plain names and values.

    >>> from clientobs.config.values import Base
    >>> headers("Authorization=Basic%20eA==, x-scope-orgid=show", Base(None, None, "linux"))
    (('authorization', 'Basic eA=='), ('x-scope-orgid', 'show'))
    """
    if isinstance(raw, str):
        items = [item for item in raw.split(",") if item.strip()]
        return _each(items)
    if not isinstance(raw, Mapping):
        raise Unacceptable("name=value pairs separated by commas, or a table of names and values")
    if not all(isinstance(part, str) for pair in raw.items() for part in pair):
        raise Unacceptable("a table of header names and values, both text")
    return _checked(raw.items())


def _each(items: list[str]) -> Headers:
    """Read each item for itself: one typing error must not cost the others, the credential among them."""
    found: dict[str, str] = {}
    refused: Unacceptable | None = None
    for number, item in enumerate(items, 1):
        try:
            found.update(_checked([_pair(item, number)], number))
        except Unacceptable as error:
            refused = refused or error
    if refused is not None:
        raise Unacceptable(str(refused), tuple(found.items()))
    return tuple(found.items())


def _pair(item: str, number: int) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in item.partition("="))
    if not equals:
        raise Unacceptable(f"name=value pairs; number {number} has no '='")
    if "%" in value or "%" in name:
        from urllib.parse import unquote  # noqa: PLC0415  # 3 ms, and few headers are encoded

        name, value = unquote(name), unquote(value)
    return name, value


def _checked(pairs: Iterable[tuple[str, str]], first: int = 1) -> Headers:
    found: dict[str, str] = {}
    for number, (name, value) in enumerate(pairs, first):
        name = name.strip().lower()  # noqa: PLW2901  # header names have no case
        if not _TOKEN.match(name):
            raise Unacceptable(f"header names made of letters, digits and dashes; number {number} is not")
        if not _VALUE.match(value):
            raise Unacceptable(f"header values of printable ASCII; that of number {number} is not")
        found[name] = value
    return tuple(found.items())

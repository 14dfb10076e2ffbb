"""Attribute values as OTLP's AnyValue, whatever they are, and their bytes by cache.

The host side has made its values plain already. But another version may have written the journal, and a receiver
throws away a whole batch for one string that is not UTF-8. So nothing here raises for a value's content: what OTLP
has no place for becomes text that says what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

__all__ = ["AttributeBytes", "any_value", "framed", "key_values", "utf8"]

_Nested: TypeAlias = list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any] | Mapping[Any, Any]
_INT64: Final = range(-(1 << 63), 1 << 63)
_VARINT_BITS: Final = 0x7F  # of each byte; the eighth says that another follows
_MAX_DEPTH: Final = 16  # decoders give up at about 100 nested messages, and each level here takes three
_CACHED_CHARS: Final = 256
_CACHED_INTS: Final = 1000  # sizes and durations hardly ever come twice
_CACHE_ENTRIES: Final = 4096


def utf8(text: object) -> str:
    r"""Return text that every OTLP decoder takes: lone surrogates and NUL become escapes, the rest stays.

    >>> print(utf8("shot_\udc80\0"))
    shot_\udc80\x00
    """
    if not isinstance(text, str):
        text = _as_text(text)
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text.replace("\0", "\\x00") if "\0" in text else text


def _as_text(value: object) -> str:
    try:
        if isinstance(value, int) and value not in _INT64:
            return hex(value)  # str() of a very large int raises (sys.set_int_max_str_digits)
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8", "backslashreplace")
        return str(value)
    except Exception:  # noqa: BLE001  # a __str__ that raises is a value like any other: its type is told
        return f"<{type(value).__name__}>"


def fill(target: AnyValue, value: object, depth: int = 0) -> None:
    """Write `value` into `target`; what has no place in OTLP is written as text."""
    if isinstance(value, str):
        target.string_value = utf8(value)
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int) and value in _INT64:
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, (bytes, bytearray)):
        target.bytes_value = bytes(value)
    elif isinstance(value, (list, tuple, set, frozenset, Mapping)):
        _fill_nested(target, value, depth + 1)
    elif value is not None:  # an AnyValue that holds nothing is OTLP's null
        target.string_value = utf8(value)


def _fill_nested(target: AnyValue, value: _Nested, depth: int) -> None:
    if depth > _MAX_DEPTH:
        target.string_value = "..."
    elif isinstance(value, Mapping):
        target.kvlist_value.SetInParent()
        for key, one in value.items():
            pair = target.kvlist_value.values.add()
            pair.key = utf8(key)
            fill(pair.value, one, depth)
    else:
        target.array_value.SetInParent()
        for one in value:
            fill(target.array_value.values.add(), one, depth)


def any_value(value: object) -> AnyValue:
    """Return `value` as an AnyValue.

    >>> any_value(1 << 64).string_value
    '0x10000000000000000'
    """
    made = AnyValue()
    fill(made, value)
    return made


def key_values(attributes: Mapping[Any, Any]) -> list[KeyValue]:
    """Return attributes as KeyValue messages."""
    return [KeyValue(key=utf8(key), value=any_value(value)) for key, value in attributes.items()]


def framed(number: int, message: bytes) -> bytes:
    r"""Return `message` as field `number` (1-15) of the message around it: tag, length, bytes.

    >>> framed(9, b"abc")
    b'J\x03abc'
    """
    length = len(message)
    if length <= _VARINT_BITS:
        return bytes((number << 3 | 2, length)) + message
    head = bytearray((number << 3 | 2,))
    while length > _VARINT_BITS:
        head.append(length & _VARINT_BITS | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + message


class AttributeBytes:
    """Serialized attributes, ready to be joined into a message as its repeated field `number`.

    protobuf lets a message be the concatenation of its parts. A run says the same few thousand things over
    and over, and a KeyValue found here need not be built and serialized (benchmarks/drain.py compares). Short
    texts, small ints and bools are kept; all of it is forgotten when it grows beyond 4096 entries.
    """

    __slots__ = ("_known", "_number")

    def __init__(self, number: int) -> None:
        self._number = number
        self._known: dict[tuple[object, ...], bytes] = {}

    def join(self, attributes: Mapping[Any, Any]) -> bytes:
        """Return the bytes of all attributes, in their order."""
        known = self._known
        parts = []
        for key, value in attributes.items():
            kind = type(value)
            if (kind is str and len(value) <= _CACHED_CHARS) or (
                (kind is int or kind is bool) and -_CACHED_INTS < value < _CACHED_INTS
            ):
                entry = (key, value, kind)  # the type too: 1 == True, and OTLP tells them apart
                found = known.get(entry)
                if found is None:
                    if len(known) >= _CACHE_ENTRIES:
                        known.clear()
                    found = known[entry] = self.one(key, value)
                parts.append(found)
            else:
                parts.append(self.one(key, value))
        return b"".join(parts)

    def one(self, key: object, value: object) -> bytes:
        """Return the bytes of one attribute."""
        return framed(
            self._number,
            KeyValue(key=utf8(key), value=any_value(value)).SerializeToString(deterministic=True),
        )

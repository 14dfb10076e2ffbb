"""Values that hosts have handed over, and worse: nothing may raise, whichever of them comes."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import pathlib
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ODD_VALUES", "odd_values"]


class Raises:
    """Every way of looking at it raises."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__

    def __iter__(self) -> Iterator[Any]:
        raise ValueError("no elements")

    def __len__(self) -> int:
        raise ValueError("no length")

    def __bool__(self) -> bool:
        raise ValueError("neither")

    def __getattr__(self, name: str) -> NoReturn:
        raise ValueError(name)


class NoClass:
    """isinstance() asks for __class__, and that raises."""

    @property  # type: ignore[misc]  # that is the point
    def __class__(self) -> NoReturn:  # type: ignore[override]  # that is the point
        raise ValueError("no class")


class Recurses:
    """Its text is its text."""

    def __str__(self) -> str:
        return f"<{self}>"


class NotText:
    """Its text is none."""

    def __str__(self) -> Any:
        return 7  # noqa: PLE0307  # that is the point


class OddText(str):
    """A str that says something else, and compares with nothing."""

    __slots__ = ()

    def __str__(self) -> str:
        raise ValueError("no text")

    def __len__(self) -> int:
        raise ValueError("no length")

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise ValueError("no comparison")


class SaysOddly:
    """Its text is a str, but no plain one."""

    def __str__(self) -> str:
        return OddText("odd")


class OddNumber(int):
    """An int whose every conversion raises."""

    def __str__(self) -> str:
        raise ValueError("no text")

    def __int__(self) -> int:
        raise ValueError("no number")

    __index__ = __int__


class Endless:
    """A container without an end that claims to be short."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[int]:
        while True:
            yield 1


class EndlessDict(dict[str, Any]):
    """A dict whose items never end."""

    def items(self) -> Any:
        number = 0
        while True:
            number += 1
            yield f"key{number}", number


class OddList(list[Any]):
    """A list whose iterator raises after one element."""

    def __iter__(self) -> Iterator[Any]:
        yield "first"
        raise ValueError("no more")


class NumpyLike:
    """Looks like a scalar of numpy, and fails like none."""

    __module__ = "numpy"

    def item(self) -> NoReturn:
        raise TypeError("no item")


class Vector:
    """A vector as DCCs have them: elements by index, a text of its own."""

    def __getitem__(self, index: int) -> float:
        return (0.0, 1.0, 2.0)[index]

    def __str__(self) -> str:
        return "(0, 1, 2)"


class _Odd(type):
    @property
    def __name__(cls) -> NoReturn:  # type: ignore[override]  # that is the point
        raise ValueError("no name")


class Nameless(metaclass=_Odd):
    """Not even its type has a name."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Pair(NamedTuple):
    """A tuple with names."""

    a: int
    b: str


_cycle: list[Any] = []
_cycle.append(_cycle)
_dict_cycle: dict[str, Any] = {}
_dict_cycle["self"] = [_dict_cycle, _cycle]

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 2**63, -(2**63), 2**64, 10**5000, 0.0, float("nan"), float("inf"), 1j, ...),
    *("", "\0", "\ud800", "\udcff\0", "x" * 1_000_000, OddText("odd"), OddNumber(7)),
    *(b"", b"\0\xff", bytearray(b"x"), memoryview(b"xyz"), memoryview(array.array("d", [1.0])), range(3)),
    *(memoryview(b"abcdef")[::2], array.array("i", [1])),
    *(
        Raises(),
        NoClass(),
        Recurses(),
        NotText(),
        SaysOddly(),
        NumpyLike(),
        Vector(),
        Nameless(),
        Endless(),
        EndlessDict(),
    ),
    *(OddList([1, 2]), _cycle, _dict_cycle, {1: 2, None: 3, (1, 2): [{}]}, {Raises(): Raises()}),
    *(
        decimal.Decimal("1.5"),
        datetime.date(2026, 11, 21),
        pathlib.PurePosixPath("/a"),
        ValueError("x"),
        object(),
    ),
    *(
        (number for number in range(3)),
        iter(()),
        threading.Lock(),
        int,
        len,
        collections.deque([1]),
        {}.keys(),
    ),
    *(Pair(1, "x"), frozenset({1}), collections.UserDict(a=1), NotImplemented),
)

_HASHABLE: tuple[Any, ...] = (Raises(), Recurses(), Nameless())


def odd_values(*, hashable: bool = False) -> st.SearchStrategy[Any]:
    """Any of the above but the one that Hypothesis itself fails on, scalars, and containers of all that."""
    odd = [value for value in ODD_VALUES if type(value) is not NoClass]
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
        st.text(alphabet=st.characters(categories=["Cs", "Cc", "Ll"])),
    )  # fmt: skip
    if hashable:
        return st.one_of(
            scalars,
            st.tuples(scalars, scalars),
            st.sampled_from(range(3)).map(lambda number: _HASHABLE[number]),
        )
    return st.recursive(
        st.one_of(scalars, st.sampled_from(range(len(odd))).map(lambda number: odd[number])),
        lambda inner: st.one_of(st.lists(inner), st.tuples(inner, inner), st.dictionaries(scalars, inner)),
        max_leaves=12,
    )

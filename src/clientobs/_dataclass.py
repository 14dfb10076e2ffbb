"""Dataclasses that cost the start of a host a fifth: the standard decorator, without the code that it generates.

The standard library's writes the source of up to seven methods for each class and compiles it at every import:
0.55 ms a class, where three dozen of them are a seventh of all that `init()` costs. Here the standard decorator
only reads the fields (so fields(), replace(), asdict(), pattern matching and type checkers work as ever), and the
methods are closures over them. A call of `__init__` costs the same with all fields by position, and up to a third
more by name.

Use it as the standard one, in modules that a host imports:

    from clientobs._dataclass import dataclass

Held to the standard one's behaviour by tests/test_dataclass.py. Always slotted; no order, no InitVar, no inheritance
of fields, no `__post_init__`: nobody here wants them.
"""

from __future__ import annotations

import dataclasses
import operator
from dataclasses import MISSING, FrozenInstanceError
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
    from inspect import Signature

__all__ = ["dataclass"]


def _dataclass(
    *, frozen: bool = False, slots: bool = True, kw_only: bool = False, eq: bool = True
) -> Callable[[type[Any]], type[Any]]:
    """Return the decorator; the arguments are the standard one's, slots can't be left out."""
    if not slots:
        raise TypeError("these dataclasses have slots")

    def decorate(cls: type[Any]) -> type[Any]:
        own = set(vars(cls))
        if cls.__doc__ is None:
            cls.__doc__ = cls.__name__  # else the standard one parses a signature for it: 0.5 ms
        made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
        methods = _methods(made)
        if eq:
            methods |= _equality(made, frozen=frozen)
        if frozen:
            methods |= _FROZEN
        for name, method in methods.items():
            if name not in own or name == "__hash__":  # Python itself sets that to None beside an __eq__
                setattr(made, name, method)
        return made

    return decorate


if not TYPE_CHECKING:
    dataclass = _dataclass


class _LazySignature:
    """Tells what a class takes to whoever asks (help(), Hypothesis): `inspect` parses text for most others."""

    def __get__(self, _instance: object, cls: type[Any]) -> Signature:
        from inspect import Parameter, Signature  # noqa: PLC0415  # for a person, not for a start

        return Signature([
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY if field.kw_only else Parameter.POSITIONAL_OR_KEYWORD,
                default=Parameter.empty if _is_required(field) else _shown_default(field),
                annotation=field.type,
            )
            for field in sorted(dataclasses.fields(cls), key=lambda field: bool(field.kw_only))
        ])  # fmt: skip


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _shown_default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory


def _methods(cls: type[Any]) -> dict[str, Any]:
    fields = dataclasses.fields(cls)
    names = tuple(field.name for field in fields)
    shown = tuple(field.name for field in fields if field.repr)

    def __repr__(self: Any) -> str:  # noqa: N807
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({told})"

    def __getstate__(self: Any) -> list[Any]:  # noqa: N807
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[Any]) -> None:  # noqa: N807
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return {
        "__init__": _init(cls, fields),
        "__repr__": __repr__,
        "__getstate__": __getstate__,
        "__setstate__": __setstate__,
        "__signature__": _LazySignature(),
    }


def _init(cls: type[Any], fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    # The slots' own way in: it is quicker than object.__setattr__, and passes by the refusal of a frozen class.
    setters = {field.name: vars(cls)[field.name].__set__ for field in fields}
    positional = tuple(field.name for field in fields if not field.kw_only)
    in_turn = tuple(setters[name] for name in positional) if len(positional) == len(fields) else ()
    defaults = {field.name: field.default for field in fields if field.default is not MISSING}
    factories: dict[str, Any] = {
        field.name: field.default_factory for field in fields if field.default_factory is not MISSING
    }

    def __init__(self: Any, /, *args: Any, **values: Any) -> None:  # noqa: N807
        if args:
            if not values and len(args) == len(in_turn):  # as a reader of records makes them by the thousand
                for assign, value in zip(in_turn, args):  # noqa: B905  # equal by the line above; strict costs
                    assign(self, value)
                return
            _place(self, positional, args, values)
        for name, assign in setters.items():
            if name in values:
                assign(self, values[name])
            elif name in defaults:
                assign(self, defaults[name])
            elif name in factories:
                assign(self, factories[name]())
            else:
                raise _missing(self, setters, values, {**defaults, **factories})
        if not values.keys() <= setters.keys():
            wrong = next(name for name in values if name not in setters)
            raise TypeError(f"{_init_of(self)} got an unexpected keyword argument {wrong!r}")

    return __init__


def _place(instance: Any, names: tuple[str, ...], args: tuple[Any, ...], values: dict[str, Any]) -> None:
    """Give each positional argument its name, in `values`."""
    if len(args) > len(names):
        raise TypeError(
            f"{_init_of(instance)} takes {len(names)} positional arguments; {len(args)} were given"
        )
    for name, value in zip(names, args, strict=False):
        if name in values:
            raise TypeError(f"{_init_of(instance)} got multiple values for argument {name!r}")
        values[name] = value


def _missing(instance: Any, names: Any, values: Any, optional: Any) -> TypeError:
    missing = [repr(name) for name in names if name not in values and name not in optional]
    return TypeError(f"{_init_of(instance)} misses {', '.join(missing)}")


def _init_of(instance: Any) -> str:
    return f"{type(instance).__qualname__}.__init__()"


def _equality(cls: type[Any], *, frozen: bool) -> dict[str, Any]:
    names = tuple(field.name for field in dataclasses.fields(cls) if field.compare)
    values = operator.attrgetter(*(names or ("__class__",)))

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash((type(self), values(self)))

    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}


def _refuse_setattr(self: Any, name: str, value: object) -> None:
    del self, value
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delattr(self: Any, name: str) -> None:
    del self
    raise FrozenInstanceError(f"cannot delete field {name!r}")


_FROZEN: Final = {"__setattr__": _refuse_setattr, "__delattr__": _refuse_delattr}

"""What an expression of a frame leads to (expressions.py), found without running a line of the host's.

Only what is simply there is followed: variables, plain attributes, and subscripts of the standard library's own dicts,
lists and tuples by texts, numbers and tuples of these. No property, no `__getitem__`, no `__eq__`, no `__missing__`.

A call is followed where what it returned can be looked up again: `get` and `setdefault` of a dict, and functions
that return nothing but such expressions of their arguments, the usual `lock_for(asset)`. Where one has several ways
out, all must lead to the same object.
"""

from __future__ import annotations

import collections
import threading
import weakref
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.guard.hang.expressions import (
    Attribute,
    Call,
    Const,
    Name,
    expression_to,
    instructions_of,
)

if TYPE_CHECKING:
    import dis
    from collections.abc import Iterable, Mapping
    from types import CodeType, FrameType

    from clientobs.guard.hang.expressions import Expression

__all__ = ["fields_of", "is_exactly", "mro_of", "value_of"]

_MAX_KEYS: Final = 10_000
_MAX_CODE: Final = 1_000
_MAX_DEPTH: Final = 3
_DICTS: Final = (dict, collections.OrderedDict, collections.defaultdict)
_ROWS: Final = (list, tuple)
_KEYS: Final = (str, int, bytes)
_LOOKUPS: Final = frozenset({"get", "setdefault"})
_ODD: Final = 0x04 | 0x08 | 0x20 | 0x80 | 0x200
"""CO_VARARGS, CO_VARKEYWORDS, CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of inspect, which is slow to load."""
_OPTIMIZED: Final = 0x01
_MADE_IN_PYTHON: Final = 1 << 9
"""Py_TPFLAGS_HEAPTYPE; some of C as well, none of which keeps a dict in a way of its own."""
_OF_CLASS: Final = vars(type)
_namespace: Final[Any] = _OF_CLASS["__dict__"].__get__
_flags: Final[Any] = _OF_CLASS["__flags__"].__get__
mro_of: Final[Any] = _OF_CLASS["__mro__"].__get__
"""The classes that a class derives from, and itself before them; a metaclass has no say."""
_NONE: Final = frozenset({"LOAD_CONST", "DUP_TOP"})
_LEAVES_WITH: Final = (
    frozenset({"POP_TOP"}),
    frozenset({"CALL", "CALL_FUNCTION"}),
    *(_NONE, _NONE, _NONE),
    frozenset({"SWAP", "ROT_TWO"}),
)
"""From its end: `__exit__(None, None, None)` above the value that is returned out of a `with`."""
_NOTHING: Final = frozenset({"PRECALL", "POP_BLOCK", "NOP"})


class _Scope(NamedTuple):
    """The variables of a function: its own and those of the functions around it, and its module's."""

    local: Mapping[str, Any]
    around: Mapping[str, Any]
    depth: int = 0


def value_of(frame: FrameType, expression: Expression | None) -> Any:
    """Return what an expression leads to, None where it leads nowhere."""
    if expression is None:
        return None
    local = frame.f_locals
    if not frame.f_code.co_flags & _OPTIMIZED and type(local) is not dict:
        local = {}  # exec() takes any mapping, and a metaclass may prepare one
    return _value(_Scope(local, frame.f_globals), expression)


def fields_of(owner: Any) -> dict[str, Any]:
    """Return the attributes that an object has by itself."""
    kinds = mro_of(type(owner))
    if any(kind is threading.local for kind in kinds):
        return {}  # another thread's, and to ask would call the host's __init__ on this one
    for kind in kinds:
        way = _namespace(kind).get("__dict__")
        if way is not None:
            is_plain = type(way) is GetSetDescriptorType and _flags(kind) & _MADE_IN_PYTHON
            found = way.__get__(owner) if is_plain or type(way) is MemberDescriptorType else None
            return found if type(found) is dict else {}
    return {}


def is_exactly(owner: Any, kinds: Iterable[type]) -> bool:
    """Say whether an object is of one of these classes itself, and ask neither it nor its metaclass."""
    kind = type(owner)
    return any(kind is one for one in kinds)


def _is_class(owner: Any) -> bool:
    return issubclass(type(owner), type)  # isinstance would ask the object for its __class__


def _value(scope: _Scope, expression: Expression) -> Any:
    if isinstance(expression, Const):
        return expression.value
    if isinstance(expression, Name):
        return _variable(scope, expression)
    if isinstance(expression, Call):
        return _returned(scope, expression)
    owner = _value(scope, expression.of)
    if isinstance(expression, Attribute):
        return _attribute(owner, expression.name)
    return _item(owner, _value(scope, expression.key))


def _variable(scope: _Scope, variable: Name) -> Any:
    if variable.local or variable.name in scope.local:  # a module's or a class body's are both
        return scope.local.get(variable.name)
    return scope.around.get(variable.name)


def _attribute(owner: Any, name: str) -> Any:
    """Return an attribute that is simply there: no descriptor of the host is called."""
    found = _raw(owner, name)
    if type(found) is MemberDescriptorType and not _is_class(owner):  # one of `__slots__`
        try:
            return found.__get__(owner)
        except AttributeError:
            return None
    return found


def _raw(owner: Any, name: str) -> Any:
    kinds = mro_of(owner) if _is_class(owner) else ()
    for kind in (*kinds, *mro_of(type(owner))):
        fields = _namespace(kind)
        if name in fields:
            return fields_of(owner).get(name, fields[name])
    return fields_of(owner).get(name)


def _item(owner: Any, key: Any) -> Any:
    if is_exactly(owner, _ROWS) and type(key) is int:
        return owner[key] if -len(owner) <= key < len(owner) else None
    if type(owner) is weakref.WeakValueDictionary:
        found = _item(fields_of(owner).get("data"), key)
        return found() if isinstance(found, weakref.ref) else None
    if not is_exactly(owner, _DICTS) or not _is_plain(key) or len(owner) > _MAX_KEYS:
        return None
    # Not owner[key]: a key of the host's own type, with the same hash, would be asked whether it is equal.
    items = list(dict.items(owner))
    return next(
        (value for has, value in items if type(has) is type(key) and _is_plain(has) and has == key), None
    )


def _is_plain(key: Any) -> bool:
    parts = key if type(key) is tuple else (key,)
    return all(is_exactly(part, _KEYS) for part in parts)


def _returned(scope: _Scope, call: Call) -> Any:
    """Return what a call that is over, or would be, has returned: looked up again, not called."""
    if call.by_name or scope.depth >= _MAX_DEPTH:
        return None
    if isinstance(call.of, Attribute):
        owner = _value(scope, call.of.of)
        if call.of.name in _LOOKUPS and is_exactly(owner, (*_DICTS, weakref.WeakValueDictionary)):
            return _item(owner, _value(scope, call.arguments[0])) if call.arguments else None
        function, first = _method(owner, call.of.name)
    elif isinstance(call.of, Name):
        function, first = _variable(scope, call.of), []
    else:
        return None
    if (
        type(function) is not FunctionType
        or len(first) + len(call.arguments) != function.__code__.co_argcount
    ):
        return None
    arguments = [*first, *(_value(scope, argument) for argument in call.arguments)]
    return _found_by(function, arguments, scope.depth + 1)


def _method(owner: Any, name: str) -> tuple[Any, list[Any]]:
    """Return a function by its name in an object or a class, and what it is called with before all else."""
    found = _raw(owner, name)
    if type(found) is staticmethod:
        return found.__func__, []
    if type(found) is classmethod:
        return found.__func__, [owner if _is_class(owner) else type(owner)]
    return found, [] if _is_class(owner) or name in fields_of(owner) else [owner]


def _found_by(function: FunctionType, arguments: list[Any], depth: int) -> Any:
    """Return the one object that a function returns whichever way it leaves, None where that can't be read."""
    code = function.__code__
    if code.co_flags & _ODD or code.co_kwonlyargcount or len(code.co_code) > _MAX_CODE:
        return None
    local = dict(zip(code.co_varnames, arguments, strict=False))
    for cell_name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            local[cell_name] = cell.cell_contents
        except ValueError:
            continue  # not bound yet
    ways = _ways_out(code, local)
    if not ways:
        return None
    scope = _Scope(local, function.__globals__, depth)
    found = [_value(scope, way) if way is not None else None for way in ways]
    return found[0] if all(one is found[0] for one in found) else None


def _ways_out(code: CodeType, local: dict[str, Any]) -> list[Expression | None]:
    """Return what stands behind each `return`, but for plain constants; `local` loses what the function assigns."""
    instructions = instructions_of(code)
    ways: list[Expression | None] = []
    for place, instruction in enumerate(instructions):
        if instruction.opname.startswith(("STORE_FAST", "STORE_DEREF", "DELETE_")):
            assigned = instruction.argval
            for name in assigned if isinstance(assigned, tuple) else (assigned,):
                local.pop(name, None)
        if instruction.opname == "RETURN_VALUE":
            at = _before_exits(instructions, place - 1)
            way = expression_to(instructions, at)
            if not isinstance(way, Const):
                ways.append(way)
    return ways


def _before_exits(instructions: list[dis.Instruction], at: int) -> int:
    """Return where the value that is returned was made: before the exits of the `with` blocks that it leaves."""
    while True:
        before = at
        for expected in _LEAVES_WITH:
            while before >= 0 and instructions[before].opname in _NOTHING:
                before -= 1
            if before < 0 or instructions[before].opname not in expected:
                return at
            before -= 1
        while before >= 0 and instructions[before].opname in _NOTHING:
            before -= 1
        at = before

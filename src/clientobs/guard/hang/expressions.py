"""What an expression in a frame names: `self._cache.lock`, `locks["rig"]`, read from its bytecode and its variables.

Only what is simply there is followed: names, plain attributes, and subscripts of exact dicts and lists by a text or
a number, constant or in a plain name. No code of the host runs: no property, no `__getitem__`, no `__eq__`.
"""

from __future__ import annotations

import dis
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from types import CodeType, FrameType

__all__ = ["Chain", "chain_to", "fields_of", "instructions_of", "named", "value_of"]

_ATTRIBUTES: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_CONSTANTS: Final = frozenset({"LOAD_CONST", "LOAD_SMALL_INT"})
_SKIPPED: Final = frozenset(
    {"CACHE", "PRECALL", "CALL", "CALL_METHOD", "PUSH_NULL", "COPY", "SWAP", "LOAD_CONST"}
)
_MAX_INSTRUCTIONS: Final = 20_000
_MAX_STEPS_BACK: Final = 20
_MAX_KEYS: Final = 10_000


class _Item(NamedTuple):
    """A subscript: a constant, or the name of a variable that holds it."""

    key: str | int
    is_name: bool


Chain: TypeAlias = "tuple[str | _Item, ...]"
"""A variable, then attributes and subscripts; () for any other expression."""


def instructions_of(code: CodeType) -> list[dis.Instruction]:
    """Return the bytecode of a function, nothing where there is too much of it."""
    if len(code.co_code) > 2 * _MAX_INSTRUCTIONS:
        return []
    return list(dis.get_instructions(code))


def chain_to(instructions: list[dis.Instruction], place: int) -> Chain:
    """Return what the expression that ends at a place follows."""
    steps: list[str | _Item] = []
    back = iter(reversed(instructions[max(0, place - _MAX_STEPS_BACK) : place + 1]))
    for instruction in back:
        if instruction.opname in _ATTRIBUTES:
            steps.append(str(instruction.argval))
        elif _is_subscript(instruction):
            key = next(back, None)
            if key is None or not _is_plain(key):
                return ()
            if isinstance(key.argval, tuple):  # container and key in one, since 3.13
                return (key.argval[0], _Item(key.argval[1], is_name=True), *reversed(steps))
            steps.append(_Item(key.argval, is_name=key.opname not in _CONSTANTS))
        elif instruction.opname not in _CONSTANTS and _is_plain(instruction):
            known = instruction.argval
            return (known[-1] if isinstance(known, tuple) else known, *reversed(steps))
        elif instruction.opname not in _SKIPPED or steps:
            return ()
    return ()


def _is_subscript(instruction: dis.Instruction) -> bool:
    return instruction.opname == "BINARY_SUBSCR" or (
        instruction.opname == "BINARY_OP" and instruction.argrepr == "[]"
    )


def _is_plain(instruction: dis.Instruction) -> bool:
    """Say whether an instruction loads a variable, two of them, or a constant that may be a key."""
    if not instruction.opname.startswith("LOAD_") or instruction.opname in _ATTRIBUTES:
        return False
    loaded = instruction.argval
    if instruction.opname in _CONSTANTS:
        return type(loaded) in (str, int)
    return isinstance(loaded, str) or (
        isinstance(loaded, tuple) and all(isinstance(name, str) for name in loaded)
    )


def value_of(frame: FrameType, chain: Chain) -> Any:
    """Return what a chain leads to, None where it leads nowhere."""
    if not chain:
        return None
    found = _variable(frame, str(chain[0]))
    for step in chain[1:]:
        if isinstance(step, _Item):
            found = _item(found, _variable(frame, str(step.key)) if step.is_name else step.key)
        else:
            found = _attribute(found, step)
    return found


def named(chain: Chain) -> str:
    """Return a chain as it stands in the source.

    >>> named(("self", "locks", _Item("rig", is_name=False)))
    "self.locks['rig']"
    """
    said = str(chain[0])
    for step in chain[1:]:
        if isinstance(step, _Item):
            said += f"[{step.key if step.is_name else repr(step.key)}]"
        else:
            said += f".{step}"
    return said


def _variable(frame: FrameType, name: str) -> Any:
    for scope in (frame.f_locals, frame.f_globals):
        if name in scope:
            return scope[name]
    return None


def _item(owner: Any, key: Any) -> Any:
    if type(owner) is list and type(key) is int:
        return owner[key] if -len(owner) <= key < len(owner) else None
    if type(owner) is not dict or type(key) not in (str, int) or len(owner) > _MAX_KEYS:
        return None
    # Not owner[key]: a key of the host's own type, with the same hash, would be asked whether it is equal.
    return next((value for has, value in list(owner.items()) if type(has) is type(key) and has == key), None)


def _attribute(owner: Any, name: str) -> Any:
    """Return an attribute that is simply there: no descriptor of the host is called."""
    for fields in (fields_of(owner), *(vars(kind) for kind in type(owner).__mro__)):
        if name in fields:
            return fields[name]
    return None


def fields_of(owner: Any) -> dict[str, Any]:
    """Return the attributes that an object has by itself."""
    try:
        found = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}

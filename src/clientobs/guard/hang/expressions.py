"""Which expression stands at a place in a function, read from its bytecode: `self._cache.lock`, `lock_for(asset)`.

Only what can be read without doubt: names, constants, attributes, subscripts and plain calls of these, in a row that
no jump leads into (`a or b` is none). What they lead to is in values.py.
"""

from __future__ import annotations

import dis
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from types import CodeType

__all__ = [
    "Attribute",
    "Call",
    "Const",
    "Expression",
    "Item",
    "Name",
    "expression_to",
    "index_at",
    "instructions_of",
    "method_of",
    "said",
    "variables_in",
]

_ATTRIBUTES: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_CONSTANTS: Final = frozenset({"LOAD_CONST", "LOAD_SMALL_INT"})
_LOCALS: Final = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")
_GLOBALS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_CALLS: Final = frozenset({"CALL", "CALL_FUNCTION", "CALL_METHOD"})
_CALLS_BY_NAME: Final = frozenset({"CALL_KW", "CALL_FUNCTION_KW"})
_PASSED_OVER: Final = frozenset(
    {"CACHE", "PRECALL", "PUSH_NULL", "EXTENDED_ARG", "NOP", "COPY", "SWAP", "LOAD_SPECIAL"}
)
_MAX_INSTRUCTIONS: Final = 20_000
_MAX_STEPS_BACK: Final = 40
_MAX_TEXT: Final = 200


class Name(NamedTuple):
    """A variable; `local`: one of the function's own, or of the functions around it."""

    name: str
    local: bool


class Const(NamedTuple):
    """A constant."""

    value: object


class Attribute(NamedTuple):
    """`of.name`."""

    of: Expression
    name: str


class Item(NamedTuple):
    """`of[key]`."""

    of: Expression
    key: Expression


class Call(NamedTuple):
    """`of(arguments)`; `by_name`: some of them are given by name, which is not read."""

    of: Expression
    arguments: tuple[Expression, ...]
    by_name: bool


Expression: TypeAlias = "Name | Const | Attribute | Item | Call"


def instructions_of(code: CodeType) -> list[dis.Instruction]:
    """Return the bytecode of a function, nothing where there is too much of it."""
    if len(code.co_code) > 2 * _MAX_INSTRUCTIONS:
        return []
    return list(dis.get_instructions(code))


def index_at(instructions: list[dis.Instruction], offset: int) -> int:
    """Return the index of the instruction that a frame is at: `f_lasti` may lie in its inline caches."""
    found = -1
    for index, instruction in enumerate(instructions):
        if instruction.offset > offset:
            break
        found = index
    return found


def expression_to(instructions: list[dis.Instruction], place: int) -> Expression | None:
    """Return the expression that ends with the instruction at a place, None for any that can't be read."""
    reader = _Backward(instructions, place)
    found = reader.read()
    return found if found is not None and reader.is_one_row() else None


def method_of(instructions: list[dis.Instruction], place: int) -> Attribute | None:
    """Return the `object.method` that is called by the instruction at a place."""
    found = expression_to(instructions, place)
    return found.of if isinstance(found, Call) and isinstance(found.of, Attribute) else None


class _Backward:
    """Reads one expression from its end: what each instruction takes from the stack stands right before it."""

    def __init__(self, instructions: list[dis.Instruction], place: int) -> None:
        self._instructions = instructions
        self._place = self._at = place
        self._spare: str | None = None
        """The first of two variables that one instruction loads."""

    def is_one_row(self) -> bool:
        """Say whether nothing jumps into what was read: then another row may have led here."""
        row = self._instructions[self._at + 2 : self._place + 2]
        return self._spare is None and not any(instruction.is_jump_target for instruction in row)

    def read(self) -> Expression | None:
        if self._spare is not None:
            name, self._spare = self._spare, None
            return Name(name, local=True)
        instruction = self._next()
        if instruction is None:
            return None
        name = instruction.opname
        if name in _CONSTANTS:
            return Const(instruction.argval)
        if name in _CALLS or name in _CALLS_BY_NAME:
            return self._call(instruction.arg or 0, takes_names=name in _CALLS_BY_NAME)
        return self._part(instruction) if _is_part(instruction) else self._variable(instruction)

    def _part(self, instruction: dis.Instruction) -> Expression | None:
        key = None if instruction.opname in _ATTRIBUTES else self.read()
        of = self.read()
        if of is None:
            return None
        if instruction.opname in _ATTRIBUTES:
            return Attribute(of, str(instruction.argval))
        return Item(of, key) if key is not None else None

    def _next(self) -> dis.Instruction | None:
        while self._at >= 0 and self._place - self._at < _MAX_STEPS_BACK:
            instruction = self._instructions[self._at]
            self._at -= 1
            if instruction.opname not in _PASSED_OVER:
                return instruction
        return None

    def _call(self, count: int, *, takes_names: bool) -> Expression | None:
        by_name = takes_names
        if takes_names and self.read() is None:
            return None
        if self._at >= 0 and self._instructions[self._at].opname == "PRECALL":
            self._at -= 1
        if self._at >= 0 and self._instructions[self._at].opname == "KW_NAMES":
            self._at -= 1
            by_name = True
        arguments: list[Expression] = []
        for _ in range(count):
            argument = self.read()
            if argument is None:
                return None
            arguments.append(argument)
        of = self.read()
        return Call(of, tuple(reversed(arguments)), by_name) if of is not None else None

    def _variable(self, instruction: dis.Instruction) -> Expression | None:
        """Read a variable; some instructions load two (3.13)."""
        name, loaded = instruction.opname, instruction.argval
        if name in _GLOBALS:
            return Name(str(loaded), local=False)
        if name.startswith(_LOCALS) and isinstance(loaded, str):
            return Name(loaded, local=True)
        if name.startswith(_LOCALS) and isinstance(loaded, tuple):
            self._spare = str(loaded[0])
            return Name(str(loaded[-1]), local=True)
        return Name(str(loaded[-1]), local=True) if name == "STORE_FAST_LOAD_FAST" else None


def _is_part(instruction: dis.Instruction) -> bool:
    name = instruction.opname
    return (
        name in _ATTRIBUTES
        or name == "BINARY_SUBSCR"
        or (name == "BINARY_OP" and instruction.argrepr == "[]")
    )


def said(expression: Expression) -> str:
    """Return an expression as it stands in the source.

    >>> said(Call(Name("lock_for", local=False), (Item(Name("assets", local=True), Const("rig")),), by_name=False))
    "lock_for(assets['rig'])"
    """
    return _said(expression)[:_MAX_TEXT]


def _said(expression: Expression) -> str:
    if isinstance(expression, Name):
        return expression.name
    if isinstance(expression, Const):
        return repr(expression.value)[:_MAX_TEXT]
    of = _said(expression.of)
    if isinstance(expression, Attribute):
        return f"{of}.{expression.name}"
    if isinstance(expression, Item):
        return f"{of}[{_said(expression.key)}]"
    more = "..." if expression.by_name else ", ".join(_said(argument) for argument in expression.arguments)
    return f"{of}({more})"


def variables_in(expression: Expression) -> frozenset[str]:
    """Return the names of the variables that an expression is made of."""
    if isinstance(expression, Name):
        return frozenset({expression.name})
    if isinstance(expression, Const):
        return frozenset()
    parts = [expression.of]
    if isinstance(expression, Item):
        parts.append(expression.key)
    if isinstance(expression, Call):
        parts.extend(expression.arguments)
    return frozenset().union(*(variables_in(part) for part in parts))

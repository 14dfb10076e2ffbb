"""Who waits for whose lock: read from where the threads stand, when they have stood there for too long.

A lock of Python doesn't know its owner (an RLock does, and says so in its repr). But a thread that waits for one
stands at a `with lock:` or a `lock.acquire()`, and one that holds it stands inside such a block, or past such a
call: both can be read from the bytecode of their frames, and the object from the frame's variables. Only plain
names and attributes are followed, and none is computed: no property of the host runs here.

What is read this way is right for `with` (the block is known to the byte), and a good guess for acquire().
"""

from __future__ import annotations

import dis
import re
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.guard.hang.stacks import frames_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

__all__ = ["Waits", "who_waits"]

_RLOCK: Final = type(threading.RLock())
_LOCKS: Final = (type(threading.Lock()), _RLOCK)
_OWNER: Final = re.compile(r"owner=(\d+)")
_ENTERS: Final = frozenset({"BEFORE_WITH", "SETUP_WITH", "LOAD_SPECIAL"})
_ATTRIBUTES: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_SKIPPED: Final = frozenset(
    {"CACHE", "PRECALL", "CALL", "CALL_METHOD", "PUSH_NULL", "COPY", "SWAP", "LOAD_CONST"}
)
_MAX_INSTRUCTIONS: Final = 20_000
_FRAMES_OF_JOIN: Final = 3
"""Up to 3.12 it has a function of its own for the wait."""


class Waits(NamedTuple):
    """A sentence for each thread that waits for a lock whose holder is known; `circle`: they wait for each other."""

    sentences: list[str]
    circle: bool


class _Lock(NamedTuple):
    name: str
    lock: Any


def who_waits(frames: dict[int, FrameType], names: dict[int, str]) -> Waits:
    """Return who waits for whom, from the main thread on; else a circle of others that wait for each other.

    The main thread may wait for what they were to do in a way that can't be followed (a queue, a future).
    """
    wanted = {ident: lock for ident, frame in frames.items() if (lock := _waited_for(frame))}
    held = {ident: list(_held_by(frame)) for ident, frame in frames.items()}
    main = threading.main_thread().ident or 0
    first = _follow(main, frames, wanted, held, names)
    if first.circle:
        return first
    others = (_follow(ident, frames, wanted, held, names) for ident in wanted if ident != main)
    circle = next((one for one in others if one.circle), None)
    return first if circle is None else Waits([*first.sentences, *circle.sentences], circle=True)


def _follow(
    ident: int,
    frames: dict[int, FrameType],
    wanted: dict[int, _Lock],
    held: dict[int, list[_Lock]],
    names: dict[int, str],
) -> Waits:
    """Go from thread to thread as long as each waits for another."""
    sentences: list[str] = []
    seen: list[int] = []
    while ident not in seen:
        seen.append(ident)
        who = names.get(ident, f"thread {ident}")
        joined = _joined(frames.get(ident))
        if joined:
            sentences.append(f"{who} waits for the end of {names.get(joined, f'thread {joined}')}")
            ident = joined
            continue
        lock = wanted.get(ident)
        if lock is None:
            return Waits(sentences, circle=False)
        holder = _owner(lock.lock) or next(
            (other for other, locks in held.items() if any(one.lock is lock.lock for one in locks)), None
        )
        if holder is None:
            sentences.append(f"{who} waits for {lock.name}; who holds it can't be seen")
            return Waits(sentences, circle=False)
        whose = "itself" if holder == ident else names.get(holder, f"thread {holder}")
        sentences.append(f"{who} waits for {lock.name}, held by {whose}")
        ident = holder
    return Waits(sentences, circle=True)


def _joined(frame: FrameType | None) -> int:
    """Return the thread that another one waits for in Thread.join(), 0 where it stands elsewhere."""
    for _ in range(_FRAMES_OF_JOIN):
        if frame is None or frame.f_globals.get("__name__") != "threading":
            return 0
        if frame.f_code.co_name == "join":
            thread = frame.f_locals.get("self")
            ident = _fields(thread).get("_ident") if isinstance(thread, threading.Thread) else None
            return ident if type(ident) is int else 0
        frame = frame.f_back
    return 0


def _owner(lock: Any) -> int | None:
    found = _OWNER.search(repr(lock)) if type(lock) is _RLOCK else None
    return int(found.group(1)) or None if found else None


def _waited_for(frame: FrameType) -> _Lock | None:
    """Return the lock at whose `with` or acquire() a frame stands, None where it stands elsewhere."""
    if _is_threading(frame) and frame.f_code.co_name == "wait":
        return None  # it waits to be woken
    instructions = _instructions(frame.f_code)
    place = next((at for at, each in enumerate(instructions) if each.offset == frame.f_lasti), None)
    if place is None:
        return None
    if instructions[place].opname in _ENTERS:
        return _locked(frame, _chain(instructions, place - 1))
    if instructions[place].opname.startswith("CALL"):
        chain = _chain(instructions, place)
        if chain and chain[-1] in {"acquire", "__enter__"}:
            return _locked(frame, chain[:-1])
    return None


def _held_by(frame: FrameType) -> Iterator[_Lock]:
    """Give the locks in whose blocks a thread stands, by all frames of its stack."""
    for each in frames_of(frame):
        # Condition.wait() takes a lock of its own twice, to be woken by its release: it is nobody's.
        if _is_threading(each):
            continue
        instructions = _instructions(each.f_code)
        taken: dict[tuple[str, ...], None] = {}
        for place, instruction in enumerate(instructions):
            if instruction.offset >= each.f_lasti:
                break
            if instruction.opname in _ENTERS and _is_inside(each, instructions, place):
                taken[_chain(instructions, place - 1)] = None
            elif instruction.argval == "acquire" and _has_returned(each, instructions, place):
                taken[_chain(instructions, place)[:-1]] = None
            elif instruction.argval == "release":
                taken.pop(_chain(instructions, place)[:-1], None)
        for chain in taken:
            lock = _locked(each, chain)
            if lock is not None:
                yield lock


def _is_threading(frame: FrameType) -> bool:
    return bool(frame.f_globals.get("__name__") == "threading")


def _has_returned(frame: FrameType, instructions: list[dis.Instruction], place: int) -> bool:
    """Say whether the call of the method that is looked up at `place` is over."""
    calls = (each.offset for each in instructions[place:] if each.opname.startswith("CALL"))
    return next(calls, frame.f_lasti) < frame.f_lasti


def _is_inside(frame: FrameType, instructions: list[dis.Instruction], place: int) -> bool:
    """Say whether a frame stands in the block that the `with` at `place` begins."""
    instruction = instructions[place]
    if sys.version_info < (3, 11):
        return isinstance(instruction.argval, int) and frame.f_lasti < instruction.argval
    table = getattr(dis, "_parse_exception_table", None)
    if table is None:
        return True
    after = instructions[place + 1].offset if place + 1 < len(instructions) else instruction.offset
    return any(
        0 <= entry.start - instruction.offset <= after - instruction.offset + 4
        and entry.start <= frame.f_lasti < entry.end
        for entry in table(frame.f_code)
    )


def _instructions(code: CodeType) -> list[dis.Instruction]:
    if len(code.co_code) > 2 * _MAX_INSTRUCTIONS:
        return []
    return list(dis.get_instructions(code))


def _chain(instructions: list[dis.Instruction], place: int) -> tuple[str, ...]:
    """Return the names that an expression follows (`self`, `_cache`, `lock`), () for any other expression."""
    names: list[str] = []
    for instruction in reversed(instructions[max(0, place - 20) : place + 1]):
        if instruction.opname in _ATTRIBUTES:
            names.append(str(instruction.argval))
        elif instruction.opname.startswith("LOAD_") and isinstance(instruction.argval, str):
            return (instruction.argval, *reversed(names))
        elif instruction.opname not in _SKIPPED or names:
            return ()
    return ()


def _locked(frame: FrameType, chain: tuple[str, ...]) -> _Lock | None:
    if not chain:
        return None
    found = _variable(frame, chain[0])
    for name in chain[1:]:
        found = _attribute(found, name)
    if type(found) not in _LOCKS:
        return None
    is_locked = found.locked() if hasattr(found, "locked") else _owner(found) is not None
    return _Lock(".".join(chain), found) if is_locked else None


def _variable(frame: FrameType, name: str) -> Any:
    for scope in (frame.f_locals, frame.f_globals):
        if name in scope:
            return scope[name]
    return None


def _attribute(owner: Any, name: str) -> Any:
    """Return an attribute that is simply there: no descriptor of the host is called."""
    for fields in (_fields(owner), *(vars(kind) for kind in type(owner).__mro__)):
        if name in fields:
            return fields[name]
    return None


def _fields(owner: Any) -> dict[str, Any]:
    try:
        found = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}

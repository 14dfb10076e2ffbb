"""Who waits for whose lock: read from where the threads stand, when they have stood there for too long.

A lock of Python doesn't know its owner (an RLock does, and says so in its repr). But a thread that waits for one
stands at a `with lock:` or a `lock.acquire()`, and one that holds it stands inside such a block, or past such a
call: both can be read from the bytecode of their frames, and the object from the frame's variables
(expressions.py, values.py). A thread may also wait for another one's end or result (pools.py), or to be told
something by whoever it is (wakes.py).

What is read this way is right for `with` (the block is known to the byte), and a good guess for acquire(). A lock that
is called otherwise than what it can be followed by is told by its line, and held by nobody that can be seen.
"""

from __future__ import annotations

import dis
import re
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.guard.hang.expressions import (
    expression_to,
    index_at,
    instructions_of,
    method_of,
    said,
    variables_in,
)
from clientobs.guard.hang.pools import awaited
from clientobs.guard.hang.stacks import frames_of
from clientobs.guard.hang.values import fields_of, is_exactly, value_of
from clientobs.guard.hang.wakes import WITH, line_of, standing_at, wake_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

    from clientobs.guard.hang.expressions import Expression

__all__ = ["Waits", "who_waits"]

_RLOCK: Final = type(threading.RLock())
_LOCKS: Final = (type(threading.Lock()), _RLOCK)
_OWNER: Final = re.compile(r"owner=(\d+)")
_CALLED: Final = frozenset({"acquire", "release"})
_WITH_CODES: Final = frozenset(dis.opmap[name] for name in WITH if name in dis.opmap)
_ACQUIRES: Final = frozenset({"with", "acquire", "__enter__"})


class Waits(NamedTuple):
    """A sentence for each thread that waits for a lock whose holder is known; `circle`: they wait for each other."""

    sentences: list[str]
    circle: bool


class _Lock(NamedTuple):
    """A lock, None where it can't be followed; the name it has in the source then says at which line."""

    name: str
    lock: Any


class _Scene(NamedTuple):
    """Where all threads stand: whom each waits for, and what it holds."""

    frames: dict[int, FrameType]
    names: dict[int, str]
    wanted: dict[int, _Lock]
    held: dict[int, list[_Lock]]

    def who(self, ident: int) -> str:
        """Return the name of a thread."""
        return self.names.get(ident, f"thread {ident}")

    def of(self, ident: int) -> tuple[str, tuple[int, ...]]:
        """Return a sentence on what a thread waits for, "" for nothing that can be seen, and for which others."""
        frame = self.frames.get(ident)
        if frame is None:
            return "", ()
        other = awaited(frame, self.frames)
        if other is not None:
            whose = ", ".join("itself" if one == ident else self.who(one) for one in other.threads)
            return f"{self.who(ident)} waits for {other.what} {whose}".rstrip(), other.threads
        lock = self.wanted.get(ident)
        if lock is None:
            wake = wake_of(frame)
            return (f"{self.who(ident)} waits {wake}" if wake else ""), ()
        if lock.lock is None:
            return f"{self.who(ident)} waits for {lock.name}, which can't be followed", ()
        holder = self._holder(lock.lock)
        if holder is None:
            return f"{self.who(ident)} waits for {lock.name}; who holds it can't be seen", ()
        whose = "itself" if holder == ident else self.who(holder)
        return f"{self.who(ident)} waits for {lock.name}, held by {whose}", (holder,)

    def _holder(self, lock: Any) -> int | None:
        if type(lock) is _RLOCK:
            return _owner(lock)
        holders = (ident for ident, locks in self.held.items() if any(one.lock is lock for one in locks))
        return next(holders, None)


def who_waits(frames: dict[int, FrameType], names: dict[int, str]) -> Waits:
    """Return who waits for whom, from the main thread on; else a circle of others that wait for each other.

    The main thread may wait for what they were to do in a way that can't be followed (a queue, an event).
    """
    wanted = {ident: lock for ident, frame in frames.items() if (lock := _waited_for(frame))}
    held = {ident: list(_held_by(frame)) for ident, frame in frames.items()}
    scene = _Scene(frames, names, wanted, held)
    main = threading.main_thread().ident or 0
    first = _follow(main, scene)
    if first.circle:
        return first
    others = (_follow(ident, scene) for ident in wanted if ident != main)
    circle = next((one for one in others if one.circle), None)
    return first if circle is None else Waits([*first.sentences, *circle.sentences], circle=True)


def _follow(ident: int, scene: _Scene) -> Waits:
    """Go from thread to thread; they wait for each other if each waits for others, and none for nobody."""
    sentences: list[str] = []
    seen: set[int] = set()
    ahead = [ident]
    circle = True
    while ahead:
        ident = ahead.pop()
        if ident in seen:
            continue
        seen.add(ident)
        said, others = scene.of(ident)
        if said:
            sentences.append(said)
        circle = circle and bool(others)
        ahead.extend(reversed(others))
    return Waits(sentences, circle=circle)


def _owner(lock: Any) -> int | None:
    found = _OWNER.search(repr(lock)) if type(lock) is _RLOCK else None
    return int(found.group(1)) or None if found else None


def _waited_for(frame: FrameType) -> _Lock | None:
    """Return the lock at whose `with` or acquire() a frame stands, None where it stands elsewhere."""
    asker = frame
    if _is_threading(frame):
        if frame.f_code.co_name != "__enter__" or frame.f_back is None:
            return None  # it waits to be woken
        asker = frame.f_back  # a condition's block
    standing = standing_at(asker)
    if standing is None or standing.method not in _ACQUIRES:
        return None
    found = _unwrapped(value_of(asker, standing.of))
    if is_exactly(found, _LOCKS):
        return _Lock(said(standing.of), found) if standing.of is not None and _is_locked(found) else None
    called = f"'{said(standing.of)}'" if standing.of is not None else "a lock"
    return _Lock(f"{called} ({line_of(asker)})", None)


def _held_by(frame: FrameType) -> Iterator[_Lock]:
    """Give the locks in whose blocks a thread stands, by all frames of its stack."""
    woken = _waits_on(frame)
    for each in frames_of(frame):
        # Condition.wait() takes a lock of its own twice, to be woken by its release: it is nobody's.
        if _is_threading(each) or not _may_hold(each.f_code):
            continue
        instructions = instructions_of(each.f_code)
        now = index_at(instructions, each.f_lasti)
        for expression, place in _taken(each, instructions, now).items():
            if expression is None or _is_assigned(variables_in(expression), instructions[place:now]):
                continue
            found = value_of(each, expression)
            lock = _unwrapped(found)
            if found is not woken and is_exactly(lock, _LOCKS) and _is_locked(lock):
                yield _Lock(said(expression), lock)


def _may_hold(code: CodeType) -> bool:
    """Say whether a function takes locks at all: to take one apart costs 10 us an instruction."""
    return not _CALLED.isdisjoint(code.co_names) or not _WITH_CODES.isdisjoint(code.co_code[::2])


def _taken(frame: FrameType, instructions: list[dis.Instruction], now: int) -> dict[Expression | None, int]:
    """Return what a frame has taken and not let go of, and where it has taken it."""
    taken: dict[Expression | None, int] = {}
    has_calls = not _CALLED.isdisjoint(frame.f_code.co_names)
    for place, instruction in enumerate(instructions[:now]):
        if instruction.opname in WITH and _is_inside(frame, instructions, place):
            taken[expression_to(instructions, place - 1)] = place
        elif has_calls and instruction.opname.startswith("CALL"):
            method = method_of(instructions, place)
            if method is None:
                continue
            if method.name == "acquire":
                taken[method.of] = place
            elif method.name == "release":
                taken.pop(method.of, None)
    return taken


def _waits_on(frame: FrameType) -> Any:
    """Return the condition that a thread waits on: its lock is open meanwhile."""
    is_waiting = _is_threading(frame) and frame.f_code.co_name == "wait"
    return frame.f_locals.get("self") if is_waiting else None


def _is_assigned(variables: frozenset[str], instructions: list[dis.Instruction]) -> bool:
    """Say whether a variable has another value by now than it had when the lock was taken."""
    for each in instructions:
        if each.opname.startswith("STORE_") and each.opname != "STORE_SUBSCR":
            assigned = each.argval if isinstance(each.argval, tuple) else (each.argval,)
            if not variables.isdisjoint(assigned):
                return True
    return False


def _unwrapped(found: Any) -> Any:
    """Return the lock of a condition."""
    return fields_of(found).get("_lock") if type(found) is threading.Condition else found


def _is_locked(lock: Any) -> bool:
    return bool(lock.locked()) if hasattr(lock, "locked") else _owner(lock) is not None


def _is_threading(frame: FrameType) -> bool:
    return bool(frame.f_globals.get("__name__") == "threading")


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

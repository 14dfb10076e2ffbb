"""Who waits for whose lock: read from where the threads stand, when they have stood there for too long.

A lock of Python doesn't know its owner (an RLock does, and says so in its repr). But a thread that waits for one
stands at a `with lock:` or a `lock.acquire()`, and one that holds it stands inside such a block, or past such a
call: both can be read from the bytecode of their frames, and the object from the frame's variables
(expressions.py). A thread may also wait for another one's end or result (pools.py).

What is read this way is right for `with` (the block is known to the byte), and a good guess for acquire().
"""

from __future__ import annotations

import dis
import re
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.guard.hang.expressions import chain_to, instructions_of, named, value_of
from clientobs.guard.hang.pools import awaited
from clientobs.guard.hang.stacks import frames_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from clientobs.guard.hang.expressions import Chain

__all__ = ["Waits", "who_waits"]

_RLOCK: Final = type(threading.RLock())
_LOCKS: Final = (type(threading.Lock()), _RLOCK)
_OWNER: Final = re.compile(r"owner=(\d+)")
_ENTERS: Final = frozenset({"BEFORE_WITH", "SETUP_WITH", "LOAD_SPECIAL"})


class Waits(NamedTuple):
    """A sentence for each thread that waits for a lock whose holder is known; `circle`: they wait for each other."""

    sentences: list[str]
    circle: bool


class _Lock(NamedTuple):
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
        other = awaited(frame, self.frames) if frame is not None else None
        if other is not None:
            whose = ", ".join("itself" if one == ident else self.who(one) for one in other.threads)
            return f"{self.who(ident)} waits for {other.what} {whose}", other.threads
        lock = self.wanted.get(ident)
        if lock is None:
            return "", ()
        holder = _owner(lock.lock) or next(
            (other for other, locks in self.held.items() if any(one.lock is lock.lock for one in locks)), None
        )
        if holder is None:
            return f"{self.who(ident)} waits for {lock.name}; who holds it can't be seen", ()
        whose = "itself" if holder == ident else self.who(holder)
        return f"{self.who(ident)} waits for {lock.name}, held by {whose}", (holder,)


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
    if _is_threading(frame) and frame.f_code.co_name == "wait":
        return None  # it waits to be woken
    instructions = instructions_of(frame.f_code)
    place = next((at for at, each in enumerate(instructions) if each.offset == frame.f_lasti), None)
    if place is None:
        return None
    if instructions[place].opname in _ENTERS:
        return _locked(frame, chain_to(instructions, place - 1))
    if instructions[place].opname.startswith("CALL"):
        chain = chain_to(instructions, place)
        if chain and chain[-1] in {"acquire", "__enter__"}:
            return _locked(frame, chain[:-1])
    return None


def _held_by(frame: FrameType) -> Iterator[_Lock]:
    """Give the locks in whose blocks a thread stands, by all frames of its stack."""
    for each in frames_of(frame):
        # Condition.wait() takes a lock of its own twice, to be woken by its release: it is nobody's.
        if _is_threading(each):
            continue
        instructions = instructions_of(each.f_code)
        taken: dict[Chain, None] = {}
        for place, instruction in enumerate(instructions):
            if instruction.offset >= each.f_lasti:
                break
            if instruction.opname in _ENTERS and _is_inside(each, instructions, place):
                taken[chain_to(instructions, place - 1)] = None
            elif instruction.argval == "acquire" and _has_returned(each, instructions, place):
                taken[chain_to(instructions, place)[:-1]] = None
            elif instruction.argval == "release":
                taken.pop(chain_to(instructions, place)[:-1], None)
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


def _locked(frame: FrameType, chain: Chain) -> _Lock | None:
    found = value_of(frame, chain)
    if type(found) not in _LOCKS:
        return None
    is_locked = found.locked() if hasattr(found, "locked") else _owner(found) is not None
    return _Lock(named(chain), found) if is_locked else None

r"""What an exception says of itself, as text: the chain of its causes, their frames, their messages.

Python's own `traceback` is not used: it reads source files wherever they lie (a share that hangs would hold the host's
thread), looks for names that were meant (`dir()` on the host's objects), and knows no bound. Here a file is read only
where it lies on local storage or the interpreter has read it already, no object of the host is asked for anything
but an exception for its message, once, and every loop has an end.

The text is laid out as Python's is, so that people and tools know it.
"""

from __future__ import annotations

import linecache
import os
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs._own_file import read_file
from clientobs.record.behind import (
    behind,
    cause_of,
    class_name,
    is_a,
    is_silenced,
    members_of,
    notes_of,
    trace_of,
)
from clientobs.record.fingerprints import Frame, Link, name_of_file, number_name
from clientobs.record.hidden_paths import hide_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

__all__ = ["Told", "error_type", "frames_of", "links_of", "message_of", "tell", "text_of"]

MAX_TEXT: Final = 32_768
MAX_MESSAGE: Final = 8_192
_MAX_LINKS: Final = 8
_MAX_PARTS: Final = 15
_MAX_DEPTH: Final = 8
_MAX_WALK: Final = 20_000
_SHOWN_AT_EACH_END: Final = 60
_MAX_LINE: Final = 400
_CALLERS: Final = 64
_LAZY: Final = 1
"""Length of an entry of linecache that has not been read yet."""
_MOST_SOURCES: Final = 32
_MAX_SOURCE: Final = 2 << 20
_REPEATED: Final = 3
_BECAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_DURING: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


class Line(NamedTuple):
    """One entry of a traceback; without a file it stands for as many as its number says."""

    file: str
    number: int
    function: str


class Told(NamedTuple):
    """One exception of a chain, root cause first, without any reference to it."""

    kind: str
    message: str
    lines: Sequence[Line]
    is_cause: bool
    """Whether it is the direct cause of the next one, not only what was handled at that time."""
    detail: str
    after: str
    """Notes, or the line that a SyntaxError is about."""
    parts: Sequence[Sequence[Told]]
    above: Sequence[Line]
    """The callers of the outermost line: a traceback begins where the exception is looked at."""


def error_type(error: BaseException) -> str:
    """Return the qualified name of an exception's class, as exception.type wants it."""
    module, name = class_name(type(error))
    return name if module in ("builtins", "", None) else f"{module}.{name}"


def message_of(error: BaseException) -> str:
    """Return what an exception says, bounded; its `__str__` may do anything and is called once."""
    try:
        text = hide_paths(str(error), error)
        return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}... ({len(text)} characters)"
    except Exception as fault:  # noqa: BLE001  # foreign __str__
        return f"(message could not be read: {type(fault).__name__})"


def tell(error: BaseException) -> list[Told]:
    """Return the chain of an exception, root cause first: what Python's own traceback would show of it."""
    return _chain(error, set(), 0)


def links_of(chain: Sequence[Told]) -> list[Link]:
    """Return what of a chain counts for its fingerprint."""
    return [
        Link(
            one.kind,
            [Frame(line.file, line.function) for line in (*one.above, *one.lines) if line.file],
            one.detail,
            [links_of(part) for part in one.parts],
        )
        for one in chain
    ]


def frames_of(trace: TracebackType | None) -> list[Line]:
    """Return the entries of a traceback, outermost first; of a very long one its two ends."""
    first: list[Line] = []
    last: deque[Line] = deque(maxlen=_SHOWN_AT_EACH_END)
    beyond = 0
    for _ in range(_MAX_WALK):
        if trace is None:
            break
        code = trace.tb_frame.f_code
        line = Line(code.co_filename, trace.tb_lineno or 0, code.co_name)
        if len(first) < _SHOWN_AT_EACH_END:
            first.append(line)
        else:
            last.append(line)
            beyond += 1
        trace = trace.tb_next
    gap = [Line("", beyond - len(last), "")] if beyond > len(last) else []
    return [*first, *gap, *last]


def text_of(chain: Sequence[Told], may_read: Callable[[str], bool]) -> str:
    """Return the text of a chain as Python prints it; the middle is cut out of a long one.

    may_read: says whether a source file may be read now.
    """
    text = "".join(_text(chain, _Sources(may_read), "", 0))
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n... {len(text) - MAX_TEXT} characters left out ...\n{text[-half:]}"


def _chain(error: BaseException, seen: set[int], depth: int) -> list[Told]:
    found: list[tuple[BaseException, bool]] = []
    current: BaseException | None = error
    is_cause = False
    while current is not None and id(current) not in seen and len(found) < _MAX_LINKS:
        seen.add(id(current))
        found.append((current, is_cause))
        is_cause = cause_of(current) is not None
        current = behind(current) if is_cause or not is_silenced(current) else None
    return [_told(one, cause, seen, depth) for one, cause in reversed(found)]


def _told(error: BaseException, is_cause: bool, seen: set[int], depth: int) -> Told:
    parts: list[list[Told]] = []
    if depth < _MAX_DEPTH:
        kept = [each for each in members_of(error)[:_MAX_PARTS] if isinstance(each, BaseException)]
        parts = [_chain(each, seen, depth + 1) for each in kept if id(each) not in seen]
    return Told(
        kind=error_type(error),
        message=message_of(error),
        lines=frames_of(trace_of(error)),
        is_cause=is_cause,
        detail=_detail(error),
        after=_after(error),
        parts=parts,
        above=_callers_of(trace_of(error)),
    )


def _callers_of(trace: TracebackType | None) -> list[Line]:
    frame = trace.tb_frame.f_back if trace is not None else None
    found: list[Line] = []
    while frame is not None and len(found) < _CALLERS:
        found.append(Line(frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_name))
        frame = frame.f_back
    return found[::-1]


def _detail(error: BaseException) -> str:
    """Return what tells faults apart that have one class and one place."""
    if is_a(error, ImportError):
        return error.name if isinstance(error.name, str) else ""
    if is_a(error, SyntaxError):
        return name_of_file(error.filename) if isinstance(error.filename, str) else ""
    if type(error) is OSError:
        return number_name(error.errno)
    return ""


def _after(error: BaseException) -> str:
    lines: list[str] = []
    if is_a(error, SyntaxError) and isinstance(error.filename, str):
        lines.append(f'  File "{error.filename}", line {error.lineno}\n')
        if isinstance(error.text, str):
            lines.append(f"    {error.text.strip()[:_MAX_LINE]}\n")
    lines += [
        f"{hide_paths(note[:MAX_MESSAGE], error)}\n"
        for note in notes_of(error)[:_MAX_PARTS]
        if isinstance(note, str)
    ]
    return "".join(lines)


def _text(chain: Sequence[Told], sources: _Sources, indent: str, depth: int) -> Iterator[str]:
    for number, one in enumerate(chain):
        if number:
            yield _indented(_BECAUSE if chain[number - 1].is_cause else _DURING, indent)
        head = "Exception Group Traceback" if one.parts else "Traceback"
        lines = [f"{head} (most recent call last):\n"] if one.lines else []
        lines += _entries(one.lines, sources)
        lines.append(f"{one.kind}: {one.message}\n" if one.message else f"{one.kind}\n")
        yield _indented("".join(lines) + one.after, indent)
        for place, part in enumerate(one.parts, 1):
            yield f"{indent}  +---------------- {place} ----------------\n"
            yield from _text(part, sources, f"{indent}  | ", depth + 1)


def _entries(lines: Sequence[Line], sources: _Sources) -> Iterator[str]:
    last: Line | None = None
    times = 0
    for line in lines:
        times = times + 1 if line == last else 1
        if times > _REPEATED:
            continue
        last = line
        if not line.file:
            yield f"  [{line.number} more]\n"
            continue
        yield f'  File "{line.file}", line {line.number}, in {line.function}\n'
        source = sources.line(line)
        if source:
            yield f"    {source}\n"
        if times == _REPEATED:
            yield "  [The same line again and again]\n"


class _Sources:
    """Source lines, for one text: none is left in `linecache`, and no instrument takes the reading for the host's."""

    __slots__ = ("_may_read", "_read")

    def __init__(self, may_read: Callable[[str], bool]) -> None:
        self._may_read = may_read
        self._read: dict[str, list[str]] = {}

    def line(self, line: Line) -> str:
        """Return the text of a line, "" where it may not be read or isn't there."""
        known: Any = linecache.cache.get(line.file)
        lines = known[2] if known is not None and len(known) > _LAZY else self._of(line.file)
        return str(lines[line.number - 1]).strip()[:_MAX_LINE] if 0 < line.number <= len(lines) else ""

    def _of(self, path: str) -> list[str]:
        if path in self._read:
            return self._read[path]
        lines: list[str] = []
        # A relative name would be looked for in each folder on sys.path.
        if len(self._read) < _MOST_SOURCES and os.path.isabs(path) and self._may_read(path):
            try:
                lines = read_file(path, _MAX_SOURCE).decode("utf-8", "replace").splitlines()
            except (OSError, ValueError, MemoryError):
                lines = []
        self._read[path] = lines
        return lines


def _indented(text: str, indent: str) -> str:
    return "".join(f"{indent}{line}\n" for line in text.splitlines()) if indent else text

"""stdout and stderr of a tool as log lines, when asked for.

Hosts put objects of their own into sys.stdout: a script editor, a panel, a proxy for a job's protocol. They stay
there. What is replaced is `write` on that very object, by one that calls it and then looks at the text; an object that
won't have its `write` set is left alone. Who comes into sys.stdout later is found at the next look, every 2 s; what it
is given before that is not seen. Who is taken out is listened to again at once when it is put back (a redirection): its
`write` stays replaced, and deaf, while anybody else holds the object.

A line is written when it is complete, or has stood unfinished from one look to the next. What the host's log handlers
and hooks print is no line: it was recorded already.
"""

from __future__ import annotations

import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.logs.attributes import severity_of
from clientobs.instruments.showing import showing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clientobs.instruments.logs.desk import Desk
    from clientobs.instruments.patching import Switch

__all__ = ["Streams"]

_MAX_LINE: Final = 8_192
_MAX_LINES: Final = 1_000
_MAX_ASLEEP: Final = 8
_OUR_REFERENCES: Final = 3  # a variable, an argument, and the bound `write` that the wrapper calls
_INFO: Final = 20
_ABSENT: Final = object()


class _Here(threading.local):
    """How many of the streams this thread is writing to: one may hand on to the other (a tee), or be ours."""

    depth = 0


class Streams:
    """The streams of this process that are listened to, by name: stdout, stderr."""

    def __init__(self, names: Iterable[str], switch: Switch, desk: Desk) -> None:
        self._names = tuple(names)
        self._switch = switch
        self._desk = desk
        self._attached: dict[str, _Ear] = {}
        self._asleep: list[_Ear] = []
        self._here = _Here()

    @property
    def patched(self) -> tuple[str, ...]:
        """The names of what is listened to."""
        names = dict.fromkeys((*self._attached, *(ear.name for ear in self._asleep)))
        return tuple(f"sys.{name}.write" for name in names)

    def look(self) -> None:
        """Listen to the objects that are there now, and leave those that are not there any more."""
        for name in self._names:
            stream = getattr(sys, name, None)
            ear = self._attached.get(name)
            if ear is not None and ear.stream is stream:
                ear.look()
                continue
            if ear is not None:
                ear.sleep()
                self._asleep.append(self._attached.pop(name))
            if stream is not None:
                self._attach(name, stream)
        for ear in list(self._asleep):
            if not ear.may_come_back() or len(self._asleep) > _MAX_ASLEEP:
                self._asleep.remove(ear)
                ear.leave()

    def leave(self) -> None:
        """Give every object its own `write` back."""
        while self._attached:
            _, ear = self._attached.popitem()
            ear.leave()
        while self._asleep:
            self._asleep.pop().leave()

    def _attach(self, name: str, stream: Any) -> None:
        for ear in self._asleep:
            if ear.name == name and ear.stream is stream:
                self._asleep.remove(ear)
                ear.is_asleep = False
                self._attached[name] = ear
                return
        try:
            self._attached[name] = _Ear(name, stream, lambda lines: self._heard(name, lines), self._here)
        except Exception:  # noqa: BLE001  # a slot, a C type, a proxy that says no: it stays as it is
            return

    def _heard(self, name: str, lines: list[str]) -> None:
        if not self._switch.on or showing.depth or self._here.depth:
            return
        self._here.depth += 1
        try:
            for line in lines[:_MAX_LINES]:
                self._write(name, line)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("logs.streams", error)
        finally:
            self._here.depth -= 1

    def _write(self, name: str, line: str) -> None:
        key = (name, 0, _INFO, name)
        before = self._desk.admit(key, line)
        if before < 0:
            return
        attributes: dict[str, Any] = {semconv.LOG_IOSTREAM: name}
        if before:
            attributes[semconv.LEFT_OUT] = before
        self._desk.line(name, *severity_of(_INFO), line, attributes)


class _Ear:
    """Listens to one stream, which it holds weakly: completes lines, per thread, and hands them on."""

    def __init__(self, name: str, stream: Any, heard: Callable[[list[str]], None], here: _Here) -> None:
        self.name = name
        self.is_asleep = False
        self._stream: Callable[[], Any] = weakref.ref(stream)
        self._heard: Callable[[list[str]], None] | None = heard
        self._own = vars(stream).get("write", _ABSENT)
        self._begun: dict[int, str] = {}
        self._seen: dict[int, str] = {}
        original = stream.write

        def write(text: Any, *more: Any, **named: Any) -> Any:
            here.depth += 1
            try:
                result = original(text, *more, **named)
            finally:
                here.depth -= 1
            if self._heard is not None and not here.depth and type(text) is str and self._is_awake():
                self._listen(text)
            return result

        self._wrapper: Any = write
        stream.write = write

    @property
    def stream(self) -> Any:
        """The object, None where it is gone."""
        return self._stream()

    def sleep(self) -> None:
        """Hear nothing until the object is back in its place."""
        self._hand_on_the_rest()
        self.is_asleep = True

    def may_come_back(self) -> bool:
        """Say whether anybody else holds the object, who could put it back.

        Otherwise it is about to end, and our wrapper, which it would be in a circle with, must not put that off.
        """
        stream = self._stream()
        return stream is not None and sys.getrefcount(stream) > _OUR_REFERENCES

    def leave(self) -> None:
        """Put `write` back where it is still ours."""
        self._hand_on_the_rest()
        self._heard = None
        stream = self._stream()
        if stream is not None and vars(stream).get("write") is self._wrapper:
            if self._own is _ABSENT:
                del stream.write
            else:
                stream.write = self._own
        self._wrapper = (
            None  # it holds us and the object: a circle, in which the object would outlive its end
        )

    def _is_awake(self) -> bool:
        if self.is_asleep:
            self.is_asleep = getattr(sys, self.name, None) is not self._stream()
        return not self.is_asleep

    def _hand_on_the_rest(self) -> None:
        rest = [text for text in self._begun.values() if text]
        self._begun.clear()
        if self._heard is not None and rest:
            self._heard(rest)

    def look(self) -> None:
        """Hand on lines that have stood unfinished since the last look: a prompt, a progress."""
        for thread, text in list(self._begun.items()):
            if self._seen.get(thread) == text and self._heard is not None:
                self._begun.pop(thread, None)
                self._heard([text])
        self._seen = dict(self._begun)

    def _listen(self, text: str) -> None:
        if showing.depth or self._heard is None:
            return  # what is shown on behalf of a record is no line
        thread = threading.get_ident()
        whole = self._begun.pop(thread, "") + text
        *lines, rest = whole[: _MAX_LINE * 16].split("\n")
        if len(rest) >= _MAX_LINE:
            lines, rest = [*lines, rest[:_MAX_LINE]], ""
        if rest:
            self._begun[thread] = rest
        if lines:
            self._heard([line.rstrip("\r")[:_MAX_LINE] for line in lines if line.strip()])

"""builtins.open and io.open: timed, counted by folder, and what they return is what it was.

Everything that opens by Python's own `open` comes through here: pathlib, codecs, tempfile, gzip, bz2, lzma,
zipfile, tarfile, json and pickle dumps. What C and C++ open by themselves (OpenEXR, USD, Alembic) does not.
"""

from __future__ import annotations

import os
import sys
import warnings
from io import text_encoding
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.instruments.files.handles import innermost, raw_of, watch_reading, watch_writing
from clientobs.instruments.files.pathtext import asked_for, text_of
from clientobs.instruments.files.telling import FAILING

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.accounts import Account
    from clientobs.instruments.files.desk import Desk
    from clientobs.instruments.files.telling import Failing

__all__ = ["wrap_open"]

_NOT_GIVEN: Final = object()
_AS_IS: Final = -1
"""Compared by identity, which is cheapest: another -1 takes a longer way to the same end."""
_SEPARATOR: Final = os.sep
_LINE_BUFFERING: Final = (
    "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used"
)
_BOOL: Final = "bool is used as a file descriptor"


def wrap_open(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Return `open` with counting around `original`."""
    here, get_current, clock, separator = desk.here, desk.get_current, perf_counter_ns, os.sep
    opened = _Opened(desk)
    # Kept here: the names of all modules, those of `builtins` too, are None when the interpreter ends.
    failing, not_given = FAILING, _NOT_GIVEN
    as_is, warn_in_place, warns_of_encoding = _AS_IS, _warner(), _warns_of_encoding

    def open(  # noqa: A001  # the signature of the original, see patching.in_place_of
        _module: Any,
        /,
        file: Any = _NOT_GIVEN,
        mode: Any = "r",
        buffering: Any = _AS_IS,
        encoding: Any = None,
        errors: Any = None,
        newline: Any = None,
        closefd: Any = True,
        opener: Any = None,
        *more: Any,
        **unknown: Any,
    ) -> Any:
        if more or unknown or file is not_given:
            # The original says what is wrong with that, in its own words.
            first = () if file is not_given else (file,)
            rest = (mode, buffering, encoding, errors, newline, closefd, opener, *more) if more else ()
            return original(*first, *rest, **unknown)
        if buffering is not as_is or warns_of_encoding:
            buffering, encoding = warn_in_place(mode, buffering, encoding)
        if _warns_of_bool and (file is True or file is False):
            return _open_bool(original, file, mode, buffering, encoding, errors, newline, closefd, opener)
        began = clock()
        try:
            handle = original(file, mode, buffering, encoding, errors, newline, closefd, opener)
        except failing as error:
            opened.failed(file, error, clock() - began)
            raise
        spent = clock() - began
        part = here.part
        if part.context is get_current() and type(file) is str:
            account = part.light[file.rpartition(separator)[0]]
            if spent <= account.quiet and (mode == "rb" or mode == "r"):  # noqa: PLR1714  # half the time of `in`
                account.pending.append(spent)
                if next(account.turns, None) is None:
                    opened.to_read(handle, account)
                return handle
        opened.otherwise(handle, file, mode, spent, opener)
        return handle

    return open


class _Opened:
    """What is to be done about a file that was opened, in the cases that are not the fast one."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def to_read(self, handle: Any, account: Account) -> None:
        """Have the bytes of a light reading counted."""
        try:
            weight = account.weigh()
            raw = raw_of(handle)
            if raw is not None and not account.place.ignored:
                watch_reading(self._desk, raw, account, weight)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.open", error)

    def failed(self, file: Any, error: Failing, spent: int) -> None:
        """Take an open that failed; by a descriptor it is no file of ours."""
        if self._desk.switch.on and type(file) is not int:
            self._desk.failed("open", asked_for(file, getattr(error, "filename", None)), error, spent)

    def otherwise(self, handle: Any, file: Any, mode: Any, spent: int, opener: Any) -> None:
        """Take an opened file: the first of its folder, one to write, one on network storage, a slow one."""
        desk = self._desk
        if not desk.switch.on or desk.here.busy or not isinstance(mode, str):
            return
        if type(file) is int:
            self._by_descriptor(handle, file, mode)
            return
        if self._again_on_network(handle, file, mode, spent):
            return
        desk.here.busy = True
        began = desk.meter.now()
        try:
            file = asked_for(file, getattr(handle, "name", None))
            # tempfile opens a folder, and its opener the file in it, by os.open.
            known = desk.descriptors.take_over(handle.fileno(), closes=True) if opener is not None else ""
            file = known or file
            text = text_of(file)
            part, account = desk.account_of(text)
            place = account.place
            weight = account.add_open_again(spent, text) if known else account.add_open(spent, text)
            if place.ignored:
                return
            if desk.teller.is_slow(place, spent):
                desk.teller.slow(part.book, place, "open", file, spent)
            raw = raw_of(handle)
            if raw is None:
                return
            if place.network or "r" not in mode or "+" in mode:
                watch_writing(desk, raw, account, text, mode)
            elif weight:
                watch_reading(desk, raw, account, weight)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.open", error)
        finally:
            desk.here.busy = False
            desk.meter.spend(began)

    def _by_descriptor(self, handle: Any, descriptor: int, mode: str) -> None:
        """Take a file object that was made of a descriptor: os.open has counted the opening."""
        desk = self._desk
        try:
            raw = raw_of(handle) if desk.descriptors.knows(descriptor) else None
            path = desk.descriptors.take_over(descriptor, closes=raw.closefd) if raw is not None else ""
            if raw is None or not path:
                return
            account = desk.account_of(path)[1]
            if not account.place.ignored:
                account.add_of_descriptor()
                watch_writing(desk, raw, account, path, mode, unnamed=True)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.open", error)

    def _again_on_network(self, handle: Any, file: Any, mode: str, spent: int) -> bool:
        """Take a file on network storage whose folder is known under this very span, by a short way.

        After the wait for a server our code is cold, and each function of it costs ten times as much.
        """
        desk = self._desk
        part = desk.here.part
        if type(file) is not str or spent >= desk.unremarkable or part.context is not desk.get_current():
            return False
        account = part.folders.get(file.rpartition(_SEPARATOR)[0])
        if account is None or not account.place.network:
            return False
        try:
            account.add_open(spent, file)
            raw = raw_of(handle)
            if raw is not None:
                watch_writing(desk, raw, account, file, mode)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.open", error)
        return True


_warns_of_encoding: Final = bool(sys.flags.warn_default_encoding)
_warns_of_bool: Final = sys.version_info >= (3, 13)


def _open_bool(original: Callable[..., Any], file: bool, *arguments: Any) -> Any:
    """Open a descriptor that was given as a truth value: from C, the line that is warned of would be ours."""
    warnings.warn(_BOOL, RuntimeWarning, stacklevel=3)
    handle = original(int(file), *arguments)
    innermost(handle).name = file  # the very object that was given
    return handle


def _warner() -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    """Return what gives the warnings that `open` gives for its caller's line: from C, that line would be ours."""
    # Kept here, too: a file that is opened when no name is left may have a buffering.
    is_a, text, whole, warn, encoding_of = isinstance, str, int, warnings.warn, text_encoding
    words, category, warns_of_encoding = _LINE_BUFFERING, RuntimeWarning, _warns_of_encoding

    def warn_in_place(mode: Any, buffering: Any, encoding: Any) -> tuple[Any, Any]:
        if not is_a(mode, text):
            return buffering, encoding
        if "b" in mode:
            if buffering == 1 and is_a(buffering, whole):
                warn(words, category, stacklevel=3)
                return -1, encoding
        elif encoding is None and warns_of_encoding:
            return buffering, encoding_of(None, 3)
        return buffering, encoding

    return warn_in_place

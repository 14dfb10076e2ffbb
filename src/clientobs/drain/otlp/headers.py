"""The headers of requests: from the configuration, from a file, or from a program that prints them.

File and program are for credentials that change (a token broker, a secret mounted by the scheduler): they are
read at each connect and after a refusal, by the drain alone, and never kept on disk. Both hold
`name=value` lines, as OTEL_EXPORTER_OTLP_HEADERS does between its commas; `#` starts a comment.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Final

from clientobs.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Headers", "parse_headers"]

_COMMAND_SECONDS: Final = 10.0
_MAX_TEXT: Final = 64 << 10
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

Pairs = tuple[tuple[str, str], ...]


class Headers:
    """Headers of one endpoint; later sources win: configuration, then file, then command."""

    def __init__(self, fixed: Pairs = (), *, file: str | None = None, command: Sequence[str] = ()) -> None:
        self._fixed = fixed
        self._file = file
        self._command = tuple(command)

    @property
    def changeable(self) -> bool:
        """Whether another read may give other headers."""
        return bool(self._file or self._command)

    def read(self) -> Pairs:
        """Return the headers of now, lower-case names.

        Raises DeliveryError where file or command fail; its message never holds what they said.
        """
        merged = {name.lower(): value for name, value in _checked(self._fixed, "the configuration")}
        if self._file:
            merged.update(parse_headers(_file_text(self._file), f"headers_file {self._file}"))
        if self._command:
            merged.update(parse_headers(_command_text(self._command), f"headers_command {self._command[0]}"))
        return tuple(merged.items())


def parse_headers(text: str, source: str) -> Iterator[tuple[str, str]]:
    r"""Yield (lower-case name, value) of `name=value` lines; raise DeliveryError naming source and line.

    >>> list(parse_headers("Authorization=Bearer abc=\n# later\n", "example"))
    [('authorization', 'Bearer abc=')]
    """
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals:
            raise DeliveryError(f"{source}, line {number}: no `=` in it; write name=value")
        yield from _checked(((name.strip(), value.strip()),), f"{source}, line {number}")


def _checked(pairs: Pairs, source: str) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        if not _NAME.fullmatch(name):
            # Not repeated: of `Authorization: Bearer ...==` it is the credential that stands before the sign.
            raise DeliveryError(f"{source}: what stands before `=` is no header name")
        if _CONTROL.search(value):
            raise DeliveryError(f"{source}: the value of {name} has a control character in it")
        yield name.lower(), value


def _file_text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_TEXT).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryError(f"headers_file {path} cannot be read: {type(error).__name__}") from error


def _command_text(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # the person who set the endpoint set the command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_COMMAND_SECONDS,
            check=True,
        )
        return done.stdout[:_MAX_TEXT].decode("utf-8")
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        # The error's own text could quote the program's arguments, which may hold a secret.
        raise DeliveryError(f"headers_command {command[0]} failed: {type(error).__name__}") from None

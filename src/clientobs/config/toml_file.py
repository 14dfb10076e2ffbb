"""The TOML file as a layer of settings, with the line of each value.

The file lies on the NAS as a rule, edited by hand: what is broken in it is a `Problem` with file, line and
key, and the rest is used. A file that the share does not hand over in time is a problem too: a hung server
must not hold the host's start.
"""

from __future__ import annotations

import ntpath
import posixpath
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from clientobs import _own_file
from clientobs._patterns import pattern
from clientobs.config.layers import Found, Layer, Leaf, adopt_service, leaves, read_leaf
from clientobs.config.problems import Problem, Source, Unacceptable
from clientobs.config.toml_lines import key_lines, line_of
from clientobs.config.values import Base

__all__ = ["MAX_BYTES", "ReadFile", "read", "read_within"]

ReadFile: TypeAlias = Callable[[str], bytes]

MAX_BYTES: Final = 1 << 20
_MAX_REPAIRS: Final = 20
_AT_LINE: Final = pattern(r" ?\(at (?:line (\d+), column \d+|end of document)\)\Z")
_STATEMENT: Final = pattern(r"\s*([\w.-]+|\"[^\"]*\"|'[^']*')\s*=")
_HEADER: Final = pattern(r"\s*\[")


def read(path: str, read_file: ReadFile, *, user_home: str | None, platform: str) -> Layer:
    """Return the settings of the file at `path`; whatever can't be used is among the layer's problems."""
    layer = Layer()
    text = _text_of(path, read_file, layer)
    if text is None:
        return layer
    tree, kept = _parse(path, text, layer)
    lines = key_lines(kept)
    flavour = ntpath if platform == "win32" else posixpath
    base = Base(flavour.dirname(path), user_home, platform)
    for leaf in leaves(tree):
        line = line_of(lines, leaf.key)
        _take(leaf, Source(kind="file", name=leaf.key, file=path, line=line), base, layer)
    adopt_service(layer)
    return layer


def read_within(path: str, limit: float = 2.0) -> bytes:
    """Return a file's bytes; raises OSError, TimeoutError after `limit` seconds, for a server that hangs.

    The reading thread is a daemon, left behind in that case: nothing else can let go of a hung mount.
    """
    outcome: list[bytes | OSError] = []

    def work() -> None:
        try:
            outcome.append(_own_file.read_file(path, MAX_BYTES + 1, slow=True))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="clientobs-config", daemon=True)
    thread.start()
    thread.join(limit)
    if not outcome:
        raise TimeoutError(f"the file did not answer within {limit:g} s")
    result = outcome[0]
    if isinstance(result, OSError):
        raise result
    return result


def _text_of(path: str, read_file: ReadFile, layer: Layer) -> str | None:
    try:
        raw = read_file(path)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: no thread can be started
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        layer.problems.append(_about(path, None, f"cannot be read: {reason}"))
        return None
    if len(raw) > MAX_BYTES:
        layer.problems.append(_about(path, None, f"larger than {MAX_BYTES} bytes, not used"))
        return None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        layer.problems.append(_about(path, line, "not UTF-8; save the file as UTF-8"))
        return None


def _parse(path: str, text: str, layer: Layer) -> tuple[Mapping[str, Any], str]:
    """Parse, blanking what does not parse, so that one slip does not cost the rest of the file."""
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415  # 4 ms, and only where there is a file
    else:
        import tomli as tomllib  # noqa: PLC0415

    lines = text.split("\n")
    for _ in range(_MAX_REPAIRS):
        try:
            return tomllib.loads(text), text
        except (tomllib.TOMLDecodeError, RecursionError) as error:  # at most 20 rounds
            match = _AT_LINE.search(str(error))
            number = int(match[1]) if match and match[1] else _last_line(lines)
            said = str(error)[: match.start()] if match else str(error) or type(error).__name__
            layer.problems.append(_about(path, number or None, f"not TOML: {said}", _key_at(lines, number)))
            if not number or not _blank(lines, number):
                break
            text = "\n".join(lines)
    layer.problems.append(_about(path, None, "cannot be repaired, not used"))
    return {}, ""


def _blank(lines: list[str], number: int) -> bool:
    """Blank the faulty statement where it stands on one line, otherwise the table around it."""
    at = min(number, len(lines)) - 1
    if _STATEMENT.match(lines[at]) and not _opens(lines[at]):
        lines[at] = ""
        return True
    first = at
    while first > 0 and not _HEADER.match(lines[first]):
        first -= 1
    last = at + 1
    while last < len(lines) and not _HEADER.match(lines[last]):
        last += 1
    changed = any(line.strip() for line in lines[first:last])
    lines[first:last] = [""] * (last - first)
    return changed


def _opens(line: str) -> bool:
    """Say whether a value that begins on this line may go on below it: without this line, the rest means nothing."""
    return '"""' in line or "'''" in line or line.count("[") > line.count("]")


def _last_line(lines: list[str]) -> int:
    filled = [number for number, line in enumerate(lines, 1) if line.strip()]
    return filled[-1] if filled else 0


def _take(leaf: Leaf, source: Source, base: Base, layer: Layer) -> None:
    try:
        if leaf.fault is not None:
            raise Unacceptable(leaf.fault)
        layer.found[leaf.key] = Found(read_leaf(leaf, base), source)
    except Unacceptable as error:
        layer.problems.append(Problem.at(source, str(error)))


def _key_at(lines: list[str], number: int) -> str:
    """Return the dotted key on a line that did not parse, as far as it can be told."""
    if not 0 < number <= len(lines):
        return ""
    statement = _STATEMENT.match(lines[number - 1])
    table = next((line for line in reversed(lines[:number]) if _HEADER.match(line)), "")
    parts = [table.partition("#")[0].strip(" \t[]"), statement[1] if statement else ""]
    return ".".join(part for part in parts if part)


def _about(path: str, line: int | None, message: str, key: str = "") -> Problem:
    return Problem(file=path, line=line, key=key, message=message)

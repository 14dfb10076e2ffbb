r"""The fingerprint of a fault: the same for all users, releases, machines and operating systems.

Two exceptions are the same fault when their classes, their chain and the studio's own frames are the same. The text
that is hashed has one line for each link of the chain, root cause first:

    FileNotFoundError < loader.read < publish.collect
    PublishError < publish.collect < publish.main

- Of a class the bare name counts: modules move between releases. An ImportError adds what was missing, a bare
  OSError the name of its number, a SyntaxError its file.
- Of a frame the file's name counts, without folders and extension (a package's `__init__.py` is its folder), and the
  function. No line, no folder, no drive letter, no version, no user.
- Frames of the interpreter and its standard library, of clientobs, and comprehensions, are left out: they differ from
  one Python to the next. Where nothing else is left, they count.
- A function that is there several times counts once: a recursion has the same fingerprint however deep it went.
- The innermost five count, callers above the traceback included: a fault has one fingerprint wherever on its way it
  is looked at, and one that lies deep stays one whether it was reached from a menu or from a farm task.
- A group counts the set of its exceptions, however many there are and in which order.
- Messages don't count: they hold paths, shots and frame numbers.

The algorithm has a number, which the fingerprint begins with ("1-"); a better one gets another.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs._hashes import blake2b
from clientobs._patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Frame", "Link", "fingerprint", "is_own", "name_of_file"]

_VERSION: Final = "1"
_FRAMES: Final = 5
_BYTES: Final = 8

_FROZEN: Final = pattern(r"<frozen (?:.*\.)?(\w+)>")
_UNNAMED: Final = pattern(r"(?<=[^\W\d])[-_ ]?\d[\w-]*")
_LIBRARY: Final = pattern(
    r"""(?xi) ^<frozen\  | [/\\]lib(?:64)?[/\\]python3(?:\.\d+)?t?(?:\.zip)?[/\\](?!(?:site|dist)-packages[/\\])
    | \\python3?\d*(?:\.\d+)?t?(?:[-_][^\\]*)?\\lib\\(?!site-packages\\)
    | [/\\]python3\d+\.zip[/\\]
    """
)
_OURS: Final = pattern(r"[/\\]clientobs[/\\](?:record|instruments|guard|hosts|runtime)[/\\]")
_COMPREHENSIONS: Final = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})


class Frame(NamedTuple):
    """One entry of a traceback: the file as it was compiled, the function's plain name."""

    file: str
    function: str


class Link(NamedTuple):
    """One exception of a chain; `frames` outermost first, `detail` what an ImportError lacks, and the like."""

    kind: str
    frames: Sequence[Frame]
    detail: str = ""
    parts: Sequence[Sequence[Link]] = ()
    """The chains of a group's exceptions."""


def fingerprint(chain: Sequence[Link]) -> str:
    r"""Return the fingerprint of a chain, root cause first.

    >>> fingerprint([Link("KeyError", [Frame("/mnt/tools/1.2/publish/main.py", "run")])])
    '1-8b55863bd3fc2e20'
    >>> fingerprint([Link("KeyError", [Frame(r"Z:\tools\1.3\publish\main.py", "run")])])
    '1-8b55863bd3fc2e20'
    """
    text = "\n".join(_line(link) for link in chain)
    digest = blake2b(text.encode("utf-8", "backslashreplace"), digest_size=_BYTES).hexdigest()
    return f"{_VERSION}-{digest}"


def is_own(frame: Frame) -> bool:
    """Say whether a frame is neither the interpreter's, nor the standard library's, nor ours."""
    return not (_LIBRARY.search(frame.file) or _OURS.search(frame.file))


def name_of_file(path: str) -> str:
    r"""Return what of a file's path counts.

    >>> name_of_file("/home/kim/tools/v012/publish/__init__.py"), name_of_file(r"C:\tools\publish\main.pyc")
    ('publish', 'main')
    >>> name_of_file("<frozen importlib._bootstrap>"), name_of_file("<ipython-input-12-9f3a>")
    ('_bootstrap', '<ipython-input>')
    """
    if path.startswith("<"):
        frozen = _FROZEN.fullmatch(path)
        return frozen[1] if frozen else _UNNAMED.sub("", path)
    parts = path.replace("\\", "/").split("/")
    name = parts[-1].partition(".")[0] or parts[-1]
    if name == "__init__" and len(parts) > 1:
        return parts[-2]
    return name


def number_name(number: int | None) -> str:
    """Return the name of an error number, which is the same on all systems; "" for none."""
    return errno.errorcode.get(number, "") if number is not None else ""


def _line(link: Link) -> str:
    kind = link.kind.rpartition(".")[2]
    said = f"{kind}({link.detail})" if link.detail else kind
    if link.parts:
        said += "[" + " | ".join(sorted({" ; ".join(map(_line, chain)) for chain in link.parts})) + "]"
    return " < ".join([said, *_places(link.frames)])


def _places(frames: Iterable[Frame]) -> list[str]:
    """Return the innermost places that count, innermost first."""
    seen = [frame for frame in frames if frame.function not in _COMPREHENSIONS]
    counted = [frame for frame in seen if is_own(frame)] or seen
    places = dict.fromkeys(f"{name_of_file(frame.file)}.{frame.function}" for frame in reversed(counted))
    return list(places)[:_FRAMES]

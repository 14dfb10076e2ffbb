"""What was asked to be run, as a person would name it.

Arguments come as text, bytes, paths, lists of these and odd things besides. They are read without consuming them
(an iterator is the caller's), bounded, and never judged: what is wrong with them the original call says.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

__all__ = ["Command", "base_name", "command_of", "text_of"]

_WORDS: Final = 128
_WORD: Final = 4_096
_SHELL_TEXT: Final = 8_192
_UNKNOWN: Final = "(unknown program)"
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh", "tcsh", "csh", "cmd", "cmd.exe"})

# fmt: off
_BUILT_IN: Final = frozenset({
    ".", ":", "[", "alias", "bg", "case", "cd", "command", "eval", "exec", "exit", "export", "fg", "for", "function",
    "if", "kill", "read", "return", "set", "shift", "source", "test", "trap", "ulimit", "umask", "unset", "until",
    "wait", "while",
})
# fmt: on
"""What the shell does itself: then it is the program."""


class Command(NamedTuple):
    """A command line; `name` is the program without its folder, for a shell's text the first program in it."""

    name: str
    executable: str
    words: tuple[str, ...]
    shell: bool = False
    whole: bool = True
    """False where the words could not be read ahead of the launch."""


def command_of(arguments: object, executable: object = None, *, shell: bool = False) -> Command:
    """Return what `subprocess.Popen(arguments, executable=executable, shell=shell)` is about to run.

    >>> command_of(["/usr/bin/ffmpeg", "-i", "plate.mov"]).name
    'ffmpeg'
    >>> command_of("FOO=1 ffmpeg -i plate.mov | tee log", shell=True).name
    'ffmpeg'
    """
    words = _words_of(arguments)
    if words is None:
        return Command(_UNKNOWN, _UNKNOWN, (), shell, whole=False)
    program = text_of(executable) if executable is not None else ""
    first = words[0] if words else ""
    if shell:
        return Command(_first_program(first) or _shell_name(program), program or "/bin/sh", words, shell)
    if not program:
        # On Windows, and only there, a text is a whole command line.
        program = _first_word(first) if os.name == "nt" and isinstance(arguments, str) else first
    name = base_name(program) or _UNKNOWN
    if name in _SHELLS and len(words) == 3 and words[1] == "-c":  # noqa: PLR2004  # sh -c TEXT
        name = _first_program(words[2]) or name
    return Command(name, program, words)


def _shell_name(program: str) -> str:
    return base_name(program) if program else ("cmd" if os.name == "nt" else "sh")


def base_name(program: str) -> str:
    """Return a program's name without its folder and, on Windows, its extension.

    >>> base_name("/opt/houdini/bin/hython")
    'hython'
    """
    if os.name == "nt":
        program = program.replace("\\", "/")
    name = program.rstrip("/").rpartition("/")[2][:128]
    return name[:-4] if name[-4:].lower() == ".exe" else name


def text_of(value: object) -> str:
    """Return an argument as text: bytes that are none keep their values as surrogates, as file names do."""
    if isinstance(value, (bytes, bytearray)):
        return os.fsdecode(bytes(value[:_SHELL_TEXT]))
    if isinstance(value, str):
        return value[:_SHELL_TEXT]
    if isinstance(value, os.PathLike):
        return text_of(os.fspath(value))
    return f"<{type(value).__name__}>"


def _words_of(arguments: object) -> tuple[str, ...] | None:
    if type(arguments) is not list:  # what it nearly always is, and the look for a PathLike takes its time
        if isinstance(arguments, (str, bytes, os.PathLike)):
            return (text_of(arguments),)
        if not isinstance(arguments, (list, tuple)):
            return None
    words = tuple(
        [
            word if type(word) is str and len(word) <= _WORD else text_of(word)[:_WORD]
            for word in arguments[:_WORDS]
        ]
    )
    return (*words, f"... {len(arguments) - _WORDS} more") if len(arguments) > _WORDS else words


def _first_word(text: str) -> str:
    text = text.lstrip()
    if text[:1] in ('"', "'"):
        return text[1:].partition(text[0])[0]
    return text.partition(" ")[0]


def _first_program(text: str) -> str:
    """Return the first program in a shell's text, behind assignments; "" where it is no plain word."""
    rest = text[:1024].lstrip(" \t\r\n(")
    while rest:
        word = _first_word(rest)
        name, equals, _ = word.partition("=")
        if not (equals and name.isidentifier()):
            break
        rest = rest[len(word) :].lstrip()
    else:
        return ""
    word = _first_word(rest).partition("\n")[0].rstrip(";|&<>)")
    if word in _BUILT_IN or any(sign in word for sign in "$`{}"):
        return ""
    return base_name(word)

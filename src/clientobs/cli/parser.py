"""The parser that each command's options begin with: its name, and what its module's docstring says of it."""

from __future__ import annotations

import argparse

__all__ = ["command_parser"]


def command_parser(
    command: str, docstring: str | None, *, epilog: str | None = None, usage: str | None = None
) -> argparse.ArgumentParser:
    """Return the parser of `clientobs COMMAND`; with an epilog, text stands in --help as it is written.

    >>> command_parser("status", "`clientobs status`: how the journal stands.").description
    'How the journal stands.'
    """
    shape = argparse.RawDescriptionHelpFormatter if epilog else argparse.HelpFormatter
    return argparse.ArgumentParser(
        prog=f"clientobs {command}",
        usage=usage,
        description=_description(docstring),
        epilog=epilog,
        formatter_class=shape,
    )


def _description(docstring: str | None) -> str:
    """Return a docstring without the command's name before it."""
    words = (docstring or "").partition("`: ")[2] or docstring or ""
    return words[:1].upper() + words[1:]

"""Write the reference pages from what they are about, so that they can't say anything else.

`python docs/generate.py` writes the pages; with `--check` it says which are not up to date, and ends with 1
where one is not.
"""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attributes_page import attributes_page
from configuration_page import configuration_page
from losses_page import losses_page

import clientobs
from clientobs.cli.main import COMMANDS

REFERENCE = Path(__file__).parent / "reference"


def api_page() -> Iterator[str]:
    """Yield the page of the public names, from their docstrings."""
    yield "# The public names\n"
    yield "What `import clientobs` gives. Nothing else is public but the modules these names lead to.\n"
    for name in sorted(clientobs.__all__, key=str.lower):
        value = getattr(clientobs, name)
        if not callable(value):
            continue
        yield f"## {name}\n"
        yield f"```python\n{signature(name, value)}\n```\n"
        yield prose(inspect.getdoc(value) or "")


def signature(name: str, value: Any) -> str:
    """Return how a name is called, wrapped as code is."""
    if isinstance(value, type) and issubclass(value, Exception):
        bases = ", ".join(base.__name__ for base in value.__bases__)
        return f"class {name}({bases}): ..."
    if name == "Runtime":
        return "class Runtime: ...  # returned by init()"
    if isinstance(value, type):
        return f"class {name}:\n    {declaration('__init__', vars(value)['__init__'])}"
    return declaration(name, value)


def declaration(name: str, function: Any) -> str:
    """Return a function's first line as its source has it, on one line."""
    node = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    assert isinstance(node, ast.FunctionDef)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {name}({ast.unparse(node.args)}){returns}: ..."


def prose(docstring: str) -> str:
    """Return a docstring as Markdown: its doctests become code blocks."""
    parts: list[str] = []
    for paragraph in docstring.split("\n\n"):
        if paragraph.lstrip().startswith(">>>") or paragraph.startswith("    "):
            parts.append(f"```text\n{textwrap.dedent(paragraph)}\n```")
        else:
            parts.append(paragraph)
    return "\n\n".join(parts) + "\n"


def commands_page() -> Iterator[str]:
    """Yield the page of the commands, from their own help."""
    yield "# The commands\n"
    yield "Each has `--help`. Every command that shows something has `--json` for scripts.\n"
    yield f"```text\n{help_of()}\n```\n"
    for name in COMMANDS:
        yield f"## clientobs {name}\n"
        yield f"```text\n{help_of(name)}\n```\n"


def help_of(*command: str) -> str:
    """Return what `clientobs COMMAND --help` prints in a terminal of 100 columns."""
    arguments = [sys.executable, "-m", "clientobs.cli.main", *command, "--help"]
    environ = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.check_output(arguments, env=environ, encoding="utf-8").strip()


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "api.md": api_page,
    "attributes.md": attributes_page,
    "commands.md": commands_page,
    "configuration.md": configuration_page,
    "losses.md": losses_page,
}
NOTE = "<!-- Made by docs/generate.py: change what it is made from. -->\n"


def main(arguments: list[str]) -> int:
    """Write or check all pages."""
    stale = []
    for name, make in PAGES.items():
        page, text = REFERENCE / name, "\n".join([NOTE, *make()])
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                page.write_text(text, encoding="utf-8", newline="\n")
    for name in stale:
        print(f"{'stale' if '--check' in arguments else 'written'}: {name}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The pages are true: links lead somewhere, code runs, commands and files that are named exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs.cli.main import COMMANDS
from project.pages import ROOT, Block, Page, all_pages

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pathlib import Path

PAGES = all_pages()
BLOCKS = [block for page in PAGES for block in page.blocks]
LANGUAGES = {
    "",
    "console",
    "ini",
    "json",
    "logql",
    "powershell",
    "promql",
    "python",
    "sh",
    "text",
    "toml",
    "xml",
    "yaml",
}
OUR_FOLDERS = ("src/", "tests/", "docs/", "examples/", "benchmarks/", "integrations/", ".ci/", ".github/")
PAGES_THAT_ARE_FOLLOWED = ("README.md", "docs/tutorial/", "docs/how-to/")
SESSION = re.compile(r"^def (\w+)\(session", re.MULTILINE)
NOX_SESSIONS = re.compile(r"dev\.py nox ((?:\w+ ?)+)|nox -s ((?:\w+ ?)+)")
DEV_COMMANDS = ("demo", "test", "nox", "run", "wheels")
DEV_COMMAND = re.compile(r"dev\.py (?:--\w+[= ]\S+ )*(\w+)")


def blocks_of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    by_path = {other.path: other for other in PAGES}
    broken = []
    for line, target in page.links():
        if re.match(r"[a-z]+:", target):  # another site: not looked at, tests need no network
            continue
        path, _, fragment = target.partition("#")
        file = (page.path.parent / path).resolve() if path else page.path
        if not file.exists() or (fragment and file in by_path and fragment not in by_path[file].anchors()):
            broken.append(f"{page.name}:{line}: {target}")
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_commands_named_in_a_sentence_exist(page: Page) -> None:
    wrong = []
    for line, code in page.code_spans():
        is_path = code.startswith(OUR_FOLDERS) and not re.search(r"[<>*{}\s]|NAME", code)
        if is_path and not (ROOT / code.partition(":")[0]).exists():
            wrong.append(f"{page.name}:{line}: no file {code}")
        wrong += [f"{page.name}:{line}: {problem}" for problem in unknown_commands(code)]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_say_their_language(page: Page) -> None:
    assert {block.language for block in page.blocks} <= LANGUAGES


@pytest.mark.parametrize("block", blocks_of("python"), ids=str)
def test_python_blocks_run_where_a_reader_types_them_and_compile_elsewhere(
    block: Block, tmp_path: Path
) -> None:
    if not block.page.relative_to(ROOT).as_posix().startswith(PAGES_THAT_ARE_FOLLOWED):
        compile(block.text, str(block), "exec")
        return
    script = tmp_path / "block.py"
    script.write_text(block.text, encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("block", blocks_of("toml"), ids=str)
def test_toml_blocks_are_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", blocks_of("json"), ids=str)
def test_json_blocks_are_json(block: Block) -> None:
    assert json.loads(block.text) is not None


@pytest.mark.parametrize("block", blocks_of("sh", "console"), ids=str)
def test_shell_blocks_name_what_exists(block: Block, tmp_path: Path) -> None:
    commands = "\n".join(shell_lines(block))
    assert not unknown_commands(commands)
    bash = shutil.which("bash")
    if bash and os.name != "nt":  # bash on Windows may be the launcher of an absent Linux
        subprocess.run([bash, "-n"], input=commands, text=True, check=True, cwd=tmp_path)


def shell_lines(block: Block) -> list[str]:
    """Return what is typed: all of a `sh` block, the lines after `$` of a `console` block."""
    if block.language == "sh":
        return block.text.splitlines()
    return [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]


def unknown_commands(text: str) -> list[str]:
    """Return what is wrong with the commands of clientobs, dev.py and nox in a text."""
    sessions = set(SESSION.findall((ROOT / "noxfile.py").read_text(encoding="utf-8")))
    ours = re.findall(r"(?:^|[\s;&|])clientobs ([a-z][\w-]*)", text, re.MULTILINE)
    named = " ".join(first + second for first, second in NOX_SESSIONS.findall(text)).split()
    return [
        *(f"no command clientobs {name}" for name in ours if name not in COMMANDS),
        *(f"no command dev.py {name}" for name in DEV_COMMAND.findall(text) if name not in DEV_COMMANDS),
        *(f"no nox session {name}" for name in named if name not in sessions),
    ]


@pytest.mark.parametrize(
    "text", ["clientobs shows --last", "python3 dev.py tset", "python3 dev.py nox lint typos", "nox -s linnt"]
)
def test_a_wrong_command_would_be_found(text: str) -> None:
    assert unknown_commands(text)


def test_every_page_is_reached_from_the_index() -> None:
    by_path = {page.path: page for page in PAGES}
    seen: set[Path] = set()
    queue = [ROOT / "README.md"]
    while queue:
        path = queue.pop()
        if path in seen or path not in by_path:
            continue
        seen.add(path)
        queue += [(path.parent / target.partition("#")[0]).resolve() for _, target in by_path[path].links()]
    assert sorted(page.name for page in PAGES if page.path not in seen) == []


def test_the_layers_on_the_page_are_those_that_are_enforced() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contract = settings.partition('type = "layers"\nlayers = [\n')[2].partition("]")[0]
    enforced = [sorted(re.findall(r"clientobs\.(\w+)", line)) for line in contract.splitlines()]
    (page,) = (page for page in PAGES if page.name == "docs/explanation/architecture.md")
    (block,) = (block for block in page.blocks if block.text.startswith("cli\n"))
    assert [
        sorted(re.findall(r"\w+", line.partition("(")[0])) for line in block.text.splitlines()
    ] == enforced


@pytest.mark.skipif(sys.version_info < (3, 13), reason="argparse and inspect word their output anew in 3.13")
def test_the_reference_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run python docs/generate.py with Python 3.13: {done.stdout}{done.stderr}"

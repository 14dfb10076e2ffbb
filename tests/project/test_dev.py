"""dev.py sets up a bare machine, and leaves one alone that is set up."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
QUICK: Any = {"clear": True, "with_pip": False, "system_site_packages": True, "symlinks": os.name != "nt"}


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load a copy of dev.py whose repository is an almost empty folder."""
    for name in ("dev.py", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    spec = importlib.util.spec_from_file_location("dev", tmp_path / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installs(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Record what pip would install instead of installing it, into an environment that is quickly made."""
    made: list[tuple[str, ...]] = []
    monkeypatch.setattr(dev, "pip", lambda python, options, *arguments: made.append(arguments))
    monkeypatch.setattr(dev, "make_venv", lambda base, folder, *rest: venv.create(folder, **QUICK))
    return made


def options(dev: ModuleType, *argv: str) -> Any:
    return dev.parse(list(argv))


def test_an_old_python_can_read_it() -> None:
    ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_old_python_names_the_newer_one_it_uses(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 6, 8))
    monkeypatch.setattr(dev, "candidates", lambda: ["/no/such/python", sys.executable])
    assert dev.interpreter(None) == sys.executable
    assert f"this is Python 3.6; using Python {sys.version.split()[0]}" in capsys.readouterr().err


def test_without_any_new_python_it_says_what_to_do(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 6, 8))
    monkeypatch.setattr(dev, "candidates", list)
    assert dev.main(["test"]) == 1
    assert "--python /path/to/python" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="the shims are shell scripts")
def test_a_shim_that_refuses_is_passed_over(dev: ModuleType, tmp_path: Path) -> None:
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\necho 'version not selected' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert dev.version_of(str(shim)) is None
    assert dev.version_of(sys.executable) == sys.version.split()[0]


@pytest.mark.torture  # a dozen seconds, and every run of .ci/run does it
def test_a_fresh_environment_has_pip(dev: ModuleType) -> None:
    python = str(Path(dev.venv_scripts(), "python"))
    dev.make_venv(sys.executable, str(Path(dev.ROOT, ".venv")), python, options(dev, "test"))
    assert ".venv" in subprocess.check_output([python, "-m", "pip", "--version"], text=True)


def test_the_environment_is_made_once(dev: ModuleType, installs: list[tuple[str, ...]]) -> None:
    python = dev.environment(options(dev, "test"))
    assert subprocess.check_output([python, "-c", "import sys; print(sys.prefix)"], text=True).strip() == str(
        Path(dev.ROOT, ".venv")
    )
    assert len(installs) == 1
    assert dev.environment(options(dev, "test")) == python
    assert len(installs) == 1


def test_a_changed_pyproject_installs_again(dev: ModuleType, installs: list[tuple[str, ...]]) -> None:
    dev.environment(options(dev, "test"))
    with Path(dev.ROOT, "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# another line\n")
    dev.environment(options(dev, "test"))
    assert len(installs) == 2


def test_an_interrupted_installation_is_taken_up_again(
    dev: ModuleType, installs: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise dev.SetupError("no index")

    with monkeypatch.context() as patch:
        patch.setattr(dev, "pip", fail)
        with pytest.raises(dev.SetupError):
            dev.environment(options(dev, "test"))
    dev.environment(options(dev, "test"))
    assert len(installs) == 1


def test_what_is_installed_is_what_pyproject_names(dev: ModuleType, installs: list[tuple[str, ...]]) -> None:
    dev.environment(options(dev, "test"))
    (requirements,) = installs
    assert requirements[:2] == ("--editable", f"{dev.ROOT}[demo]")
    assert any(entry.startswith("pytest>=") for entry in requirements)


def test_a_wheel_house_shuts_every_index_out(dev: ModuleType, tmp_path: Path) -> None:
    environ = dev.variables(options(dev, "test", "--wheels", str(tmp_path)))
    assert environ["PIP_NO_INDEX"] == "1"
    assert environ["PIP_FIND_LINKS"] == str(tmp_path)
    assert "PIP_NO_INDEX" not in dev.variables(options(dev, "test"))


@pytest.mark.parametrize(
    ("argv", "command", "args"),
    [
        (["test", "-k", "journal"], "test", ["-k", "journal"]),
        (["--python=/p", "test", "--", "--python", "x"], "test", ["--", "--python", "x"]),
        (["run", "clientobs", "--wheels", "mine"], "run", ["clientobs", "--wheels", "mine"]),
    ],
)
def test_only_our_own_options_are_taken(
    dev: ModuleType, argv: list[str], command: str, args: list[str]
) -> None:
    parsed = options(dev, *argv)
    assert (parsed.command, parsed.args, parsed.wheels) == (command, args, None)


@pytest.mark.parametrize("argv", [["tset"], ["test", "--wheels"], ["--wheels", "/no/such/folder", "test"]])
def test_a_wrong_command_line_is_told(
    dev: ModuleType, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(argv) == 1
    assert capsys.readouterr().err.startswith("dev.py: ")


def test_what_it_runs_gives_the_exit_code(
    dev: ModuleType, installs: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dev.main(["run", "python", "-c", "import sys; sys.exit(sys.prefix.endswith('.venv') and 7)"]) == 7

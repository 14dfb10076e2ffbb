"""Which interpreters may run a drain; none is started to find out."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from clientobs.drain.launch.interpreter import Surroundings, find_candidates, judge, proven, remember

pytestmark = pytest.mark.skipif(os.name != "posix", reason="plays with links and modes of POSIX")

ELF = b"\x7fELF nothing that runs"


def interpreter(path: Path, content: bytes = ELF) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return str(path)


def here(tmp_path: Path, executable: str | None, *, path: str = "", prefix: str = "prefix") -> Surroundings:
    return Surroundings(
        executable=executable, base_executable=None, prefixes=(str(tmp_path / prefix),), version=(3, 11),
        path=path, platform="linux",
    )  # fmt: skip


def accepted(
    tmp_path: Path, surroundings: Surroundings, configured: str | None = None, network: str = "\0"
) -> list[str]:
    found = find_candidates(configured, surroundings, is_network=lambda path: path.startswith(network))
    return [path for path in found.accepted if path.startswith(str(tmp_path))]


@pytest.mark.parametrize(
    "name",
    [
        "hython",
        "hython3.11",
        "mayapy",
        "mayapy2",
        "maya.bin",
        "Nuke15.0",
        "nuke",
        "blender",
        "UnrealEditor",
        "3dsmax.exe",
    ],
)
def test_a_host_application_is_refused_by_name_even_when_configured(tmp_path: Path, name: str) -> None:
    path = interpreter(tmp_path / name)
    assert judge(path) is not None
    assert judge(path, configured=True) is not None
    assert path not in accepted(tmp_path, here(tmp_path, path))


@pytest.mark.parametrize(
    "name", ["python", "python3", "python3.11", "python3.13t", "Python", "pythonw.exe", "python.exe"]
)
def test_what_is_called_like_an_interpreter_may_be_tried(tmp_path: Path, name: str) -> None:
    assert judge(interpreter(tmp_path / name)) is None


@pytest.mark.parametrize(
    "name", ["modo", "studio-launcher", "python-config", "ipython3", "python3.11.exe.bak"]
)
def test_what_is_called_otherwise_is_refused_unless_configured(tmp_path: Path, name: str) -> None:
    path = interpreter(tmp_path / name)
    assert "not called like" in (judge(path) or "")
    assert path not in accepted(tmp_path, here(tmp_path, path))
    assert judge(path, configured=True) is None


def test_a_link_to_a_host_application_is_refused_whatever_its_name(tmp_path: Path) -> None:
    interpreter(tmp_path / "hfs/bin/hython-bin")
    (tmp_path / "python3").symlink_to(tmp_path / "hfs/bin/hython-bin")
    reason = judge(str(tmp_path / "python3"))
    assert reason is not None
    assert "hython-bin" in reason


def test_a_script_called_python_is_refused_unless_configured(tmp_path: Path) -> None:
    path = interpreter(tmp_path / "python3", b"#!/bin/sh\nexec hython\n")
    assert "script" in (judge(path) or "")
    assert judge(path, configured=True) is None


@pytest.mark.parametrize(("mode", "word"), [(0o644, "executable"), (0o757, "everybody")])
def test_files_of_the_wrong_mode_are_refused(tmp_path: Path, mode: int, word: str) -> None:
    path = interpreter(tmp_path / "python3")
    os.chmod(path, mode)
    assert word in (judge(path) or "")


def test_what_does_not_exist_is_no_folder_or_is_relative_is_refused(tmp_path: Path) -> None:
    (tmp_path / "python3").mkdir()
    assert judge(str(tmp_path / "python3")) == "not an executable file"
    assert judge(str(tmp_path / "python3.11")) == "does not exist"
    assert judge("python3") == "not an absolute path"


def test_aliases_that_open_a_shop_are_refused() -> None:
    assert judge("/usr/bin/python3", platform="darwin") is not None
    alias = "C:\\Users\\me\\AppData\\Local\\Microsoft\\WindowsApps\\python.exe"
    assert judge(alias, configured=True, platform="win32") is not None


def test_the_order_is_configured_own_prefix_path(tmp_path: Path) -> None:
    configured = interpreter(tmp_path / "studio/our-python")
    own = interpreter(tmp_path / "venv/python3")
    prefix = interpreter(tmp_path / "prefix/bin/python3.11")
    same = interpreter(tmp_path / "path/python3.11")
    other = interpreter(tmp_path / "earlier/python3")
    surroundings = here(tmp_path, own, path=f"{tmp_path}/earlier:{tmp_path}/path:relative:")
    # of PATH the host's own version comes first, wherever it stands
    assert accepted(tmp_path, surroundings, configured) == [configured, own, prefix, same, other]


def test_the_bundled_python_of_a_host_is_found_by_its_prefix(tmp_path: Path) -> None:
    host = interpreter(tmp_path / "blender-5.0/blender")
    bundled = interpreter(tmp_path / "blender-5.0/python/bin/python3.11")
    assert accepted(tmp_path, here(tmp_path, host, prefix="blender-5.0/python")) == [bundled]


def test_local_disk_comes_before_network_storage(tmp_path: Path) -> None:
    on_nas = interpreter(tmp_path / "nas/python3")
    local = interpreter(tmp_path / "path/python3")
    surroundings = here(tmp_path, on_nas, path=f"{tmp_path}/path")
    assert accepted(tmp_path, surroundings, network=f"{tmp_path}/nas") == [local, on_nas]
    assert accepted(tmp_path, surroundings, on_nas, network=f"{tmp_path}/nas") == [on_nas, local]


def test_names_of_one_interpreter_are_tried_once_but_an_environment_is_one_of_its_own(tmp_path: Path) -> None:
    base = interpreter(tmp_path / "base/python3.11")
    (tmp_path / "base/python3").symlink_to("python3.11")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/python3").symlink_to(base)
    surroundings = here(tmp_path, str(tmp_path / "venv/python3"), path=f"{tmp_path}/base")
    assert accepted(tmp_path, surroundings) == [str(tmp_path / "venv/python3"), base]


def test_this_process_is_found(tmp_path: Path) -> None:
    found = find_candidates(None, Surroundings.here(""), is_network=lambda _: False)
    assert os.path.realpath(sys.executable) in {os.path.realpath(path) for path in found.accepted}


def test_what_worked_is_remembered_until_it_changes(tmp_path: Path) -> None:
    (tmp_path / "drain").mkdir()
    path = interpreter(tmp_path / "python3")
    other = interpreter(tmp_path / "path/python3")
    assert proven(str(tmp_path), "1.0") is None
    remember(str(tmp_path), "1.0", other, [(path, "too old")])
    assert proven(str(tmp_path), "1.0") == other
    assert proven(str(tmp_path), "1.1") is None  # another version may need what it lacks
    surroundings = here(tmp_path, path, path=f"{tmp_path}/path")
    found = find_candidates(None, surroundings, is_network=lambda _: False, first=other)
    assert found.accepted[:2] == (other, path)
    Path(other).write_bytes(ELF + b" updated")
    assert proven(str(tmp_path), "1.0") is None
    shutil.rmtree(tmp_path / "path")
    assert proven(str(tmp_path), "1.0") is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"path": 3}', b"\xff"])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "drain").mkdir()
    (tmp_path / "drain/interpreter.known").write_bytes(content)
    assert proven(str(tmp_path), "1.0") is None

"""The local copy of the drain's code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clientobs.drain.launch.localcopy import make, remove_stale
from clientobs.drain.launch.manifest import copy_folder, is_intact
from clientobs.drain.launch.packages import find_folders, own_folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "nas"
    for name in (
        "clientobs/__init__.py",
        "clientobs/drain/life.py",
        "google/protobuf/message.py",
        "other/x.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}")
    (folder / "clientobs/__pycache__").mkdir()
    (folder / "clientobs/__pycache__/x.pyc").write_bytes(b"old")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> str:
    (tmp_path / "home/drain").mkdir(parents=True)
    return str(tmp_path / "home")


def tree(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_the_packages_that_the_drain_needs_are_copied_and_nothing_else(source: Path, home: str) -> None:
    copy = make(home, "1.0", [str(source)])
    assert copy == copy_folder(home, "1.0")
    assert tree(copy) == [
        "clientobs/__init__.py", "clientobs/drain/life.py", "google/protobuf/message.py", "manifest.json",
    ]  # fmt: skip
    assert is_intact(copy)
    assert os.listdir(os.path.join(home, "drain")) == [os.path.basename(copy)]


@pytest.mark.parametrize("damage", ["torn", "flipped", "missing", "added", "no manifest", "empty"])
def test_a_damaged_copy_is_not_intact_and_is_made_anew(source: Path, home: str, damage: str) -> None:
    copy = Path(make(home, "1.0", [str(source)]))
    victim = copy / "clientobs/drain/life.py"
    match damage:
        case "torn":
            victim.write_bytes(victim.read_bytes()[:-1])
        case "flipped":
            victim.write_bytes(victim.read_bytes().swapcase())
        case "missing":
            victim.unlink()
        case "added":
            (copy / "clientobs/json.py").write_text("import os")
        case "no manifest":
            (copy / "manifest.json").unlink()
        case _:
            (copy / "manifest.json").write_text('{"files": {}}')
    assert not is_intact(str(copy))
    assert make(home, "1.0", [str(source)]) == str(copy)
    assert is_intact(str(copy))
    assert victim.read_text() == "# clientobs/drain/life.py"


def test_an_intact_copy_is_not_read_from_the_network_again(source: Path, home: str) -> None:
    copy = make(home, "1.0", [str(source)])
    (source / "clientobs/drain/life.py").unlink()
    assert make(home, "1.0", ["/gone"]) == copy
    assert is_intact(copy)


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_a_copy_that_fails_leaves_nothing_behind(source: Path, home: str) -> None:
    (source / "clientobs/link").symlink_to("/nowhere")
    with pytest.raises(OSError, match=r"nowhere|link"):
        make(home, "1.0", [str(source)])
    assert os.listdir(os.path.join(home, "drain")) == []


def test_copies_that_nobody_used_for_a_month_are_removed(source: Path, home: str) -> None:
    used, recent, old = (make(home, version, [str(source)]) for version in ("3.0", "2.0", "1.0"))
    now = os.stat(used).st_mtime
    month = 31 * 86400.0
    for folder, age in ((used, month), (recent, 86400.0), (old, month)):
        os.utime(folder, (now - age, now - age))
    (Path(home) / "drain/poison").mkdir()
    assert remove_stale(home, used, now) == [os.path.basename(old)]
    assert is_intact(used)
    assert is_intact(recent)
    assert (Path(home) / "drain/poison").is_dir()
    assert remove_stale(home, recent, now) == []  # the use has renewed it


def test_a_copy_of_the_real_packages_imports_without_anything_else(home: str) -> None:
    copy = make(home, "1.0", find_folders())
    program = """
import sys
sys.path[:] = [sys.argv[1], *(place for place in sys.path if "site-packages" not in place)]
import clientobs.drain.__main__ as entry, google.protobuf, psutil
print(entry.__file__)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, copy], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == os.path.join(copy, "clientobs/drain/__main__.py"), done.stderr


def test_the_import_path_starts_with_the_own_folder_and_holds_no_more_than_needed(tmp_path: Path) -> None:
    (tmp_path / "dcc/google/cloud").mkdir(parents=True)
    (tmp_path / "studio/google/protobuf").mkdir(parents=True)
    folders = find_folders([str(tmp_path / "dcc"), str(tmp_path / "studio"), "/nowhere"])
    assert folders == [own_folder(), str(tmp_path / "studio")]

"""The common ground of the tests does what they rest on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs._guarded import Faults, quiet
from support.processes import end_processes_in, processes_in

pytest_plugins = ["pytester"]
CONFTEST = Path(__file__).with_name("conftest.py")
SLEEPER = "import time; print('up', flush=True); time.sleep(60)"


def start_sleeper(folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    child = subprocess.Popen([sys.executable, "-c", SLEEPER], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    return child


def test_a_swallowed_fault_fails_the_test() -> None:
    with pytest.raises(ZeroDivisionError), quiet("here"):
        _ = 1 / 0


def test_a_test_can_ask_for_the_guards_of_a_host(lenient_faults: Faults) -> None:
    with quiet("here"):
        _ = 1 / 0
    assert lenient_faults.counts() == {"here": 1}


def test_each_test_has_a_home_of_its_own_and_no_settings_of_the_caller(home: Path, tmp_path: Path) -> None:
    assert home.parent == tmp_path
    assert not home.exists()
    names = {name for name in os.environ if name.startswith(("CLIENTOBS_", "OTEL_"))}
    assert names == {"CLIENTOBS_HOME", "CLIENTOBS_DRAIN"}
    assert os.environ["CLIENTOBS_DRAIN"] == "off"


@given(st.integers())
def test_properties_may_run_on_this_ground(number: int) -> None:
    assert os.environ["CLIENTOBS_DRAIN"] == "off", number


def test_only_the_processes_of_the_folder_are_ended(tmp_path: Path) -> None:
    ours, others = start_sleeper(tmp_path / "ours"), start_sleeper(tmp_path / "others")
    try:
        assert len(end_processes_in(tmp_path / "ours")) == 1
        assert ours.wait(timeout=10) is not None
        assert [process.pid for process in processes_in(tmp_path)] == [others.pid]
    finally:
        others.kill()
        for child in (ours, others):
            child.communicate()


def test_torture_runs_only_when_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nmarkers = ["torture: long"]\n')
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(
        "import pytest\n@pytest.mark.torture\ndef test_long(): pass\ndef test_short(): pass\n"
    )
    environ = dict(os.environ, PYTHONPATH=os.pathsep.join([str(CONFTEST.parent), *sys.path]))
    plain, asked = (
        subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=pytester.path,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for arguments in ([], ["-m", "torture"])
    )
    assert "1 passed, 1 deselected" in plain
    assert "test_long" not in plain
    assert "1 passed, 1 deselected" in asked

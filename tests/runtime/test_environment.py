"""What a session runs under: allow-listed, redacted, sent once per content, told however short the session."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import TYPE_CHECKING

import clientobs
from clientobs.journal.format import Kind
from clientobs.runtime.keeper import Keeper
from support.programs import answer_of
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from clientobs.journal.records import LogRecord

_PREFIX = "process.environment_variable."
IDS = {"session.environment.id", "session.packages.id"}


def _told(home: Path, service: str) -> LogRecord:
    runtime = clientobs.init(service)
    # The end of a session waits 30 ms for a look that is under way, which on a busy machine may not do.
    _wait_for(lambda: _events_of(home, runtime.run))
    clientobs.shutdown()
    (found,) = _events_of(home, runtime.run)
    return found


def _events_of(home: Path, run: str) -> list[LogRecord]:
    return [
        one.record
        for one in seen(home).of(Kind.LOG)
        if one.header.run == run and one.record.event_name == "session.environment"
    ]


def _variables(record: LogRecord) -> dict[str, str]:
    return {
        name.removeprefix(_PREFIX): value
        for name, value in record.attributes.items()
        if name.startswith(_PREFIX)
    }


def test_variables_and_packages_are_sent_once_per_content(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCIO", "/studio/config.ocio")
    first, again = _told(home, "one"), _told(home, "two")
    assert _variables(first)["OCIO"] == "/studio/config.ocio"
    assert _variables(again) == {}
    assert {name: again.attributes[name] for name in IDS} == {name: first.attributes[name] for name in IDS}
    (packages,) = seen(home).events("session.packages")
    assert packages.attributes["session.packages.id"] == first.attributes["session.packages.id"]
    assert packages.body.splitlines()[0] == f"{first.attributes['session.packages.count']} packages"
    assert any(line.startswith("opentelemetry-sdk ") for line in packages.body.splitlines())
    monkeypatch.setenv("OCIO", "/studio/other.ocio")
    other = _told(home, "three")
    assert _variables(other)["OCIO"] == "/studio/other.ocio"
    assert other.attributes["session.environment.id"] != first.attributes["session.environment.id"]
    assert len(seen(home).events("session.packages")) == 1


def test_what_is_another_in_each_task_makes_no_new_content(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUE_SHOT", "sh010")
    monkeypatch.setenv("CUE_FRAME", "0001-beauty")
    first = _told(home, "one")
    monkeypatch.setenv("CUE_FRAME", "0002-beauty")
    second = _told(home, "two")
    assert first.attributes["session.environment.id"] == second.attributes["session.environment.id"]
    assert _variables(first)["CUE_FRAME"] == "0001-beauty"
    assert _variables(second) == {"CUE_FRAME": "0002-beauty"}


def test_a_session_that_ends_before_anybody_looked_is_told_too(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keeper, "start", lambda self: None)
    clientobs.init("one")
    clientobs.shutdown()
    (record,) = seen(home).events("session.environment")
    assert record.attributes["session.packages.count"] > 0
    assert [log.event_name for log in seen(home).logs][-1] == "session.end"


def test_the_home_remembers_the_contents(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "/studio/config.ocio")
    record = _told(home, "one")
    remembered = home / "environments"
    variables = json.loads((remembered / record.attributes["session.environment.id"]).read_text())
    packages = json.loads((remembered / record.attributes["session.packages.id"]).read_text())
    assert variables["variables"]["OCIO"] == "/studio/config.ocio"
    assert "opentelemetry-sdk" in packages["packages"]
    assert sys.platform == "win32" or all(path.stat().st_mode & 0o077 == 0 for path in remembered.iterdir())


def test_old_contents_make_room(home: Path) -> None:
    folder = home / "environments"
    folder.mkdir(parents=True)
    home.chmod(0o700)
    for number in range(300):
        (folder / f"{number:032x}").write_text("{}")
    record = _told(home, "one")
    left = {path.name for path in folder.iterdir()}
    assert len(left) <= 256
    assert {record.attributes[name] for name in IDS} <= left


def test_a_content_that_a_power_loss_emptied_is_sent_again(home: Path) -> None:
    first = _told(home, "one")
    (home / "environments" / first.attributes["session.environment.id"]).write_bytes(b"")
    assert _variables(_told(home, "two")) == _variables(first) != {}


def test_what_is_not_allowed_or_secret_is_not_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AYON_API_KEY", "f00dfeed")
    monkeypatch.setenv("SOME_STUDIO_SECRET", "hunter2")
    names = _told(home, "tool").attributes
    assert not [name for name in names if "AYON_API_KEY" in name or "STUDIO_SECRET" in name]
    everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"f00dfeed" not in everything
    assert b"hunter2" not in everything


def test_names_of_packages_are_no_secrets(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = (
        "SecretStorage",
        "keyring",
        "tokenizers",
        "python-dotenv",
        "PyJWT",
        "auth0_python",
        "password_strength",
    )
    for name in names:
        (tmp_path / "site" / f"{name}-3.3.1.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    _told(home, "tool")
    (packages,) = seen(home).events("session.packages")
    assert "redacted" not in packages.body
    assert "secretstorage 3.3.1" in packages.body.splitlines()


def test_the_machine_is_told_with_each_session(home: Path) -> None:
    _told(home, "one")
    again = _told(home, "two").attributes
    assert again["machine.cpu.count"] >= 1
    assert again["session.encoding"] == sys.getfilesystemencoding()
    assert again["process.runtime.description"].startswith(sys.version.split()[0])


def test_nothing_of_it_is_collected_on_the_thread_that_calls_init(home: Path) -> None:
    threads = answer_of(
        """
        import json, os, threading, time
        import clientobs
        from clientobs.runtime import packages
        looked, listing = [], packages.list_folder
        def watch(folder, *bound):
            looked.append(threading.current_thread().name)
            return listing(folder, *bound)
        packages.list_folder = watch
        clientobs.init("tool")
        deadline = time.monotonic() + 20
        while not looked and time.monotonic() < deadline:
            time.sleep(0.01)
        print(json.dumps(looked))
        os._exit(0)
        """,
        environ={"CLIENTOBS_EXIT_FLUSH": "0"},
    )
    assert set(threads) == {"clientobs-keeper"}


def test_a_second_look_tells_what_a_host_loaded_later(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime = clientobs.init("tool")
    keeper = runtime._parts.keeper  # type: ignore[union-attr]
    chore = next(chore for chore in keeper._chores if chore.name == "environment")
    _wait_for(lambda: len(seen(home).events("session.environment")) == 1)
    keeper.pause()
    (tmp_path / "plugins" / "late-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "plugins"))
    chore.do()
    chore.do()
    keeper.resume()
    clientobs.shutdown()
    first, second = seen(home).events("session.packages")
    assert "late 1.0" in second.body.splitlines()
    assert "late 1.0" not in first.body.splitlines()
    assert len(seen(home).events("session.environment")) == 2


def test_a_second_look_that_finds_nothing_new_is_silent(home: Path) -> None:
    runtime = clientobs.init("tool")
    keeper = runtime._parts.keeper  # type: ignore[union-attr]
    chore = next(chore for chore in keeper._chores if chore.name == "environment")
    _wait_for(lambda: len(seen(home).events("session.environment")) == 1)
    keeper.pause()
    chore.do()
    keeper.resume()
    clientobs.shutdown()
    assert len(seen(home).events("session.environment")) == 1


def _wait_for(condition: object, patience: float = 20) -> None:
    assert callable(condition)
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.accounts import Accounts, Books, read_books, write_books
from clientobs.drain.lock import drain_folder
from clientobs.drain.service.state import (
    DrainState,
    SignalState,
    read_state,
    read_states,
    state_path,
    write_state,
)

if TYPE_CHECKING:
    from clientobs._guarded import Faults


@pytest.fixture
def path(tmp_path: Path) -> str:
    drain_folder(str(tmp_path))
    return state_path(str(tmp_path), "d" * 32)


def test_a_state_is_read_as_it_was_written(path: str, tmp_path: Path) -> None:
    state = DrainState(
        pid=7, destination="d" * 32, signals={"logs": SignalState(verdict="hold", delivered=3)}
    )
    write_state(path, state)
    assert read_state(path) == state
    assert read_states(str(tmp_path)) == [state]


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_nobody_else_may_read_it(path: str) -> None:
    write_state(path, DrainState())
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_reader_never_meets_half_a_state_and_no_draft_stays(path: str) -> None:
    for pid in range(20):
        write_state(path, DrainState(pid=pid))
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema": 99}', '{"schema": 1, "signals": {"logs": {"odd": 1}}}']
)
def test_a_state_in_another_form_is_none(path: str, text: str) -> None:
    Path(path).write_text(text)
    assert read_state(path) is None


def test_fields_of_a_later_release_are_passed_over(path: str) -> None:
    write_state(path, DrainState(pid=7))
    later = {**json.loads(Path(path).read_text()), "invented": 1}
    Path(path).write_text(json.dumps(later))
    found = read_state(path)
    assert found is not None
    assert found.pid == 7


def test_a_disk_that_takes_nothing_leaves_the_old_state(path: str, lenient_faults: Faults) -> None:
    write_state(path, DrainState(pid=7))
    os.mkdir(f"{path}.{os.getpid()}.new")
    write_state(path, DrainState(pid=8))
    found = read_state(path)
    assert found is not None
    assert found.pid == 7
    assert lenient_faults.counts() == {"drain.state": 1}


def test_books_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = str(tmp_path / "d.books")
    accounts = Accounts()
    accounts.take_losses("run", {"quota": 3})
    accounts.add_delivered("logs", 5)
    write_books(path, Books(accounts=accounts.dump(), marks=[["run", "bulk", 1, "metric", 99]]))
    found = read_books(path)
    following = Accounts()
    following.load(found.accounts)
    assert following.take_losses("run", {"quota": 4}) == {"quota": 1}
    assert (following.lost, following.delivered) == ({"quota": 4}, {"logs": 5})
    assert found.marks == [["run", "bulk", 1, "metric", 99]]


@pytest.mark.parametrize("cut", [0, 5, 12, 20])
def test_damaged_books_are_no_books(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "d.books"
    write_books(str(path), Books(accounts=Accounts().dump()))
    path.write_bytes(path.read_bytes()[:cut])
    assert read_books(str(path)) == Books()


def test_a_source_that_starts_again_at_zero_is_counted_on() -> None:
    accounts = Accounts()
    for total in (5, 5, 2, 3):
        accounts.take_losses("run", {"storm": total})
    assert accounts.lost == {"storm": 8}


def test_what_is_forgotten_of_a_source_stays_counted() -> None:
    accounts = Accounts()
    accounts.take_losses("gone", {"storm": 5})
    accounts.keep(())
    assert accounts.lost == {"storm": 5}

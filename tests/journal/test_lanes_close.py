"""A close in the middle of a rotation."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.errors import JournalError
from clientobs.journal.lock import lock_state
from support.journals import make_home, make_journal

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.journal.segment import Segment


def test_a_segment_that_is_being_opened_does_not_outlive_the_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make_journal(make_home(tmp_path))
    journal.note("first", {})
    opening, go_on = threading.Event(), threading.Event()
    directory: Any = journal._lanes.directory
    real = directory.open_segment

    def slow(lane: str) -> Segment:
        found: Segment = real(lane)
        opening.set()
        assert go_on.wait(20)
        return found

    monkeypatch.setattr(directory, "open_segment", slow)
    journal._lanes.current["bulk"] = None
    keeper = threading.Thread(target=journal.note, args=("second", {}))
    keeper.start()
    assert opening.wait(20)
    closer = threading.Thread(target=journal.close, args=("exited", ""))
    closer.start()
    while not journal._closed:  # from here on it waits for the thread that opens
        closer.join(0.001)
    go_on.set()
    keeper.join(20)
    closer.join(20)
    assert lock_state(f"{journal.path}.lock") == "closed"
    assert journal._lanes.current == {"bulk": None, "vital": None}


def test_a_lock_that_is_looked_after_during_the_close_is_not_taken_again(tmp_path: Path) -> None:
    journal = make_journal(make_home(tmp_path))
    journal.note("first", {})
    directory = journal._lanes.directory
    journal.close("exited", "")
    with pytest.raises(JournalError, match="is closed"):
        directory.keep()
    assert lock_state(f"{journal.path}.lock") == "closed"

"""How soon a drain may be started again."""

from __future__ import annotations

from pathlib import Path

import pytest

from clientobs.drain.launch.throttle import Launches, forgive, note_launch, read_launches
from clientobs.drain.lock import drain_folder


@pytest.fixture
def home(tmp_path: Path) -> str:
    drain_folder(str(tmp_path))
    return str(tmp_path)


def test_each_bad_start_doubles_the_pause_up_to_ten_minutes(home: str) -> None:
    waits = [note_launch(home, "d1", 1e9).wait(1e9) for _ in range(20)]
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert waits[-1] == 600.0


def test_the_pause_passes(home: str) -> None:
    launches = note_launch(home, "d1", 1e9)
    assert launches.wait(1e9 + 3.0) == 2.0
    assert launches.wait(1e9 + 5.0) == 0.0


def test_each_destination_has_a_slate_of_its_own(home: str) -> None:
    note_launch(home, "d1", 1e9)
    assert read_launches(home, "d2") == Launches()
    assert read_launches(home, "d1") == Launches(count=1, last=1e9)


def test_a_good_drain_wipes_the_slate(home: str) -> None:
    note_launch(home, "d1", 1e9)
    forgive(home, "d1")
    forgive(home, "d1")
    assert read_launches(home, "d1").wait(1e9) == 0.0


def test_a_clock_set_back_does_not_hold_the_next_launch_for_a_day(home: str) -> None:
    assert note_launch(home, "d1", 1e9).wait(1e9 - 86400.0) == 0.0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"count": "x", "last": 1}', b"\xff" * 300])
def test_a_damaged_record_is_a_clean_slate(home: str, content: bytes) -> None:
    Path(home, "drain", "d1.launches").write_bytes(content)
    assert read_launches(home, "d1") == Launches()
    assert note_launch(home, "d1", 1.0).count == 1

"""The lock of opening, left behind by a Ctrl-C between taking it and giving it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import clientobs
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


def test_a_lock_that_nobody_will_release_stops_no_journal(runtime: Runtime, home: Path) -> None:
    journal = runtime.journal
    assert journal is not None
    lanes = journal._lanes
    orphan = lanes._opening
    orphan.acquire()
    for segment in lanes.current.values():
        if segment is not None:
            segment.failure = "error"
    for number in range(3):
        with clientobs.span(f"after {number}"):
            pass
    assert lanes._opening is not orphan
    assert [span.name for span in seen(home).spans] == ["after 0", "after 1", "after 2"]
    lanes.rotate("bulk")
    assert not lanes._opening.locked()

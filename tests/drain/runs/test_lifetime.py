"""Until when a run is known to have lived: by whatever says the latest, and by nothing else."""

from __future__ import annotations

import pytest

from clientobs._beat import Beat
from clientobs.drain.deaths.findings import Findings, Sample
from clientobs.drain.runs.evidence import Evidence
from clientobs.drain.runs.lifetime import lived_until

SECOND = 10**9
WALL = 1_700_000_000


@pytest.mark.parametrize(
    ("evidence", "seconds"),
    [
        (Evidence(), 5),
        (Evidence(beat=Beat(at=9 * SECOND)), 9),
        (Evidence(beat=Beat(at=3 * SECOND)), 5),
        (Evidence(fatal="Aborted", fault_seconds=WALL + 7), 7),
        (Evidence(fatal="Aborted", fault_seconds=WALL + 7, beat=Beat(at=6 * SECOND)), 7),
        (Evidence(fatal="", fault_seconds=WALL + 7), 5),  # written, and no fault
        (Evidence(fatal="Aborted"), 5),
        (Evidence(found=Findings(memory=(Sample(2 * SECOND, 1), Sample(8 * SECOND, 1)))), 8),
        (Evidence(found=Findings(memory=(Sample(8 * SECOND, 1),)), beat=Beat(at=9 * SECOND)), 9),
    ],
)
def test_the_latest_sign_of_life_dates_the_end(evidence: Evidence, seconds: int) -> None:
    assert lived_until(evidence, last_mono=5 * SECOND, offset=WALL * SECOND) == seconds * SECOND

"""Fault 6: no room on the disk. The host sees nothing, the drops are counted exactly, and then it goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clientobs.journal.format import Kind
from support.journals import FakeTime, contents, make_home, make_journal, python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clientobs._loss import LossLedger
    from clientobs.journal.home import Home


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"]
    if (
        sys.platform != "linux"
        or subprocess.run(["mount", *options, folder], capture_output=True, check=False).returncode
    ):
        pytest.skip("a file system can only be mounted by root, on Linux")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> None:
    with (folder / "the-hosts-cache").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def test_a_full_disk_costs_what_is_counted_and_no_more(small_disk: Path, loss: LossLedger) -> None:
    place = make_home(small_disk / "home")
    time = FakeTime()
    journal = make_journal(place, loss=loss, mono=time, segment_bytes=64 << 10)
    landed = [journal.append(Kind.LOG, b"%04d " % number + bytes(300)) for number in range(100)]
    fill(small_disk)
    landed += [journal.append(Kind.LOG, b"%04d " % number + bytes(300)) for number in range(100, 400)]
    journal.tend()
    assert not all(landed)
    (small_disk / "the-hosts-cache").unlink()
    landed += [journal.append(Kind.LOG, b"%04d " % number + bytes(300)) for number in range(400, 410)]
    assert not any(landed[400:]), "it must not try again in each append"
    time.forward(31)
    landed += [journal.append(Kind.LOG, b"%04d " % number + bytes(300)) for number in range(410, 500)]
    assert all(landed[410:]), "it must go on once there is room"
    journal.close("exited", "")
    found = contents(place)
    assert [int(payload[:4]) for payload in found.logs()] == [n for n, ok in enumerate(landed) if ok]
    assert sum(loss.totals().values()) == landed.count(False)
    assert set(loss.totals()) <= {"disk-full", "disk-floor"}


def test_the_floor_of_free_space_is_kept(small_disk: Path, loss: LossLedger) -> None:
    """A tenth of a small disk, though the setting says 512 MiB."""
    place = make_home(small_disk / "home")
    time = FakeTime()
    journal = make_journal(
        place, loss=loss, mono=time, segment_bytes=32 << 10, bulk_bytes=1 << 30, free_floor_bytes=512 << 20
    )
    for number in range(6000):
        journal.append(Kind.LOG, b"%04d " % number + bytes(300))
        if number % 50 == 0:
            time.forward(2)
            journal.tend()
        found = os.statvfs(small_disk)
        assert found.f_bavail * found.f_frsize >= (1 << 20) // 10 - (64 << 10)
    assert contents(place).logs()[-1].startswith(b"5999"), "the oldest go, not the newest"


@pytest.mark.skipif(os.name != "posix", reason="needs RLIMIT_FSIZE")
def test_a_limit_on_file_sizes_neither_kills_nor_tears_what_follows(place: Home) -> None:
    """`ulimit -f` of a farm job: SIGXFSZ is ignored by Python; a write then ends short or with EFBIG."""
    program = """
import resource, sys
from pathlib import Path
from clientobs.journal.format import Kind
from support.journals import FakeTime, LossLedger, make_home, make_journal
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
loss, time = LossLedger(), FakeTime()
journal = make_journal(make_home(Path(sys.argv[1])), loss=loss, mono=time)
landed = 0
for number in range(400):
    landed += journal.append(Kind.LOG, b"%04d " % number + bytes(300))
    time.forward(1)
print(landed, sum(loss.totals().values()))
"""
    process = python(program, place.path, stdout=subprocess.PIPE)
    out = process.communicate(timeout=60)[0].split()
    assert process.returncode == 0
    landed, lost = map(int, out)
    assert landed + lost == 400
    assert len(contents(place).logs()) == landed > 200

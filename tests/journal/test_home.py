"""Fault 16: what another user could read, write or redirect is refused, and its target stays untouched."""

from __future__ import annotations

import os
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest

from clientobs.errors import JournalError, UnsafeHomeError
from clientobs.journal.format import Kind
from clientobs.journal.home import SECRET_BYTES, prepare
from clientobs.journal.lock import RunLock
from clientobs.journal.runs import list_runs
from support.disks import make_read_only, tmpfs
from support.journals import make_home, make_journal, python

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs._loss import LossLedger
    from clientobs.journal.home import Home

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows guards the profile by access lists")

UID = os.getuid() if hasattr(os, "getuid") else None


def mode(path: Path | str) -> int:
    return os.stat(path).st_mode & 0o7777


def test_a_new_home_is_for_this_user_alone(tmp_path: Path) -> None:
    home = prepare(str(tmp_path / "a" / "home"), uid=UID)
    assert [mode(path) for path in (home.path, home.runs, f"{home.path}/secret")] == [0o700, 0o700, 0o600]
    assert len(home.secret) == SECRET_BYTES
    assert home.secret.hex() not in repr(home)


def test_a_home_is_found_again_with_its_secret(tmp_path: Path) -> None:
    assert make_home(tmp_path / "home") == make_home(tmp_path / "home")


@pytest.mark.parametrize("which", ["home", "home/v1", "home/secret"])
def test_a_symlink_is_refused_and_its_target_untouched(tmp_path: Path, which: str) -> None:
    target = tmp_path / "target"
    link = tmp_path / which
    link.parent.mkdir(mode=0o700, exist_ok=True)
    if which == "home/secret":
        target.write_bytes(b"somebody's key")
    else:
        target.mkdir()
    link.symlink_to(target)
    with pytest.raises(UnsafeHomeError, match="symlink"):
        make_home(tmp_path / "home")
    assert target.read_bytes() == b"somebody's key" if target.is_file() else not list(target.iterdir())


@pytest.mark.parametrize(
    ("which", "bits"), [("home", 0o720), ("home", 0o702), ("home/v1", 0o750), ("home/secret", 0o640)]
)
def test_what_is_open_to_others_is_refused_with_the_remedy(tmp_path: Path, which: str, bits: int) -> None:
    make_home(tmp_path / "home")
    (tmp_path / which).chmod(bits)
    with pytest.raises(UnsafeHomeError, match="chmod"):
        make_home(tmp_path / "home")


def test_a_home_that_others_may_list_is_fine_since_all_in_it_is_private(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home").chmod(0o755)
    assert mode(make_home(tmp_path / "home").runs) == 0o700


@pytest.mark.parametrize("which", ["home", "home/v1", "home/secret"])
@pytest.mark.skipif(UID != 0, reason="only root can give a folder away")
def test_a_foreign_owner_is_refused(tmp_path: Path, which: str) -> None:
    make_home(tmp_path / "home")
    os.chown(tmp_path / which, 12345, 12345)
    with pytest.raises(UnsafeHomeError, match="belongs to user 12345"):
        make_home(tmp_path / "home")


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(UnsafeHomeError, match="not a folder"):
        make_home(tmp_path / "home")
    with pytest.raises(JournalError, match="CLIENTOBS_HOME"):
        make_home(tmp_path / "home" / "below")


def test_a_secret_cut_short_by_a_power_loss_is_made_anew(tmp_path: Path) -> None:
    first = make_home(tmp_path / "home")
    (tmp_path / "home" / "secret").write_bytes(first.secret[:7])
    second = make_home(tmp_path / "home")
    assert len(second.secret) == SECRET_BYTES
    assert second == make_home(tmp_path / "home")


def test_all_who_start_at_once_share_one_secret(tmp_path: Path) -> None:
    secrets: list[bytes] = []
    barrier = threading.Barrier(16)

    def start() -> None:
        barrier.wait()
        secrets.append(make_home(tmp_path / "home").secret)

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(secrets) == 16
    assert len(set(secrets)) == 1
    assert sorted(os.listdir(tmp_path / "home")) == ["secret", "v1"]


def test_a_planted_lock_is_not_followed(place: Home, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    link = os.path.join(place.runs, "ab" * 16 + ".lock")
    os.symlink(target, link)
    with pytest.raises(UnsafeHomeError, match="symlink"):
        RunLock.acquire(link)
    os.unlink(link)
    os.link(target, link)
    with pytest.raises(UnsafeHomeError, match="plain file"):
        RunLock.acquire(link)
    assert target.read_bytes() == b""


def test_a_planted_run_folder_gets_no_record(place: Home, tmp_path: Path, loss: LossLedger) -> None:
    (tmp_path / "target").mkdir()
    journal = make_journal(place, loss=loss)
    os.symlink(tmp_path / "target", journal.path)
    assert not journal.append(Kind.LOG, b"x")
    assert list((tmp_path / "target").iterdir()) == []
    assert loss.totals() == {"home": 1}
    assert list_runs(place) == []


def test_a_home_that_was_taken_over_while_running_gets_no_record(
    place: Home, tmp_path: Path, loss: LossLedger
) -> None:
    """/var/tmp is cleaned, and another user is faster."""
    journal = make_journal(place, loss=loss)
    assert journal.append(Kind.LOG, b"x")
    os.rename(place.path, tmp_path / "moved")
    for path in (tmp_path / "moved" / "v1" / journal.run).iterdir():
        path.unlink()
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    assert not journal.append(Kind.LOG, b"y")
    assert list((tmp_path / "home").iterdir()) == []
    assert loss.totals() == {"deleted": 1, "home": 1}


READ_ONLY = """
import ctypes, fcntl, os, resource, sys  # all of it: the next user may not read this interpreter
from pathlib import Path
from clientobs.errors import JournalError
from clientobs.journal.format import Kind
from support.disks import make_read_only, tmpfs
from support.journals import LossLedger, make_home, make_journal
if os.getuid() == 0:
    os.setgid(12345), os.setuid(12345)  # root may write anywhere
place, loss = make_home(Path(sys.argv[1])), LossLedger()
journal = make_journal(place, loss=loss)
assert journal.append(Kind.LOG, b"before")
os.chmod(journal.path, 0o500)
assert journal.append(Kind.LOG, b"the open segment still takes records")
journal._lanes.leave()
assert not journal.append(Kind.LOG, b"this one needs a new segment")
assert loss.totals() == {"io": 1}, loss.totals()
os.chmod(place.path, 0o500)
try:
    make_home(Path(place.path, "below"))
except JournalError as error:
    assert "CLIENTOBS_HOME" in str(error)
else:
    raise AssertionError("a home in a read-only folder")
os.chmod(place.path, 0o700), os.chmod(journal.path, 0o700)
"""


def test_a_home_on_a_disk_that_has_become_read_only_is_refused(tmp_path: Path) -> None:
    """All its folders are there: nothing but a look at what may be written tells."""
    disk = tmp_path / "disk"
    with tmpfs(disk, "1m") as mounted:
        if not mounted:
            pytest.skip("a read-only disk can't be mounted here")
        make_home(disk / "home")
        make_read_only(disk)
        with pytest.raises(JournalError, match=r"Read-only file system.*CLIENTOBS_HOME"):
            make_home(disk / "home")


def test_a_read_only_home_raises_nothing_and_is_counted() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, *((12345, 12345) if UID == 0 else (-1, -1)))
        assert python(READ_ONLY, os.path.join(folder, "home")).wait(30) == 0

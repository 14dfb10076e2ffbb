"""Fault 19 and its kin: descriptors that are no longer ours, files that are gone, writes that fail."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from clientobs import _libc
from clientobs.journal import segment as segment_module
from clientobs.journal.format import Kind
from clientobs.journal.runs import list_runs
from clientobs.journal.segment import Segment, _FastSegment
from support.journals import contents, make_journal

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from clientobs._loss import LossLedger
    from clientobs.journal.home import Home
    from clientobs.journal.writer import Journal

posix = pytest.mark.skipif(
    os.name != "posix", reason="Windows has no closerange over the C runtime's numbers"
)


@pytest.fixture(params=["under the GIL", "through os"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write in both ways: each guards its descriptor by itself."""
    if request.param == "through os":
        monkeypatch.setattr(_libc, "_looked", True)
        monkeypatch.setattr(_libc, "_libc", None)
    elif _libc.libc() is None:
        pytest.skip("no C library here that keeps the GIL")
    return str(request.param)


def current(journal: Journal) -> Segment:
    found = journal._lanes.current["bulk"]
    assert found is not None
    return found


def test_each_way_is_the_one_asked_for(place: Home, way: str) -> None:
    journal = make_journal(place)
    journal.append(Kind.LOG, b"x")
    assert (type(current(journal)) is _FastSegment) == (way == "under the GIL")
    assert journal.stats()["under_gil"] == (way == "under the GIL")


class Spinner:
    """Another Python thread that counts its turns: it has one only when somebody lets go of the interpreter lock."""

    def __init__(self) -> None:
        self.turns = 0
        self._over = False
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def _spin(self) -> None:
        while not self._over:
            self.turns += 1
            time.sleep(0)

    def __enter__(self) -> Self:
        # Nobody is made to let go: each turn of that thread is a gift.
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(1000)
        self._thread.start()
        while self.turns < 100:
            time.sleep(0)
        return self

    def __exit__(self, *_error: object) -> None:
        self._over = True
        sys.setswitchinterval(self._interval)
        self._thread.join(30)


def turns_within(records: int, journal: Journal, spinner: Spinner) -> int:
    before = spinner.turns
    for _ in range(records):
        journal.append(Kind.LOG, b"x" * 300)
    return spinner.turns - before


def test_no_append_lets_go_of_the_interpreter_lock(place: Home) -> None:
    """Fault 17, without a clock: a thread that gets the lock keeps it for 5 ms, and p99 is lost on any machine."""
    if _libc.libc() is None:
        pytest.skip("no C library here that keeps the GIL")
    journal = make_journal(place)
    journal.append(Kind.LOG, b"opens the segment")

    with Spinner() as spinner:
        assert turns_within(2000, journal, spinner) == 0


def test_an_append_through_os_does_let_go_of_it(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above would see: the same with the lock let go of."""
    monkeypatch.setattr(_libc, "_looked", True)
    monkeypatch.setattr(_libc, "_libc", None)
    journal = make_journal(place)
    journal.append(Kind.LOG, b"opens the segment")

    with Spinner() as spinner:
        assert turns_within(2000, journal, spinner) > 0


@posix
@pytest.mark.parametrize("upper", [256, 65536])
def test_a_host_that_closes_our_descriptors_gets_no_byte_of_ours(
    place: Home, tmp_path: Path, loss: LossLedger, way: str, upper: int
) -> None:
    """In a process of its own: closerange would also close the test runner's descriptors."""
    pid = os.fork()
    if pid == 0:
        os._exit(_close_and_open_a_scene(place, tmp_path, loss, upper))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert contents(place).logs() == [b"before", b"after", b"later"]
    scenes = sorted(tmp_path.glob("scene*"))
    assert len(scenes) > 3
    assert all(scene.read_bytes() == b"//Maya ASCII scene" for scene in scenes)


def _close_and_open_a_scene(place: Home, tmp_path: Path, loss: LossLedger, upper: int) -> int:
    journal = make_journal(place, loss=loss)
    assert journal.append(Kind.LOG, b"before")
    descriptor = current(journal)._fd
    os.closerange(3, upper)
    # The host's scene and textures: one of them under the number that was our segment's.
    opened: list[int] = []
    while not opened or (opened[-1] < descriptor and upper > 900):
        path = tmp_path / f"scene{len(opened)}"
        opened.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
        os.write(opened[-1], b"//Maya ASCII scene")
    for index in range(4):
        os.write(os.open(tmp_path / f"scene_{index}", os.O_RDWR | os.O_CREAT), b"//Maya ASCII scene")
    landed = journal.append(Kind.LOG, b"after") and journal.append(Kind.LOG, b"later")
    journal.close("exited", "")
    still_open = all(os.fstat(fd) for fd in opened)  # we closed none of the host's
    return 0 if landed and still_open and not loss.totals() else 1


@posix
def test_without_the_identity_check_the_scene_would_be_hit(
    place: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The mutant: the check always agrees."""
    journal = make_journal(place)
    journal.append(Kind.LOG, b"before")
    segment = current(journal)
    with (tmp_path / "scene").open("wb") as scene:
        os.dup2(scene.fileno(), segment._fd)
    if way == "under the GIL":
        segment._look = lambda: 0  # type: ignore[attr-defined]
    else:
        monkeypatch.setattr(Segment, "_is_ours", lambda self: True)
    journal.append(Kind.LOG, b"after")
    assert b"after" in (tmp_path / "scene").read_bytes()


@posix
def test_a_descriptor_that_is_another_file_is_neither_written_nor_closed(
    place: Home, tmp_path: Path, loss: LossLedger, way: str
) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"before")
    segment = current(journal)
    number = segment._fd
    with (tmp_path / "scene").open("wb") as scene:
        os.dup2(scene.fileno(), number)
    assert journal.append(Kind.LOG, b"after")
    assert segment.failure == "taken"
    del segment
    assert os.fstat(number).st_ino == (tmp_path / "scene").stat().st_ino
    os.close(number)
    assert (tmp_path / "scene").read_bytes() == b""
    journal.close("exited", "")
    assert contents(place).logs() == [b"before", b"after"]
    assert loss.totals() == {}


@posix
def test_our_descriptors_are_high_and_closed_at_exec(place: Home) -> None:
    journal = make_journal(place)
    journal.append(Kind.LOG, b"x")
    journal.note("loss", {}, "vital")
    numbers = [int(name) for name in os.listdir("/dev/fd") if _is_ours(int(name), place)]
    assert len(numbers) == 3  # lock, bulk, vital
    assert min(numbers) >= 900
    assert not any(os.get_inheritable(number) for number in numbers)
    journal.close("exited", "")
    assert not [name for name in os.listdir("/dev/fd") if _is_ours(int(name), place)]


def _is_ours(number: int, place: Home) -> bool:
    try:
        found = os.fstat(number)
    except OSError:
        return False
    ours = [os.stat(os.path.join(folder, name)) for folder, _, names in os.walk(place.runs) for name in names]
    return any((one.st_dev, one.st_ino) == (found.st_dev, found.st_ino) for one in ours)


@posix
def test_descriptors_are_as_high_as_a_low_limit_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 256))
    high = _libc.move_high(os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY))
    try:
        assert 200 <= high < 256
    finally:
        os.close(high)


@posix
def test_a_deleted_segment_is_left_for_a_new_one_and_counted(place: Home, loss: LossLedger, way: str) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"gone 1")
    journal.append(Kind.LOG, b"gone 2")
    os.unlink(current(journal).path)
    assert journal.append(Kind.LOG, b"kept")
    journal.close("exited", "")
    assert contents(place).logs() == [b"kept"]
    assert loss.totals() == {"deleted": 2}


@posix
@pytest.mark.parametrize("depth", ["run", "v1", "home"])
def test_a_home_deleted_under_a_running_host_is_made_again(
    place: Home, loss: LossLedger, way: str, depth: str
) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"gone")
    shutil.rmtree({"run": journal.path, "v1": place.runs, "home": place.path}[depth])
    assert journal.append(Kind.LOG, b"kept")
    assert os.stat(place.path).st_mode & 0o777 == 0o700
    assert contents(place).logs() == [b"kept"]
    (run,) = list_runs(place)
    assert run.is_alive  # the lock was taken again with the folder
    journal.close("exited", "")
    assert loss.totals() == {"deleted": 1}


@posix
def test_an_odd_umask_of_the_host_leaves_files_readable_for_their_owner_alone(place: Home) -> None:
    before = os.umask(0o777)
    try:
        journal = make_journal(place)
        assert journal.append(Kind.LOG, b"x")
    finally:
        os.umask(before)
    assert os.stat(journal.path).st_mode & 0o777 == 0o700
    assert os.stat(current(journal).path).st_mode & 0o777 == 0o600
    journal.close("exited", "")


def test_a_short_write_is_a_torn_tail_and_the_record_lands_in_the_next_segment(
    place: Home, loss: LossLedger, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    journal = make_journal(place, loss=loss)
    journal.append(Kind.LOG, b"first")
    if way == "under the GIL":
        monkeypatch.setattr(current(journal), "_write", lambda fd, data, count: os.write(fd, data[:9]))
    else:
        monkeypatch.setattr(segment_module, "os", ShortOnce())
    assert journal.append(Kind.LOG, b"second")
    assert journal.append(Kind.LOG, b"third")
    journal.close("exited", "")
    found = contents(place)
    assert found.logs() == [b"first", b"second", b"third"]
    assert found.torn == 1
    assert loss.totals() == {}


class ShortOnce:
    """`os`, but the first write lands nine bytes."""

    def __init__(self) -> None:
        self._cut: int | None = 9

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def write(self, fd: int, data: bytes) -> int:
        cut, self._cut = self._cut, None
        return os.write(fd, data[:cut])

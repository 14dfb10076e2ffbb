"""A log file read on and on: each line once, whatever its writer and the rotation do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.drain.logfiles import cursor
from clientobs.drain.logfiles.cursor import FARTHEST_BACK, Cursor, Mark

if TYPE_CHECKING:
    from pathlib import Path

MOST = 1 << 30


class Reader:
    """A cursor, with what it lost and a clock that is moved by hand."""

    def __init__(self, path: Path, *, mark: Mark | None = None, at_end: bool = False) -> None:
        self.lost: list[str] = []
        self.now = 0
        self.cursor = Cursor(
            str(path), "utf-8", mark=mark, at_end=at_end, lost=self.lost.append, mono_ns=lambda: self.now
        )

    def texts(self, most: int = MOST) -> list[str]:
        return [line.text for line in self.cursor.read(most) if line is not None]

    def again(self, path: Path) -> Reader:
        mark = self.cursor.mark()
        assert mark is not None
        return Reader(path, mark=mark)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "tool.log"
    path.write_text("one\ntwo\n")
    return path


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def grow(path: Path, size: int, end: bytes) -> None:
    """Make a file larger by about `size` bytes that are on no disk, and write `end` behind them."""
    os.truncate(path, path.stat().st_size + size)
    with path.open("ab") as file:
        file.write(end)


def test_new_lines_are_read_once(log: Path) -> None:
    reader = Reader(log)
    assert reader.texts() == ["one", "two"]
    append(log, "three\nfou")
    assert reader.texts() == ["three"]
    append(log, "r\n")
    assert reader.texts() == ["four"]
    assert reader.texts() == []


def test_at_the_end_only_what_comes_later_is_read(log: Path) -> None:
    reader = Reader(log, at_end=True)
    assert reader.texts() == []
    append(log, "three\n")
    assert reader.texts() == ["three"]


def test_a_restart_goes_on_where_the_last_line_ended(log: Path) -> None:
    append(log, "thr")
    reader = Reader(log)
    reader.texts()
    append(log, "ee\nfour\n")
    assert reader.again(log).texts() == ["three", "four"]


def test_a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_start(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    append(log, "three\nno newline")
    log.rename(log.with_suffix(".log.1"))
    log.write_text("first of the new\n")
    assert reader.texts() == ["three", "no newline", "first of the new"]
    assert reader.lost == []


def test_a_rotation_while_nobody_followed_is_told_from_the_file_itself(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    append(log, "three\n")
    log.rename(log.with_suffix(".log.1"))
    log.write_text("new\n")
    assert reader.again(log).texts() == ["three", "new"]


def test_a_rotated_file_that_is_gone_is_counted(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    other = log.with_name("other")
    other.write_text("new\n")
    other.replace(log)
    assert reader.texts() == ["new"]
    assert reader.lost == ["log_file_rotated"]


@pytest.mark.parametrize("fresh", ["new\n", "longer than all that was in it before\nand more\n"])
def test_a_truncated_file_is_read_from_its_start(log: Path, fresh: str) -> None:
    reader = Reader(log)
    reader.texts()
    log.write_text(fresh)  # the same inode, as copytruncate leaves it
    assert reader.texts() == fresh.splitlines()


def test_a_file_written_anew_at_the_same_size_is_read_from_its_start(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    inode = log.stat().st_ino
    log.write_text("uno\ndue\n")
    os.utime(
        log, ns=(0, log.stat().st_mtime_ns + 1_000_000)
    )  # not in the same tick of the file system's clock
    assert log.stat().st_ino == inode
    assert reader.texts() == ["uno", "due"]
    assert reader.texts() == []


def test_a_file_written_anew_at_the_same_size_while_nobody_followed_is_read_from_its_start(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    log.write_text("uno\ndue\n")
    assert reader.again(log).texts() == ["uno", "due"]


def test_a_file_that_is_only_touched_is_not_read_again(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    os.utime(log, ns=(0, 10**18))
    assert reader.texts() == []
    append(log, "three\n")
    assert reader.texts() == ["three"]


def test_a_file_that_becomes_empty_and_grows_again_loses_nothing(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    os.truncate(log, 0)
    assert reader.texts() == []
    append(log, "one\ntwo\nthree\n")
    assert reader.texts() == ["one", "two", "three"]


def test_a_line_without_newline_is_given_when_its_writer_is_quiet(log: Path) -> None:
    append(log, "Killed")
    reader = Reader(log)
    assert reader.texts() == ["one", "two"]
    reader.now = 9_000_000_000
    assert reader.texts() == []
    reader.now = 11_000_000_000
    assert reader.texts() == ["Killed"]
    assert reader.texts() == []


def test_one_reading_is_bounded_and_the_next_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    lines = [f"line {number:06}" for number in range(60_000)]
    log.write_text("\n".join(lines) + "\n")
    reader = Reader(log)
    first = reader.texts(most=1)
    assert 0 < len(first) < len(lines)
    rest: list[str] = []
    while more := reader.texts(most=1):
        rest += more
    assert first + rest == lines


def test_a_file_that_was_written_to_for_weeks_is_read_from_its_last_part(log: Path) -> None:
    reader = Reader(log)
    assert reader.texts() == ["one", "two"]
    grow(log, FARTHEST_BACK * 3, b"amid a line\nlast\n")
    again = reader.again(log)
    assert again.texts()[-1] == "last"
    assert again.lost == ["log_file_long"]
    assert again.texts() == []


def test_a_file_that_grows_faster_than_it_is_read_loses_what_is_oldest_and_counts_it(log: Path) -> None:
    reader = Reader(log)
    for _ in range(4):
        grow(log, FARTHEST_BACK // 2, b"\nnewest\n")
        reader.texts(most=1)
    assert reader.cursor.is_behind
    assert set(reader.lost) == {"log_file_long"}
    texts = reader.texts()
    assert texts[-1] == "newest"
    assert not reader.cursor.is_behind


def test_a_truncated_file_with_a_hole_of_ten_gigabytes_is_no_work(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    log.write_bytes(b"")
    reader.texts()
    grow(log, 10 << 30, b"back at the old place\n")  # the writer did not notice
    assert reader.texts()[-1] == "back at the old place"


@pytest.mark.parametrize("back", [100, 101, 102, 103])
def test_wide_characters_stay_whole_where_a_file_is_begun_amid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    monkeypatch.setattr(cursor, "FARTHEST_BACK", back)
    log = tmp_path / "wide.log"
    log.write_bytes("툴이 안 돼요 \n".encode("utf-16") + "툴이 안 돼요 \n".encode("utf-16-le") * 50)
    texts = Reader(log).texts()
    assert 1 < len(texts) < 10
    assert set(texts) == {"툴이 안 돼요 "}


def test_a_line_of_a_hundred_megabytes_is_cut_and_the_next_one_whole(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    with log.open("wb") as file:
        file.write(b"first\n")
        for _ in range(50):
            file.write(b"x" * (1 << 20))
        file.write(b"\nlast\n")
    lines = [line for line in Reader(log).cursor.read(MOST) if line is not None]
    assert [len(line.text) for line in lines] == [5, 64 << 10, 4]
    assert lines[1].left_out == (50 << 20) - (64 << 10)


def test_of_a_huge_file_the_last_part_is_read_and_the_rest_counted(tmp_path: Path) -> None:
    log = tmp_path / "huge.log"
    with log.open("wb") as file:
        file.truncate(10 << 30)  # 10 GB, sparse
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast\n")
    reader = Reader(log)
    found = reader.texts(most=FARTHEST_BACK + 100)
    assert found[-1] == "last"
    assert reader.lost == ["log_file_long"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes in folders are of POSIX")
def test_a_pipe_in_the_place_of_the_file_does_not_hold_us_up(tmp_path: Path) -> None:
    path = tmp_path / "pipe.log"
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        Reader(path).texts()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes in folders are of POSIX")
def test_a_pipe_that_comes_between_look_and_open_is_not_read_from(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, pipe = cursor._look_at, log.with_name("pipe")
    os.mkfifo(pipe)

    def look_and_swap(path: str) -> Any:
        found = look(path)
        if pipe.exists():
            pipe.replace(log)
        return found

    monkeypatch.setattr(cursor, "_look_at", look_and_swap)
    reading = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    os.write(reading, b"for somebody else\n")
    try:
        with pytest.raises(OSError, match="not a regular file"):
            Reader(log).texts()
        assert os.read(reading, 100) == b"for somebody else\n"
    finally:
        os.close(reading)


def test_a_file_that_is_swapped_between_look_and_open_waits_for_the_next_reading(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(log)
    assert reader.texts() == ["one", "two"]
    append(log, "three\n")
    look = cursor._look_at

    def look_and_rotate(path: str) -> Any:
        found = look(path)
        if not log.with_suffix(".log.1").exists():
            log.rename(log.with_suffix(".log.1"))
            log.write_text("new\n")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(cursor, "_look_at", look_and_rotate)
        with pytest.raises(OSError, match="another file"):
            reader.texts()
    assert reader.texts() == ["three", "new"]
    assert reader.lost == []


def test_when_the_log_began_is_remembered_until_it_begins_anew(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    reader.cursor.began = 1_714_644_672_000_000_000
    again = reader.again(log)
    assert again.cursor.began == 1_714_644_672_000_000_000
    log.write_text("other\n")
    again.texts()
    assert again.cursor.began is None


def test_no_descriptor_is_kept_open(log: Path) -> None:
    reader = Reader(log)
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    reader.texts()
    after = set(os.listdir("/proc/self/fd")) if before else set()
    assert after == before


@pytest.mark.parametrize("restart", [False, True], ids=["between two looks", "while nobody followed"])
def test_a_log_that_was_rotated_several_times_loses_none_of_its_files(log: Path, restart: bool) -> None:
    reader = Reader(log)
    reader.texts()
    for number in range(3):
        append(log, f"last of {number}\n")
        for older in (2, 1):
            if (found := log.with_name(f"tool.log.{older}")).exists():
                found.rename(log.with_name(f"tool.log.{older + 1}"))
        os.utime(log, (1_700_000_000 + number, 1_700_000_000 + number))
        log.rename(log.with_name("tool.log.1"))
        log.write_text(f"first of {number + 1}\n")
    log.with_name("tool.log.gz.1").write_text("of another kind\n")
    log.with_name("tool.log.7").write_text("older than all of it\n")
    os.utime(log.with_name("tool.log.7"), (1_600_000_000, 1_600_000_000))
    told = reader.again(log) if restart else reader
    assert told.texts() == [
        "last of 0", "first of 1", "last of 1", "first of 2", "last of 2", "first of 3",
    ]  # fmt: skip
    assert told.lost == []
    assert told.texts() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes in folders are of POSIX")
def test_a_pipe_that_got_the_number_of_the_old_file_does_not_end_the_following(log: Path) -> None:
    reader = Reader(log)
    reader.texts()
    log.unlink()
    pipe = log.with_name("pipe")
    os.mkfifo(pipe)
    look = pipe.stat()
    reader.cursor.identity = (look.st_dev, look.st_ino)  # as it happens on ext4, one time in three
    log.write_text("new\n")
    assert reader.texts() == ["new"]
    assert reader.lost == ["log_file_rotated"]


def test_an_old_file_that_may_not_be_read_any_more_is_counted_and_the_new_one_read(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(log)
    reader.texts()
    append(log, "unread\n")
    log.rename(log.with_name("tool.log.1"))
    log.write_text("new\n")

    def refuse(path: str) -> Any:
        if path.endswith(".1"):
            raise PermissionError(13, "Permission denied", path)
        return cursor_open(path)

    cursor_open = cursor.open_shared
    monkeypatch.setattr(cursor, "open_shared", refuse)  # root, who runs the tests, is refused nothing
    assert reader.texts() == ["new"]
    assert reader.lost == ["log_file_rotated"]

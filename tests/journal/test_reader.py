"""Fault 4: whatever happens to the bytes of a segment, what is whole survives and nothing is invented."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clientobs.errors import JournalError
from clientobs.journal import reader
from clientobs.journal.format import FRAME, MAX_PAYLOAD, Kind, encode_frame, segment_seed
from clientobs.journal.reader import Frame, read_segment, scan
from support.journals import make_home, make_journal

if TYPE_CHECKING:
    from clientobs.journal.home import Home

RUN = "ab" * 16


@dataclass
class Written:
    """A closed run's bulk segment: its bytes, the payloads appended, and the frames as they were read."""

    path: Path
    data: bytes
    payloads: list[bytes]
    frames: list[Frame]


def write(home: Home, payloads: list[bytes]) -> Written:
    journal = make_journal(home, run=RUN, bulk_bytes=1 << 40, segment_bytes=1 << 30)
    for payload in payloads:
        assert journal.append(Kind.LOG, payload)
    journal.close("exited", "")
    path = home_path(home)
    frames = read_segment(str(path), live=False, window=1 << 30).frames
    return Written(path, path.read_bytes(), payloads, frames)


def home_path(home: Home) -> Path:
    return Path(home.runs) / RUN / "000001.bulk.seg"


@pytest.fixture
def written(place: Home) -> Written:
    return write(place, [f"record {number} ".encode() * number for number in range(1, 8)])


def check(written: Written, damaged: bytes, *, lost_at_most: int) -> None:
    """Read damaged bytes: every frame must be an original one, and all but a few must be there."""
    written.path.write_bytes(damaged)
    reading = read_segment(str(written.path), live=False)
    original = {(frame.sequence, frame.payload) for frame in written.frames}
    found = [(frame.sequence, frame.payload) for frame in reading.frames]
    assert set(found) <= original, "a record was invented"
    assert len(found) == len(set(found)), "a record was read twice"
    assert len(found) >= len(original) - lost_at_most
    if len(found) < len(original) and len(damaged) == len(written.data):
        assert reading.damaged or reading.torn, "a loss was not told"


def test_an_undamaged_segment_is_read_whole(written: Written) -> None:
    reading = read_segment(str(written.path), live=False)
    assert [frame.payload for frame in reading.frames if frame.kind == Kind.LOG] == written.payloads
    assert (reading.damaged, reading.torn, reading.skipped_bytes, reading.more) == (0, False, 0, False)
    assert reading.next_offset == len(written.data)
    assert reading.header is not None
    assert reading.header.run == RUN
    assert reading.header.resource == {"service.name": "tool"}


def test_truncation_at_every_byte_keeps_all_that_is_whole(written: Written) -> None:
    for end in range(len(written.data)):
        written.path.write_bytes(written.data[:end])
        reading = read_segment(str(written.path), live=False)
        whole = [frame for frame in written.frames if frame.end <= end]
        assert reading.frames == whole
        header_end = written.frames[0].offset
        boundary = end in {header_end, *(frame.end for frame in whole)} or end <= len(b"CLOBSEG\x01")
        assert reading.torn == (not boundary)


def test_every_bit_flipped_costs_at_most_one_record(written: Written) -> None:
    for index in range(len(written.data)):
        for bit in range(8):
            damaged = bytearray(written.data)
            damaged[index] ^= 1 << bit
            check(written, bytes(damaged), lost_at_most=1)


def test_a_zeroed_page_costs_only_what_lay_in_it(place: Home) -> None:
    written = write(place, [os.urandom(700) for _ in range(60)])
    for start in range(0, len(written.data), 4096):
        damaged = bytearray(written.data)
        damaged[start : start + 4096] = bytes(len(damaged[start : start + 4096]))
        hit = sum(frame.offset < start + 4096 and frame.end > start for frame in written.frames)
        check(written, bytes(damaged), lost_at_most=hit)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_damage_never_invents_a_record(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    written = write(
        make_home(tmp_path_factory.mktemp("damage") / "home"),
        data.draw(st.lists(st.binary(max_size=200), min_size=1, max_size=12)),
    )
    damaged = bytearray(written.data)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        cut = data.draw(st.integers(0, 40))
        damaged[start : start + cut] = data.draw(st.binary(max_size=40))
    check(written, bytes(damaged), lost_at_most=len(written.frames))


def test_a_checksum_is_what_tells_damage(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: with the checksum off, a flipped bit goes through as a record."""
    monkeypatch.setattr(reader, "FRAME", _Unchecked())
    monkeypatch.setattr(zlib, "crc32", lambda data, seed=0: 0)
    damaged = bytearray(written.data)
    damaged[written.frames[3].end - 1] ^= 1
    with pytest.raises(AssertionError, match="invented"):
        check(written, bytes(damaged), lost_at_most=1)


class _Unchecked:
    """FRAME, but every checksum reads as 0."""

    size = FRAME.size
    unpack = staticmethod(FRAME.unpack)

    @staticmethod
    def unpack_from(data: bytes, offset: int) -> tuple[object, ...]:
        return (*FRAME.unpack_from(data, offset)[:-1], 0)


def test_bytes_of_another_run_or_segment_are_no_records(written: Written) -> None:
    foreign = b"".join(
        encode_frame(Kind.LOG, b"foreign", 99, 1, seed)
        for seed in (
            0,
            segment_seed("cd" * 16, "bulk", 1),
            segment_seed(RUN, "bulk", 2),
            segment_seed(RUN, "vital", 1),
        )
    )
    written.path.write_bytes(written.data + foreign)
    reading = read_segment(str(written.path), live=False)
    assert reading.frames == written.frames
    assert reading.torn
    assert reading.skipped_bytes == len(foreign)


def test_without_the_seed_foreign_bytes_would_pass(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: with one seed for all segments, an old file's blocks are read as records of this run."""
    monkeypatch.setattr(reader, "segment_seed", lambda run, lane, number: 0)
    frames = b"".join(encode_frame(Kind.LOG, b"old", number, 1, 0) for number in range(3))
    written.path.write_bytes(written.data[: written.frames[0].offset] + frames)
    assert len(read_segment(str(written.path), live=False).frames) == 3


def test_zeros_at_the_end_are_a_torn_tail(written: Written) -> None:
    """What a power loss leaves: the length is on disk, the data isn't."""
    written.path.write_bytes(written.data + bytes(9000))
    reading = read_segment(str(written.path), live=False)
    assert reading.frames == written.frames
    assert (reading.torn, reading.skipped_bytes) == (True, 9000)


def test_a_live_tail_is_not_yet_and_read_when_it_is_whole(written: Written) -> None:
    cut = written.frames[-1].offset + 5
    written.path.write_bytes(written.data[:cut])
    first = read_segment(str(written.path), live=True)
    assert (first.torn, first.damaged, first.next_offset) == (False, 0, written.frames[-1].offset)
    written.path.write_bytes(written.data)
    second = read_segment(str(written.path), first.next_offset, live=True)
    assert first.frames + second.frames == written.frames


def test_a_live_reader_goes_on_behind_damage_once_a_good_record_follows(written: Written) -> None:
    damaged = bytearray(written.data)
    damaged[written.frames[2].offset + 5] ^= 0x40  # in the length
    written.path.write_bytes(bytes(damaged[: written.frames[2].end]))
    assert read_segment(str(written.path), live=True).next_offset == written.frames[2].offset
    written.path.write_bytes(bytes(damaged))
    reading = read_segment(str(written.path), written.frames[2].offset, live=True)
    assert (reading.damaged, reading.frames) == (1, written.frames[3:])


def test_a_copy_of_a_record_inside_a_damaged_one_is_not_read(place: Home) -> None:
    journal = make_journal(place, run=RUN)
    journal.append(Kind.LOG, b"the original")
    first = home_path(place).read_bytes()
    original = read_segment(str(home_path(place)), live=True).frames[0]
    journal.append(Kind.LOG, b"quoting " + first[original.offset : original.end] + b" a record")
    journal.append(Kind.LOG, b"after")
    journal.close("exited", "")
    damaged = bytearray(home_path(place).read_bytes())
    damaged[original.end + FRAME.size] ^= 1  # in the payload that quotes
    home_path(place).write_bytes(bytes(damaged))
    reading = read_segment(str(home_path(place)), live=False)
    assert [frame.payload for frame in reading.frames if frame.kind == Kind.LOG] == [
        b"the original",
        b"after",
    ]


def test_a_segment_with_a_damaged_header_still_gives_its_records(written: Written) -> None:
    damaged = bytearray(written.data)
    damaged[40] ^= 1
    written.path.write_bytes(bytes(damaged))
    reading = read_segment(str(written.path), live=False)
    assert reading.header is None
    assert reading.frames == written.frames


def test_a_window_bounds_what_is_read_at_once(place: Home) -> None:
    written = write(place, [os.urandom(200_000) for _ in range(40)])
    frames, offset, reads = [], 0, 0
    while True:
        reading = read_segment(str(written.path), offset, live=False, window=0)
        frames += reading.frames
        offset, reads = reading.next_offset, reads + 1
        if not reading.more:
            break
    assert [frame.sequence for frame in frames] == [frame.sequence for frame in written.frames]
    assert reads >= 3


def test_damage_longer_than_a_window_is_passed(place: Home) -> None:
    written = write(place, [b"a" * 1000, *[os.urandom(MAX_PAYLOAD) for _ in range(4)], b"z" * 1000])
    damaged = bytearray(written.data)
    start = written.frames[1].offset
    damaged[start : written.frames[4].end] = bytes(written.frames[4].end - start)
    written.path.write_bytes(bytes(damaged))
    payloads, offset = [], 0
    while True:
        reading = read_segment(str(written.path), offset, live=False, window=0)
        payloads += [frame.payload for frame in reading.frames if frame.kind == Kind.LOG]
        offset = reading.next_offset
        if not reading.more:
            break
    assert payloads == [b"a" * 1000, b"z" * 1000]


def test_a_search_through_hostile_bytes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a million believable heads, each with a megabyte to check, must not take hours."""
    seed = segment_seed(RUN, "bulk", 1)
    head = encode_frame(Kind.LOG, bytes(900_000), 1, 1, seed)[: FRAME.size]
    sums: list[int] = []
    crc32 = zlib.crc32

    def counted(data: bytes, seed: int = 0) -> int:
        sums.append(len(data))
        return crc32(data, seed)

    monkeypatch.setattr(zlib, "crc32", counted)
    assert scan(b"!" + head * 60_000, seed).frames == []
    assert sum(sums) < 100 * MAX_PAYLOAD


def test_what_is_no_segment_is_refused_with_its_name(tmp_path: Path) -> None:
    other = tmp_path / "scene.ma"
    other.write_bytes(b"//Maya ASCII scene" * 10)
    with pytest.raises(JournalError, match=r"scene\.ma is not a segment"):
        read_segment(str(other), live=False)
    with pytest.raises(FileNotFoundError):
        read_segment(str(tmp_path / "000001.bulk.seg"), live=False)


@pytest.mark.skipif(os.name != "posix", reason="symlinks need a privilege on Windows")
def test_a_symlink_is_not_followed(written: Written) -> None:
    link = written.path.with_name("000002.bulk.seg")
    link.symlink_to(written.path)
    with pytest.raises(JournalError, match="can't be read"):
        read_segment(str(link), live=False)

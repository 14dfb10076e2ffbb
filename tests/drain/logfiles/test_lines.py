"""Bytes of log files to lines: any cut of the stream gives the same lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.drain.logfiles.lines import MAX_LINE, Line, LineSplitter, encoding_of

TEXTS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0\x1b"), max_size=40), max_size=8
)


@given(TEXTS, st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"]), st.integers(1, 7))
def test_any_cut_of_the_bytes_gives_the_same_lines(texts: list[str], codec: str, step: int) -> None:
    data = "".join(f"{text}\n" for text in texts).encode(codec)
    splitter = LineSplitter(encoding_of(b"", codec), 0)
    found = [line for at in range(0, len(data), step) for line in splitter.feed(data[at : at + step])]
    assert [line.text for line in found] == texts
    ends = [0, *(line.end for line in found)]
    assert [line.begin for line in found] == ends[:-1]  # without gaps: positions can be trusted
    assert splitter.begun == ends[-1] == len(data)


def test_a_byte_order_mark_says_more_than_the_configuration_and_is_no_text() -> None:
    data = "툴이 안 돼요\nok\n".encode("utf-16")
    splitter = LineSplitter(encoding_of(data[:4], "cp949"), 0)
    assert [line.text for line in splitter.feed(data)] == ["툴이 안 돼요", "ok"]


def test_bytes_that_the_codec_does_not_know_are_escaped_and_the_next_line_is_whole() -> None:
    splitter = LineSplitter(encoding_of(b"", "utf-8"), 0)
    lines = splitter.feed("경로\n".encode("cp949") + "경로\n".encode())
    assert lines[0].text == r"\xb0\xe6\xb7\xce"
    assert lines[1].text == "경로"


def test_progress_that_overwrites_itself_leaves_its_last_state() -> None:
    splitter = LineSplitter(encoding_of(b"", "utf-8"), 0)
    (line,) = splitter.feed(b" 10% done\r 50% done\r100% done\r\n")
    assert line.text == "100% done"


@pytest.mark.parametrize("chunk", [1000, MAX_LINE + 1, 10 * MAX_LINE])
def test_a_line_without_end_is_cut_and_its_length_told(chunk: int) -> None:
    data = b"x" * (5 * MAX_LINE) + b"\nnext\n"
    splitter = LineSplitter(encoding_of(b"", "utf-8"), 0)
    lines: list[Line] = []
    for at in range(0, len(data), chunk):
        lines += splitter.feed(data[at : at + chunk])
        assert len(splitter._kept) <= MAX_LINE  # memory does not grow with the line
    first, second = lines
    assert (len(first.text), first.left_out) == (MAX_LINE, 4 * MAX_LINE)
    assert (second.text, second.end) == ("next", len(data))


def test_what_has_no_newline_yet_is_kept_and_can_be_asked_for() -> None:
    splitter = LineSplitter(encoding_of(b"", "utf-8"), 100)
    assert splitter.feed(b"half a") == []
    assert splitter.begun == 100
    rest = splitter.rest()
    assert rest == Line(100, 106, "half a")
    assert splitter.rest() is None


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("chunk", [1, 3, 1000, 1 << 20])
def test_a_hole_of_nuls_before_a_line_is_none_of_it(codec: str, chunk: int) -> None:
    data = "one\n".encode(codec) + b"\0" * 4 * (MAX_LINE if chunk > 3 else 50) + "Āfter\nnext\n".encode(codec)
    splitter = LineSplitter(encoding_of(b"", codec), 0)
    found = [line for at in range(0, len(data), chunk) for line in splitter.feed(data[at : at + chunk])]
    assert [line.text for line in found] == ["one", "Āfter", "next"]
    assert [line.left_out for line in found] == [0, 0, 0]
    assert found[-1].end == splitter.begun == len(data)


def test_the_rest_of_a_line_that_is_begun_amid_is_passed_over() -> None:
    splitter = LineSplitter(encoding_of(b"", "utf-8"), 100, is_within=True)
    assert [line.text for line in splitter.feed(b"the rest\nwhole\nhalf")] == ["whole"]
    splitter = LineSplitter(encoding_of(b"", "utf-8"), 100, is_within=True)
    assert splitter.feed(b"the rest without an end") == []
    assert splitter.rest() is None
    assert [line.text for line in splitter.feed(b"whole\n")] == ["whole"]


def test_colours_are_left_out_of_the_text() -> None:
    splitter = LineSplitter(encoding_of(b"", "utf-8"), 0)
    (line,) = splitter.feed(b"\x1b[1;31mERROR\x1b[0m no walls\x1b[K\n")
    assert line.text == "ERROR no walls"


def test_encodings_that_change_amid_a_file_spoil_their_own_lines_only() -> None:
    lines = [
        "경로".encode("cp949"),
        "경로".encode(),
        "경로".encode("utf-16-le"),
        "경로".encode(),
        bytes(range(128, 256)),
    ]
    splitter = LineSplitter(encoding_of(b"", "utf-8"), 0)
    found = splitter.feed(b"\n".join(lines) + b"\n")
    assert [line.text == "경로" for line in found] == [False, True, False, True, False]
    assert found[-1].text.startswith(r"\x80\x81")

"""The code of a report: read out, written down, found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clientobs._ids import Ids
from clientobs.errors import JournalError
from clientobs.record.codes import ALPHABET, new_code, normalized_code
from clientobs.viewer.selection import normalized_id

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_codes_are_of_characters_that_nobody_mistakes() -> None:
    assert not set(ALPHABET) & set("IO01")
    assert len(set(ALPHABET)) == len(ALPHABET) == 32
    drawn = {new_code() for _ in range(2_000)}
    assert len(drawn) > 1_990
    assert {len(code) for code in drawn} == {7}
    assert {code[3] for code in drawn} == {"-"}
    assert set("".join(drawn)) == {*ALPHABET, "-"}


@pytest.mark.parametrize("written", ["K7Q-3FD", "k7q3fd", " K7Q 3FD ", "k7q\u20133fd", "K7Q.3FD", "k7q_3fd"])
def test_a_code_is_found_however_it_was_written_down(written: str) -> None:
    assert normalized_code(written) == "K7Q-3FD"


@pytest.mark.parametrize(
    "written", ["", "K7Q-3F", "K7Q-3FDD", "K7Q-3F0", "K7Q-3FO", "ABC-DEF", "X" * 10_000, "κ7Q-3FD"]
)
def test_what_is_no_code_is_not_taken_for_one(written: str) -> None:
    assert normalized_code(written) is None


def test_a_code_is_never_the_beginning_of_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    draws: Iterator[int] = iter([ALPHABET.index(letter) for letter in "ABCDEFK7Q3FD"])
    monkeypatch.setattr(Ids, "below", lambda self, limit: next(draws))
    assert new_code() == "K7Q-3FD"
    with pytest.raises(JournalError, match="no id"):
        normalized_id("K7Q-3FD")

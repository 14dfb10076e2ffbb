"""Header lines of a file or a command's output."""

from __future__ import annotations

import pytest

from clientobs.config.headers import header_lines
from clientobs.config.problems import Unacceptable


def test_lines_take_equals_or_colon_and_values_stand_as_they_are() -> None:
    text = "# token\nAuthorization: Bearer a=b:c\n\nx-key=1:2%20\r\n"
    assert header_lines(text) == (("authorization", "Bearer a=b:c"), ("x-key", "1:2%20"))


@pytest.mark.parametrize("text", ["hunter2", "x=1\nhunter2", "a b: hunter2", "x: hunter2\x00"])
def test_a_bad_line_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Unacceptable) as caught:
        header_lines(text)
    assert "hunter2" not in str(caught.value)

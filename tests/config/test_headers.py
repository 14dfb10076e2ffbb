"""Header lines of a file or a command's output."""

from __future__ import annotations

import pytest

from clientobs.config.headers import header_lines
from clientobs.config.problems import Unacceptable
from clientobs.config.resolve import resolve


def test_lines_take_equals_or_colon_and_values_stand_as_they_are() -> None:
    text = "# token\nAuthorization: Bearer a=b:c\n\nx-key=1:2%20\r\n"
    assert header_lines(text) == (("authorization", "Bearer a=b:c"), ("x-key", "1:2%20"))


@pytest.mark.parametrize("text", ["hunter2", "x=1\nhunter2", "a b: hunter2", "x: hunter2\x00"])
def test_a_bad_line_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Unacceptable) as caught:
        header_lines(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("bad", ["hunter2", "a b=hunter2", "x=hunter2%00"])
def test_a_bad_item_of_the_variable_costs_no_other_and_is_told_without_its_value(bad: str) -> None:
    found = resolve(
        {},
        environ={
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-a=1,{bad},x-b=2",
        },
        strict=False,
    )
    traces = found.config.delivery.traces
    assert traces is not None
    assert traces.headers == (("x-a", "1"), ("x-b", "2"))
    (problem,) = found.problems
    assert problem.key == "OTEL_EXPORTER_OTLP_HEADERS"
    assert "number 2" in problem.message
    assert "hunter2" not in str(problem)

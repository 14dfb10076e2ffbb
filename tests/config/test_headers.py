"""Headers of the variable."""

from __future__ import annotations

import pytest

from clientobs.config.resolve import resolve


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

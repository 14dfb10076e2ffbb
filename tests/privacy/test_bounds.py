"""What the redactor bounds: length, count and depth of what a host hands over, counted, no secret half seen."""

from __future__ import annotations

import marshal
from typing import Any

import pytest

from support.planted import leaks
from support.redactors import assert_any_encoder_takes, make

REDACTOR, _ = make()


def test_a_secret_that_a_limit_would_cut_in_two_is_seen_whole() -> None:
    redactor, _ = make(attribute_value_length=20)
    token = "ghp_" + "a1B2" * 10
    for shift in range(30):
        clean = redactor.value("note", " " * shift + token)
        assert not leaks(token, clean, size=5)
        assert len(clean) <= 20


def test_a_secret_at_the_end_of_what_is_looked_at_is_not_half_seen() -> None:
    redactor, _ = make(text_length=4096)
    token = "ghp_" + "a1B2" * 10
    long_secret = (
        "password=" + "s" * 3000 + "&a=1&"
    )  # its marker is shorter: what follows moves into the limit
    for shift in range(0, 200, 7):
        filling = "x" * (4096 + 1900 + shift - len(long_secret))
        clean = redactor.text(long_secret + filling + token + "x" * 4096)
        assert not leaks(token, clean, size=5)


def test_a_quoted_secret_over_many_lines_does_not_end_with_the_window() -> None:
    redactor, _ = make(text_length=1024)
    clean = redactor.text('{"password": "' + "hunter two\n" * 2000 + '"}')
    assert "hunter" not in clean


@pytest.mark.parametrize("length", [16_384, 16_385, 10_000_000])
def test_a_huge_text_is_bounded_and_counted(length: int) -> None:
    redactor, loss = make()
    assert redactor.attributes({"a": "x" * length})["a"] == "x" * 16_384
    assert loss.totals() == ({"text": 1} if length > 16_384 else {})


def test_a_huge_body_is_bounded_by_its_own_limit() -> None:
    redactor, loss = make()
    assert len(redactor.body("word " * 1_000_000)) == 65_536
    assert loss.totals() == {"text": 1}


def test_a_hundred_thousand_attributes_are_bounded_and_counted() -> None:
    redactor, loss = make()
    clean = redactor.attributes({f"key{number}": number for number in range(100_000)})
    assert len(clean) == 128
    assert loss.totals() == {"attributes": 100_000 - 128}


def test_a_limit_for_one_call_takes_the_place_of_the_common_one() -> None:
    redactor, loss = make()
    assert list(redactor.attributes({"a": 1, "b": 2, "c": 3}, limit=2)) == ["a", "b"]
    assert loss.totals() == {"attributes": 1}


def test_many_long_texts_together_stay_below_a_record() -> None:
    redactor, loss = make()
    clean = redactor.attributes({f"key{number}": "x" * 16_000 for number in range(128)})
    assert sum(map(len, clean.values())) < 150_000
    assert loss.totals()["text"] > 100


@pytest.mark.parametrize("element", ["x" * 16_000, ["x" * 16_000], {"a": "x" * 16_000}, b"x" * 16_000])
def test_many_containers_together_stay_below_a_record(element: object) -> None:
    redactor, loss = make()
    clean = redactor.attributes({f"key{number}": [element] * 100 + [number] for number in range(100)})
    assert len(marshal.dumps(clean, 2)) < 500_000
    assert sum(loss.totals().values()) > 0


def test_a_container_that_holds_itself_ends() -> None:
    redactor, loss = make()
    cycle: list[Any] = [1]
    cycle += [cycle, {"again": cycle}]
    assert_any_encoder_takes(redactor.attributes({"cycle": cycle}))
    assert loss.totals()["nesting"] > 0


def test_deep_nesting_is_cut_and_counted() -> None:
    redactor, loss = make()
    nested: Any = "core"
    for _ in range(5000):
        nested = [nested]
    assert "core" not in repr(redactor.value("nested", nested))
    assert loss.totals() == {"nesting": 1}

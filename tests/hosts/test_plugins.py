"""What an adapter says of its host's plug-ins: bounded, and never a trouble to the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clientobs.hosts import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs._guarded import Faults


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_last", [()])


def test_the_last_word_counts_and_each_name_once() -> None:
    plugins.plugins_are(["old"])
    plugins.plugins_are(["mtoa 5.3.1", "bifrostGraph", "mtoa 5.3.1"])
    assert plugins.plugins() == ("bifrostGraph", "mtoa 5.3.1")


def test_any_number_and_length_and_kind_of_names_is_bounded() -> None:
    odd: list[Any] = ["", None, 3, "x" * 10_000, *(f"p{number}" for number in range(5_000))]
    plugins.plugins_are(odd)
    found = plugins.plugins()
    assert len(found) == 512
    assert max(map(len, found)) <= 128


def test_names_that_fail_on_the_way_are_counted_and_change_nothing(lenient_faults: Faults) -> None:
    def names() -> Iterator[str]:
        yield "mtoa"
        raise RuntimeError("the host is ending")

    plugins.plugins_are(["before"])
    plugins.plugins_are(names())
    assert plugins.plugins() == ("before",)
    assert lenient_faults.counts() == {"hosts.plugins": 1}

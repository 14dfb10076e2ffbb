"""Which callbacks the main thread is in, whatever they do."""

from __future__ import annotations

import threading

import pytest

from clientobs._callbacks import begin, end, under_way
from clientobs.instruments.exceptions import callback


def names() -> list[str]:
    return [one.name for one in under_way()]


def test_a_callback_within_another_is_told_after_it_and_both_end() -> None:
    @callback(name="kAfterOpen")
    def outer() -> list[str]:
        return [*inner(), *names()]

    @callback(name="update")
    def inner() -> list[str]:
        return names()

    assert outer() == ["kAfterOpen", "update", "kAfterOpen"]
    assert names() == []


def test_one_that_raises_has_ended() -> None:
    @callback(name="kBeforeSave")
    def fails() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert names() == []


def test_one_whose_end_was_not_told_ends_with_the_one_around_it() -> None:
    outer = begin("outer")
    begin("never ends")
    end(outer)
    assert names() == []


def test_one_of_another_thread_is_not_the_main_thread_s() -> None:
    found: list[list[str]] = []
    asks = callback(name="timer")(lambda: found.append(names()))
    thread = threading.Thread(target=asks)
    thread.start()
    thread.join(10)
    assert found == [[]]


def test_the_end_of_another_thread_s_callback_leaves_the_main_thread_s_alone() -> None:
    begun, go = threading.Event(), threading.Event()

    @callback(name="timer")
    def other() -> None:
        begun.set()
        go.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    begun.wait(10)
    depth = begin("kAfterOpen")
    go.set()
    thread.join(10)
    assert names() == ["kAfterOpen"]
    end(depth)

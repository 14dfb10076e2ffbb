"""Numbers of contexts stay good for those who have just asked for one."""

from __future__ import annotations

from clientobs.journal.contexts import ContextTable


def fill(table: ContextTable, start: int, count: int) -> None:
    for value in range(start, start + count):
        table.number("production", {"value": value})


def test_a_number_outlives_the_eviction_that_another_thread_makes_before_the_append() -> None:
    evictions: list[int] = []
    table = ContextTable(pinned=set)
    table.on_eviction = lambda: evictions.append(1)
    held = table.number("production", {"shot": "sh010"})
    fill(table, 0, 4095)
    assert evictions == []
    fill(table, 5000, 1)
    assert evictions == [1]
    assert table.payload(held) is not None
    assert table.number("production", {"shot": "sh010"}) != held
    fill(table, 6000, 600)
    assert len(evictions) == 2
    assert table.payload(held) is None


def test_what_is_pinned_is_never_forgotten() -> None:
    table = ContextTable(pinned=lambda: {1})
    pinned = table.number("production", {"shot": "sh010"})
    fill(table, 0, 20_000)
    assert table.number("production", {"shot": "sh010"}) == pinned == 1

"""Lines to entries, and what they say."""

from __future__ import annotations

import pytest

from clientobs.drain.logfiles.boundaries import Boundaries
from clientobs.drain.logfiles.entries import Joiner
from clientobs.drain.logfiles.grammar import Grammar
from clientobs.drain.logfiles.lines import Line

TRACEBACK = """\
Traceback (most recent call last):
  File "/tools/publish.py", line 12, in publish
    copy(source)
FileNotFoundError: [Errno 2] No such file or directory: '/mnt/proj/tex/wood.exr'"""

CHAINED = f"""\
{TRACEBACK}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/tools/ui.py", line 3, in click
    publish()
studio.errors.PublishFailed: wood.exr is missing
and nobody knows why"""


def entries_of(text: str, grammar: Grammar) -> list[str]:
    joiner = Joiner(Boundaries(grammar).begins)
    found, at = [], 0
    for line in text.splitlines():
        end = at + len(line) + 1
        found += [entry.text for entry in joiner.feed(Line(at, end, line), 0)]
        at = end
    return found + [entry.text for entry in joiner.finish()]


def test_a_traceback_is_part_of_the_line_that_logged_it() -> None:
    log = f"2024-05-02 10:11:12,345 ERROR publish failed\n{CHAINED}\n2024-05-02 10:11:13,000 INFO next"
    first, second = entries_of(log, Grammar())
    assert first == f"2024-05-02 10:11:12,345 ERROR publish failed\n{CHAINED}"
    assert second.endswith("INFO next")


def test_without_times_each_line_is_an_entry_and_a_traceback_is_one() -> None:
    log = f"opening scene\nWarning: no camera\n{TRACEBACK}\ndone"
    assert entries_of(log, Grammar()) == ["opening scene", "Warning: no camera", TRACEBACK, "done"]


def test_a_traceback_that_leads_from_one_exception_to_the_next_is_one() -> None:
    chained = CHAINED.removesuffix("\nand nobody knows why")
    direct = chained.replace(
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    )
    log = f"opening scene\n{chained}\ndone\n{direct}\ndone"
    assert entries_of(log, Grammar()) == ["opening scene", chained, "done", direct, "done"]


def test_a_group_of_exceptions_is_one_traceback() -> None:
    group = "\n".join(
        [
            "  + Exception Group Traceback (most recent call last):",
            '  |   File "a.py", line 9, in <module>',
            "  | ExceptionGroup: many (1 sub-exception)",
            "  +-+---------------- 1 ----------------",
            "    | Traceback (most recent call last):",
            '    |   File "a.py", line 3, in work',
            "    | ValueError: one",
            "    +------------------------------------",
        ]
    )
    assert entries_of(f"opening scene\nError: failed\n{group}\ndone", Grammar()) == [
        "opening scene",
        f"Error: failed\n{group}",
        "done",
    ]


def test_a_traceback_longer_than_a_record_takes_nothing_with_it() -> None:
    frames = [f'  File "a.py", line {number}, in deeper' for number in range(3000)]
    trace = ["Traceback (most recent call last):", *frames, "RecursionError: too deep", "done"]
    first, last = entries_of("\n".join(trace), Grammar())
    assert first.startswith("Traceback")
    assert last == "done"


def test_a_pattern_sees_the_beginning_of_a_line() -> None:
    grammar = Grammar(pattern=r"^x*\[(?P<level>[A-Z]+)\]")
    assert grammar.read("x" * 900 + "[ERROR] no walls", now=0.0).severity_text == "ERROR"
    assert grammar.read("x" * 1100 + "[ERROR] no walls", now=0.0).severity_text == "INFO"


def test_a_pattern_that_matches_into_what_is_said_leaves_tracebacks_whole() -> None:
    grammar = Grammar(pattern=r"^[A-Z]\w*")
    said = grammar.read(f"Publish failed\n{TRACEBACK}", now=0.0)
    assert said.attributes["exception.stacktrace"] == TRACEBACK
    assert said.attributes["exception.type"] == "FileNotFoundError"


def test_an_indented_line_belongs_to_the_one_before() -> None:
    assert entries_of("could not load:\n  a.ma\n  b.ma\nnext", Grammar()) == [
        "could not load:\n  a.ma\n  b.ma",
        "next",
    ]


def test_an_entry_waits_a_second_for_more() -> None:
    joiner = Joiner(Boundaries(Grammar()).begins)
    assert list(joiner.feed(Line(0, 4, "one"), 0)) == []
    assert joiner.pending == 0
    assert list(joiner.quiet(999_999_999)) == []
    assert [entry.text for entry in joiner.quiet(1_000_000_000)] == ["one"]
    assert joiner.pending is None


def test_an_entry_without_end_is_bounded_and_says_what_was_left_out() -> None:
    joiner = Joiner(lambda _line, *, is_open: not is_open)
    for number in range(5000):
        list(joiner.feed(Line(number * 10, number * 10 + 10, "  x" * 3), 0))
    (entry,) = joiner.finish()
    assert len(entry.lines) == 1000
    assert entry.text.endswith("... 40000 bytes left out")


def test_the_exception_of_an_entry_is_the_one_that_was_raised() -> None:
    said = Grammar().read(f"2024-05-02 10:11:12 publish\n{CHAINED}", now=0.0)
    assert said.attributes["exception.type"] == "studio.errors.PublishFailed"
    assert said.attributes["exception.message"] == "wood.exr is missing\nand nobody knows why"
    assert said.attributes["exception.stacktrace"] == CHAINED
    assert said.severity_text == "ERROR"


def test_a_traceback_behind_comment_signs_is_read_too() -> None:
    commented = "\n".join(f"# {line}" for line in TRACEBACK.splitlines())
    first, whole, last = entries_of(f"# Result: 1 #\n{commented} #\n# Result: 2 #", Grammar())
    assert (first, last) == ("# Result: 1 #", "# Result: 2 #")
    said = Grammar().read(whole, now=0.0)
    assert said.attributes["exception.stacktrace"].startswith(TRACEBACK)
    assert said.attributes["exception.type"] == "FileNotFoundError"


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("2024-05-02 10:11:12 [4711] WARNING: disk almost full", "WARN"),
        ("2024-05-02T10:11:12.123Z level=info msg=ok", "INFO"),
        ("Error: could not read reference", "ERROR"),
        ("[12:01.22] ERROR: Read1: no such file", "ERROR"),
        ("// Warning: line 1: no camera //", "WARN"),
        ("the error rate is low", "INFO"),
        ("0 errors, 0 warnings", "INFO"),
        ("FATAL | out of memory", "FATAL"),
        ("ERROR no such plate: sh010", "ERROR"),
        ("WARNING  memory is low", "WARN"),
        ("Error rates are low", "INFO"),
        ("ERROR REPORT OF TODAY", "INFO"),
    ],
)
def test_the_level_is_found_where_tools_write_it(line: str, severity: str) -> None:
    assert Grammar().read(line, now=0.0).severity_text == severity

"""The tree shows what somebody looks for: what failed, what was slow, where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clientobs.cli.attributes import attribute_pieces
from clientobs.cli.heading import footer, heading, summary_line
from clientobs.cli.screen import Line, line_width
from clientobs.cli.text import cell_width
from clientobs.cli.tree import View, tree_lines
from clientobs.journal.records import SpanEvent, SpanLink
from viewer.story import MS, STACK, T0, TRACE, Story, a_failed_publish

if TYPE_CHECKING:
    from clientobs.viewer.traces import TraceBook

NOW = T0 + 10_000 * MS


def _text(line: Line) -> str:
    return "".join(text for text, _ in line).rstrip()


def _tree(book: TraceBook, **view: object) -> list[str]:
    shown = View(now_ns=NOW, **view)  # type: ignore[arg-type]
    return [_text(line) for line in tree_lines(book.trace(TRACE), shown)]


def test_a_failed_publish_looks_like_this() -> None:
    book = a_failed_publish()
    trace = book.trace(TRACE)
    view = View(now_ns=NOW)
    assert _text(next(iter(heading(trace, view)))).startswith("── demo / sq010 / sh0100 / comp ──")
    assert _text(next(iter(heading(trace, view)))).endswith("── ✗ failed · 4.31 s ──")
    assert _tree(book) == [
        "✗ publish_shot  PermissionError                         4.31 s",
        "├─ collect  files=24  bytes=81000000                   12.5 ms",
        "├─ render  renderer=arnold                              2.10 s",
        "│  ├─ frame  frame=1001                                83.3 ms",
        "│  ├─ frame  frame=1002                                83.3 ms",
        "│  ╰─ frame  frame=1018                                 383 ms",
        "│     ⋯ 21 more of frame  83.3 ms each, 1.75 s in all",
        "│     +1.90 s  WARN   frame 1018 took 4x the median",
        "├─ encode  codec=prores                                 900 ms",
        "│  ╰─ ffmpeg  ⇢ ffmpeg pid 4377  process.exit.code=0    860 ms",
        "╰─ ✗ copy_to_server  PermissionError                    1.24 s",
        "      +3.50 s  WARN   retrying in 0.5 s",
        "      +4.30 s  ERROR  " + STACK.splitlines()[-1],
        "               at /pipe/publish.py:42 in copy_to_server",
    ]
    assert _text(footer(trace)) == "   30 spans · 2 failed · 3 log records · 2 processes"


def test_everything_means_every_span_attribute_and_stack_line() -> None:
    lines = _tree(a_failed_publish(), everything=True)
    assert sum("─ frame " in line for line in lines) == 24
    assert any('File "/pipe/publish.py", line 118, in publish' in line for line in lines)
    assert any(line.endswith("error.type PermissionError") for line in lines)
    assert not any("⋯" in line for line in lines)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    story = Story()
    root = story.span("n" * 300, took=50, attributes={"key": "v" * 500})
    for number in range(40):
        root = story.span(f"level {number} " + "東" * 30, took=40, parent=root)
    story.log("b" * 500, span=root, at=3, severity=17)
    view = View(now_ns=NOW, width=width, bars=True)
    trace = story.book.trace(TRACE)
    for line in (*heading(trace, view), *tree_lines(trace, view)):
        assert line_width(line) <= width, _text(line)


def test_the_bar_of_a_span_lies_where_it_ran() -> None:
    story = Story()
    root = story.span("root", took=1000)
    story.span("second half", at=500, took=500, parent=root)
    lines = [
        _text(line) for line in tree_lines(story.book.trace(TRACE), View(now_ns=NOW, width=100, bars=True))
    ]
    whole, half = lines
    assert whole.count("━") == pytest.approx(2 * half.count("━"), abs=2)
    assert len(whole) == len(half) == 100
    assert half.index("━") > whole.index("━")


def test_states_are_marked_and_told_in_words() -> None:
    story = Story()
    alive = story.new_run(alive=True)
    root = story.span("session", took=None)
    story.span("cancelled", parent=root, at=1, attributes={"tool.outcome": "cancelled"})
    story.new_run(pid=99)
    story.span("killed", parent=root, at=2, took=None)
    lines = _tree(story.book)
    assert lines[0].startswith("▶ session  running")
    assert lines[1].startswith("├─ cancelled  cancelled")
    assert lines[2].startswith("╰─ ■ killed  interrupted  ⇢ publisher pid 99")
    assert "≥ " in lines[2]
    assert alive.alive


def test_a_change_of_context_inside_is_shown_where_it_happens() -> None:
    story = Story()
    story.context = {"production.project": "demo", "production.shot": "sh0100"}
    root = story.span("batch", took=10)
    story.span("same", parent=root, at=1)
    story.context = {"production.project": "demo", "production.shot": "sh0200"}
    story.span("other", parent=root, at=2)
    _, same, other = _tree(story.book)
    assert "sh0" not in same
    assert "sh0200" in other
    assert "demo" not in other


def test_links_events_and_missing_parents_are_shown() -> None:
    story = Story()
    story.span(
        "task", took=9, parent=777,
        links=(SpanLink(0xABC << 100, 5, "", {"clientobs.link.kind": "submission"}),),
        events=(SpanEvent("checkpoint", T0 + 4 * MS, {"step": 3}),),
    )  # fmt: skip
    task, link, event = _tree(story.book)
    assert "(its parent is not in this journal)" in task
    assert link.strip() == f"→ linked to trace {0xABC << 100:032x}  submission"
    assert event.strip() == "+4.00 ms  ◆ checkpoint  step=3"


def test_an_exception_that_is_both_event_and_log_is_told_once() -> None:
    story = Story()
    attributes = {"exception.type": "ValueError", "exception.message": "bad frame"}
    span = story.span("work", events=(SpanEvent("exception", T0, attributes),), status=2)
    story.log(None, span=span, severity=17, event="exception", attributes=attributes)
    assert sum("bad frame" in line for line in _tree(story.book)) == 1


def test_the_reason_of_a_failure_is_broken_into_lines_rather_than_cut() -> None:
    story = Story()
    words = " ".join(f"word{number}" for number in range(16))
    attributes = {"exception.type": "studio.publish.errors.EncoderError", "exception.message": words}
    story.log(None, span=story.span("work"), severity=17, event="exception", attributes=attributes)
    story.log(words, span=story.span("more"), severity=9)
    lines = _tree(story.book, width=60, bars=True)
    failed = [line for line in lines if "word" in line and "INFO" not in line]
    assert failed[0].strip().startswith("+0 ns  ERROR  EncoderError: word0 ")
    assert " ".join(" ".join(failed).split()).endswith(words)
    assert sum("INFO" in line and line.endswith("…") for line in lines) == 1
    assert max(map(len, lines)) <= 60


def test_escape_sequences_in_names_values_and_bodies_do_not_reach_the_terminal() -> None:
    story = Story()
    evil = "x\x1b[2J\x1b]0;title\x07\u202e"
    story.run.resource["service.name"] = evil
    story.context = {"production.shot": evil}
    span = story.span(evil, attributes={evil: evil, "error.type": evil}, status=2, message=evil)
    story.log(evil + "\nline", span=span, attributes={"exception.type": evil, "exception.stacktrace": evil})
    story.span("short", parent=span, attributes={evil: evil})
    trace = story.book.trace(TRACE)
    for everything in (False, True):
        view = View(now_ns=NOW, everything=everything)
        lines = [*heading(trace, view), *tree_lines(trace, view), footer(trace), summary_line(trace, view)]
        text = "\n".join(map(_text, lines))
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text


def test_a_storm_of_siblings_keeps_the_failed_and_the_slowest() -> None:
    story = Story()
    root = story.span("loop", took=20_000)
    for number in range(5000):
        story.span(
            "read" if number % 2 else "write", at=number, took=400 if number == 4001 else 1, parent=root,
            status=2 if number == 3000 else 0, attributes={"n": number},
        )  # fmt: skip
    lines = _tree(story.book)
    assert len(lines) < 20
    assert any("n=4001" in line for line in lines)
    assert any("✗ write" in line and "n=3000" in line for line in lines)
    assert any("⋯ 2,497 more of read" in line for line in lines)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("/usr/lib/python3.11/pathlib.py", ", raised in pathlib.py:1044 in open"),
        # A wrapper of ours says nothing, also where clientobs lies in a folder of the studio's.
        ("/mnt/tools/clientobs/instruments/files/opens.py", ""),
    ],
)
def test_the_tools_own_line_is_told_before_the_librarys_that_raised(raised: str, told: str) -> None:
    stack = (
        'Traceback (most recent call last):\n  File "/pipe/convert.py", line 7, in convert\n'
        f'  File "{raised}", line 1044, in open\nFileNotFoundError: x\n'
    )
    story = Story()
    span = story.span("convert", status=2)
    attributes = {
        "exception.type": "FileNotFoundError",
        "exception.message": "x",
        "exception.stacktrace": stack,
    }
    story.log("failed", span=span, severity=17, attributes=attributes)
    assert any(line.endswith(f"at /pipe/convert.py:7 in convert{told}") for line in _tree(story.book))


def test_many_names_many_logs_and_many_roots_stay_on_one_screen() -> None:
    story = Story()
    for root_number in range(200):
        root = story.span(f"root {root_number}", at=root_number)
        for number in range(50):
            story.span(f"name {root_number}.{number}", parent=root, at=root_number)
            story.log(f"line {number}", span=root, at=root_number, severity=17 if number == 25 else 9)
    lines = _tree(story.book)
    assert len(lines) <= 302
    assert any("line 25" in line for line in lines)
    assert any("more log lines" in line for line in lines)


def test_an_endless_recursion_is_drawn_down_to_a_bound() -> None:
    story = Story()
    parent = 0
    for number in range(20_000):
        parent = story.span("recurse", parent=parent, at=number / 1000)
    lines = _tree(story.book)
    assert len(lines) < 40
    assert "⋯ 19,975 more spans" in lines[-1]


@pytest.mark.parametrize("name", ["hero_disp.exr", "레이아웃_v001.ma"])
def test_a_path_that_does_not_fit_is_cut_at_its_front(name: str) -> None:
    path = f"/mnt/nas/{'deep/' * 30}{name}"
    pieces = attribute_pieces({"file.operation": "open", "file.path": path}, 60)
    text = "".join(piece for piece, _ in pieces)
    assert text.startswith("  file.operation=open  file.path=…")
    assert text.endswith(f"/{name}")
    assert cell_width(text) <= 60
    assert "file.path" not in "".join(piece for piece, _ in attribute_pieces({"file.path": path}, 20))


@pytest.mark.parametrize(
    ("program", "first"), [("/opt/ffmpeg/bin/ffmpeg", ""), ("D:\\tools\\ffmpeg", ""), ("sh", "sh ")]
)
def test_a_command_is_told_by_its_arguments_and_not_by_its_name_again(program: str, first: str) -> None:
    story = Story()
    facts = {
        "process.executable.name": "ffmpeg",
        "process.executable.path": program,
        "process.command_args": [program, "-i", "plate v2.exr"],
        "process.launcher": "subprocess.Popen",
        "process.pid": 4378,
    }
    story.span("ffmpeg", took=40, attributes=facts)
    (line,) = _tree(story.book)
    assert line.startswith(f"ffmpeg  {first}-i 'plate v2.exr'  process.pid=4378  ")


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.3, "  file.io.time=300 ms  file.io.slowest.path=/nas/hero.exr"), (0.05, "")]
)
def test_the_sums_of_files_stand_beside_the_name_where_they_are_why_it_was_slow(
    seconds: float, told: str
) -> None:
    story = Story()
    sums = {"file.io.operations": 9, "file.io.time": seconds, "file.io.slowest.path": "/nas/hero.exr"}
    story.span("load", took=1000, attributes=sums)
    (line,) = _tree(story.book)
    assert line.rpartition("   ")[0].rstrip() == f"load{told}"
    assert any(line.endswith("file.io.operations 9") for line in _tree(story.book, everything=True))


def test_a_file_that_was_missing_stands_beside_the_name() -> None:
    story = Story()
    sums = {"file.io.time": 1e-5, "file.io.missing": ["{proj}/textures/wood.exr"]}
    story.span("load", took=1000, attributes=sums | {"file.io.failures": ["ENOENT mkdir /nas/probed"]})
    assert _tree(story.book) == ["load  file.io.missing=[{proj}/textures/wood.exr]    1.00 s"]


def test_a_command_that_does_not_fit_is_cut_at_its_front() -> None:
    words = [*["-loglevel"] * 20, "/nas/sh0040.1001.png"]
    (_, _, (text, _)) = attribute_pieces({"process.command_args": words, "process.pid": 4378}, 60)
    assert text.startswith("…")
    assert text.endswith(" -loglevel /nas/sh0040.1001.png")
    assert cell_width(text) == 58


def test_a_command_without_arguments_takes_no_place() -> None:
    pieces = attribute_pieces({"process.command_args": [], "process.pid": 4378}, 60)
    assert "".join(text for text, _ in pieces) == "  process.pid=4378"


def test_everything_has_the_production_context_of_each_span_and_seconds_with_their_unit() -> None:
    story = Story()
    story.context = {"production.shot": "sh0040"}
    facts = {"file.io.mounts.time": [0.340547, 1.1938e-05]}
    story.span("copy", at=1, attributes=facts, parent=story.span("publish", took=9))
    lines = _tree(story.book, everything=True)
    assert sum(line.endswith("production.shot sh0040") for line in lines) == 2
    assert any(line.endswith("file.io.mounts.time [341 ms, 11.9 µs]") for line in lines)

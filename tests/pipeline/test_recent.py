"""The last things of a process: bounded, texts and numbers alone."""

from __future__ import annotations

from clientobs.pipeline.recent import LINES, Recent

STACK = """\
Traceback (most recent call last):
  File "/studio/publish.py", line 7, in press
    save()
  File "{ours}/record/span.py", line 3, in call
    inner()
ValueError: no plate
"""


def test_what_is_kept_does_not_grow() -> None:
    recent = Recent()
    for number in range(10_000):
        recent.log(number, 17, "ERROR", "x" * 100_000, "", {"exception.stacktrace": "y" * 100_000}, 1)
        recent.ended(number, "click", number, failed=False)
        recent.log(number, 13, "WARN", "said", "problem.report", {"problem.code": f"{number}"}, 0)
    assert (len(recent.lines), len(recent.errors), len(recent.errands)) == (LINES, 10, 8)
    assert list(recent.reports) == ["9996", "9997", "9998", "9999"]
    assert max(len(line.text) for line in (*recent.lines, *recent.errors)) <= 1_000


def test_only_texts_and_numbers_are_kept() -> None:
    recent = Recent()
    body = {"structured": [1, 2]}
    recent.log(1, 17, "ERROR", body, "", {}, 0)
    assert [line.text for line in recent.lines] == ["{'structured': [1, 2]}"]
    kept = {type(value) for line in (*recent.lines, *recent.errors) for value in line}
    assert kept == {int, str}


def test_how_every_session_begins_is_no_news() -> None:
    recent = Recent()
    recent.log(1, 9, "INFO", "started", "session.start", {}, 0)
    recent.log(2, 9, "INFO", "saved", "scene.saved", {}, 0)
    assert [line.text for line in recent.lines] == ["saved"]


def test_an_error_names_the_studios_own_frame() -> None:
    import clientobs  # noqa: PLC0415

    ours = clientobs.__path__[0]
    recent = Recent()
    told = {"exception.type": "ValueError", "exception.message": "no plate"}
    recent.log(1, 17, "ERROR", "failed", "", {**told, "exception.stacktrace": STACK.format(ours=ours)}, 0)
    (error,) = recent.errors
    assert error.text == 'failed: ValueError: no plate (File "/studio/publish.py", line 7, in press)'

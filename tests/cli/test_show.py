"""`clientobs show` on real journals: what is asked for is what is printed, on a pipe and on a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from clientobs.cli.follow import Follower
from clientobs.cli.main import DONE, WRONG, main
from clientobs.viewer.homes import runs_folder
from clientobs.viewer.recordings import Recordings
from viewer.recorder import Recorder, record_and_die
from viewer.story import TRACE, log_record, span_record

SOURCE = str(Path(__file__).parents[2] / "src")
GOOD = 0x77 << 120


@pytest.fixture
def recorded(home: Path) -> Recorder:
    run = Recorder(home)
    context = run.context(production_project="demo", production_shot="sh0100")
    run.span(
        span_record(1, "publish", took=4000, status=2, context=context, attributes={"error.type": "OSError"})
    )
    run.log(log_record("no space left", span=1, severity=17, at=3999, context=context))
    run.span(span_record(2, "open_scene", trace=GOOD, at=60_000, took=900))
    run.close()
    return run


def test_the_last_trace_is_shown_without_colours_on_a_pipe(
    recorded: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show"]) == DONE
    out = capsys.readouterr().out
    assert "open_scene" in out
    assert "publish " not in out
    assert "\x1b" not in out


def test_failed_list_and_id_select(recorded: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--failed"]) == DONE
    failed = capsys.readouterr().out
    assert "✗ publish  OSError" in failed
    assert "no space left" in failed
    assert "demo / sh0100" in failed
    assert main(["show", "--list"]) == DONE
    first, second = capsys.readouterr().out.splitlines()
    assert "publish  OSError" in first
    assert "open_scene" in second
    assert main(["show", f"{TRACE:032x}"[:8]]) == DONE
    assert "publish" in capsys.readouterr().out
    assert main(["show", "ffffffff"]) == WRONG
    assert "nothing is known of 'ffffffff'" in capsys.readouterr().err


def test_a_number_bounds_and_the_rest_is_told(recorded: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", recorded.session, "-n", "1"]) == DONE
    out = capsys.readouterr().out
    assert "open_scene" in out
    assert "1 earlier trace not shown" in out


def test_json_holds_all_of_it(recorded: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", f"{TRACE:032x}", "--json"]) == DONE
    (trace,) = json.loads(capsys.readouterr().out)["traces"]
    (span,) = trace["spans"]
    assert trace["trace"] == f"{TRACE:032x}"
    assert (trace["state"], trace["duration_ns"]) == ("failed", 4_000_000_000)
    assert span["context"] == {"production.project": "demo", "production.shot": "sh0100"}
    assert span["logs"][0]["body"] == "no space left"
    assert span["start"] == "2026-11-18T11:06:40.000000000Z"
    assert trace["runs"][0]["resource"]["host.name"] == "ws-12"


def test_values_that_json_lacks_are_given_as_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Recorder(home)
    run.span(
        span_record(1, "odd \x1b[2J\x7f", attributes={"raw": b"\xff", "bad": float("nan"), "s": "\ud800"})
    )
    run.close()
    assert main(["show", "--json"]) == DONE
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert "\x7f" not in out
    (span,) = json.loads(out)["traces"][0]["spans"]
    assert span["attributes"] == {"raw": "/w==", "bad": "nan", "s": "\ud800"}


def _surroundings(home: Path) -> dict[str, str]:
    ours = {"PYTHONPATH": SOURCE, "CLIENTOBS_HOME": str(home), "TERM": "xterm-256color"}
    return {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}} | ours


def _on_terminal(home: Path, *words: str, columns: int = 120, **environ: str) -> str:
    """Run the command on a terminal of its own and return what the terminal got."""
    import pty  # noqa: PLC0415  # POSIX only

    pid, fd = pty.fork()
    if pid == 0:
        surroundings = {**_surroundings(home), "COLUMNS": str(columns), **environ}
        os.execvpe(sys.executable, [sys.executable, "-m", "clientobs.cli.main", *words], surroundings)
    pieces = []
    try:
        while piece := os.read(fd, 65536):
            pieces.append(piece)
    except OSError:
        pass  # Linux says EIO where the other end has closed
    os.close(fd)
    os.waitpid(pid, 0)
    return b"".join(pieces).decode("utf-8")


terminal_only = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")


@terminal_only
def test_a_terminal_gets_colours_and_a_time_line_as_wide_as_it_is(recorded: Recorder, home: Path) -> None:
    text = _on_terminal(home, "show", "--failed")
    assert "\x1b[1;31m" in text
    assert "━━━━━━━━━━" in text
    rule = next(line for line in text.splitlines() if "──" in line)
    assert len(_plain(rule)) == 120


@terminal_only
def test_no_color_is_respected_and_a_dumb_terminal_gets_plain_text(recorded: Recorder, home: Path) -> None:
    text = _on_terminal(home, "show", NO_COLOR="1")
    assert "[31m" not in text
    assert "[34m" not in text
    assert "━" in text
    assert "\x1b" not in _on_terminal(home, "show", TERM="dumb")


def _plain(text: str) -> str:
    import re  # noqa: PLC0415

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).rstrip("\r\n")


def test_a_stream_that_cannot_draw_gets_letters(recorded: Recorder, home: Path) -> None:
    environ = _surroundings(home) | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "clientobs.cli.main", "show", "--failed"],
        env=environ, capture_output=True, check=True,
    )  # fmt: skip
    assert b"x publish  OSError" in done.stdout
    assert done.stdout.isascii()


def test_following_tells_each_trace_once_when_it_is_complete(home: Path) -> None:
    run = Recorder(home)
    run.span(span_record(1, "before", trace=GOOD))
    follower = Follower(Recordings(runs_folder(str(home))))
    assert follower.completed() == []
    run.start(span_record(2, "root", took=None))
    run.span(span_record(3, "child", parent=2, at=1))
    assert follower.completed() == []
    assert [trace.trace_id for trace in follower.open()] == [TRACE]
    run.end(span_record(2, "root", took=9))
    (trace,) = follower.completed()
    assert sorted(span.record.name for span in trace.walk()) == ["child", "root"]
    assert follower.completed() == []
    assert follower.open() == []
    run.close()


def test_following_tells_a_killed_run_as_interrupted(home: Path) -> None:
    Recorder(home).span(span_record(9, "first", trace=GOOD))
    follower = Follower(Recordings(runs_folder(str(home))))
    record_and_die(home, "run.start(span_record(1, 'render', took=None))")
    (trace,) = follower.completed()
    assert trace.state == "interrupted"


def test_following_on_a_pipe_prints_a_line_a_trace(home: Path) -> None:
    run = Recorder(home)
    run.span(span_record(1, "before", trace=GOOD))
    environ = _surroundings(home)
    with subprocess.Popen(
        [sys.executable, "-m", "clientobs.cli.main", "show", "--follow", "--json"],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        lines: list[bytes] = []
        reader = threading.Thread(target=lambda: lines.append(child.stdout.readline()), daemon=True)  # type: ignore[union-attr]
        reader.start()
        deadline = time.monotonic() + 30
        number = 10
        # What is recorded before it has begun to follow is not told: go on until something is.
        while not lines and time.monotonic() < deadline:
            number += 1
            run.span(span_record(number, "during", trace=number << 64))
            reader.join(0.1)
        child.kill()
        child.communicate()
    run.close()
    assert json.loads(lines[0])["spans"][0]["name"] == "during"


def test_following_before_anything_is_recorded_waits_for_the_first_trace(home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "clientobs.cli.main", "show", "--follow", "--json"],
        env=_surroundings(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        watchdog = threading.Timer(30, child.kill)
        watchdog.start()
        told = child.stderr.readline()
        run = Recorder(home)
        run.span(span_record(1, "the very first", trace=GOOD))
        run.close()
        line = child.stdout.readline()
        watchdog.cancel()
        child.kill()
        child.communicate()
    assert b"nothing has been recorded yet; waiting" in told
    assert json.loads(line)["spans"][0]["name"] == "the very first"


@terminal_only
def test_following_on_a_terminal_draws_what_is_open(home: Path) -> None:
    # The terminal has no size, as one has that nobody looks at: 0 rows must not crop everything away.
    run = Recorder(home)
    run.start(span_record(1, "rendering now", took=None))
    import pty  # noqa: PLC0415  # POSIX only

    pid, fd = pty.fork()
    if pid == 0:
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # ignored where a shell has these tests in the background
        command = [sys.executable, "-m", "clientobs.cli.main", "show", "-f"]
        os.execvpe(sys.executable, command, _surroundings(home))
    seen = b""
    try:
        while b"rendering now" not in seen:
            seen += os.read(fd, 65536)
        os.write(fd, b"\x03")
        while piece := os.read(fd, 65536):
            seen += piece
    except OSError:
        pass  # Linux says EIO where the other end has closed
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    run.close()
    assert os.waitstatus_to_exitcode(status) == 130
    assert b"running" in seen
    assert b"Traceback" not in seen

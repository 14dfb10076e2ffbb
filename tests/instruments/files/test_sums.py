"""The sums of a span hold all that happened under it, and what is said of a file goes where the file goes."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace

import clientobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from instruments.files.conftest import Studio


def touch(studio: Studio, name: str) -> None:
    (studio.disk / name).write_bytes(b"x" * 100)


def test_sums_go_up_through_spans_that_touched_no_file_themselves(studio: Studio) -> None:
    with clientobs.span("publish"), clientobs.span("export"), clientobs.span("frames"):
        for name in ("a", "b"):
            with clientobs.span("frame"):
                touch(studio, name)
    found = studio.recorded()
    assert [found.span(name).attributes["file.io.written"] for name in ("frames", "export", "publish")] == [
        200
    ] * 3


def test_work_on_other_threads_is_in_the_sums_of_the_span_that_waits_for_it(studio: Studio) -> None:
    def work(name: str, around: Any) -> None:
        token = context.attach(around)
        with clientobs.span("worker"):
            touch(studio, name)
        context.detach(token)

    with clientobs.span("load"):
        around = context.get_current()
        threads = [threading.Thread(target=work, args=(f"t{number}", around)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    summary = studio.summary("load")
    assert (summary["file.io.opened"], summary["file.io.written"]) == (8, 800)


def test_a_child_that_is_ended_by_hand_while_another_span_is_current_is_in_the_sums(studio: Studio) -> None:
    tracer = trace.get_tracer("studio")
    with clientobs.span("session"):
        touch(studio, "first")
        child = tracer.start_span("child")
        with trace.use_span(child, end_on_exit=False):
            touch(studio, "second")
        with clientobs.span("elsewhere"):
            child.end()
    found = studio.recorded()
    assert found.span("child").attributes["file.io.written"] == 100
    assert found.span("session").attributes["file.io.written"] == 200
    assert "file.io.written" not in found.span("elsewhere").attributes


def test_a_child_that_outlives_its_parent_keeps_its_sums_to_itself(studio: Studio) -> None:
    tracer = trace.get_tracer("studio")
    with clientobs.span("parent"):
        touch(studio, "first")
        child = tracer.start_span("child")
    with trace.use_span(child, end_on_exit=True):
        touch(studio, "late")
    found = studio.recorded()
    assert found.span("parent").attributes["file.io.written"] == 100
    assert found.span("child").attributes["file.io.written"] == 100


def empty(path: Any) -> None:
    open(path, "wb").close()


MOVES: dict[str, Callable[[Any, Any], Any]] = {
    "os.rename": lambda old, new: os.rename(str(old), str(new)),
    "os.replace": lambda old, new: os.replace(str(old), str(new)),
    "pathlib": lambda old, new: old.rename(new),
    "shutil.move": lambda old, new: shutil.move(str(old), str(new)),
}


@pytest.mark.parametrize("way", MOVES)
@pytest.mark.parametrize("in_a_child_span", [False, True])
def test_what_is_said_of_a_file_goes_to_its_new_name(studio: Studio, way: str, in_a_child_span: bool) -> None:
    old, new = studio.disk / "frame.part", studio.disk / "frame.exr"
    with clientobs.span("render"):
        empty(old)
        if in_a_child_span:
            with clientobs.span("put in place"):
                MOVES[way](old, new)
        else:
            MOVES[way](old, new)
    assert studio.summary("render")["file.io.empty"] == [str(new)]


ENDS: dict[str, Callable[[Any], Any]] = {
    "os.remove": lambda folder: os.remove(str(folder / "a")),
    "pathlib": lambda folder: (folder / "a").unlink(),
    "rmtree": lambda folder: shutil.rmtree(folder),  # noqa: PLW0108  # looked up when it is called: patched then
}


@pytest.mark.parametrize("way", ENDS)
@pytest.mark.parametrize("in_a_child_span", [False, True])
def test_nothing_is_said_of_a_file_that_is_gone(studio: Studio, way: str, in_a_child_span: bool) -> None:
    folder = studio.disk / "scratch"
    folder.mkdir()
    with clientobs.span("work"):
        empty(folder / "a")
        if in_a_child_span:
            with clientobs.span("tidy"):
                ENDS[way](folder)
        else:
            ENDS[way](folder)
    assert "file.io.empty" not in studio.summary("work")


def test_a_temporary_folder_leaves_nothing_to_say(start: Callable[..., Studio], folders: Studio) -> None:
    studio = start(roots={"proj": {"linux": str(folders.nas), "macos": str(folders.nas)}})
    with clientobs.span("publish"), tempfile.TemporaryDirectory(dir=studio.disk) as scratch:
        with open(os.path.join(scratch, "preview.jpg"), "wb") as file:
            file.write(b"x")
        empty(os.path.join(scratch, "lock"))
    assert not {"file.io.outside_roots", "file.io.empty"} & studio.summary("publish").keys()


def test_a_file_beside_a_folder_that_is_gone_is_still_spoken_of(studio: Studio) -> None:
    (studio.disk / "ab").mkdir()
    with clientobs.span("work"):
        empty(studio.disk / "abc")
        shutil.rmtree(studio.disk / "ab")
    assert studio.summary("work")["file.io.empty"] == [str(studio.disk / "abc")]

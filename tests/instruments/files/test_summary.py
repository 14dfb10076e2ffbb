"""What a span tells of the files under it, and what gets a span of its own."""

from __future__ import annotations

import builtins
import io
import os
import shutil
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from instruments.files.conftest import Studio


def test_a_quick_success_is_no_span(studio: Studio) -> None:
    with clientobs.span("load"):
        (studio.disk / "a").write_text("x")
        (studio.disk / "a").read_text()
        os.stat(studio.disk / "a")
    assert [span.name for span in studio.recorded().spans] == ["load"]


def test_work_without_files_has_no_summary(studio: Studio) -> None:
    with clientobs.span("think") as span:
        sum(range(100))
        assert "end" not in vars(span)
    assert not [key for key in studio.summary("think") if key.startswith("file.")]


def test_the_sums_of_child_spans_are_in_their_parent_s(studio: Studio) -> None:
    with clientobs.span("publish"):
        open(studio.disk / "a", "w").close()
        with clientobs.span("export"), open(studio.nas / "b", "wb") as file:
            file.write(b"x" * 5000)
    found = studio.recorded()
    inner, outer = (dict(found.span(name).attributes) for name in ("export", "publish"))
    assert inner["file.io.opened"] == 1
    assert outer["file.io.opened"] == 2
    assert outer["file.io.written"] == 5000
    by_mount = dict(zip(outer["file.io.mounts"], outer["file.io.mounts.written"], strict=True))
    assert by_mount[str(studio.nas)] == 5000
    assert sorted(outer["file.io.mounts.kind"]) == ["local", "network"]
    assert outer["file.io.network.time"] > 0


def test_on_network_storage_each_file_is_measured(studio: Studio) -> None:
    path = studio.nas / "small"
    path.write_bytes(b"1234567890")
    with clientobs.span("many"):
        for _ in range(40):
            path.read_bytes()
    summary = studio.summary("many")
    assert summary["file.io.read"] == 400
    assert "file.io.read.estimated" not in summary


def test_what_happens_outside_every_span_is_in_the_metrics_alone(studio: Studio) -> None:
    (studio.disk / "a").write_bytes(b"x" * 100)
    found = studio.recorded()
    assert found.spans == []
    durations = points_of(found, "file.operation.duration")
    assert {"open"} <= {point[0]["file.operation"] for point in durations}
    sizes = [
        point for point in points_of(found, "file.operation.size") if point[0]["file.operation"] == "write"
    ]
    assert sizes[0][1][:2] == (1, 100), "one file, and its very bytes"
    assert all("a" not in str(point[0].values()).split(os.sep)[-1:] for point in durations)


def test_a_file_that_is_open_when_metrics_are_written_is_not_lost_to_them(studio: Studio) -> None:
    with open(studio.disk / "a", "wb") as file:
        registry.tick()
        file.write(b"x" * 100)
    sizes = points_of(studio.recorded(), "file.operation.size")
    assert [point[1][0] for point in sizes if point[0]["file.operation"] == "write"] == [1]


def points_of(found: Any, name: str) -> list[Any]:
    return [point for record in found.metrics for row in record.metrics if row[1] == name for point in row[6]]


def test_a_slow_operation_has_a_span_with_its_own_times(
    start: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_down(monkeypatch, 0.02)
    studio = start(slow_network=0.01)
    (studio.disk / "tex.exr").write_bytes(b"x")
    with clientobs.span("load"):
        with open(studio.nas / "tex.exr", "wb") as file:
            file.write(b"x" * 10)
        with open(studio.disk / "tex.exr", "rb") as file:
            file.read()
    found = studio.recorded()
    slow, load = found.span("file open"), found.span("load")
    assert slow.attributes["file.path"] == str(studio.nas / "tex.exr")
    assert slow.attributes["storage.mount"] == str(studio.nas)
    assert slow.parent_id == load.span_id
    assert slow.end_ns - slow.start_ns >= 20_000_000
    assert load.attributes["file.io.slowest.path"] == str(studio.nas / "tex.exr")
    assert slow.status == 0


def slow_down(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Put a NAS that takes its time below everything: before the instrument, so that it is what is measured."""
    original, pause = open, threading.Event()

    def slow(file: Any, *args: Any, **kwargs: Any) -> Any:
        if "nas" in str(file):
            pause.wait(seconds)
        return original(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", slow)
    monkeypatch.setattr(io, "open", slow)


def test_reads_and_writes_on_a_nas_have_their_bytes_and_times(studio: Studio) -> None:
    path = studio.nas / "cache.bin"
    with clientobs.span("sim"):
        with open(path, "wb") as file:
            file.writelines(b"x" * 20_000 for _ in range(4))
        with open(path, "rb") as file:
            while file.read(16_384):
                pass
        with open(path, "rb") as file:
            file.read()
    found = studio.recorded()
    summary = found.span("sim").attributes
    assert (summary["file.io.written"], summary["file.io.read"]) == (80_000, 160_000)
    operations = {point[0]["file.operation"] for point in points_of(found, "file.operation.duration")}
    assert {"open", "read", "write", "close"} <= operations


def test_each_file_of_a_folder_on_a_nas_is_counted_with_its_bytes(studio: Studio) -> None:
    for number in range(5):
        (studio.nas / f"{number}.cache").write_bytes(b"x" * 1000)
    with clientobs.span("load"):
        for number in range(5):
            with open(str(studio.nas / f"{number}.cache"), "rb") as file:
                file.read()
    summary = studio.summary("load")
    assert (summary["file.io.opened"], summary["file.io.read"]) == (5, 5000)
    assert summary["file.io.operations"] >= 15, "an open, a read and a close each"


def test_descriptors_on_a_nas_are_followed_and_no_others(studio: Studio) -> None:
    before = os.read
    local = os.open(studio.disk / "a", os.O_CREAT | os.O_RDWR)
    assert os.read is before
    with clientobs.span("raw"):
        remote = os.open(studio.nas / "a", os.O_CREAT | os.O_RDWR)
        assert os.write(remote, b"12345") == 5
        os.lseek(remote, 0, os.SEEK_SET)
        assert os.read(remote, 3) == b"123"
        os.write(local, b"not counted")
        os.close(remote)
        again = os.open(studio.disk / "b", os.O_CREAT | os.O_RDWR)
        os.write(again, b"nor is this: the number is that of the closed one")
    os.close(local)
    os.close(again)
    summary = studio.summary("raw")
    assert (summary["file.io.read"], summary["file.io.written"]) == (3, 5)
    assert os.read is before


def test_a_folder_on_a_nas_is_timed_to_its_last_entry(studio: Studio) -> None:
    for number in range(30):
        (studio.nas / f"f{number}").touch()
    with clientobs.span("scan"):
        with os.scandir(studio.nas) as entries:
            assert len([entry.name for entry in entries]) == 30
        assert sum(len(files) for _, _, files in os.walk(studio.nas)) == 30
    operations = {
        point[0]["file.operation"] for point in points_of(studio.recorded(), "file.operation.duration")
    }
    assert "readdir" in operations


def test_on_local_storage_scandir_gives_the_system_s_own_iterator(studio: Studio) -> None:
    with os.scandir(studio.disk) as ours:
        found = type(ours)
    clientobs.shutdown()
    with os.scandir(studio.disk) as theirs:
        assert found is type(theirs)


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_the_budget_of_a_trace_bounds_its_spans_and_says_so(start: Callable[..., Studio]) -> None:
    studio = start(spans_per_trace=3, slow_network=0.001, slow_local=0.001)
    pause = threading.Event()
    with clientobs.span("many"):
        for number in range(6):
            os.mkfifo(studio.disk / f"pipe{number}")
            opener = threading.Timer(0.01, lambda n=number: open(studio.disk / f"pipe{n}", "wb").close())
            opener.start()
            open(studio.disk / f"pipe{number}", "rb").close()
            opener.join()
    pause.set()
    found = studio.recorded()
    many = found.span("many")
    # The other ends of the pipes are opened outside of it, and on a busy machine as slowly.
    assert len([span for span in found.spans if span.trace_id == many.trace_id and span is not many]) <= 4
    assert many.attributes["file.io.spans_dropped"] >= 2


def test_an_application_with_windows_is_told_of_long_operations_on_its_main_thread(
    start: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    widgets = types.ModuleType("PySide6.QtWidgets")
    application = type("QApplication", (), {"platformName": lambda self: "xcb"})
    application.instance = staticmethod(application)  # type: ignore[attr-defined]
    widgets.QApplication = application  # type: ignore[attr-defined]
    slow_down(monkeypatch, 0.03)
    studio = start()
    for name in ("a-nas", "b-nas"):
        (studio.disk / name).touch()
    with clientobs.span("quiet"):
        open(studio.disk / "a-nas").close()
    monkeypatch.setitem(sys.modules, "PySide6.QtWidgets", widgets)
    with clientobs.span("window"):
        open(studio.disk / "b-nas").close()
    slow = [span for span in studio.recorded().spans if span.name == "file open"]
    assert [os.path.basename(span.attributes["file.path"]) for span in slow] == ["b-nas"]


def _calls_of_a_nas(path: str) -> Iterator[Callable[[], object]]:
    folder = os.path.dirname(path)
    if hasattr(os, "statvfs"):
        yield lambda: os.statvfs(folder)
        yield lambda: shutil.disk_usage(folder)
        yield lambda: os.chown(path, -1, -1)
        yield lambda: os.lchown(path, -1, -1)
    if hasattr(os, "listxattr"):
        yield lambda: os.listxattr(folder)
    yield lambda: os.chdir(folder)


def test_each_metadata_call_that_a_server_answers_is_counted(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(studio.disk)
    (studio.nas / "a").touch()
    calls = list(_calls_of_a_nas(str(studio.nas / "a")))
    for number, call in enumerate(calls):
        with clientobs.span(f"call {number}"):
            call()
    monkeypatch.chdir(studio.disk)
    found = studio.recorded()
    counted = [
        found.span(f"call {number}").attributes.get("file.io.operations") for number in range(len(calls))
    ]
    assert counted == [1] * len(calls)

"""What C++ does with files by itself is not seen, as the docstring of the instrument says: shown with USD.

It runs where usd-core is installed (the dependency group `native`; the nox session `transparency` installs it).
The process's own counters see it all the same, and these the drain reads: tests/drain/metrics/test_processes.py.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import clientobs.instruments.files
from support.programs import answer_of
from support.readback import seen

with_usd = pytest.mark.skipif(
    importlib.util.find_spec("pxr") is None, reason="needs usd-core: the group `native`, 200 MB installed"
)

PROGRAM = """
    import json, os, sys
    import psutil
    from pxr import Sdf, Usd, UsdGeom
    import clientobs

    clientobs.init("usd-export")
    path = sys.argv[1]
    before = psutil.Process().io_counters()
    with clientobs.span("save stage"):
        stage = Usd.Stage.CreateNew(path)
        points = UsdGeom.Points.Define(stage, "/points")
        points.CreatePointsAttr([(n, n * 1.7, n * 0.3) for n in range(100_000)])
        stage.GetRootLayer().Save()
        del stage, points
    written = psutil.Process().io_counters().write_chars - before.write_chars
    with clientobs.span("open stage"):
        stage = Usd.Stage.Open(path)
        assert len(UsdGeom.Points.Get(stage, "/points").GetPointsAttr().Get()) == 100_000
        try:
            Usd.Stage.Open(path + ".missing.usdc")
        except Exception:
            pass
    with clientobs.span("read in Python"):
        size = len(open(path, "rb").read())
    clientobs.shutdown()
    print(json.dumps([size, written]))
"""


@with_usd
def test_what_usd_reads_and_writes_is_not_seen_and_the_process_s_counters_have_it(
    home: Path, tmp_path: Path
) -> None:
    path = str(tmp_path / "points.usdc")
    size, written = answer_of(PROGRAM, path)
    found = seen(home)
    assert size > 100_000
    assert written >= size
    for name in ("save stage", "open stage"):
        told = found.span(name).attributes
        assert told.get("file.io.written", 0) < size
        assert told.get("file.io.read", 0) < size
        assert path not in str(told), (
            "it is seen now: the docstring, the docs and this test are to be changed"
        )
    assert found.span("read in Python").attributes["file.io.read"] == size
    assert found.span("read in Python").attributes["file.io.slowest.path"] == path


def test_the_docstring_and_the_docs_say_so() -> None:
    page = Path(__file__).parents[3] / "docs" / "explanation" / "file-io.md"
    for text in (clientobs.instruments.files.__doc__ or "", page.read_text(encoding="utf-8")):
        words = " ".join(text.split())
        assert "C and C++ open by themselves" in words
        assert all(name in words for name in ("OpenEXR", "USD", "Alembic", "process.io", "memory map"))

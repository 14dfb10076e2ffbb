"""Files that the interpreter closes as it ends, when hardly a name is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.programs import answer_of, run_program

if TYPE_CHECKING:
    from pathlib import Path


def test_files_closed_at_interpreter_shutdown_are_written(tmp_path: Path) -> None:
    program = """
        import sys, clientobs
        clientobs.init("t")
        kept = open(sys.argv[1], "w")
        kept.write("to the end")
        class Late:
            def __del__(self, open=open, path=sys.argv[1] + ".late"): open(path, "w").close()
        late = Late()
        print("null")
    """
    assert answer_of(program, str(tmp_path / "x"), flags=("-W", "ignore")) is None
    assert (tmp_path / "x").read_text() == "to the end"
    assert (tmp_path / "x.late").exists()


@pytest.mark.parametrize("mode", ["w", "wb", "r+"])
@pytest.mark.parametrize("folder", ["disk", "nas"])
def test_files_of_a_circle_that_outlives_every_module_are_written_once(
    tmp_path: Path, mode: str, folder: str
) -> None:
    program = """
        import sys, clientobs
        clientobs.init("t", files={"network": [sys.argv[3]]})
        class Holder: pass
        sys.kept = holder = Holder()
        holder.me, holder.file = holder, open(sys.argv[1], sys.argv[2])
        holder.file.write(b"once" if "b" in sys.argv[2] else "once")
        print("null")
    """
    path = tmp_path / folder / "x"
    path.parent.mkdir()
    path.touch()
    arguments = (str(path), mode, str(tmp_path / "nas"))
    assert answer_of(program, *arguments, flags=("-W", "ignore")) is None
    assert path.read_text() == "once"


def test_functions_that_somebody_kept_fail_as_ever_when_no_name_is_left(tmp_path: Path) -> None:
    program = """
        import os, sys, clientobs
        clientobs.init("t")
        class Late:
            calls = (open, os.stat, os.remove, os.listdir, os.scandir, os.rmdir)
            def __init__(self, path, write=os.write, error=FileNotFoundError):
                self.me, self.path, self.write, self.error = self, path, write, error
            def __del__(self):
                for call in self.calls:
                    try:
                        call(self.path)
                    except self.error:
                        self.write(1, b".")
        sys.kept = Late(sys.argv[1])
    """
    done = run_program(program, str(tmp_path / "absent"))
    assert done.stdout == "......", done.stderr


def test_a_file_that_is_opened_with_a_buffering_when_no_name_is_left_is_written(tmp_path: Path) -> None:
    program = """
        import sys, clientobs
        clientobs.init("t")
        class Late:
            def __init__(self, path, open=open): self.path, self.open = path, open
            def __del__(self):
                for buffering, mode in ((1, "w"), (1, "wb"), (512, "w")):
                    file = self.open(f"{self.path}-{buffering}-{mode}", mode, buffering)
                    file.write("late" if mode == "w" else b"late")
                    file.close()
        sys.kept = Late(sys.argv[1])
    """
    done = run_program(program, str(tmp_path / "x"), flags=("-W", "ignore"))
    assert done.stderr == ""
    names = ("x-1-w", "x-1-wb", "x-512-w")
    assert {path.name: path.read_text() for path in tmp_path.glob("x-*")} == dict.fromkeys(names, "late")

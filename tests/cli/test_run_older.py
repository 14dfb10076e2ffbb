"""Older Pythons under `clientobs run`, the 2.7 and 3.7 of locked shows: what they do and say is what they did and said.

Real interpreters where the machine has them. Everywhere, the file that they import is parsed by the grammar of
Python 2.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from clientobs.cli.run import PRELOAD

SOURCE = str(Path(__file__).parents[2] / "src")
SITECUSTOMIZE = Path(PRELOAD, "sitecustomize.py")
pytestmark = pytest.mark.skipif(
    os.name != "posix", reason="the interpreters are looked for where POSIX has them"
)

SCRIPTS = {
    "fine.py": "import sys\nprint(sys.argv[1:])\nsys.stdout.write(sys.stdin.readline())\n",
    "raises.py": "def bake(cache):\n    raise ValueError('no ' + cache)\nbake('cache')\n",
    "exits.py": "import sys\nsys.exit('no licence')\n",
    "code.py": "import sys\nsys.exit(42)\n",
    "syntax.py": "def bake(:\n",
    "killed.py": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "path.py": "import sys\nprint([entry for entry in sys.path if 'preload' in entry])\nprint(sorted(sys.modules))\n",
    "child.py": "import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-c', 'raise KeyError(1)']))\n",
    "own.py": "import sitecustomize, usercustomize\nprint(sitecustomize.STUDIO, usercustomize.STUDIO)\n",
    "odd.py": "import sys\nsys.stderr.write(repr(sys.argv[1]))\nimport warnings\nwarnings.warn('old')\n",
}
ARGUMENTS = {"fine.py": ["two words", "--", "-x"], "odd.py": ["h\udce9ros"]}


def older_pythons() -> list[Path]:
    managed = sorted(Path.home().glob(".pyenv/versions/[23].*/bin/python"))
    found = [*managed, *map(Path, ("/usr/bin/python2.7", "/usr/bin/python3.7"))]
    return [path for path in found if path.exists() and version_of(path) in ("2.7", "3.7")]


def version_of(python: Path) -> str:
    asked = [str(python), "-c", "import sys; print('%s.%s' % sys.version_info[:2])"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


OLDER = older_pythons()


@pytest.mark.skipif(not OLDER, reason="neither Python 2.7 nor 3.7 is installed here")
@pytest.mark.parametrize("python", OLDER, ids=lambda path: path.parents[1].name)
@pytest.mark.parametrize("script", [*SCRIPTS, "missing.py"])
def test_it_answers_and_fails_as_without_us(python: Path, script: str, tmp_path: Path) -> None:
    for name, source in SCRIPTS.items():
        (tmp_path / name).write_text(source)
    studio = tmp_path / "studio"
    studio.mkdir()
    for name in ("sitecustomize.py", "usercustomize.py"):
        (studio / name).write_text("STUDIO = 'ours'\n")
    command = [str(python), str(tmp_path / script), *ARGUMENTS.get(script, [])]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OTEL_"))}
    environ |= {
        "PYTHONPATH": str(studio),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CLIENTOBS_HOME": str(tmp_path / "home"),
    }
    assert outcome_of(under_us(command), environ) == outcome_of(command, environ)
    assert not (tmp_path / "home").exists()


def under_us(command: list[str]) -> list[str]:
    bootstrap = (
        f"import sys; sys.path.insert(0, {SOURCE!r}); from clientobs.cli.main import main; sys.exit(main())"
    )
    return [sys.executable, "-I", "-c", bootstrap, "run", "--", *command]


def outcome_of(command: list[str], environ: dict[str, str]) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        command, env=environ, input=b"a line\n", capture_output=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="lib2to3, which has that grammar, left Python with 3.13"
)
def test_the_preloaded_file_parses_by_the_grammar_of_python_2() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that lib2to3 is about to leave
        from lib2to3 import pygram, pytree  # noqa: PLC0415  # gone from 3.13 on
        from lib2to3.pgen2 import driver, parse  # noqa: PLC0415
    of_2 = driver.Driver(pygram.python_grammar, convert=pytree.convert)
    assert of_2.parse_string(SITECUSTOMIZE.read_text(encoding="ascii"))
    with pytest.raises(parse.ParseError):
        of_2.parse_string("print('x', file=log)\n")  # so it is that of Python 2, which has a statement there

"""`clientobs run` adds clientobs and changes nothing else: real interpreters, real signals, real pipes."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clientobs.cli.run import NOT_EXECUTABLE, NOT_FOUND, PRELOAD, environment_for, split

SOURCE = str(Path(__file__).parents[2] / "src")
SITECUSTOMIZE = Path(PRELOAD, "sitecustomize.py")
posix_only = pytest.mark.skipif(os.name != "posix", reason="exec, signals and file modes are POSIX here")

FAKE_CLIENTOBS = """
import os, sys

class Runtime:
    running, run, reason = True, "0" * 32, ""

def init():
    with open(os.environ["PROOF"], "a") as proof:
        proof.write("active %s\\n" % os.getpid())
    {more}
    return Runtime()
"""


@pytest.fixture
def studio(tmp_path: Path) -> dict[str, str]:
    """Return an environment where a stand-in for clientobs writes down each init()."""
    _write_clientobs(tmp_path, more="pass")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OTEL_"))}
    return {
        **environ,
        "PYTHONPATH": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PROOF": str(tmp_path / "proof"),
    }


def _write_clientobs(folder: Path, *, more: str) -> None:
    (folder / "clientobs" / "cli").mkdir(exist_ok=True, parents=True)
    (folder / "opentelemetry" / "sdk").mkdir(parents=True, exist_ok=True)
    (folder / "clientobs" / "__init__.py").write_text(FAKE_CLIENTOBS.format(more=more))
    (folder / "clientobs" / "cli" / "__init__.py").write_text("")
    (folder / "clientobs" / "cli" / "program.py").write_text("from clientobs import init as start\n")


def _command(*words: str) -> list[str]:
    # Isolated, so that the stand-in and the studio's start-up files are seen by the command alone.
    bootstrap = (
        f"import sys; sys.path.insert(0, {SOURCE!r})\nfrom clientobs.cli.main import main; sys.exit(main())"
    )
    return [sys.executable, "-I", "-c", bootstrap, "run", *words]


def _run(studio: dict[str, str], *words: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        _command(*words), env=studio, capture_output=True, timeout=60, check=False, **more
    )


def _active(studio: dict[str, str]) -> int:
    proof = Path(studio["PROOF"])
    return len(proof.read_text().splitlines()) if proof.exists() else 0


def test_python_and_the_pythons_it_starts_run_with_clientobs_active(studio: dict[str, str]) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'], check=True)"
    done = _run(studio, "--", sys.executable, "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert _active(studio) == 2


def test_arguments_streams_and_exit_code_pass_unchanged(studio: dict[str, str]) -> None:
    code = "import sys; print(sys.argv[1:]); print(sys.stdin.read(), file=sys.stderr); sys.exit(37)"
    words = ["--", "-x", "two words", "", "--help", "é"]
    done = _run(studio, "--", sys.executable, "-c", code, *words, input="über".encode())
    assert done.returncode == 37
    assert done.stdout.decode().strip() == repr(words)
    assert done.stderr.decode().strip() == "über"


@posix_only
def test_an_argument_that_is_not_text_passes_unchanged(studio: dict[str, str]) -> None:
    raw = b"\xff\xfe/sh0100"
    code = "import os, sys; sys.stdout.buffer.write(os.fsencode(sys.argv[1]))"
    done = subprocess.run(
        [*_command("--", sys.executable, "-c", code), raw], env=studio, capture_output=True, check=True
    )
    assert done.stdout == raw


@posix_only
def test_the_command_takes_the_place_of_the_process(studio: dict[str, str]) -> None:
    with subprocess.Popen(
        _command("--", sys.executable, "-c", "import os; print(os.getpid())"),
        env=studio, stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        out, _ = child.communicate(timeout=60)
    assert int(out) == child.pid


@posix_only
def test_a_signal_kills_the_command_as_it_would_have_without_us(studio: dict[str, str]) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert _run(studio, "--", sys.executable, "-c", code).returncode == -signal.SIGTERM


@posix_only
def test_signals_that_python_ignores_for_itself_are_not_ignored_in_the_command(
    studio: dict[str, str],
) -> None:
    done = _run(studio, "--", "sh", "-c", "kill -PIPE $$; echo survived")
    assert (done.returncode, done.stdout) == (-signal.SIGPIPE, b"")
    done = _run(studio, "--", "sh", "-c", "kill -XFSZ $$; echo survived")
    assert (done.returncode, done.stdout) == (-signal.SIGXFSZ, b"")


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="told from /proc/self/environ")
def test_the_locale_that_python_coerces_for_itself_does_not_reach_the_command(
    studio: dict[str, str],
) -> None:
    bare = {key: value for key, value in studio.items() if key != "LANG" and not key.startswith("LC_")}
    done = _run({**bare, "LC_ALL": "", "LANG": "C"}, "--", "sh", "-c", "echo ${LC_CTYPE-unset}")
    assert done.stdout == b"unset\n"
    kept = _run({**bare, "LC_CTYPE": "C.UTF-8"}, "--", "sh", "-c", "echo ${LC_CTYPE-unset}")
    assert kept.stdout == b"C.UTF-8\n"


@posix_only
def test_a_command_that_is_missing_or_not_executable_has_the_shells_codes(
    studio: dict[str, str], tmp_path: Path
) -> None:
    missing = _run(studio, "--", "no-such-command-anywhere")
    assert missing.returncode == NOT_FOUND
    assert b"no-such-command-anywhere: command not found" in missing.stderr
    (tmp_path / "data.txt").write_text("no program")
    assert _run(studio, "--", str(tmp_path / "data.txt")).returncode == NOT_EXECUTABLE
    assert _run(studio).returncode == 2


def test_an_existing_sitecustomize_still_runs_and_first(studio: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import os; open(os.environ['PROOF'], 'a').write('other\\n')\n")
    studio["PYTHONPATH"] = os.pathsep.join([str(other), studio["PYTHONPATH"]])
    code = "import sitecustomize, sys; print(sitecustomize.__file__); print(sys.path)"
    done = _run(studio, "--", sys.executable, "-c", code)
    loaded, path = done.stdout.decode().splitlines()
    assert loaded == str(other / "sitecustomize.py")
    assert PRELOAD not in path
    lines = Path(studio["PROOF"]).read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["other", "active"]


def test_a_broken_sitecustomize_is_reported_by_python_as_without_us(
    studio: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("raise RuntimeError('studio set-up broke')\n")
    studio["PYTHONPATH"] = os.pathsep.join([str(other), studio["PYTHONPATH"]])
    plain = subprocess.run([sys.executable, "-c", "print(1)"], env=studio, capture_output=True, check=True)
    done = _run(studio, "--", sys.executable, "-c", "print(1)")
    assert b"studio set-up broke" in plain.stderr
    assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, plain.stderr)
    assert _active(studio) == 1


@pytest.mark.parametrize("trouble", ["raise RuntimeError('no')", "raise ImportError('no otel')"])
def test_an_init_that_fails_leaves_the_program_alone(
    studio: dict[str, str], tmp_path: Path, trouble: str
) -> None:
    _write_clientobs(tmp_path, more=trouble)
    done = _run(studio, "--", sys.executable, "-c", "print('fine')")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [b"fine"], b"")
    told = _run(studio, "--verbose", "--", sys.executable, "-c", "print('fine')")
    assert b"not active in Python 3." in told.stderr
    assert told.stdout.split() == [b"fine"]


def test_an_interpreter_without_clientobs_borrows_it_and_nothing_else(
    studio: dict[str, str], tmp_path: Path
) -> None:
    lent = tmp_path / "lent"
    lent.mkdir()
    shutil.move(str(tmp_path / "clientobs"), lent)
    (lent / "studio_secret.py").write_text("")
    (lent / "wrapt-1.0.dist-info").mkdir()
    (lent / "wrapt-1.0.dist-info" / "METADATA").write_text("Name: wrapt\nVersion: 1.0\n")
    environ = environment_for(studio)
    tag = environ["_CLIENTOBS_RUN_LEND"].split(os.pathsep)[0]
    environ["_CLIENTOBS_RUN_LEND"] = os.pathsep.join([tag, str(lent)])
    code = (
        "import clientobs, sys; print(clientobs.__file__)\n"
        "from importlib import metadata, util\n"
        "print(util.find_spec('studio_secret'), metadata.version('wrapt'))"
    )
    isolated = [sys.executable, "-S", "-c", f"import site; site.execsitecustomize()\n{code}"]
    done = subprocess.run(isolated, env=environ, capture_output=True, check=True)
    assert done.stdout.decode().split() == [str(lent / "clientobs" / "__init__.py"), "None", "1.0"]
    assert _active(studio) == 1


def test_an_interpreter_of_another_kind_borrows_nothing(studio: dict[str, str], tmp_path: Path) -> None:
    lent = tmp_path / "lent"
    lent.mkdir()
    shutil.move(str(tmp_path / "clientobs"), lent)
    environ = {**environment_for(studio), "_CLIENTOBS_RUN_LEND": f"cpython-32-odd{os.pathsep}{lent}"}
    isolated = [sys.executable, "-S", "-c", "import site; site.execsitecustomize(); print('fine')"]
    done = subprocess.run(isolated, env=environ, capture_output=True, check=True)
    assert (done.stdout.split(), done.stderr, _active(studio)) == ([b"fine"], b"", 0)


def _older_pythons() -> list[str]:
    found = [shutil.which(f"python{version}") for version in ("2.7", "3.6", "3.7", "3.8", "3.9")]
    managed = sorted(Path.home().glob(".pyenv/versions/[23].[6-9]*/bin/python"))
    candidates = [path for path in found if path] + [str(path) for path in managed]
    return [path for path in candidates if subprocess.run([path, "-c", ""], check=False).returncode == 0]


OLDER = _older_pythons()


@pytest.mark.skipif(not OLDER, reason="no Python older than 3.10 is installed here")
def test_older_pythons_run_as_if_we_were_not_there(studio: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "clientobs" / "__init__.py").write_text("this is no Python\n")
    for python in OLDER:
        done = _run(studio, "--", python, "-c", "import sys; print(sys.argv[1]); sys.exit(3)", "argument")
        assert (done.returncode, done.stdout.split(), done.stderr) == (3, [b"argument"], b""), python
        told = _run(studio, "--verbose", "--", python, "-c", "pass")
        assert b"is older than 3.10" in told.stderr, python


def test_the_preloaded_file_uses_no_syntax_that_python_2_lacks() -> None:
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal, ast.AsyncFunctionDef, ast.YieldFrom)
    for node in ast.walk(ast.parse(SITECUSTOMIZE.read_text(encoding="ascii"))):
        assert not isinstance(node, newer)
        if isinstance(node, ast.FunctionDef):
            arguments = (*node.args.args, *node.args.kwonlyargs)
            assert node.returns is None
            assert not node.args.kwonlyargs
            assert all(argument.annotation is None for argument in arguments)
        if isinstance(node, ast.Raise):
            assert node.cause is None


def test_the_environment_of_the_command_keeps_pythonpath_behind_ours() -> None:
    assert environment_for({})["PYTHONPATH"] == PRELOAD
    assert environment_for({"PYTHONPATH": ""})["PYTHONPATH"] == PRELOAD
    behind = os.pathsep.join(["a", "b"])
    once = environment_for({"PYTHONPATH": behind}, service="tool")
    assert once["PYTHONPATH"] == os.pathsep.join([PRELOAD, "a", "b"])
    assert environment_for(once)["PYTHONPATH"] == once["PYTHONPATH"]
    assert once["OTEL_SERVICE_NAME"] == "tool"


def test_the_commands_own_options_are_not_ours() -> None:
    assert split(["--verbose", "python", "--verbose", "--", "x"]) == (
        ["--verbose"],
        ["python", "--verbose", "--", "x"],
    )

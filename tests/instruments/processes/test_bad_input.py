"""Odd arguments: whatever came of them without us comes of them with us, and nothing else."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments.processes.command import command_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from instruments.processes.conftest import Family

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs /bin/true")

# The calls below are wrong on purpose, and no type would let them pass.
sub: Any = subprocess
system: Any = os


class Fickle:
    """A path that is one only once."""

    def __init__(self) -> None:
        self.asked = 0

    def __fspath__(self) -> str:
        self.asked += 1
        return "/bin/true"


class Words(list[str]):
    """A list that counts how often it is gone through."""

    def __init__(self, *words: str) -> None:
        super().__init__(words)
        self.walks = 0

    def __iter__(self) -> Any:
        self.walks += 1
        return super().__iter__()


def shell(text: Any) -> Callable[[], Any]:
    return lambda: sub.run(text, shell=True, capture_output=True, check=False)


def run(arguments: Any, **settings: Any) -> Callable[[], Any]:
    return lambda: sub.run(arguments, capture_output=True, check=False, **settings)


def closed_file() -> Any:
    file = open(os.devnull, "wb")  # noqa: SIM115  # closed right here
    file.close()
    return file


CALLS: dict[str, Callable[[], Any]] = {
    "text": run("/bin/true"),
    "bytes": run(b"/bin/true"),
    "path": run(Path("/bin/true")),
    "list of paths": run([PurePosixPath("/bin/echo"), b"a", "b"]),
    "tuple": run(("/bin/echo", "x")),
    "generator": lambda: sub.run(iter(["/bin/echo", "x"]), capture_output=True, check=False),
    "list with a number": run(["/bin/echo", 7]),
    "list with None": run(["/bin/echo", None]),
    "list of lists": run([["/bin/echo"]]),
    "empty list": run([]),
    "empty text": run(""),
    "nothing": run(None),
    "number": run(7),
    "set": run({"/bin/true"}),
    "nul": run(["/bin/echo", "a\0b"]),
    "surrogates": run(["/bin/echo", "\udcff"]),
    "bytes that are no text": run([b"/bin/echo", b"\xff\xfe"]),
    "lone high surrogate": run(["/bin/echo", "\ud800"]),
    "executable": run(["anything", "x"], executable="/bin/echo"),
    "executable of bytes": run(["anything"], executable=b"/bin/true"),
    "executable that is none": run(["anything"], executable=7),
    "shell text": shell("echo $((1 + 1)); exit 3"),
    "shell bytes": shell(b"echo \xff"),
    "shell list": shell(["echo $0 $1", "zero", "one"]),
    "shell path": shell(Path("/bin/true")),
    "shell of 1 MB": shell("true #" + "x" * 1_000_000),
    "shell of 100 KB": shell("true #" + "x" * 100_000),
    "many words": run(["/bin/true", *map(str, range(5_000))]),
    "too many arguments": run(["/bin/echo", "x" * 5_000_000]),
    "cwd that is none": run(["/bin/true"], cwd=7),
    "cwd of bytes": run(["/bin/pwd"], cwd=b"/"),
    "cwd missing": run(["/bin/pwd"], cwd="/nonexistent"),
    "preexec_fn that raises": run(["/bin/true"], preexec_fn=lambda: 1 / 0),
    "bad pass_fds": run(["/bin/true"], pass_fds=["x"]),
    "bad bufsize": run(["/bin/true"], bufsize="x"),
    "errors into no file": run(["/bin/true"], stderr=io.StringIO()),
    "errors into a text": run(["/bin/true"], stderr="log"),
    "errors into a closed file": run(["/bin/true"], stderr=closed_file()),
    "errors into no descriptor": run(["/bin/true"], stderr=987_654),
    "errors into a negative number": run(["/bin/true"], stderr=-7),
    "output into an odd number": run(["/bin/true"], stdout=1.5),
    "errors into the output that is none": run(["/bin/true"], stderr=subprocess.STDOUT),
    "bad keyword": run(["/bin/true"], nonsense=1),
    "startupinfo": run(["/bin/true"], startupinfo=1),
    "text and input": run(["/bin/cat"], input="한글\n", text=True, encoding="utf-8"),
    "output that can't be decoded": run(["printf", "\\377"], text=True, encoding="utf-8"),
    "wait for ever that is none": lambda: sub.Popen(["/bin/true"]).wait("x"),
    "too many positions": lambda: sub.Popen(*[["/bin/true"]] * 40),
    "no argument": sub.Popen,
    "system number": lambda: system.system(7),
    "system nul": lambda: system.system("a\0b"),
    "system bytes": lambda: system.system(b"exit 3"),
    "system keyword": lambda: system.system(command="exit 4"),
    "system nothing": lambda: system.system(*()),
    "spawn missing": lambda: system.spawnv(os.P_WAIT, "/nonexistent", ["x"]),
    "spawn of nothing": lambda: system.spawnv(os.P_WAIT, "/bin/true", []),
    "spawn mode": lambda: system.spawnv(99, "/bin/true", ["true"]),
    "posix_spawn missing": lambda: system.posix_spawn("/nonexistent", ["x"], {}),
    "posix_spawn of nothing": lambda: system.posix_spawn("/bin/true", [], {}),
    "posix_spawn without an environment": lambda: system.posix_spawn("/bin/true", ["true"]),
    "posix_spawn with the environment None": lambda: spawned_with_none("posix_spawn", "/bin/true"),
    "posix_spawnp with the environment None": lambda: spawned_with_none("posix_spawnp", "true"),
    "exec missing": lambda: system.execv("/nonexistent", ["x"]),
    "exec of nothing": lambda: system.execv("/bin/true", []),
    "execvp missing": lambda: system.execvp("no-such-program", ["x"]),
    "waitpid of a stranger": lambda: system.waitpid(1, 0),
    "waitpid of a text": lambda: system.waitpid("x", 0),
    "waitpid keyword": lambda: system.waitpid(pid=1, options=0),
    "kill of a stranger": lambda: system.kill(2**22 + 7, 0),
    "kill of a text": lambda: system.kill("x", 0),
}


def spawned_with_none(name: str, program: str) -> int:
    """Return the status of a child whose environment is None: refused until Python 3.13, inherited from then on."""
    _, status = os.waitpid(getattr(system, name)(program, ["true"], None), 0)
    return status


def outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    """Return all that can be told of a call: what it gave, or what it raised, with each attribute and warning."""
    gc.collect()  # what other tests left behind must not be warned of in here
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as error:  # noqa: BLE001  # whichever: the same without us
            told: tuple[Any, ...] = (type(error), str(error), error.args, vars(error))
            told += tuple(
                getattr(error, name, None) for name in ("errno", "filename", "filename2", "strerror")
            )
        else:
            told = (vars(result) if isinstance(result, subprocess.CompletedProcess) else result,)
    kinds = [(one.category, str(one.message)) for one in caught if one.category is not ResourceWarning]
    return (*map(str, told), *kinds)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_does_what_it_did(name: str, family: Family) -> None:
    with clientobs.span("publish"):
        ours = outcome(CALLS[name])
    clientobs.uninstrument("processes")
    bare = outcome(CALLS[name])
    if name == "posix_spawn of nothing":  # on Linux from 5.18 on it gives a pid, or not
        ours, bare = ours[:0], bare[:0]
    assert [without_addresses(part) for part in ours] == [without_addresses(part) for part in bare]


def without_addresses(part: Any) -> Any:
    return part.partition(" at 0x")[0] if isinstance(part, str) else part


def test_what_can_be_gone_through_only_once_is_gone_through_once(family: Family) -> None:
    words = Words("/bin/true")
    sub.run(words, check=True)
    sub.run((word for word in ["/bin/true", "later"]), check=True)
    first, second = family.recorded().spans
    assert words.walks <= 2  # the launch's own is one, and a list may be looked at
    assert (first.name, second.name) == ("true", "true")
    assert list(second.attributes["process.command_args"]) == ["/bin/true", "later"]


def test_a_path_is_asked_no_more_than_once_more(family: Family) -> None:
    ours, bare = Fickle(), Fickle()
    sub.run([ours], check=True)
    clientobs.uninstrument("processes")
    sub.run([bare], check=True)
    assert ours.asked <= bare.asked + 1


def test_a_huge_command_is_bounded_in_the_record(family: Family) -> None:
    sub.run("true #" + "x" * 100_000, shell=True, check=True)
    sub.run(["/bin/true", *["y" * 10_000] * 200], check=True)
    for span in family.recorded().spans:
        assert sum(map(len, span.attributes["process.command_args"])) < 140_000


def test_a_subclass_and_its_own_launch_go_their_way(family: Family) -> None:
    class Mine(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            self.before = True
            super().__init__(*arguments, **settings)

    class Strange(subprocess.Popen[bytes]):
        def __init__(self) -> None:
            self.returncode = 0
            self._child_created = False

    with Mine(["/bin/true"]) as popen:
        assert popen.before
    assert Strange().poll() == 0
    assert [span.name for span in family.recorded().spans] == ["true"]


def test_the_class_and_its_methods_look_as_they_did(family: Family) -> None:
    import inspect  # noqa: PLC0415  # the one use

    assert subprocess.Popen.__module__ == "subprocess"
    with sub.Popen(["/bin/true"]) as popen:
        assert type(popen) is subprocess.Popen
    parameters = inspect.signature(subprocess.Popen).parameters
    assert list(parameters)[:3] == ["args", "bufsize", "executable"]


@pytest.mark.parametrize(
    "text", ["", " ", "A=1", "$X y", "'un closed", "( cd x && y )", "a\nb", "\\", "=", "A=1 B=2 cc x"]
)
def test_any_shell_text_has_a_name(text: str) -> None:
    assert command_of(text, shell=True).name


def test_a_missing_encoding_is_warned_of_where_it_is_missing(tmp_path: Path) -> None:
    program = tmp_path / "tool.py"
    program.write_text(
        "import sys, warnings, clientobs, subprocess\n"
        "if 'on' in sys.argv: clientobs.init('tool')\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always', EncodingWarning)\n"
        "    subprocess.run(['true'], text=True)\n"
        "    subprocess.Popen(['true'], text=True).wait()\n"
        "print([(one.filename.endswith('tool.py'), one.lineno) for one in caught if one.category is EncodingWarning])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    bare, ours = (
        sub.run(
            [sys.executable, "-X", "warn_default_encoding", str(program), *on],
            env=environment,
            stdout=-1,
            check=True,
        ).stdout
        for on in ((), ("on",))
    )
    assert ours == bare
    assert (b"(True, 5)" in bare) == (sys.version_info >= (3, 11))  # 3.10 does not warn


def test_a_fault_of_ours_is_counted_and_the_call_goes_on(
    family: Family, lenient_faults: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    for place in ("popen.command_of", "child.carrier_in", "popen.watch_pipes"):
        with monkeypatch.context() as patch:
            patch.setattr(f"clientobs.instruments.processes.{place}", broken)
            assert sub.run(["/bin/echo", "x"], stdout=-1, check=True).stdout == b"x\n"
    for method in ("begin", "inherited", "watch", "tell_ended"):
        with monkeypatch.context() as patch:
            patch.setattr(family.desk, method, broken)
            assert sub.run(["/bin/echo", "x"], stdout=-1, check=True).stdout == b"x\n"
    assert sum(lenient_faults.counts().values()) >= 6

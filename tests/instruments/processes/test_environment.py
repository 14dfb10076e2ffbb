"""What a child gets to see: what it would have seen, and the trace that it belongs to."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments.processes.environment import Inherited
from instruments.processes.conftest import python

if TYPE_CHECKING:
    from collections.abc import Callable

    from instruments.processes.conftest import Family

CARRIED = {"TRACEPARENT", "TRACESTATE", "BAGGAGE"}
TELL = "import os, json; print(json.dumps(dict(os.environ)))"
OTHERS = "00-11111111111111111111111111111111-2222222222222222-01"


def told(**settings: Any) -> dict[str, str]:
    done = subprocess.run(python(TELL), stdout=subprocess.PIPE, check=True, **settings)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in CARRIED}


def bare(family: Family, **settings: Any) -> dict[str, str]:
    clientobs.uninstrument("processes")
    try:
        return told(**settings)
    finally:
        clientobs.instrument("processes")


def test_a_child_joins_the_trace_below_its_own_span_with_the_production_context(family: Family) -> None:
    with clientobs.context(project="demo", shot="sq010_sh020"), clientobs.span("publish"):
        trace = clientobs.trace_id()
        environment = told()
    _, trace_id, span_id, _ = environment["TRACEPARENT"].split("-")
    assert trace_id == trace
    assert int(span_id, 16) == family.child(os.path.basename(sys.executable)).span_id
    assert environment["BAGGAGE"] == "production.project=demo,production.shot=sq010_sh020"


@pytest.mark.parametrize("close_fds", [True, False], ids=["fork_exec", "posix_spawn"])
def test_an_inherited_environment_is_the_one_it_would_have_been(family: Family, close_fds: bool) -> None:
    environment = told(close_fds=close_fds)
    assert "TRACEPARENT" in environment
    assert without_ours(environment) == without_ours(bare(family, close_fds=close_fds))


@pytest.mark.parametrize("close_fds", [True, False], ids=["fork_exec", "posix_spawn"])
def test_variables_that_c_code_has_put_reach_the_child_as_they_did(
    family: Family, close_fds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    libc: Any = ctypes.CDLL(None)
    libc.setenv(b"CLIENTOBS_MEL_PUTENV", b"from C", 1)
    try:
        before = bare(family, close_fds=close_fds)
        assert without_ours(told(close_fds=close_fds)) == without_ours(before)
        # Until 3.12 the interpreter's own way over posix_spawn hands on os.environ.
        assert (close_fds or sys.version_info >= (3, 13)) == ("CLIENTOBS_MEL_PUTENV" in before)
    finally:
        libc.unsetenv(b"CLIENTOBS_MEL_PUTENV")


def test_nothing_is_put_into_the_environment_of_the_program(family: Family) -> None:
    before = (dict(os.environ), Inherited({})._read())  # type: ignore[misc]  # there is one on this system
    with clientobs.span("publish"):
        told()
        told(close_fds=False)
        os.spawnv(os.P_WAIT, sys.executable, python("pass"))
    assert (dict(os.environ), Inherited({})._read()) == before  # type: ignore[misc]


def test_an_empty_environment_stays_empty(family: Family) -> None:
    assert not CARRIED & set(told(env={}))
    assert not CARRIED & set(told(env={}, close_fds=False))


class Odd(Mapping[str, str]):
    """A mapping that counts how often it is read, and can't be written."""

    def __init__(self) -> None:
        self.data = {"A": "1", "PATH": os.environ["PATH"]}
        self.reads = 0

    def __getitem__(self, key: str) -> str:
        return self.data[key]

    def __iter__(self) -> Iterator[str]:
        self.reads += 1
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


def test_the_mapping_of_the_caller_is_read_as_ever_and_never_written(family: Family) -> None:
    plain = {"A": "1"}
    assert told(env=plain)["A"] == "1"
    assert plain == {"A": "1"}
    assert told(env=MappingProxyType(plain))["A"] == "1"
    assert "TRACEPARENT" in told(env=MappingProxyType(plain))
    odd, bare_odd = Odd(), Odd()
    told(env=odd)
    bare(family, env=bare_odd)
    assert odd.reads == bare_odd.reads


def test_names_and_values_may_be_bytes_that_are_no_text(family: Family) -> None:
    done = subprocess.run(
        python(
            "import os, sys; sys.stdout.buffer.write(os.environb[b'N\\xff'] + b' ' + os.environb[b'TRACEPARENT'])"
        ),
        env={b"N\xff": b"\xfe\x80"},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout.startswith(b"\xfe\x80 00-")


@pytest.mark.parametrize(
    "env",
    [{"A=B": "1"}, {"A": None}, {1: "1"}, {"A\0": "1"}, [("A", "1")], "A=1", {"PATH": "x", b"PATH": b"y"}, 7],
)
@pytest.mark.parametrize("close_fds", [True, False], ids=["fork_exec", "posix_spawn"])
def test_an_environment_that_is_none_fails_as_it_did(family: Family, env: Any, close_fds: bool) -> None:
    def outcome() -> tuple[Any, ...]:
        try:
            return (
                "done",
                subprocess.run(["/bin/true"], env=env, close_fds=close_fds, check=False).returncode,
            )
        except Exception as error:  # noqa: BLE001  # whichever: the same without us
            return type(error), str(error), error.args

    ours = outcome()
    clientobs.uninstrument("processes")
    assert outcome() == ours


def test_a_traceparent_of_the_caller_s_own_stays(family: Family) -> None:
    with clientobs.span("publish"):
        assert told(env={"TRACEPARENT": OTHERS, "BAGGAGE": "a=1"})["TRACEPARENT"] == OTHERS
        assert told(env={"TRACEPARENT": OTHERS}, close_fds=False)["TRACEPARENT"] == OTHERS
        farm = {**os.environ, **clientobs.carrier()}
        assert told(env=farm)["TRACEPARENT"] == farm["TRACEPARENT"]


@pytest.mark.skipif(os.name != "posix", reason="preexec_fn is POSIX")
def test_a_traceparent_that_the_program_puts_into_its_own_environment_stays(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", OTHERS)
    with clientobs.context(shot="sq010_sh020"), clientobs.span("publish"):
        for settings in ({}, {"env": dict(os.environ)}, {"close_fds": False}, {"preexec_fn": os.getpid}):
            environment = told(**settings)
            assert {name: environment[name] for name in CARRIED & set(environment)} == {"TRACEPARENT": OTHERS}


def test_the_traceparent_that_this_process_was_started_with_is_no_word_of_the_caller_s(
    start: Callable[..., Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", OTHERS)
    monkeypatch.setenv("TRACESTATE", "vendor=1")
    start()
    for settings in ({}, {"env": dict(os.environ)}, {"close_fds": False}):
        environment = told(**settings)
        assert environment["TRACEPARENT"] != OTHERS
        assert environment["TRACEPARENT"].split("-")[1] == OTHERS.split("-")[1]


@pytest.mark.skipif(os.name != "posix", reason="runs /usr/bin/env")
def test_context_can_be_kept_from_one_program_or_from_all(start: Callable[..., Family]) -> None:
    start(without_context=["pyth*"])
    with clientobs.context(shot="sh010"), clientobs.span("publish"):
        assert not CARRIED & set(told())
        assert b"TRACEPARENT" in subprocess.run(["/usr/bin/env"], stdout=-1, check=True).stdout
    clientobs.shutdown()
    family = start(context=False)
    assert not CARRIED & set(told())
    assert len(family.recorded().spans) == 4  # recorded they are


STARTED_WITH = {"TRACEPARENT": OTHERS, "TRACESTATE": "vendor=1", "BAGGAGE": "production.shot=sq010"}


@pytest.fixture
def started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have been started by one that hands on its context."""
    for name, value in STARTED_WITH.items():
        monkeypatch.setenv(name, value)


WAYS: dict[str, Callable[[], dict[str, Any]]] = {
    "inherited": dict,
    "inherited, by posix_spawn": lambda: {"close_fds": False},
    "inherited, with a preexec_fn": lambda: {"preexec_fn": os.getpid},
    "os.environ itself": lambda: {"env": os.environ},
    "a copy": lambda: {"env": dict(os.environ)},
    "a copy that can't be written": lambda: {"env": MappingProxyType(dict(os.environ))},
    "a copy in bytes": lambda: {"env": dict(os.environb)},
}


@pytest.mark.skipif(os.name != "posix", reason="runs /usr/bin/env")
@pytest.mark.parametrize("way", WAYS)
def test_a_program_without_context_gets_none_of_this_process_s_own_start_either(
    way: str, started_with: None, start: Callable[..., Family]
) -> None:
    family = start(without_context=["pyth*"])
    settings = WAYS[way]()
    mapping = dict(settings.get("env", os.environ))
    libc: Any = ctypes.CDLL(None)
    libc.setenv(b"CLIENTOBS_MEL_PUTENV", b"from C", 1)
    try:
        with clientobs.span("publish"):
            environment = told(**settings)
        assert not CARRIED & set(environment)
        as_ever = bare(family, **settings)
        assert set(STARTED_WITH) < set(as_ever)
        assert environment == without_ours(as_ever)
    finally:
        libc.unsetenv(b"CLIENTOBS_MEL_PUTENV")
    assert dict(settings.get("env", os.environ)) == mapping
    assert subprocess.run(["/usr/bin/env"], stdout=-1, check=True).stdout.count(b"TRACEPARENT") == 1


@pytest.mark.skipif(os.name != "posix", reason="posix_spawn")
def test_programs_without_context_by_the_other_ways_get_none_either(
    started_with: None, start: Callable[..., Family], tmp_path: Any
) -> None:
    start(without_context=["pyth*"])
    out = str(tmp_path / "out")
    tell = f"import os; open({out!r}, 'a').write(str(len({CARRIED!r} & set(os.environ))))"
    os.spawnv(os.P_WAIT, sys.executable, python(tell))
    os.spawnve(os.P_WAIT, sys.executable, python(tell), os.environ)
    os.waitpid(os.posix_spawn(sys.executable, python(tell), os.environ), 0)
    assert Path(out).read_text(encoding="utf-8") == "000"


def test_what_the_caller_says_itself_reaches_a_program_without_context(
    started_with: None, start: Callable[..., Family]
) -> None:
    start(without_context=["pyth*"])
    own = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert told(env={**os.environ, "TRACEPARENT": own})["TRACEPARENT"] == own
    assert told(env={"A": "1"}).get("A") == "1"


def test_where_this_process_was_started_with_none_a_program_without_context_inherits_as_ever(
    start: Callable[..., Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CARRIED:
        monkeypatch.delenv(name, raising=False)
    assert Inherited({}).entries(None, None) is None
    inherited = Inherited(
        {"TRACEPARENT": OTHERS.replace("1", "3")}
    )  # and here with one that nobody has by now
    given = [b"A=1", b"TRACEPARENT=" + OTHERS.encode()]
    assert inherited.entries(given, None) is given
    mapping = {"A": "1", "TRACEPARENT": OTHERS}
    assert inherited.mapping(mapping, None) is mapping


@pytest.mark.skipif(os.name != "posix", reason="runs /usr/bin/env")
def test_a_program_on_the_list_to_ignore_is_left_alone(start: Callable[..., Family]) -> None:
    family = start(ignore=["env"])
    assert b"TRACEPARENT" not in subprocess.run(["/usr/bin/env"], stdout=-1, check=True).stdout
    assert not family.recorded().spans


@pytest.mark.skipif(os.name != "posix", reason="preexec_fn is POSIX")
def test_preexec_fn_has_its_say_and_the_context_comes_after(family: Family) -> None:
    environment = told(preexec_fn=lambda: os.putenv("FRUIT", "apple"))
    assert environment["FRUIT"] == "apple"
    assert "TRACEPARENT" in environment


@pytest.mark.skipif(os.name != "posix", reason="posix_spawn")
def test_children_of_spawn_get_the_context_too(family: Family, tmp_path: Any) -> None:
    out = str(tmp_path / "out")
    tell = f"import os; open({out!r}, 'a').write(os.environ.get('TRACEPARENT', 'none')[:2] + os.environ.get('A', '-'))"
    os.spawnv(os.P_WAIT, sys.executable, python(tell))
    os.spawnve(os.P_WAIT, sys.executable, python(tell), {"A": "1"})
    os.waitpid(os.posix_spawn(sys.executable, python(tell), {"A": "2"}), 0)
    with open(out, encoding="utf-8") as file:
        assert file.read() == "00-001002"


@pytest.mark.parametrize(("close_fds", "call"), [(True, "vfork"), (False, "clone")])
def test_the_fast_ways_of_the_interpreter_stay_in_use(family: Family, close_fds: bool, call: str) -> None:
    """As strace tells; CLONE_VFORK is how glibc's posix_spawn and vfork share the memory of the launcher."""
    strace = "/usr/bin/strace"
    if not os.path.exists(strace):
        pytest.skip("strace is not installed here")
    program = (
        "import clientobs, subprocess, sys; r = clientobs.init('x'); assert 'subprocess.Popen.wait' in r.patched;"
        f"subprocess.run(['/bin/true'], close_fds={close_fds})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CLIENTOBS_EXIT_FLUSH": "0"}
    done = subprocess.run(
        [strace, "-f", "-e", "trace=vfork,fork,clone,clone3,execve", sys.executable, "-c", program],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    if "Operation not permitted" in done.stderr and "ptrace" in done.stderr.lower():
        pytest.skip("this machine allows nobody to trace")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    (launch,) = [number for number, line in enumerate(lines) if '"/bin/true"' in line]
    started = [line for line in lines[:launch] if any(way in line for way in ("fork(", "clone(", "clone3("))]
    assert "vfork(" in started[-1] or "CLONE_VFORK" in started[-1], started

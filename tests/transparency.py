"""Prove that nobody notices: tests that others wrote, without clientobs and with it, and what differs.

    python tests/transparency.py [--quick] [MODULE ...]

A MODULE is one of CPython's own regression tests (`python -m test`, they come with the interpreter), one of a
library that is installed (with dots), or the unpacked sources of one of `SOURCES`. Each runs twice: as it is, and
with clientobs recording in the process and in its children. A test that ends differently is a fault of ours, but for
those of `KNOWN`, each with its reason. A module of which nothing passes proves nothing, and is a fault too.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

__all__ = ["KNOWN", "MODULES", "differences", "outcomes"]

_OURS: Final = str(Path(__file__).parents[1] / "src")
MODULES: Final = (
    *("test_io", "test_fileio", "test_bufio", "test_file", "test_pathlib", "test_os", "test_posix"),
    *("test_shutil", "test_tempfile", "test_glob", "test_fileinput", "test_zipfile", "test_tarfile"),
    *("test_gzip", "test_bz2", "test_lzma", "test_mmap", "test_shelve", "test_dbm_dumb", "test_mailbox"),
    *(
        "test_httplib",
        "test_urllib",
        "test_urllib2",
        "test_urllib2_localnet",
        "test_xmlrpc",
        "test_httpservers",
    ),
    "test_http_cookiejar",
    *("test_logging", "test_largefile", "test_codecs", "test_genericpath", "test_posixpath", "test_ntpath"),
    *("test_threading", "test_thread", "test_threading_local", "test_threadsignals", "test_pty"),
    *("test_concurrent_futures", "test_asyncio.test_subprocess", "test_asyncio.test_unix_events"),
    *("test_multiprocessing_fork", "test_multiprocessing_spawn", "test_multiprocessing_forkserver"),
    *("test_subprocess", "test_popen", "test_signal", "test_faulthandler", "test_cmd_line"),
    *("test_venv", "test_wait3", "test_wait4"),
)
_PATIENCE: Final = 3_600
"""Seconds that the longest of them take some times over.

The keeper ends before a fork and another one begins after it, and until 3.11 CPython's own check for threads that are
left behind then collects garbage a hundred times, after each test that has forked: 2 s a test, of which
test_concurrent_futures has 170. On a busy machine that took more than ten minutes, and passed for standing still.
"""
QUICK: Final = ("test_file", "test_fileio", "test_dbm_dumb", "test_glob", "test_genericpath")
LIBRARIES: Final = {
    "rez": ("rez.tests",),
}
"""Libraries of the field whose packages bring their tests along."""
SOURCES: Final = {
    "fileseq": ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test/test_unit.py", "--junit-xml"),
    "pyblish_base": ("-m", "nose", "--with-xunit", "tests", "--xunit-file"),
}
"""Libraries whose tests come with their sources alone: how they are run, up to the file of the report."""

KNOWN: Final = {
    "test.test_os.ForkTests.test_fork_warns_when_non_python_thread_exists": (
        "from 3.12 on a fork warns where other threads run, and ours that keeps the journal is one"
    ),
    "test.test_subprocess.POSIXProcessTestCase.test_pass_fds_redirected": (
        "it counts the descriptors of its child, which records as well, into a journal at 900 and above"
    ),
    **dict.fromkeys(
        (
            "test.test_cmd_line.CmdLineTest.test_warnings_filter_precedence",
            "test.test_cmd_line.CmdLineTest.test_xdev",
        ),
        "they compare all warning filters of a child, which records as well and has one against the SDK's",
    ),
    "test_os.ForkTests.test_fork_warns_when_non_python_thread_exists": "the same, under its other name",
    "test.test_faulthandler.FaultHandlerTests.test_env_var": (
        "it wants faulthandler off where nobody asked for it, and each process that records has it write its stacks"
    ),
}

LEFT_OUT: Final = {
    "test_python_finalization_error": (
        "lets the second thread that is started fail, whoever starts it; ours takes the place of the pool's own, "
        "and the pool's workers are then left behind, as they are without us where the first thread fails"
    ),
    "test_shutdown_deadlock_pickle": (
        "stands still now and then on 3.13.0 without us too: the thread that hands out work waits for a lock that the "
        "one waiting for it holds (gh-125451, mended in 3.13.1)"
    ),
}
"""Tests that are not run at all, neither way, each with its reason."""

_SITE: Final = """
import sys
if sys.prefix == {prefix!r}:  # a child in another environment has no OpenTelemetry
    sys.path.append({sources!r})
    import clientobs
    runtime = clientobs.init("transparency", drain="off")
    assert runtime.running, runtime.reason
    assert {{"builtins.open", "threading.Thread.start"}} <= set(runtime.patched)
    # regrtest of 3.10 iterates over sys.modules, and the keeper's first round imports: let it be over.
    import time
    still, until = 0, time.monotonic() + 5
    while still < 3 and time.monotonic() < until:
        before = len(sys.modules)
        time.sleep(0.1)
        still = still + 1 if len(sys.modules) == before else 0
"""


def outcomes(module: str, folder: Path, *, recording: bool) -> dict[str, str]:
    """Return how each test of a module ended: "passed", "skipped", "failed"."""
    report = folder / f"{Path(module).name}.{recording:d}.xml"
    site = folder / f"site-{recording:d}"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(
        _SITE.format(sources=_OURS, prefix=sys.prefix) if recording else ""
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")])),
        "CLIENTOBS_HOME": str(folder / "home"),
        "CLIENTOBS_EXIT_FLUSH": "0",
    }
    said = _run([sys.executable, *_command(module, folder, report)], folder, module, environment)
    if not report.exists():
        return {f"{module} as a whole": f"no report: {said[-2000:]}"}
    cases = ET.parse(report).getroot().iter("testcase")
    return {f"{case.get('classname') or ''}{case.get('name')}": _outcome(case) for case in cases}


def _run(command: list[str], folder: Path, module: str, environment: dict[str, str]) -> str:
    """Run a module's tests and return what they print; what stands still is ended, with all its children."""
    with (folder / "output").open("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            command,
            cwd=module if os.path.isdir(module) else folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            output.write(f"\nended after {_PATIENCE} s")
        output.seek(0)
        return output.read()


def _command(module: str, folder: Path, report: Path) -> list[str]:
    if os.path.isdir(module):  # the unpacked sources of a library
        name = Path(module).name.rpartition("-")[0].replace("-", "_")
        return [*SOURCES[name], str(report)]
    if "." in module and not module.startswith("test_"):
        return ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", "--pyargs", module]
    ignored = [option for name in LEFT_OUT for option in ("--ignore", name)]
    # A test that stands still says where, ahead of our own patience.
    stacks = ["--timeout", str(_PATIENCE // 2)]
    return ["-m", "test", "--tempdir", str(folder), "--junit-xml", str(report), *stacks, *ignored, module]


def _outcome(case: ET.Element) -> str:
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def differences(bare: dict[str, str], ours: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return the tests that ended differently, known ones left out.

    >>> differences({"a": "passed", "b": "failed"}, {"a": "failed", "b": "failed"})
    {'a': ('passed', 'failed')}
    """
    return {
        name: (bare.get(name, "missing"), ours.get(name, "missing"))
        for name in sorted(bare.keys() | ours.keys())
        if bare.get(name) != ours.get(name) and name not in KNOWN
    }


def _is_there(module: str) -> bool:
    """Say whether a module of CPython's is installed: 3.11 and 3.12 left some of its packages out at times."""
    return importlib.util.find_spec(f"test.{module.partition('.')[0]}") is not None


def main() -> int:
    """Run all, print a line for each module, and return 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--quick", action="store_true", help="a few modules that take seconds")
    options = parser.parse_args()
    libraries = [
        module for name, found in LIBRARIES.items() if importlib.util.find_spec(name) for module in found
    ]
    modules = options.modules or (QUICK if options.quick else [*filter(_is_there, MODULES), *libraries])
    faults = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        for module in modules:
            bare, ours = (outcomes(module, Path(work), recording=on) for on in (False, True))
            found = differences(bare, ours)
            passed = list(bare.values()).count("passed")
            faults += len(found) + (not passed)
            lines = [f"    {name}: {before} without, {after} with" for name, (before, after) in found.items()]
            count = f"{Path(module).name}: {len(bare)} tests, {passed} pass, {len(found)} differ"
            sys.stdout.write("\n".join([count, *lines, ""]))
            sys.stdout.flush()
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Every check of this project, one session each: `python3 dev.py nox -l` lists them.

A plain `nox` runs what a change must pass. `bench`, `demo`, `hosts`, `logql`, `qt`, `quickstart`, `torture` and
`transparency` are run by name.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
# The declared range of pyproject.toml. Its lower end needs the instrumentation release of the same day, and
# runs on the oldest Python; its upper end is whatever the index has today.
LOWEST_OPENTELEMETRY = ("1.40.0", "0.61b0")
# Libraries of the field whose tests come with their sources alone. The setup of pyblish-base needs `imp`, which
# Python 3.12 dropped: its sources can't be had there.
LIBRARIES = {"fileseq": PYTHONS, "pyblish-base": ["3.10", "3.11"]}
ROOT = Path(__file__).parent

nox.options.sessions = ["lint", "types", "layers", "tests", "opentelemetry", "package", "examples", "docs"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = "CI" in os.environ


def show_pyenv_to_nox() -> None:
    """Put the Pythons of pyenv on PATH: its shims refuse each version that is not selected."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [sorted(root.glob(f"{version}.*/bin"))[-1:] for version in PYTHONS]
    folders = [str(folder) for version in found for folder in version]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])


show_pyenv_to_nox()


def group(name: str) -> list[str]:
    """Return the requirements of one dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name))


def install(session: nox.Session, *groups: str) -> None:
    """Install the project as developers have it, with these groups."""
    session.install("--editable", ".[demo]", *(entry for name in groups for entry in group(name)))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests, with the newest dependencies."""
    install(session, "test")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
@nox.parametrize("end", ["lowest", "newest"])
def opentelemetry(session: nox.Session, end: str) -> None:
    """Run the tests at both ends of the declared range of OpenTelemetry."""
    install(session, "test")
    if end == "lowest":
        stable, beta = LOWEST_OPENTELEMETRY
        names = ("api", "sdk", "exporter-otlp")
        session.install(
            *(f"opentelemetry-{name}=={stable}" for name in names),
            *(
                f"opentelemetry-instrumentation{name}=={beta}"
                for name in ("", "-requests", "-urllib3", "-urllib")
            ),
        )
    else:
        session.install("--upgrade", "--upgrade-strategy", "eager", "--editable", ".[demo]", *group("test"))
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python=PYTHONS)
def transparency(session: nox.Session) -> None:
    """Run tests that others wrote, without and with clientobs, and tell what differs."""
    install(session, "test")
    session.install("rez>=3.2", *LIBRARIES, "pynose", "mock", *group("native"))
    session.run("python", "-m", "pytest", "-q", "tests/instruments/files/test_native.py")
    session.run("python", "tests/transparency.py", *session.posargs)
    if session.posargs:
        return
    folder = Path(session.create_tmp()).resolve()
    download = ("python", "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-d", str(folder))
    session.run(*download, *(name for name, versions in LIBRARIES.items() if session.python in versions))
    for archive in sorted(folder.glob("*.tar.gz")):
        shutil.unpack_archive(archive, folder)
        session.run("python", "tests/transparency.py", str(folder / archive.name.removesuffix(".tar.gz")))


@nox.session
def torture(session: nox.Session) -> None:
    """Run the long forms of the fault tests: thousands of kills, soaks, whole disks."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-m", "torture", "--timeout", "3600", *session.posargs)


@nox.session(python="3.11")
def hosts(session: nox.Session) -> None:
    """Run what needs a DCC application: Debian 12's Blender, whose Python is 3.11 (apt-get install blender)."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-m", "hosts", "-rs", *session.posargs)


@nox.session(python="3.10")  # the last one that PySide2 has wheels for
def qt(session: nox.Session) -> None:
    """Run the tests of hosts with Qt (threads, processes, exceptions, hangs), with each of its four bindings."""
    install(session, "test", "qt")
    session.run(
        "python",
        "-m",
        "pytest",
        "tests/instruments/threads/test_qt.py",
        "tests/instruments/processes/test_qprocess.py",
        "tests/instruments/exceptions/test_qt.py",
        "tests/end_to_end/test_qt.py",
        "tests/guard/hang/test_loop.py",
        "tests/hosts/test_qt_dialog.py",
        *session.posargs,
    )


@nox.session
def logql(session: nox.Session) -> None:
    """Hold the queries of the documentation against Grafana's own grammar of LogQL; needs Node.js with npm."""
    install(session, "test")
    folder = Path(session.create_tmp()).resolve()
    packages = ("@grafana/lezer-logql", "@lezer/common", "@lezer/lr")
    session.run("npm", "install", "--silent", "--no-audit", "--prefix", str(folder), *packages, external=True)
    parser = {"LOGQL_PARSER": str(folder)}
    test = ("tests/project/test_queries.py", "-rs", *session.posargs)
    session.run("python", "-m", "pytest", *test, env=parser)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and spelling."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell", *tracked(session))


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly, in the package, the tests and these scripts."""
    install(session, "test", "types", "bench")
    session.install(*group("dev"))
    session.run("mypy")
    session.run("mypy", "dev.py", "noxfile.py")


@nox.session
def layers(session: nox.Session) -> None:
    """Check that each part knows only the parts below it."""
    install(session, "layers")
    session.run("lint-imports")


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel, install it in a clean environment, and run the demo from it."""
    session.install("build")
    folder = Path(session.create_tmp()).resolve()
    out, clean = folder / "dist", folder / "clean"
    shutil.rmtree(out, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(out), silent=True)
    session.run("python", "-m", "venv", "--clear", str(clean))
    scripts = clean / ("Scripts" if sys.platform == "win32" else "bin")
    wheel = next(out.glob("*.whl"))
    python = str(scripts / "python")
    session.run(python, "-m", "pip", "install", "--quiet", f"{wheel}[demo]", external=True)
    # From another folder: the sources must not be what is imported.
    session.chdir(out)
    session.run(python, "-I", str(ROOT / "tests" / "smoke.py"), external=True)
    environment = {"CLIENTOBS_HOME": str(folder / "home")}
    session.run(str(scripts / "clientobs"), "demo", env=environment, external=True)


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example and check that it shows what its docstring promises."""
    install(session, "test")
    session.run("python", "-m", "pytest", "tests/project/test_examples.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Check the pages: links, code blocks, generated reference pages."""
    install(session, "test")
    session.run("python", "-m", "pytest", "tests/project/test_docs.py", *session.posargs)


@nox.session
def quickstart(session: nox.Session) -> None:
    """Walk a new user's ten minutes, from a bare clone of the last commit to a trace of their own."""
    session.run("python", "tests/quickstart.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure clientobs beside the bare SDK, the SDK with batch export, and sentry-sdk; then single budgets."""
    install(session, "test", "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)
    for name in ("logs", "session_start", "watchdog"):
        session.run("python", "-m", f"benchmarks.{name}")


@nox.session
def demo(session: nox.Session) -> None:
    """Publish two shots and show their traces."""
    install(session)
    session.run("clientobs", "demo", *session.posargs)


def tracked(session: nox.Session) -> list[str]:
    """Return the files under version control, so that no checker reads a build folder."""
    listed = session.run("git", "ls-files", external=True, silent=True)
    return [name for name in (listed or "").splitlines() if not name.startswith("LICENSE")]

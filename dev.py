#!/usr/bin/env python3
"""Make the development environment and run something in it, with nothing but Python and pip.

    python3 dev.py demo [ARGS]         publish two shots and show their traces
    python3 dev.py test [ARGS]         run the tests; ARGS go to pytest
    python3 dev.py nox [SESSION ...]   run nox sessions: lint types layers docs ... (all of them: -l)
    python3 dev.py run COMMAND ...     run a command inside the environment
    python3 dev.py wheels DIR          collect every wheel needed, for a machine without a package index

    --wheels DIR    install from the wheels in DIR alone, without any package index
    --python PATH   make the environment with this interpreter

The environment is .venv beside this file. It is made once, and again only when pyproject.toml changes.
Python 3.10 or newer is needed; where `python3` is older, another one is looked for and named.

This file keeps to the syntax of Python 3.6 (no modern annotations), so that an old `python3` can still run
it far enough to find a newer one.
"""

import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
from typing import NamedTuple

ROOT = os.path.dirname(os.path.abspath(__file__))
OLDEST = (3, 10)
TESTED = ("3.13", "3.12", "3.11", "3.10")
STAMP = ".clientobs-dev.json"
COMMANDS = ("demo", "test", "nox", "run", "wheels")

# pip knows dependency groups from 25.1 on; the pip inside Python 3.10 is older, so they are read here, with
# the TOML reader of Python 3.11 or the one that pip carries.
READ_GROUP = """
import json, sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open("pyproject.toml", "rb") as file:
    groups = tomllib.load(file)["dependency-groups"]
def flat(name):
    for entry in groups[name]:
        if isinstance(entry, dict):
            yield from flat(entry["include-group"])
        else:
            yield entry
print(json.dumps(list(flat(sys.argv[1]))))
"""


class Options(NamedTuple):
    """The command line, taken apart."""

    command: str
    args: "list[str]"
    wheels: "str | None"
    python: "str | None"


class SetupError(Exception):
    """Something a person must put right; the message says what."""


def main(argv: "list[str]") -> int:
    """Run one command; return its exit code."""
    try:
        options = parse(argv)
        if options is None:
            print(__doc__)
            return 0
        return run(options)
    except SetupError as error:
        say(f"{error}")
        return 1


def parse(argv: "list[str]") -> "Options | None":
    """Take our own options out of the arguments, wherever they stand before a `--`."""
    rest = []  # type: list[str]
    own = {"--wheels": None, "--python": None}  # type: dict[str, str | None]
    arguments = list(argv)
    while arguments:
        argument = arguments.pop(0)
        name, equals, value = argument.partition("=")
        if argument == "--" or (rest and rest[0] == "run"):
            rest += [argument, *arguments]
            break
        if name in own:
            if not equals and not arguments:
                raise SetupError(f"{name} needs a value")
            own[name] = os.path.abspath(value if equals else arguments.pop(0))
        else:
            rest.append(argument)
    if not rest or rest[0] in ("-h", "--help"):
        return None
    if rest[0] not in COMMANDS:
        raise SetupError(f"unknown command {rest[0]!r}: one of {', '.join(COMMANDS)}")
    return Options(rest[0], rest[1:], own["--wheels"], own["--python"])


def run(options: "Options") -> int:
    """Make the environment and run the command in it."""
    if options.wheels and not os.path.isdir(options.wheels):
        raise SetupError(f"no folder {options.wheels}: `dev.py wheels DIR` fills one")
    python = environment(options)
    if options.command == "wheels":
        return collect_wheels(python, options.args)
    if options.command == "nox" and call([python, "-c", "import nox"], quiet=True) != 0:
        pip(python, options, *group(python, "dev"))
    arguments = options.args[1:] if options.args[:1] == ["--"] else options.args
    if options.command == "run":
        if not arguments:
            raise SetupError("usage: python3 dev.py run COMMAND ...")
        return call(arguments, variables(options), folder=os.getcwd())
    if options.command == "demo":
        return call(["clientobs", "demo", *arguments], variables(options), folder=os.getcwd())
    module = ["pytest"] if options.command == "test" else ["nox", *sessions(arguments)]
    return call([python, "-m", *module, *arguments], variables(options))


def sessions(arguments: "list[str]") -> "list[str]":
    """Return nox's option for the session names that `arguments` begin with, if they do."""
    return ["-s"] if arguments and not arguments[0].startswith("-") else []


# ---- the interpreter


def interpreter(wanted: "str | None") -> str:
    """Return an interpreter of a version that clientobs supports, and say so where it is not this one."""
    if wanted:
        if version_of(wanted) is None:
            raise SetupError(f"{wanted} is no Python {dotted(OLDEST)} or newer with venv")
        return wanted
    if sys.version_info[:2] >= OLDEST:
        return getattr(sys, "_base_executable", None) or sys.executable  # not .venv itself
    for candidate in candidates():
        version = version_of(candidate)
        if version:
            say(f"this is Python {dotted(sys.version_info)}; using Python {version}: {candidate}")
            return candidate
    raise SetupError(
        f"clientobs needs Python {dotted(OLDEST)} or newer; this is {dotted(sys.version_info)}, and none\n"
        "was found. Install one, or name it: python3 dev.py --python /path/to/python3.11 ..."
    )


def dotted(version: "tuple[object, ...]") -> str:
    """Return major and minor version as a person writes them."""
    return f"{version[0]}.{version[1]}"


def candidates() -> "list[str]":
    """List interpreters by name on PATH, then those of pyenv, whose shims refuse versions not selected."""
    found = [shutil.which("python" + version) for version in TESTED]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    for version in TESTED:
        found += sorted(
            glob.glob(os.path.join(pyenv, "versions", version + ".*", "bin", "python3")), reverse=True
        )
        found += sorted(glob.glob(os.path.join(pyenv, "pyenv-win", "versions", version + ".*", "python.exe")))
    if os.name == "nt":
        programs = os.path.join(os.environ.get("LOCALAPPDATA", ""), "Programs", "Python")
        found += [os.path.join(programs, "Python" + v.replace(".", ""), "python.exe") for v in TESTED]
    found += ["/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"]
    return [path for path in found if path and os.path.exists(path)]


def version_of(python: str) -> "str | None":
    """Return the version of a usable interpreter, None for one that fails, is too old or lacks venv."""
    code = f"import sys, venv; assert sys.version_info[:2] >= {OLDEST!r}; print(sys.version.split()[0])"
    try:
        return output([python, "-c", code]).strip()
    except (OSError, subprocess.CalledProcessError):
        return None


# ---- the environment


def environment(options: "Options") -> str:
    """Return the Python of .venv, made or brought up to date where that is due."""
    folder = os.path.join(ROOT, ".venv")
    python = os.path.join(venv_scripts(), "python.exe" if os.name == "nt" else "python")
    stamp = os.path.join(folder, STAMP)
    have = read_json(stamp)
    version = version_of(python)
    usable = version is not None and (not options.python or version == version_of(options.python))
    if usable and have.get("recipe") == recipe():
        return python
    if not usable:
        make_venv(interpreter(options.python), folder, python, options)
    say("installing what pyproject.toml names ...")
    pip(python, options, "--editable", ROOT + "[demo]", *group(python, "test"))
    with open(stamp, "w") as file:  # last: an interrupted set-up is taken up again
        json.dump({"recipe": recipe()}, file)
    return python


def recipe() -> str:
    """Return a hash of what the environment is made from: pyproject.toml, and where the sources lie."""
    digest = hashlib.sha256(ROOT.encode("utf-8", "surrogateescape"))
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        digest.update(file.read())
    return digest.hexdigest()


def make_venv(base: str, folder: str, python: str, options: "Options") -> None:
    """Make a fresh virtual environment with pip in it."""
    say(f"making .venv with Python {version_of(base)} ...")
    if call([base, "-m", "venv", "--clear", folder], quiet=True) == 0:
        return
    # Debian splits ensurepip into a package of its own: the base's pip can put itself into the environment.
    if call([base, "-m", "venv", "--clear", "--without-pip", folder]) != 0:
        raise SetupError(f"{base} -m venv failed: see above")
    site = output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    install = [base, "-m", "pip", "install", "-qq", "--target", site, "pip"]
    if call(install, variables(options)) != 0:
        raise SetupError(
            "no pip: install python3-venv or python3-pip by the system's packages, then try again"
        )


def pip(python: str, options: "Options", *arguments: str) -> None:
    """Install into the environment, quietly unless it fails."""
    command = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments]
    if call(command, variables(options)) != 0:
        raise SetupError(
            "pip could not install (its words are above).\n"
            "Where no package index is reached, run `python3 dev.py wheels DIR` on a machine of this kind\n"
            "that reaches one, bring the folder here, and add --wheels DIR."
        )


def group(python: str, name: str) -> "list[str]":
    """Return the requirements of one dependency group of pyproject.toml."""
    requirements = json.loads(output([python, "-c", READ_GROUP, name]))
    return list(requirements)


def collect_wheels(python: str, arguments: "list[str]") -> int:
    """Fill a folder with every wheel that --wheels needs: the dependencies, the build's, pip's own."""
    if len(arguments) != 1:
        raise SetupError("usage: python3 dev.py wheels DIR")
    folder = os.path.abspath(arguments[0])
    needed = [ROOT + "[demo]", *group(python, "dev"), "pip", "hatchling", "editables"]
    code = call([python, "-m", "pip", "wheel", "-qq", "--wheel-dir", folder, *needed])
    if code == 0:
        count = len(os.listdir(folder))
        say(f"{count} wheels in {folder}, for Python {version_of(python)} on this kind of machine")
    return code


# ---- processes


def variables(options: "Options") -> "dict[str, str]":
    """Return the environment for children: nothing of another Python's; the wheel house if one is given."""
    environ = dict(os.environ)
    environ["PATH"] = os.pathsep.join([venv_scripts(), environ.get("PATH", os.defpath)])
    if options.command != "run":
        environ.pop("PYTHONPATH", None)
    environ.pop("PYTHONHOME", None)
    if options.wheels:
        environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=options.wheels)
    return environ


def venv_scripts() -> str:
    """Return the folder of the environment's programs."""
    return os.path.join(ROOT, ".venv", "Scripts" if os.name == "nt" else "bin")


def call(
    command: "list[str]",
    environ: "dict[str, str] | None" = None,
    folder: str = ROOT,
    quiet: bool = False,
) -> int:
    """Run a command; return its exit code, as a shell gives it."""
    sys.stdout.flush()
    silence = subprocess.DEVNULL if quiet else None
    program = shutil.which(command[0], path=(environ or os.environ).get("PATH")) or command[0]
    try:
        child = subprocess.Popen(
            [program, *command[1:]], cwd=folder, env=environ, stdout=silence, stderr=silence
        )
    except OSError as error:
        raise SetupError(f"{command[0]}: {error.strerror or error}") from None
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            continue  # the child has had it too, and says goodbye by itself
        return code if code >= 0 else 128 - code


def output(command: "list[str]") -> str:
    """Run a command in the repository's root; return what it printed."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    return subprocess.check_output(
        command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).decode()


def read_json(path: str) -> "dict[str, str]":
    """Return the object in a JSON file; an absent or broken file is an empty one."""
    try:
        with open(path) as file:
            value = json.load(file)  # type: object
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def say(text: str) -> None:
    """Print a line of our own, apart from the output of what is run."""
    sys.stderr.write(f"dev.py: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

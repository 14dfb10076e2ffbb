"""Switch clientobs on in a Python that `clientobs run` started, at whatever depth.

Every Python below the command imports this file, also the 2.7 or 3.7 of a locked show: it must parse there
and leave quietly. It hands over to the sitecustomize that would have been imported without it, takes its own
folder out of sys.path, and starts clientobs (cli/program.py). Nothing that goes wrong here reaches the program.
"""

import os
import sys

OLDEST = (3, 10)


def _hand_over():
    # type: () -> None
    """Import the sitecustomize behind this one; what it raises is site's to handle, as without us."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != here]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401, PLC0415
    except ImportError as error:
        if ours is not None:
            sys.modules["sitecustomize"] = ours
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
    except BaseException:
        if ours is not None:
            sys.modules["sitecustomize"] = ours
        raise


def _switch_on():
    # type: () -> str
    """Start recording; return what happened, for `run --verbose`."""
    version = "Python {0}.{1}".format(*sys.version_info[:2])
    if sys.version_info < OLDEST:
        return "not active: " + version + " is older than 3.10"
    try:
        _import_clientobs()
        from clientobs.cli import program  # noqa: PLC0415

        runtime = program.start()
        if not runtime.running:
            return "not active in " + version + ": " + runtime.reason
        return "active in " + version + ", run " + runtime.run
    except Exception as error:  # noqa: BLE001  # the program comes first; --verbose tells
        return "not active in {0}: {1}: {2}".format(version, type(error).__name__, error)


def _import_clientobs():
    # type: () -> None
    """Import clientobs; what this interpreter lacks is borrowed from the one that ran `clientobs run`."""
    import importlib.util  # noqa: PLC0415

    try:
        import clientobs  # noqa: F401, PLC0415

        # Looked for, not imported: clientobs loads the SDK in its own careful way.
        if importlib.util.find_spec("opentelemetry.sdk") is None:
            raise ImportError("opentelemetry.sdk")
    except ImportError:
        lent = os.environ.get("_CLIENTOBS_RUN_LEND", "").split(os.pathsep)
        import sysconfig  # noqa: PLC0415

        tag = "{0}-{1}".format(sys.implementation.cache_tag, sysconfig.get_platform())
        if len(lent) < 2 or lent[0] != tag:  # noqa: PLR2004
            raise
        sys.path.append(os.path.dirname(os.path.abspath(__file__)))
        try:
            import clientobs_lent  # noqa: PLC0415
        finally:
            sys.path.pop()
        clientobs_lent.lend(lent[1:])


def _sign():
    # type: () -> None
    """Tell the launcher (`run --dcc`) that a Python has started, and in which program; every version can."""
    path = os.environ.get("_CLIENTOBS_RUN_SIGN")
    try:
        if not path or not os.path.isfile(path):
            return
        names = [sys.executable or "", (getattr(sys, "argv", None) or [""])[0]]
        if sys.platform.startswith("linux"):
            names.append(os.readlink("/proc/self/exe"))
        fields = [str(os.getpid()), "{0}.{1}".format(*sys.version_info[:2])]
        fields += [os.path.basename(name).replace("\t", " ").replace("\n", " ") for name in names]
        with open(path, "a") as signs:
            signs.write("\t".join(fields) + "\n")
    except Exception:  # noqa: BLE001, S110  # the program comes first, and nobody is here to be told
        pass


def _tell(outcome):
    # type: (str) -> None
    if os.environ.get("_CLIENTOBS_RUN_VERBOSE") and sys.stderr is not None:
        sys.stderr.write("clientobs: pid {0}: {1}\n".format(os.getpid(), outcome))


def _main():
    # type: () -> None
    # Where another sitecustomize takes this one's place, Python 2 empties this module as soon as nobody holds it.
    held = sys.modules.get("sitecustomize")
    _sign()
    try:
        _hand_over()
    finally:
        _tell(_switch_on())
        del held


_main()

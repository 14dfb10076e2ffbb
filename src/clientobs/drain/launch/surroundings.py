"""The environment that a drain is started with: the host's, without what would make it part of the host.

A DCC sets PYTHONHOME, library paths and Qt plug-in paths for its own binaries; with them another Python
crashes or loads the DCC's libraries. What the drain needs stays: proxies, CA bundles, OTEL_* with its
credentials, and whatever a `headers_command` wants to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from clientobs._dataclass import dataclass

__all__ = [
    "CANDIDATES",
    "COPY",
    "IMPORT_PATH",
    "SETTINGS",
    "UNFIT",
    "Errand",
    "command_of_drain",
    "environment_of_drain",
]

SETTINGS: Final = "CLIENTOBS_DRAIN_SETTINGS"
"""The Config as JSON (`settings.py`)."""
IMPORT_PATH: Final = "CLIENTOBS_DRAIN_IMPORT_PATH"
"""Folders that hold clientobs and what the drain needs, JSON list."""
CANDIDATES: Final = "CLIENTOBS_DRAIN_CANDIDATES"
"""Interpreters to go on with where this one proves unfit, JSON list."""
COPY: Final = "CLIENTOBS_DRAIN_COPY"
"""The version to copy to local disk first; absent where no copy is needed."""
UNFIT: Final = "CLIENTOBS_DRAIN_UNFIT"
"""Interpreters that proved unfit on the way, with the reason, JSON list of pairs."""

_STRIPPED_PREFIXES: Final = ("PYTHON", "LD_", "DYLD_", "QT_", "CLIENTOBS_DRAIN_")
_STRIPPED: Final = frozenset(
    {
        "__PYVENV_LAUNCHER__",  # macOS: makes another interpreter believe that it is the host's
        "GLIBC_TUNABLES",
        "GCONV_PATH",
        "OPENSSL_CONF",  # the host's OpenSSL is not the drain's
        "OPENSSL_MODULES",
        "SSLKEYLOGFILE",
        "SGTK_CONTEXT",  # pickles with credentials of the artist
        "TANK_CONTEXT",
        "TRACEPARENT",  # the drain is no part of the host's trace
        "TRACESTATE",
        "BAGGAGE",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a drain is told at its start, beside its home and destination."""

    settings: str
    import_path: str
    candidates: str
    copy: str | None = None


def environment_of_drain(environ: Mapping[str, str], errand: Errand) -> list[tuple[str, str]]:
    """Return the variables of the drain; the host's own mapping is not touched.

    >>> errand = Errand(settings="{}", import_path="[]", candidates="[]")
    >>> [name for name, _ in environment_of_drain({"PATH": "/bin", "PYTHONHOME": "/opt/maya"}, errand)]
    ['PATH', 'CLIENTOBS_DRAIN_SETTINGS', 'CLIENTOBS_DRAIN_IMPORT_PATH', 'CLIENTOBS_DRAIN_CANDIDATES']
    """
    kept = [(name, value) for name, value in environ.items() if _stays(name, value)]
    kept += [(SETTINGS, errand.settings), (IMPORT_PATH, errand.import_path), (CANDIDATES, errand.candidates)]
    return [*kept, (COPY, errand.copy)] if errand.copy else kept


def _stays(name: str, value: str) -> bool:
    if not name or "=" in name[1:] or "\0" in name or "\0" in value:  # Windows has names such as "=C:"
        return False
    upper = name.upper()
    return upper not in _STRIPPED and not upper.startswith(_STRIPPED_PREFIXES)


def command_of_drain(python: str, script: str, arguments: Sequence[str]) -> list[str]:
    """Return the argument vector: isolated (-I), UTF-8 whatever the locale.

    >>> command_of_drain("/usr/bin/python3", "start.py", ["--home", "/h"])[:4]
    ['/usr/bin/python3', '-I', '-X', 'utf8']
    """
    return [python, "-I", "-X", "utf8", script, *arguments]

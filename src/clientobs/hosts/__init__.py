"""The applications that clientobs runs in: one file per DCC, and what all with Qt share.

`qt_report_dialog` is loaded when it is first used. What an adapter of a DCC hands over, each from the host's own
callback and on the host's thread:

    plugins.plugins_are(names)     the plug-ins that are loaded, `dcc.plugins` of session.environment
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing alone would take half of what an import may cost
if TYPE_CHECKING:
    from typing import Any

    from clientobs.hosts.qt_dialog import qt_report_dialog

__all__ = ["qt_report_dialog"]


def __getattr__(name: str) -> Any:
    if name != "qt_report_dialog":
        raise AttributeError(f"module 'clientobs.hosts' has no attribute {name!r}")
    from clientobs.hosts.qt_dialog import qt_report_dialog  # noqa: PLC0415  # see the docstring

    return qt_report_dialog

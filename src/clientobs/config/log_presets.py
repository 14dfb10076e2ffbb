"""Where the tools of the field write their log files, and how a record of each begins.

Each pattern stands beside the form that it was made from; tests/config/samples/ holds recorded lines of each.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["PRESETS"]

PRESETS: Final[dict[str, dict[str, Any]]] = {
    # 2024-05-02 10:11:12,345 [1234 DEBUG sgtk.core.bootstrap] Message (tk-core, LogManager's file handler)
    "shotgrid-toolkit": {
        "name": "shotgrid-toolkit",
        "linux": ("~/.shotgun/logs/*.log",),
        "macos": ("~/Library/Logs/Shotgun/*.log",),
        "windows": ("%APPDATA%/Shotgun/Logs/*.log",),
        "pattern": r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \[(?:\d+ )?(?P<level>[A-Z]+) ",
    },
}
"""By name: fields of LogFilesConfig."""

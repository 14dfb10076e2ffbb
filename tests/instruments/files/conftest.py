"""A studio in a folder: local disk beside a share that is declared to be a NAS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from support.readback import Seen, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Studio:
    """Folders, and what was recorded of the work in them."""

    def __init__(self, home: Path, disk: Path, nas: Path) -> None:
        self.home = home
        self.disk = disk
        self.nas = nas

    def recorded(self) -> Seen:
        clientobs.shutdown()
        return seen(self.home)

    def summary(self, span: str) -> dict[str, Any]:
        return dict(self.recorded().span(span).attributes)


@pytest.fixture
def folders(tmp_path: Path, home: Path) -> Studio:
    disk, nas = tmp_path / "disk", tmp_path / "nas"
    disk.mkdir()
    nas.mkdir()
    return Studio(home, disk, nas)


@pytest.fixture
def start(folders: Studio) -> Iterator[Callable[..., Studio]]:
    """Return a function that starts recording with settings of the instrument, the NAS among them."""

    def started(*, roots: dict[str, Any] | None = None, **files: Any) -> Studio:
        files.setdefault("network", [str(folders.nas)])
        runtime = clientobs.init("test-tool", files=files, roots=roots or {})
        assert runtime.running, runtime.reason
        return folders

    yield started
    clientobs.shutdown()


@pytest.fixture
def studio(start: Callable[..., Studio]) -> Studio:
    """Return a studio with the settings as they come."""
    return start()

"""A memory cgroup of a test: what a process may take at most before the kernel kills it. Linux, as root."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from support.workstation import until

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["MemoryBound"]

_V1: Final = Path("/sys/fs/cgroup/memory")
_V2: Final = Path("/sys/fs/cgroup")


class MemoryBound:
    """A cgroup with a bound in bytes."""

    def __init__(self, size: int) -> None:
        self._is_v1 = (_V1 / "memory.limit_in_bytes").exists()
        self._size = size
        self.path = (_V1 if self._is_v1 else _V2) / f"clientobs-test-{uuid.uuid4().hex[:12]}"

    @classmethod
    def allowed(cls) -> bool:
        """Say whether such a cgroup can be made here."""
        probe = cls(1 << 30)
        try:
            with probe:
                return True
        except OSError:
            return False

    def take(self, pid: int) -> None:
        """Put a process into it."""
        (self.path / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """Return how many processes in it the kernel has killed."""
        text = (self.path / ("memory.oom_control" if self._is_v1 else "memory.events")).read_text()
        found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def __enter__(self) -> Self:
        self.path.mkdir()
        try:
            (self.path / ("memory.limit_in_bytes" if self._is_v1 else "memory.max")).write_text(
                str(self._size)
            )
        except OSError:
            self.path.rmdir()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        def is_gone() -> bool:
            try:
                os.rmdir(self.path)
            except OSError:
                return False
            return True

        if self.path.exists():
            for pid in (self.path / "cgroup.procs").read_text().split():
                os.kill(int(pid), 9)
            until(is_gone)

"""A NAS of a test's own: a FUSE file system over a folder, every request of which takes as long as it is told.

    with slow_mount(folder, point, delay=0.002, opening=0.4) as mounted:
        if not mounted: pytest.skip("no file system can be mounted here")

`folder` is what it shows, `point` where. `delay` are the seconds that each request takes, `opening` what an open
takes beyond that. The kernel asks it as it asks sshfs or a vendor's client, and the mount table lists it as
`fuse.slownas`: nothing is patched and nothing has to be declared. It is served by a process of its own, so that its
waiting costs the program under test no Python. Caches are off (entries and attributes are good for 0 s), as on a
share that others write to.

The protocol is the kernel's (include/uapi/linux/fuse.h, 7.31), spoken over /dev/fuse, without libfuse. Serves what
programs do in a test: lookups, stat, open, create, read, write, truncate, rename, remove, folders, statfs.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import os
import select
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["slow_mount"]

_IN: Final = struct.Struct("=IIQQIIIHH")
"""fuse_in_header: len, opcode, unique, nodeid, uid, gid, pid, total_extlen, padding."""
_OUT: Final = struct.Struct("=IiQ")
_ATTR: Final = struct.Struct("=QQQQQQIIIIIIIIII")
_ENTRY: Final = struct.Struct("=QQQQII")
_ATTR_OUT: Final = struct.Struct("=QII")
_OPEN_OUT: Final = struct.Struct("=QII")
_DIRENT: Final = struct.Struct("=QQII")
_STATFS: Final = struct.Struct("=QQQQQIIII24s")
_BUFFER: Final = (1 << 20) + 4096
_ROOT: Final = 1
_DIRECT_IO: Final = 1
_DETACH: Final = 2
_FATTR_MODE, _FATTR_SIZE = 1, 8
_NOT_ANSWERED: Final = frozenset({2, 42})  # FORGET, BATCH_FORGET


class Server:
    """Answers the kernel's requests, one after the other, from the folder that it shows."""

    def __init__(self, device: int, folder: str, *, delay: float, opening: float) -> None:
        self._device = device
        self._delay = delay
        self._opening = opening
        self._paths: dict[int, str] = {_ROOT: folder}
        self._nodes: dict[str, int] = {folder: _ROOT}
        self._answers: dict[int, Callable[[int, bytes], bytes]] = {
            1: self._lookup,
            3: self._getattr,
            4: self._setattr,
            9: self._mkdir,
            10: lambda node, body: self._remove(os.unlink, node, body),
            11: lambda node, body: self._remove(os.rmdir, node, body),
            12: lambda node, body: self._rename(node, body, 8),
            14: self._open,
            15: self._read,
            16: self._write,
            17: self._statfs,
            18: self._release,
            25: lambda _node, _body: b"",  # FLUSH
            26: self._init,
            27: lambda _node, _body: _OPEN_OUT.pack(0, 0, 0),  # OPENDIR
            28: self._readdir,
            29: lambda _node, _body: b"",  # RELEASEDIR
            35: self._create,
            45: lambda node, body: self._rename(node, body, 16),
        }

    def serve(self) -> None:
        """Answer until the mount is gone."""
        while True:
            try:
                request = os.read(self._device, _BUFFER)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                continue
            _, code, unique, node, *_ = _IN.unpack_from(request)
            if code not in _NOT_ANSWERED:
                answer = self._answer(code, unique, node, request[_IN.size :])
                with contextlib.suppress(FileNotFoundError):  # who asked is gone
                    os.write(self._device, answer)

    def _answer(self, code: int, unique: int, node: int, body: bytes) -> bytes:
        answer = self._answers.get(code)
        try:
            if answer is None:
                raise OSError(errno.ENOSYS, "")
            if code != 26:  # INIT
                time.sleep(self._delay + (self._opening if code in (14, 35) else 0))
            said = answer(node, body)
        except OSError as error:
            return _OUT.pack(_OUT.size, -(error.errno or errno.EIO), unique)
        return _OUT.pack(_OUT.size + len(said), 0, unique) + said

    def _init(self, _node: int, body: bytes) -> bytes:
        _, minor, readahead, _ = struct.unpack_from("=IIII", body)
        return struct.pack("=IIIIHHIIHHI28x", 7, min(minor, 31), readahead, 0, 16, 12, 1 << 20, 1, 256, 0, 0)

    def _path(self, node: int, body: bytes) -> str:
        return os.path.join(self._paths[node], os.fsdecode(body.split(b"\0", 1)[0]))

    def _node(self, path: str) -> int:
        node = self._nodes.get(path)
        if node is None:
            node = self._nodes[path] = len(self._paths) + 1
            self._paths[node] = path
        return node

    def _entry(self, path: str) -> bytes:
        attributes = self._attributes(path)
        return _ENTRY.pack(self._node(path), 0, 0, 0, 0, 0) + attributes

    def _attributes(self, path: str) -> bytes:
        found = os.lstat(path)
        seconds = int(found.st_mtime), int(found.st_mtime), int(found.st_ctime)
        owner = found.st_mode, found.st_nlink, found.st_uid, found.st_gid
        return _ATTR.pack(
            self._node(path), found.st_size, found.st_blocks, *seconds, 0, 0, 0, *owner, 0, 4096, 0
        )

    def _lookup(self, node: int, body: bytes) -> bytes:
        return self._entry(self._path(node, body))

    def _getattr(self, node: int, _body: bytes) -> bytes:
        return _ATTR_OUT.pack(0, 0, 0) + self._attributes(self._paths[node])

    def _setattr(self, node: int, body: bytes) -> bytes:
        valid, _, _, size = struct.unpack_from("=IIQQ", body)
        if valid & _FATTR_SIZE:
            os.truncate(self._paths[node], size)
        if valid & _FATTR_MODE:
            os.chmod(self._paths[node], struct.unpack_from("=I", body, 68)[0])
        return self._getattr(node, b"")

    def _mkdir(self, node: int, body: bytes) -> bytes:
        path = self._path(node, body[8:])
        os.mkdir(path, struct.unpack_from("=I", body)[0])
        return self._entry(path)

    def _remove(self, remove: Callable[[str], None], node: int, body: bytes) -> bytes:
        path = self._path(node, body)
        remove(path)
        self._nodes.pop(path, None)
        return b""

    def _rename(self, node: int, body: bytes, head: int) -> bytes:
        folder = struct.unpack_from("=Q", body)[0]
        old, new, _ = body[head:].split(b"\0", 2)
        source, target = self._path(node, old), self._path(folder, new)
        os.rename(source, target)
        moved = self._nodes.pop(source, None)
        if moved is not None:
            self._nodes[target], self._paths[moved] = moved, target
        return b""

    def _open(self, node: int, body: bytes) -> bytes:
        return self._opened(self._paths[node], struct.unpack_from("=I", body)[0] & ~os.O_CREAT)

    def _create(self, node: int, body: bytes) -> bytes:
        flags, mode = struct.unpack_from("=II", body)
        path = self._path(node, body[16:])
        opened = self._opened(path, flags | os.O_CREAT, mode)
        return self._entry(path) + opened

    def _opened(self, path: str, flags: int, mode: int = 0o666) -> bytes:
        # The kernel sends offsets with each write: appending is its business.
        return _OPEN_OUT.pack(os.open(path, flags & ~os.O_APPEND, mode & 0o7777), _DIRECT_IO, 0)

    def _read(self, _node: int, body: bytes) -> bytes:
        handle, offset, size = struct.unpack_from("=QQI", body)
        return os.pread(handle, size, offset)

    def _write(self, _node: int, body: bytes) -> bytes:
        handle, offset, size = struct.unpack_from("=QQI", body)
        return struct.pack("=II", os.pwrite(handle, body[40 : 40 + size], offset), 0)

    def _release(self, _node: int, body: bytes) -> bytes:
        os.close(struct.unpack_from("=Q", body)[0])
        return b""

    def _readdir(self, node: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("=QQI", body)
        said = b""
        for number, name in enumerate(sorted(os.listdir(self._paths[node])), start=1):
            raw = os.fsencode(name)
            kind = stat.S_IFMT(os.lstat(os.path.join(self._paths[node], name)).st_mode) >> 12
            entry = _DIRENT.pack(number + 1, number, len(raw), kind) + raw
            entry += b"\0" * (-len(entry) % 8)
            if number > offset and len(said) + len(entry) <= size:
                said += entry
        return said

    def _statfs(self, node: int, _body: bytes) -> bytes:
        room = os.statvfs(self._paths[node])
        blocks = room.f_blocks, room.f_bfree, room.f_bavail, room.f_files, room.f_ffree
        return _STATFS.pack(*blocks, room.f_bsize, room.f_namemax, room.f_frsize, 0, b"")


@contextlib.contextmanager
def slow_mount(
    folder: Path | str, point: Path | str, *, delay: float = 0.0, opening: float = 0.0
) -> Iterator[bool]:
    """Show `folder` at `point`, slowly; say whether that could be done (Linux, /dev/fuse, the right to mount)."""
    arguments = (str(folder), str(point), str(delay), str(opening))
    process = subprocess.Popen(
        [sys.executable, "-S", __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], 30)
        yield bool(ready) and process.stdout.readline() == b"mounted\n"
    finally:
        _libc().umount2(os.fsencode(str(point)), _DETACH)
        process.stdin.close()
        process.terminate()  # it may stand in a delay
        process.wait(30)
        process.stdout.close()


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def main() -> int:
    """Mount, say so, and serve; the mount goes with this process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("point")
    parser.add_argument("delay", type=float)
    parser.add_argument("opening", type=float)
    options = parser.parse_args()
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        return 1
    words = f"fd={device},rootmode={stat.S_IFDIR:o},user_id={os.getuid()},group_id={os.getgid()}"
    if _libc().mount(b"slownas", os.fsencode(options.point), b"fuse.slownas", 0, words.encode()) != 0:
        return 1
    os.write(1, b"mounted\n")
    Server(device, options.folder, delay=options.delay, opening=options.opening).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())

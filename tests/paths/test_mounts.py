"""The mount table: right by component, and never a touch of a network's storage."""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.paths import mounts_linux, mounts_macos, mounts_windows
from clientobs.paths.mounts import MountTable
from clientobs.paths.storage import Mount, storage

if TYPE_CHECKING:
    from pathlib import Path

MOUNTINFO = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 0:50 / /home rw,relatime shared:7 - autofs systemd-1 rw,fd=40
41 40 0:51 / /home/kim rw,relatime shared:8 master:2 propagate_from:3 - nfs4 nas:/home/kim rw,vers=4.2
42 27 0:52 / /mnt/p rw - cifs //nas/p rw,vers=3.0
43 27 0:53 / /mnt/my\040show\134x rw - nfs nas:/show rw
44 27 0:54 / /mnt/over rw - ext4 /dev/vdb rw
45 27 0:55 / /mnt/over rw - nfs nas:/over rw
46 27 0:56 / /run/user/1000/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw
47 27 0:57 / /mnt/crypt rw - fuse.gocryptfs /data/x rw
48 27 0:58 / /mnt/fast rw - beegfs beegfs_nodev rw
49 27 0:59 / /mnt/odd rw - vendorfs server:/x rw
truncated line
"""


def never(path: str) -> str:
    raise OSError(path)


def table(mounts: tuple[Mount, ...], platform: str = "linux") -> MountTable:
    return MountTable(lambda: mounts, platform, readlink=never)


LINUX = table(mounts_linux.parse(MOUNTINFO))


@pytest.mark.parametrize(
    ("path", "point", "kind", "network"),
    [
        ("/tmp/x", "/", "local", False),
        ("/mnt/project/x", "/", "local", False),
        ("/mnt/p/x", "/mnt/p", "smb", True),
        ("/mnt/p", "/mnt/p", "smb", True),
        ("/mnt/p/../q", "/", "local", False),
        ("/home/kim/x", "/home/kim", "nfs", True),
        ("/home/lee", "/home", "autofs", True),
        ("/mnt/my show\\x/a", "/mnt/my show\\x", "nfs", True),
        ("/mnt/over/a", "/mnt/over", "nfs", True),
        ("/run/user/1000/gvfs/x", "/run/user/1000/gvfs", "smb", True),
        ("/mnt/crypt/x", "/mnt/crypt", "local", False),
        ("/mnt/fast/x", "/mnt/fast", "cluster", True),
        ("/mnt/odd/x", "/mnt/odd", "unknown", True),
        ("/proc/1", "/proc", "unknown", False),
    ],
)
def test_linux_paths_are_found_on_their_mounts(path: str, point: str, kind: str, network: bool) -> None:
    mount = LINUX.find(path)
    assert mount is not None
    assert (mount.point, mount.kind, mount.network) == (point, kind, network)


@pytest.mark.parametrize(
    ("fstype", "device", "kind", "network"),
    [
        ("overlay", "overlay", "local", False),
        ("tmpfs", "tmpfs", "tmpfs", False),
        ("fuse.sshfs", "kim@host:/x", "fuse", True),
        ("fuse.glusterfs", "nas:/vol", "cluster", True),
        ("fuse.Blender-4.AppImage", "Blender-4.AppImage", "local", False),
        ("fuseblk", "/dev/sda1", "local", False),
        ("macfuse", "x", "fuse", True),
        ("virtiofs", "share", "shared", False),
        ("newfs", "/dev/sda1", "unknown", False),
        ("newfs", "//nas/x", "unknown", True),
    ],
)
def test_kinds_of_storage(fstype: str, device: str, kind: str, network: bool) -> None:
    mount = storage("/x", device, fstype)
    assert (mount.kind, mount.network) == (kind, network)


def test_a_relative_path_is_on_no_mount() -> None:
    assert LINUX.find("x") is None
    assert not LINUX.is_network("x")


@given(st.binary(max_size=300))
def test_no_mount_table_whatever_stops_the_host(text: bytes) -> None:
    mounts_linux.parse(text)


names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=5
).filter(lambda name: name not in {".", ".."})
points = st.lists(names, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(st.lists(points, max_size=6), points)
def test_the_longest_mount_by_component_is_found(places: list[str], path: str) -> None:
    found = table(tuple(storage(place, "x", "ext4") for place in places)).find(path)
    holding = [place for place in places if f"{path}/".startswith(f"{place.rstrip('/')}/")]
    assert (found.point if found else None) == (max(holding, key=len) if holding else None)


@given(points)
def test_mountinfo_escapes_are_undone(point: str) -> None:
    raw = "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in point).encode("utf-8")
    [mount] = mounts_linux.parse(b"1 2 0:1 / %s rw - nfs nas:/x rw" % raw)
    assert mount.point == point


def test_links_are_followed_on_local_storage_and_the_network_is_not_touched() -> None:
    touched: list[str] = []
    links = {"/studio": "mnt/p/studio", "/home2": "/home", "/tmp/up": "../mnt/./p", "/loop": "/loop"}

    def readlink(path: str) -> str:
        touched.append(path)
        if path in links:
            return links[path]
        raise OSError(path)

    followed = MountTable(lambda: mounts_linux.parse(MOUNTINFO), "linux", readlink=readlink)
    assert followed.is_network("/studio/tools/x")
    assert followed.is_network("/home2/kim/.local/state")
    assert followed.is_network("/tmp/up/x")
    assert not followed.is_network("/loop/x")
    assert not followed.is_network("/var/tmp/x")
    kept_off = ("/mnt/p", "/home/")
    assert not [path for path in touched if path == "/home" or path.startswith(kept_off)]


@pytest.mark.skipif(sys.platform == "win32", reason="links of a POSIX file system")
def test_real_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/../real")
    real = storage(str(tmp_path / "real"), "nas:/x", "nfs")
    found = MountTable(lambda: (storage("/", "/dev/sda", "ext4"), real), "linux")
    assert found.is_network(str(tmp_path / "link" / "deep"))
    assert not found.is_network(str(tmp_path / "other"))


def test_the_table_is_read_again_after_a_while_and_only_then() -> None:
    now = 0.0
    mounts: list[tuple[Mount, ...]] = [(storage("/", "/dev/sda", "ext4"),)]
    readings = 0

    def source() -> tuple[Mount, ...]:
        nonlocal readings
        readings += 1
        return mounts[-1]

    watched = MountTable(source, "linux", clock=lambda: now)
    assert readings == 0
    assert not watched.is_network("/mnt/p")
    mounts.append((*mounts[0], storage("/mnt/p", "nas:/p", "nfs")))
    now = 4.9
    assert not watched.is_network("/mnt/p")
    now = 5.0
    assert watched.is_network("/mnt/p")
    assert readings == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own table")
def test_the_table_of_this_machine_agrees_with_the_kernel(tmp_path: Path) -> None:
    mount = MountTable.of_this_machine().locate(str(tmp_path))
    assert mount is not None
    # stat is allowed here: the answer to compare with
    assert os.stat(mount.point).st_dev == os.stat(tmp_path).st_dev


def statfs(fstype: bytes, point: bytes, device: bytes, flags: int) -> bytes:
    return struct.pack(
        "=Ii5Q8sIIII16s1024s1024s32x", 4096, 0, 0, 0, 0, 0, 0, b"", 0, 0, flags, 0, fstype, point, device
    )


def test_macos_takes_the_kernels_word_for_what_is_local() -> None:
    local = 0x1000
    raw = (
        statfs(b"apfs", b"/", b"/dev/disk3s1", local)
        + statfs(b"smbfs", b"/Volumes/p", b"//kim@nas/p", 0)
        + statfs(b"vendor", b"/Volumes/fast", b"fast", 0)
    )
    mac = table(mounts_macos.parse(raw + b"torn"), "darwin")
    assert [(mount.kind, mount.network) for mount in mac.mounts()] == [
        ("local", False),
        ("smb", True),
        ("unknown", True),
    ]
    assert mac.is_network("/Volumes/p/x")
    assert not mac.is_network("/Users/kim")


class Drives:
    """C: fixed, P: a share, R: a RAM disk."""

    def letters(self) -> int:
        return 1 << 2 | 1 << 15 | 1 << 17

    def type_of(self, root: str) -> int:
        return {"C:\\": 3, "P:\\": 4, "R:\\": 6}[root]

    def connection(self, drive: str) -> str:
        assert drive == "P:"
        return "\\\\nas\\proj"


def test_windows_drives_and_shares() -> None:
    windows = table(mounts_windows.mounts_of(Drives()), "win32")
    assert windows.find("p:/x") == Mount("P:\\", "\\\\nas\\proj", "remote", "smb", network=True)
    assert windows.is_network("\\\\?\\P:\\x")
    assert windows.is_network("\\\\other\\share\\x")
    assert windows.is_network("//other/share")
    assert not windows.is_network("C:\\Users")
    assert not windows.is_network("R:\\x")
    assert windows.find("Z:\\x") is None


def test_a_windows_link_to_a_share_is_seen() -> None:
    def readlink(path: str) -> str:
        if path == "C:\\tools":
            return "\\\\?\\UNC\\nas\\tools"
        raise OSError(path)

    windows = MountTable(lambda: mounts_windows.mounts_of(Drives()), "win32", readlink=readlink)
    assert windows.is_network("c:/tools/x")
    assert not windows.is_network("c:/tool/x")

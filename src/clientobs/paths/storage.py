"""Kinds of storage, told from the names that mount tables use."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["Mount", "StorageKind", "storage"]

StorageKind: TypeAlias = Literal[
    "local", "tmpfs", "nfs", "smb", "afp", "cluster", "shared", "cloud", "fuse", "autofs", "unknown"
]
"""cluster: a parallel or SAN filesystem. shared: a folder lent by the machine that hosts this virtual one.
cloud: an object store shown as files. autofs: a mount that is made when it is touched."""


class Mount(NamedTuple):
    """One line of the mount table."""

    point: str
    device: str
    fstype: str
    kind: StorageKind
    network: bool
    """Whether a server may keep its users waiting. An automount counts: touching it mounts a share."""


_KINDS: Final[dict[StorageKind, str]] = {
    "local": """
        apfs aufs bcachefs btrfs cd9660 devfs ecryptfs erofs exfat ext2 ext3 ext4 f2fs fat fat32 ffs fuseblk
        hfs hfsplus iso9660 jfs lofs msdos nilfs2 ntfs ntfs3 nullfs overlay overlayfs refs reiserfs squashfs
        ubifs udf ufs vfat xfs zfs""",
    "tmpfs": "devtmpfs ramfs rootfs tmpfs",
    "nfs": "nfs nfs3 nfs4",
    "smb": "cifs ncpfs smb smb2 smb3 smbfs",
    "afp": "afpfs",
    "cluster": """
        acfs afs beegfs ceph coda cvfs gfs2 glusterfs gpfs lustre mmfs ocfs2 orangefs panfs pvfs2 quobyte snfs
        vxfs wekafs xtreemfs""",
    "shared": "9p drvfs prl_fs v9fs vboxsf virtiofs vmhgfs",
    "cloud": "davfs davfs2 lucid lucidfs s3fs webdav",
    "autofs": "autofs",
}
_BY_NAME: Final = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_ON_NETWORK: Final = frozenset({"nfs", "smb", "afp", "cluster", "cloud", "autofs"})
_FUSE_LOCAL: Final = frozenset(
    {"bindfs", "cryfs", "encfs", "exfat", "ext2", "fuse-overlayfs", "gocryptfs", "lxcfs", "mergerfs", "ntfs"}
    | {"ntfs-3g", "portal", "rofiles-fuse", "squashfuse", "unionfs", "veracrypt"}
)
_FUSE_SMB: Final = frozenset({"smbnetfs", "gvfsd-fuse"})
_FUSE_SHARED: Final = frozenset({"vmhgfs-fuse", "grpcfuse", "osxfs"})


def storage(point: str, device: str, fstype: str) -> Mount:
    """Return the mount with its kind, by its filesystem's name and, where that says nothing, its device.

    >>> storage("/mnt/proj", "nas:/export/proj", "nfs4").kind
    'nfs'
    """
    name = fstype.lower()
    kind: StorageKind
    if name.startswith(("fuse.", "macfuse", "osxfuse")):
        kind, network = _fuse(name.partition(".")[2], device)
    elif name == "fuse":
        kind, network = _fuse("", device)
    else:
        kind = _BY_NAME.get(name, "unknown")
        network = kind in _ON_NETWORK or (kind == "unknown" and _is_remote(device))
    return Mount(point, device, fstype, kind, network)


def _fuse(name: str, device: str) -> tuple[StorageKind, bool]:
    """Tell by the helper's name; an unknown one is taken for a network's (sshfs, rclone, a vendor's)."""
    if name in _FUSE_LOCAL or name.endswith(".appimage"):
        return "local", False
    if name in _FUSE_SHARED:
        return "shared", False
    if name in _FUSE_SMB:
        return "smb", True
    kind = _BY_NAME.get(name)
    if kind is not None and kind != "local":
        return kind, kind in _ON_NETWORK or _is_remote(device)
    return "fuse", True


def _is_remote(device: str) -> bool:
    """Whether a device looks like server:/export, //server/share or user@server."""
    return device.startswith(("//", "\\\\")) or ":/" in device or "@" in device

"""Which file systems are shared over a network, as far as their types tell."""

from pathlib import Path

import psutil

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "beegfs", "gpfs", "ceph", "glusterfs", "wekafs", "afs"}
    | {"9p", "virtiofs"}  # the host's folder in a virtual machine
)

LOCAL_IN_USER_SPACE = ("fuse.fuse-overlayfs", "fuse.ntfs", "fuse.exfat", "fuse.ext")
"""Beginnings of types of local file systems; the others of FUSE are mounted buckets and the like."""


def network_file_system(file: Path) -> str | None:
    """Return the type of the network file system that a file is on, or will be; None where it is on none."""
    kind = _file_system(file.absolute().parent)
    in_user_space = kind.startswith("fuse.") and not kind.startswith(LOCAL_IN_USER_SPACE)
    return kind if kind in NETWORK_FILE_SYSTEMS or in_user_space else None


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on: of what is mounted deepest, and there last of all."""
    try:
        place, mounts = folder.resolve(), psutil.disk_partitions(all=True)
    except OSError:
        return ""
    above = [mount for mount in mounts if place.is_relative_to(mount.mountpoint)]
    return max(reversed(above), key=lambda mount: len(mount.mountpoint)).fstype if above else ""

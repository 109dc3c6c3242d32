from pathlib import Path

import psutil
import pytest

from milepost.store.network_file_systems import network_file_system


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("/dev/vda / ext4 rw 0 0\n", None),
        ("/dev/vda / ext4 rw 0 0\nfs:/home {folder} nfs4 rw 0 0\n", "nfs4"),
        ("/dev/vda / ext4 rw 0 0\n10.0.0.1@tcp:/x {folder} lustre rw 0 0\n", "lustre"),
        ("fs:/home / nfs4 rw 0 0\n/dev/nvme {folder} xfs rw 0 0\n", None),
        ("fs:/home / nfs4 rw 0 0\n/dev/nvme {folder}/other xfs rw 0 0\n", "nfs4"),
        ("bucket {folder} fuse.gcsfuse rw 0 0\n", "fuse.gcsfuse"),
        ("overlay {folder} fuse.fuse-overlayfs rw 0 0\n", None),
        ("fs:/home {folder}\\040two nfs4 rw 0 0\n/dev/vda / ext4 rw 0 0\n", None),
        ("/dev/vda {folder} ext4 rw 0 0\nfs:/home {folder} nfs4 rw 0 0\n", "nfs4"),
    ],
)
def test_file_system_is_that_of_the_deepest_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str, kind: str | None
) -> None:
    listed = tmp_path / "proc" / "self" / "mounts"
    listed.parent.mkdir(parents=True)
    listed.write_text(mounts.format(folder=tmp_path))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"), raising=False)
    assert network_file_system(tmp_path / "new" / "milepost.db") == kind

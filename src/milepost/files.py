"""Writing a file whole: whoever reads it finds what was there before, or all that is there now."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place at once, however many write it; one that is there keeps its mode.

    What a link points to is replaced, and not the link. A device or a pipe is written to as it stands.

    Args:
        path: The file; its folder has to be there.
        content: All that is to be in it.

    Raises:
        OSError: It can't be written. What was there is there still, and nothing is left beside it.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        path.write_bytes(content)
        return
    partial = target.with_name(f".{os.urandom(8).hex()}.part")
    try:
        with partial.open("xb") as file:
            file.write(content)
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o7777)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise

"""Run the stages of the check one after the other, and say how long each took."""

import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
STAGES = {
    "lint": [BIN / "ruff", "check", "."],
    "format": [BIN / "ruff", "format", "--check", "."],
    "imports": [BIN / "lint-imports", "--no-cache"],
    "types": [BIN / "mypy"],
    "script": [sys.executable, "test_aws_pricing.py", "--offline"],
    "tests": [sys.executable, "-m", "pytest", "--durations=10"],
}


def main() -> int:
    """Run them all, whatever fails, and return 1 if anything did."""
    report = []
    failed = False
    for name, command in STAGES.items():
        print(f"── {name}", flush=True)
        start = time.monotonic()
        status = subprocess.run(command, check=False).returncode
        failed |= status != 0
        report.append(f"{name:8} {time.monotonic() - start:7.1f} s  {'ok' if status == 0 else f'FAILED ({status})'}")
    print("\n".join(["── stages", *report]), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

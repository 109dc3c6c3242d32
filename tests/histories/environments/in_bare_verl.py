"""Runs in verl's environment, which has its file logger alone: writes the logs that its input names."""

import json
import math
import os
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path


def main() -> None:
    """Write what standard input tells: paths, with the lines of each process that goes on with the run."""
    package = find_spec("verl")
    assert package is not None
    assert package.origin is not None
    spec = spec_from_file_location("tracking", Path(package.origin).parent / "utils" / "tracking.py")
    assert spec is not None
    assert spec.loader is not None
    tracking = module_from_spec(spec)
    sys.modules["tracking"] = tracking
    spec.loader.exec_module(tracking)
    for path, processes in json.load(sys.stdin).items():
        os.environ["VERL_FILE_LOGGER_PATH"] = path
        for lines in processes:
            logger = tracking.FileLogger("project", "experiment")
            for step, data in lines:
                logger.log({name: math.nan if value is None else value for name, value in data.items()}, step)
            logger.finish()


if __name__ == "__main__":
    main()

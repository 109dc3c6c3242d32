"""Measure everything and print a Markdown table: ``make bench``.

``python -m benchmarks TREE`` measures updates alone, against those of another checkout of Milepost.
"""

import sys
from functools import partial
from pathlib import Path

from benchmarks.logs import of_event_files, of_files_of_wandb, of_tables
from benchmarks.prices import of_runs, of_updates_beside_a_hanging_server
from benchmarks.replay import (
    of_a_footer,
    of_a_small_replay,
    of_memory,
    of_parquet,
    of_the_kernel,
    of_two_workers,
)
from benchmarks.report import of_a_report
from benchmarks.store import of_updates_that_are_kept
from benchmarks.text import of_a_long_log, of_a_long_log_s_memory
from benchmarks.timing import machine
from benchmarks.tracker import against_another, against_wandb, of_imports, of_updates


def main() -> None:
    """Print a row as soon as it is measured."""
    print(f"On {machine()}:\n")
    print("| what | median | against | ratio | bound | |\n| --- | --- | --- | --- | --- | --- |")
    others = [partial(against_another, Path(tree)) for tree in sys.argv[1:]]
    for measure in others or (
        *(against_wandb, of_updates, of_updates_that_are_kept),
        *(of_runs, of_updates_beside_a_hanging_server, of_imports, of_a_report),
        *(of_event_files, of_files_of_wandb, of_tables, of_a_long_log, of_a_long_log_s_memory),
        *(of_the_kernel, of_parquet, of_a_footer, of_two_workers, of_memory, of_a_small_replay),
    ):
        for ratio in measure():
            print(ratio.row(), flush=True)


if __name__ == "__main__":
    main()

"""Measure everything and print a Markdown table: ``make bench``."""

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
from benchmarks.timing import machine
from benchmarks.tracker import against_wandb, of_imports, of_updates


def main() -> None:
    """Print a row as soon as it is measured."""
    print(f"On {machine()}:\n")
    print("| what | median | against | ratio | bound | |\n| --- | --- | --- | --- | --- | --- |")
    for measure in (
        *(against_wandb, of_updates, of_updates_that_are_kept),
        *(of_runs, of_updates_beside_a_hanging_server, of_imports, of_a_report),
        *(of_event_files, of_files_of_wandb, of_tables),
        *(of_the_kernel, of_parquet, of_a_footer, of_two_workers, of_memory, of_a_small_replay),
    ):
        for ratio in measure():
            print(ratio.row(), flush=True)


if __name__ == "__main__":
    main()

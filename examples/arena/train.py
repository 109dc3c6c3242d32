"""Train in the arena: ``python -m examples.arena.train run=NAME key=value ...``."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from examples.arena.settings import ArenaSettings, SettingsError, describe_keys, parse_overrides

if TYPE_CHECKING:
    from examples.arena.trainer import ArenaTrainer

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What ends a run in good order: Ctrl-C, and what a cluster sends before it takes a machine away."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train, and print what it took to reach each threshold.

    Args:
        argv: Overrides of the settings; the command line's where not given.

    Returns:
        Exit status: 0 done; 1 a threshold that is required was not achieved; 2 the call or what it names is wrong;
        130 after Ctrl-C, 143 after SIGTERM, both with a checkpoint to go on from.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    if {"-h", "--help"} & set(arguments):
        print(describe_keys())
        return 0
    try:
        settings = parse_overrides(arguments)
    except SettingsError as error:
        return _refuse(error)
    return _train(settings)


def _train(settings: ArenaSettings) -> int:
    # Torch and MettaGrid take seconds to import: --help and wrong calls need not wait for them.
    from examples.arena.checkpoint import CheckpointError
    from examples.arena.ranks import Ranks
    from examples.arena.trainer import ArenaTrainer
    from milepost import log
    from milepost.errors import MilepostError

    log.show_warnings()
    try:
        with Ranks() as ranks, ArenaTrainer(settings, ranks) as trainer, _stopping_on_signals(trainer):
            trainer.train()
    except (CheckpointError, MilepostError, SettingsError) as error:
        return _refuse(error)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    _print_results(trainer)
    if trainer.stop_signal is not None:
        return 128 + trainer.stop_signal
    return 1 if settings.require_thresholds and not trainer.tracked_run.is_complete() else 0


@contextmanager
def _stopping_on_signals(trainer: "ArenaTrainer") -> Iterator[None]:
    """End training at the end of an iteration, where a checkpoint is whole; a second signal doesn't wait."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may set handlers.
        return

    def stop(number: int, frame: FrameType | None) -> None:
        trainer.request_stop(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_results(trainer: "ArenaTrainer") -> None:
    """Print what it took, last of all: W&B has said its own by now."""
    from milepost.report.terminal import open_console, print_results

    console = open_console()
    for name, value in trainer.evaluated.items():
        console.print(f"{name} {value:.2f} on maps that were not trained on", highlight=False)
    print_results(trainer.tracked_run, console)
    if trainer.stop_signal is not None:
        console.print("stopped; trainer.resume=true goes on from", trainer.checkpoint_path, highlight=False)


def _refuse(error: Exception) -> int:
    print(f"examples.arena.train: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""What people look at: tables in a terminal, pictures, and pages of them.

`terminal`, `runs`, `prices`, `plots` and `live_panel` are for terminals, `exports` for other programs and papers.
`pictures` makes charts of runs, `figures` draws single ones, `page` puts them into one HTML file, and `wandb_board` has
W&B draw them. `cells`, `amounts` and `ledgers` word figures for all of them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milepost.report.figures import figure

__all__ = ["figure"]


def __getattr__(name: str) -> Any:
    if name != "figure":
        raise AttributeError(f"module 'milepost.report' has no attribute {name!r}")
    from milepost.report.figures import figure

    return figure

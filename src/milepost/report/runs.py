"""Kept runs in a terminal: what they took, what they ran on, and where the money went."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from milepost.costs import billed_use, cost_lines, uses
from milepost.ledger import Ledger, Mark, Segment
from milepost.report.terminal import UNKNOWN, WIDE, results_table, usd
from milepost.spending import Spent, spending
from milepost.store.snapshot import Kept, Run

STATUS_STYLES = {"running": "cyan", "closed": "green", "failed": "red"}

PURPOSES = {
    "training": "training",
    "lost": "lost work",
    "startup": "start-up",
    "phase": "phase",
    "pause": "paused",
    "stalled": "stalled",
    "rounding": "billing minimum and rounding",
    "storage": "storage",
    "network": "network",
}


def runs_table(kept: Iterable[Kept]) -> Table:
    """Return a table of runs with what each of their thresholds took, a row each."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left")
    kept = list(kept)
    groups = any(each.run.group for each in kept)
    for name in ("run", *(["group"] if groups else []), "started (UTC)", "status"):
        table.add_column(name, overflow="fold")
    for name in ("samples", "USD\nbilled"):
        table.add_column(name, justify="right", no_wrap=True)  # a figure that is cut is a wrong one
    table.add_column("threshold", overflow="fold")
    for name in ("at\nsamples", "minutes", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    assumed = False
    for each in kept:
        run, here = each.run, each.ledger.here
        at_assumed = is_assumed(each.ledger)
        assumed |= at_assumed
        spent = cost_lines(each.ledger, here)["compute"] if here else None
        started = _moment(run.started_at) if _has_clock(each.ledger) else UNKNOWN
        row: list[RenderableType] = [
            *(Text(run.id), *([Text(run.group or UNKNOWN)] if groups else []), Text(started), _status(run)),
            f"{here.samples:,}" if here else UNKNOWN,
            usd(spent, assumed=at_assumed),
        ]
        for result in each.results or (None,):
            if result is None:
                table.add_row(*row, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
                continue
            bound = "≤ " if result.already_met else ""
            samples, minutes, dollars = (
                *(result.samples_to_threshold, result.minutes_to_threshold, result.cost_to_threshold),
            )
            table.add_row(
                *row,
                Text(result.threshold),
                f"{bound}{samples:,}" if samples is not None else Text(result.status.replace("_", " "), "yellow"),
                UNKNOWN if minutes is None else f"{bound}{minutes:.2f}",
                UNKNOWN if dollars is None else bound + usd(dollars, assumed=result.price_assumed),
            )
            row = [""] * len(row)
    if assumed:
        table.caption = "* at an assumed price"
    return table


def run_view(kept: Kept, width: int = WIDE) -> RenderableType:
    """Return all that there is to say of one run, in so many columns: results, ledger, and where the money went."""
    ledger = kept.ledger
    return Group(
        _head(kept),
        results_table(kept.results),
        ledger_table(ledger, width),
        *_notes(ledger),
        money_table(ledger),
    )


def ledger_table(ledger: Ledger, width: int = WIDE) -> Table:
    """Return a table of what a run ran on, a row a segment: where there is little room, its fleet in its first column.

    Args:
        ledger: The run's ledger.
        width: Columns that there are.
    """
    narrow = width < WIDE - 10
    table = Table(title="What it ran on", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("from (UTC)", no_wrap=not narrow, overflow="fold")
    for name in ("wall", "elapsed", "samples"):
        table.add_column(name, justify="right", no_wrap=True)
    if not narrow:
        table.add_column("fleet", overflow="fold")
        table.add_column("USD/node-h", justify="right", no_wrap=True)
        table.add_column("price from", overflow="fold")
    table.add_column("USD", justify="right", no_wrap=True)
    table.add_column("ended", overflow="fold")
    seconds, dollars = _used(ledger)
    for segment in ledger.segments:
        first, last = segment.marks[0], segment.marks[-1]
        quote = segment.quote
        since = _moment(segment.billed_from) if segment.has_wall_clock else UNKNOWN
        price = UNKNOWN if quote is None else f"{quote.mean_usd_per_hour(segment.billed_from, last.wall_time):,.4g}"
        fleet, source = _fleet(segment), _source(segment)
        begun = f"{since}\n{fleet}\n{price} USD/node-h: {source}" if narrow else since
        table.add_row(
            Text(begun),
            _lasted(seconds.get(segment.id, 0.0)),
            f"{_lasted(first.elapsed_seconds)}–{_lasted(last.elapsed_seconds)}",
            f"{first.samples:,}–{last.samples:,}",
            *(() if narrow else (Text(fleet), price, Text(source))),
            usd(dollars.get(segment.id), assumed=quote is not None and quote.assumed),
            Text(_end(segment, last)),
        )
    return table


def money_table(ledger: Ledger) -> Table:
    """Return a table of where the money went, which adds up to the total."""
    table = Table(title="Where the money went", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("for")
    for name in ("wall", "USD", "share"):
        table.add_column(name, justify="right")
    spent = () if ledger.here is None else spending(ledger, ledger.here)
    total = _total(spent)
    assumed = is_assumed(ledger)
    for each in spent:
        share = f"{each.usd / total:.1%}" if each.usd is not None and total else UNKNOWN
        name = f"{PURPOSES[each.purpose]} {each.name}" if each.name else PURPOSES[each.purpose]
        lasted = "" if each.seconds is None else _lasted(each.seconds)
        table.add_row(Text(name), lasted, usd(each.usd, assumed=assumed), share)
    table.add_section()
    whole = sum(each.seconds or 0.0 for each in spent)
    table.add_row("total", _lasted(whole), usd(total, assumed=assumed), "")
    return table


def is_assumed(ledger: Ledger) -> bool:
    """Say whether a part of a run has an assumed price."""
    return any(segment.quote is not None and segment.quote.assumed for segment in ledger.segments)


def _head(kept: Kept) -> Text:
    run = kept.run
    head = Text(run.id, "bold")
    if run.name and run.name != run.id:
        head.append(f"  {run.name}", "bold")
    head.append("  ").append_text(_status(run))
    facts = {
        "group": run.group,
        "tags": ", ".join(run.tags),
        "started": f"{_moment(run.started_at)} UTC" if _has_clock(kept.ledger) else None,
        "host": run.host,
        "commit": run.git_commit and run.git_commit[:12],
        "seed": run.seed,
        "processes": len(kept.processes) if len(kept.processes) > 1 else None,
    }
    said = "  ".join(f"{name} {value}" for name, value in facts.items() if value not in (None, ""))
    return head.append(f"\n{said}", "dim")


def _notes(ledger: Ledger) -> list[Text]:
    """Say of prices that are not known or assumed why, each once."""
    notes: dict[str, None] = {}
    for segment in ledger.segments:
        if segment.quote is None:
            notes[f"price unknown: {segment.unpriced_because or 'there is no quote'}"] = None
        elif segment.quote.assumed:
            notes[f"* assumed price: {segment.quote.assumed_because or 'substituted'}"] = None
    return [Text(note, "yellow") for note in notes]


def _used(ledger: Ledger) -> tuple[dict[str, float], dict[str, float | None]]:
    """Return each segment's wall seconds, and their USD, by its id."""
    seconds: dict[str, float] = {}
    dollars: dict[str, float | None] = {}
    for of_start in uses(ledger, ledger.here) if ledger.here else ():
        is_free = billed_use(ledger, of_start) == 0
        for use in of_start:
            seconds[use.segment.id] = use.end - use.start
            dollars[use.segment.id] = 0.0 if is_free else use.usd(use.start, use.end)
    return seconds, dollars


def _fleet(segment: Segment) -> str:
    instance = segment.instance
    nodes = "" if instance.num_nodes in (None, 1) else f"{instance.num_nodes} × "
    share = "" if instance.share in (None, 1) else f"{instance.share:g} of "
    what = (instance.instance_type or "unknown", (instance.market or "").replace("_", "-"))
    return f"{nodes}{share}{' '.join(filter(None, (*what, instance.zone or instance.region)))}"


def _source(segment: Segment) -> str:
    quote = segment.quote
    if quote is None:
        return UNKNOWN
    steps = f", {len(quote.steps)} step{'s' if len(quote.steps) > 1 else ''}" if quote.steps else ""
    since = f" {quote.as_of}" if quote.as_of else ""
    return f"{quote.source}{since}{', cached' if quote.cached else ''}{steps}{'*' if quote.assumed else ''}"


def _end(segment: Segment, last: Mark) -> str:
    return last.name or "ended" if segment.end else "–"


def _total(spent: Sequence[Spent]) -> float | None:
    parts = [each.usd for each in spent]
    return None if None in parts else sum(part for part in parts if part is not None)


def _has_clock(ledger: Ledger) -> bool:
    return all(segment.has_wall_clock for segment in ledger.segments)


def _status(run: Run) -> Text:
    return Text(run.status, STATUS_STYLES.get(run.status, "yellow"))


def _moment(unix_seconds: float) -> str:
    return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _lasted(seconds: float) -> str:
    """Show a length of time: ``1:02:03``, ``2:03``, or ``3.4s`` where it is short."""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

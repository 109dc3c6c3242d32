#!/usr/bin/env python3
"""Show what Milepost makes of prices, of SkyPilot and of a run, and check it. Works offline; exits 1 if any is wrong.

python test_aws_pricing.py            # asks AWS too, where credentials are found, and Azure
python test_aws_pricing.py --offline  # asks nobody
"""

import sys
import tempfile
import time
from pathlib import Path

from milepost import (
    AWSPricingClient,
    Instance,
    Ledger,
    PerformanceThreshold,
    PerformanceThresholdTracker,
    PriceStep,
    PriceUnavailable,
    Quote,
    SkyPilotInstanceInfo,
    calculate_total_cost,
    get_default_arena_thresholds,
)
from milepost.prices.book import PriceBook, billing_rule

WRONG: list[str] = []


def check(what: str, found: object, expected: object) -> None:
    """Print one figure, and remember it if it is wrong."""
    close = isinstance(found, float) and isinstance(expected, float) and abs(found - expected) < 1e-9
    right = close or found == expected
    print(f"  {'ok   ' if right else 'WRONG'} {what}: {found}" + ("" if right else f", expected {expected}"))
    if not right:
        WRONG.append(what)


def pricing_client(offline: bool) -> None:
    """What AWS says of an instance now, if it can be asked."""
    print("AWS pricing client")
    if offline:
        print("  not asked: --offline")
        return
    for use_spot in (False, True):
        try:
            quote = AWSPricingClient(region="us-east-1").get_instance_pricing("g5.4xlarge", use_spot)
        except PriceUnavailable as error:
            print(f"  no answer, and that is said: {error}")
            continue
        note = f" (assumed: {quote.assumed_because})" if quote.assumed else ""
        print(f"  g5.4xlarge {quote.market}: {quote.usd_per_hour} USD/h, as of {quote.as_of}{note}")
        check("the live price is above zero", quote.usd_per_hour > 0, True)


def every_source(offline: bool) -> None:
    """What each source says of one instance, through the price book."""
    print("Price sources")
    asked = (
        ("aws", Instance(provider="aws", instance_type="p4d.24xlarge", region="us-east-1", market="on_demand")),
        ("azure", Instance(provider="azure", instance_type="Standard_ND96asr_v4", region="eastus", market="on_demand")),
        ("gcp", Instance(provider="gcp", instance_type="a2-highgpu-1g", region="us-central1", market="on_demand")),
        ("skypilot", Instance(provider="aws", instance_type="p4d.24xlarge", region="us-east-1", market="spot")),
        ("list", Instance(provider="aws", instance_type="p4d.24xlarge", region="us-east-1", market="on_demand")),
    )
    for name, instance in asked:
        book = PriceBook(sources=[name])
        try:
            quote = book.quote(instance) if offline else book.ask(instance)
        except PriceUnavailable as error:
            print(f"  {name}: no answer, and that is said: {error}")
            continue
        date = f"as of {quote.as_of}{', cached' if quote.cached else ''}{', assumed' if quote.assumed else ''}"
        print(f"  {name}: {quote.instance_type} {quote.market} {quote.usd_per_hour} USD/h, {date}")
        check(f"the price of {name} is above zero", quote.usd_per_hour > 0, True)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "prices.csv"
        table.write_text("instance_type,usd_per_hour\ndgx-a100,12.5\n")
        check(
            "a row of the user's own table",
            PriceBook(table=table).quote(Instance(instance_type="dgx-a100")).usd_per_hour,
            12.5,
        )


def changing_prices() -> None:
    """Six hours on two spot nodes over three changes of price, and the same with a price that came late."""
    print("Prices that change")
    start = 1_700_000_000.0
    steps = tuple(PriceStep(start + 3600 * hours, usd) for hours, usd in ((1, 22.0), (3, 30.0), (5, 24.0)))
    spot = Quote(usd_per_hour=20.0, source="aws", steps=steps)
    stand_in = Quote(usd_per_hour=99.0, source="list", provisional=True)
    costs = []
    for first in (spot, stand_in):
        ledger = Ledger().opened(Instance(num_nodes=2, market="spot"), first, wall_time=start)
        run = PerformanceThresholdTracker([PerformanceThreshold("two", "m", 2.0)], ledger=ledger)
        for hour in range(7):
            metric = {"m": 2.0 if hour == 6 else 0.0}
            run.update(metric, samples=hour, elapsed_seconds=3600.0 * hour, wall_time=start + 3600 * hour)
        run.ledger = run.ledger.restated(run.ledger.segments[0].id, spot)
        costs.append(run.calculate_total_cost())
    check("USD: 2 × (1 h × 20 + 2 h × 22 + 2 h × 30 + 1 h × 24)", costs[0], 296.0)
    check("the same, restated when the price came late", costs[1], costs[0])
    rule = billing_rule(Instance(provider="aws", market="spot"))
    check("seconds billed of 59 min, taken back by AWS", rule.billed_seconds(3540.0, reclaimed=True), 0.0)
    check("seconds billed of 12 s", rule.billed_seconds(12.0), 60.0)


def skypilot() -> None:
    """What SkyPilot's variables and task files say."""
    print("SkyPilot")
    here = SkyPilotInstanceInfo.get_instance_info()
    print(f"  this process: {here.instance_type or 'not under SkyPilot, or no instance type set'}")
    task = "resources: {infra: aws/us-east-1, instance_type: p4d.24xlarge, use_spot: true}\nnum_nodes: 2\n"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.yaml"
        file.write_text(task)
        found = SkyPilotInstanceInfo.get_instance_info_from_task(file)
    check("instance type of a task file", found.instance_type, "p4d.24xlarge")
    check("its market", found.market, "spot")
    check("its nodes", found.num_nodes, 2)
    check("its region", found.region, "us-east-1")


def costs() -> None:
    """The same hours in several scenarios."""
    print("Costs (USD), from the bundled tables")
    offline = ["list", "fallback", "default"]
    for what, expected, arguments in (
        ("2.5 h on 2 × g5.4xlarge", 8.12, {"instance_type": "g5.4xlarge", "num_nodes": 2}),
        ("1 h on a g5.12xlarge", 5.672, {"instance_type": "g5.12xlarge"}),
        ("10 h on 8 × p4d.24xlarge", 1756.61136, {"instance_type": "p4d.24xlarge", "num_nodes": 8, "hours": 10.0}),
        ("1 h on a spot g5.4xlarge", 0.727, {"instance_type": "g5.4xlarge", "use_spot": True}),
        ("1 h on an a2-highgpu-1g", 3.67339, {"instance_type": "a2-highgpu-1g"}),
        ("1 h on an unknown type", 1.624, {"instance_type": "quantum.9xlarge"}),
        ("1 h on an unknown type, strictly", None, {"instance_type": "quantum.9xlarge", "strict_pricing": True}),
    ):
        hours = 2.5 if "2.5 h" in what else 1.0
        given = {"hours": hours, "use_spot": False, "num_nodes": 1, "sources": offline, **arguments}
        check(what, calculate_total_cost(**given), expected)  # type: ignore[arg-type]
    check(
        "2.5 h on 2 × g5.4xlarge by the documented fallback table",
        calculate_total_cost(2.5, "g5.4xlarge", use_spot=False, num_nodes=2, sources=["fallback"]),
        12.12,
    )


def tracker() -> None:
    """A run that reaches one of the arena's thresholds on two nodes."""
    print("Tracker")
    quote = Quote(usd_per_hour=1.624, source="list", as_of="2025")
    ledger = Ledger().opened(Instance(num_nodes=2), quote, wall_time=time.time())
    run = PerformanceThresholdTracker(get_default_arena_thresholds(), ledger=ledger)
    for minute in range(1, 61):
        hearts = minute / 20
        for result in run.update(
            {"env_agent/heart.gained": hearts}, samples=minute * 1000, elapsed_seconds=60.0 * minute
        ):
            print(f"  {result.threshold} at {result.samples_to_threshold:,} samples, {result.minutes_to_threshold} min")
    results = run.get_results()
    reached, missed = results["heart_gained_2"], results["heart_gained_5"]
    # A moving average with α = 0.1 of a value that climbs by 0.05 a minute lags by 0.45: it passes 2.0 at minute 49.
    check("samples to 2 hearts", reached.samples_to_threshold, 49_000)
    check("minutes to 2 hearts", reached.minutes_to_threshold, 49.0)
    check("USD to 2 hearts: 49/60 h × 1.624 × 2", reached.cost_to_threshold, 49 / 60 * 1.624 * 2)
    check("5 hearts", missed.status, "not_reached")
    check("USD in all: 1 h × 1.624 × 2", run.calculate_total_cost(), 3.248)


def main() -> int:
    """Run all parts; return the exit status."""
    offline = "--offline" in sys.argv[1:]
    pricing_client(offline)
    every_source(offline)
    changing_prices()
    skypilot()
    costs()
    tracker()
    print(f"{len(WRONG)} wrong: {', '.join(WRONG)}" if WRONG else "all as it should be")
    return int(bool(WRONG))


if __name__ == "__main__":
    sys.exit(main())

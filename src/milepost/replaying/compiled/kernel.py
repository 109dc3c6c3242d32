"""The tracker's arithmetic, compiled: many observations of several metrics in one pass, with the same bits.

The operations are those of `Smoother.push` and `Pending.observe`, in their order. Nothing is compiled with fast-math,
so LLVM neither reassociates nor contracts them; decays by a half-life come from C's ``pow``, as there. Its base is an
argument, since LLVM would call another function for a constant one.

**What makes it fast.** The recurrence ``S ← d·S + x`` waits for its own result, about eight cycles an observation. So
up to `LANES` series go through it together, `TILE` observations at a time (`recur`). The sums of a tile are only held
against one interval (`_set_interval`): while they all lie in it, no smoothed value concerns a pending threshold, and
neither a division nor a look at a threshold is needed. A series that leaves its interval, as it does where it crosses a
target, goes through that tile once more, one observation after the other, with nothing taken for granted.

All compiled code is in this file: Numba looks at no other when it tells whether what it has kept on disk is up to date.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from milepost.histories.decoding import compiler
from milepost.replaying.compiled.layout import (
    FALLING,
    FALLING_STRICTLY,
    FLOWING,
    LATEST,
    LEVEL,
    NEVER,
    RISING,
    RISING_STRICTLY,
)

Compiled = Callable[..., Any]
compiled: Callable[[Compiled], Compiled] = compiler.compiled()
inlined: Callable[[Compiled], Compiled] = compiler.compiled(forceinline=True)

LANES = 8
"""So many series go through the recurrence at once: each is one lane of the processor's vectors."""

TILE = 8
"""Rows of a tile: as many as lanes, so that a tile is turned over as a square."""

SLACK = 2.0**-50
"""How far an interval of sums keeps away from the targets, relatively: more than is lost by rounding."""

TINY = 1e-300
"""The same where numbers are so small that they lose more than that."""

GREATEST = float(np.finfo(np.float64).max)
"""The greatest number."""

NONE_KEPT = 2**62
"""Stands for the next row that is to be kept where there is none."""

HALF = 0.5

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_COUNTS = ir.VectorType(ir.IntType(64), LANES)


def observe(
    columns: tuple[np.ndarray[Any, Any], ...],
    samples: np.ndarray[Any, Any],
    elapsed_seconds: np.ndarray[Any, Any],
    series: np.ndarray[Any, Any],
    targets: np.ndarray[Any, Any],
    kept: np.ndarray[Any, Any],
) -> None:
    """Take a block of observations, one a row.

    Args:
        columns: The values of each series, contiguous Float64; NaN where a row has none.
        samples: Where the rows were observed, contiguous Int64; never going back.
        elapsed_seconds: Likewise, contiguous Float64.
        series: The series (`SERIES`), one element more than there are columns. Changed in place.
        targets: Their pending thresholds (`TARGETS`), those of one series after those of the other. Changed in place.
        kept: Rows whose smoothed values are wanted (`KEPT`), ascending for each series. Changed in place.
    """
    arrays = tuple(_read_only(each) for each in (*columns, samples, elapsed_seconds))
    for first in range(0, len(columns), LANES):
        chosen = arrays[first : min(first + LANES, len(columns))]
        padded = chosen + (chosen[-1],) * (LANES - len(chosen))  # compiled for one number of columns
        _observe(padded, len(chosen), first, *arrays[-2:], HALF, series, targets, kept)


def following(
    samples: np.ndarray[Any, Any],
    elapsed_seconds: np.ndarray[Any, Any],
    wall_time: np.ndarray[Any, Any],
    last_samples: int,
    last_elapsed: float,
    last_wall: float,
    hole_seconds: float,
) -> int:
    """Return how many rows simply follow what was before and each other.

    Nothing goes back, no row comes ``hole_seconds`` or more of elapsed time after the one before it, and all is finite.
    """
    columns = (_read_only(each) for each in (samples, elapsed_seconds, wall_time))
    return int(_following(*columns, last_samples, last_elapsed, last_wall, hole_seconds))


def _read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array of the one type that the kernel is compiled for: those of Polars are read-only."""
    view = array.view()
    view.flags.writeable = False
    return view


@compiled
def _following(samples, elapsed_seconds, wall_time, last_samples, last_elapsed, last_wall, hole):  # type: ignore[no-untyped-def]
    for row in range(len(samples)):
        follows = samples[row] >= last_samples and 0.0 <= elapsed_seconds[row] - last_elapsed < hole
        if not (follows and last_wall <= wall_time[row] < LATEST):
            return row
        last_samples, last_elapsed, last_wall = samples[row], elapsed_seconds[row], wall_time[row]
    return len(samples)


@compiled
def _observe(columns, lanes, first, samples, elapsed_seconds, half, series, targets, kept):  # type: ignore[no-untyped-def]
    """Take a block of observations of the series from ``first`` on, as many as there are ``lanes``."""
    rows = len(samples)
    together = np.zeros(LANES, np.bool_)
    for lane in range(lanes):
        _set_bounds(first + lane, series, targets)
        each = series[first + lane]
        is_plain = each.half_life != each.half_life and each.bias_correction
        together[lane] = lanes > 1 and is_plain and each.low < each.high
    done = 0
    if together.any():
        done = _observe_together(columns, together, first, samples, elapsed_seconds, half, series, targets, kept)
    for lane in range(lanes):
        rest = done if together[lane] else 0
        _observe_each(columns[lane], rest, rows, first + lane, samples, elapsed_seconds, half, series, targets, kept)


@compiled
def _observe_together(columns, together, first, samples, elapsed_seconds, half, series, targets, kept):  # type: ignore[no-untyped-def]
    """Take as many whole tiles of some lanes as there are, and return the row after them."""
    total, decay, low, high = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
    misses = np.zeros(LANES, np.int64)
    total_before, misses_before = total.copy(), misses.copy()
    used = 0  # lanes, a bit each
    for lane in range(LANES):
        if together[lane]:
            used |= 1 << lane
            decay[lane], total[lane] = series[first + lane].decay, series[first + lane].total
    unsteady = used
    next_kept = _next_kept_of_all(first, used, series, kept)
    start = 0
    while start + TILE <= len(samples):
        stop = start + TILE
        if unsteady:
            for lane in range(LANES):
                if unsteady & 1 << lane and _set_interval(first + lane, series):
                    unsteady ^= 1 << lane
                if together[lane]:
                    low[lane], high[lane] = series[first + lane].sum_low, series[first + lane].sum_high
        total_before[:], misses_before[:] = total, misses
        told: int = recur(columns, start, total, misses, decay, low, high)
        # W follows the rows that are not left out; and what comes after a gap needs to know of it.
        singly = used & (~told | told >> LANES & unsteady | told >> 2 * LANES)
        if next_kept < stop:
            for lane in range(LANES):
                if together[lane] and _next_kept(first + lane, series, kept) < stop:
                    singly |= 1 << lane
        if unsteady:
            for lane in range(LANES):
                if unsteady & ~singly & 1 << lane:
                    series[first + lane].weight = _weight_after(series[first + lane].weight, decay[lane])
        if singly:
            for lane in range(LANES):
                if singly & 1 << lane:
                    at = first + lane
                    each = series[at]
                    weight, each.total = each.weight, total_before[lane]
                    misses[lane] = misses_before[lane]
                    was_low, was_high = each.low, each.high
                    _observe_each(columns[lane], start, stop, at, samples, elapsed_seconds, half, series, targets, kept)
                    total[lane] = each.total
                    same = each.weight == weight and each.low == was_low and each.high == was_high
                    if not same or each.left != FLOWING:
                        unsteady |= 1 << lane
        if next_kept < stop:
            next_kept = _next_kept_of_all(first, used, series, kept)
        start = stop
    for lane in range(LANES):
        if together[lane]:
            series[first + lane].total = total[lane]
            series[first + lane].misses += misses[lane]
    return start


@intrinsic  # type: ignore[untyped-decorator]
def recur(typing: Any, columns: Any, start: Any, total: Any, misses: Any, decay: Any, low: Any, high: Any) -> Any:
    """Take ``S ← d·S + x`` through a tile from ``start`` on; rows whose x is not finite leave S as it is.

    Numba's own loops leave such code scalar, so this is LLVM's IR: additions, products and comparisons of vectors of
    `LANES`, which LLVM makes into whatever the processor has. Each lane has the bits of a scalar.

    The arguments are a tuple of `LANES` Float64 arrays, a row, and arrays of `LANES` elements: ``total`` (Float64) and
    ``misses`` (Int64: the rows that were left out) are changed in place, the rest are Float64.

    Returns:
        A bit for each lane, three times, the lowest first: whether all its sums lie between ``low`` and ``high``, the
        ends not included; whether a row was left out; whether the last one was.
    """
    signature = types.int64(columns, start, total, misses, decay, low, high)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def address(at: int) -> Any:
            return _address(context, builder, signature.args[at], arguments[at])

        def load(pointer: Any, kind: Any = _VECTOR) -> Any:
            return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=8)

        def bits(lanes: Any) -> Any:
            return builder.zext(builder.bitcast(lanes, ir.IntType(LANES)), ir.IntType(64))

        column = signature.args[0].dtype
        bases = [_address(context, builder, column, builder.extract_value(arguments[0], at)) for at in range(LANES)]
        lanes = [load(builder.gep(base, [arguments[1]])) for base in bases]
        sums, counts = load(address(2)), load(address(3), _COUNTS)
        decays, lows, highs = load(address(4)), load(address(5)), load(address(6))
        lowest = highest = sums
        all_finite: Any = None
        for at, values in enumerate(_turned_over(builder, lanes)):
            finite = builder.fcmp_ordered("ord", builder.fsub(values, values), values)
            sums = builder.select(finite, builder.fadd(builder.fmul(decays, sums), values), sums)
            if at == 0:
                lowest, highest, all_finite = sums, sums, finite
            else:
                lowest = builder.select(builder.fcmp_ordered("<", sums, lowest), sums, lowest)
                highest = builder.select(builder.fcmp_ordered(">", sums, highest), sums, highest)
                all_finite = builder.and_(all_finite, finite)
            counts = builder.add(counts, builder.zext(builder.not_(finite), _COUNTS))
        inside = builder.and_(builder.fcmp_ordered("<", lows, lowest), builder.fcmp_ordered("<", highest, highs))
        builder.store(sums, builder.bitcast(address(2), _VECTOR.as_pointer()), align=8)
        builder.store(counts, builder.bitcast(address(3), _COUNTS.as_pointer()), align=8)
        told = bits(inside)
        for shift, lanes_left_out in ((LANES, builder.not_(all_finite)), (2 * LANES, builder.not_(finite))):
            told = builder.or_(told, builder.shl(bits(lanes_left_out), ir.Constant(ir.IntType(64), shift)))
        return told

    return signature, generate


def _address(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Return where an array's elements are."""
    return context.make_array(kind)(context, builder, value=array).data


def _turned_over(builder: Any, lanes: list[Any]) -> list[Any]:
    """Turn vectors of one lane's rows into vectors of one row's lanes: a square is transposed by halves of halves."""
    half = 1
    while half < LANES:
        upper = [at if not at & half else LANES + (at ^ half) for at in range(LANES)]
        lower = [at | half if not at & half else LANES + at for at in range(LANES)]
        turned = list(lanes)
        for at in range(LANES):
            if not at & half:
                pair = lanes[at], lanes[at | half]
                turned[at], turned[at | half] = (_chosen(builder, pair, order) for order in (upper, lower))
        lanes, half = turned, 2 * half
    return lanes


def _chosen(builder: Any, pair: tuple[Any, Any], order: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), order)
    return builder.shuffle_vector(*pair, mask)


@inlined
def _next_kept_of_all(first, used, series, kept):  # type: ignore[no-untyped-def]
    """Return the next row at which the smoothed value of any lane is wanted."""
    next_kept = NONE_KEPT
    for lane in range(LANES):
        if used & 1 << lane:
            next_kept = min(next_kept, _next_kept(first + lane, series, kept))
    return next_kept


@inlined
def _next_kept(at, series, kept):  # type: ignore[no-untyped-def]
    """Return the next row whose smoothed value is wanted of a series."""
    return kept[series[at].next_kept].row if series[at].next_kept < series[at].end_kept else NONE_KEPT


@inlined
def _observe_each(column, start, stop, at, samples, elapsed_seconds, half, series, targets, kept):  # type: ignore[no-untyped-def]
    """Take observations of one series, one after the other: `Smoother.push` and `Pending.observe`, written out."""
    each = series[at]
    decay, half_life, by_samples, bias_correction = each.decay, each.half_life, each.by_samples, each.bias_correction
    total, weight, left, misses = each.total, each.weight, each.left, each.misses
    low, high = each.low, each.high
    last_samples, last_elapsed = each.samples, each.elapsed_seconds
    next_kept, end_kept = each.next_kept, each.end_kept
    last_distance = math.nan
    for row in range(start, stop):
        value = column[row]
        if half_life == half_life:
            distance = samples[row] - last_samples if by_samples else elapsed_seconds[row] - last_elapsed
            if distance != last_distance:
                decay = math.pow(half, distance / half_life) if distance > 0 else 1.0
                last_distance = distance
        if bias_correction:
            new_total = decay * total + value
            new_weight = decay * weight + 1.0
        else:
            new_total = decay * total + (1.0 - decay) * value if weight != 0.0 else value
            new_weight = 1.0
        if new_total - new_total == 0.0:  # finite
            before = NEVER if weight == 0.0 else row - 1 if left == FLOWING else left
            total, weight, left = new_total, new_weight, FLOWING
            if half_life == half_life:
                last_samples, last_elapsed = float(samples[row]), elapsed_seconds[row]
            smoothed = total / weight
            if not low < smoothed < high:
                _hold(at, row, smoothed, before, series, targets)
                _set_bounds(at, series, targets)
                low, high = each.low, each.high
        else:
            misses += 1
            if left == FLOWING:
                left = row - 1
        if next_kept < end_kept and kept[next_kept].row == row:
            kept[next_kept].value = total / weight if weight != 0.0 else math.nan
            next_kept += 1
    each.total, each.weight, each.left, each.misses = total, weight, left, misses
    each.samples, each.elapsed_seconds = last_samples, last_elapsed
    each.next_kept = next_kept


@compiled
def _hold(at, row, smoothed, before, series, targets):  # type: ignore[no-untyped-def]
    """Hold one smoothed value against the pending thresholds of its series."""
    for which in range(series[at].first_target, series[at + 1].first_target):
        each = targets[which]
        if each.confirmed != NEVER:
            continue
        if each.comparison == RISING:
            satisfied = smoothed >= each.target
        elif each.comparison == RISING_STRICTLY:
            satisfied = smoothed > each.target
        elif each.comparison == FALLING:
            satisfied = smoothed <= each.target
        elif each.comparison == FALLING_STRICTLY:
            satisfied = smoothed < each.target
        else:
            satisfied = abs(smoothed - each.target) <= each.tolerance
        if not satisfied:
            each.held = 0
            each.met_before = False
            continue
        if each.held == 0:
            each.candidate = row
            each.before = NEVER if each.met_before else before
            each.value = smoothed
        each.held += 1
        if each.held >= each.confirm:
            each.confirmed = row
            each.held = 0
            each.met_before = False


@inlined
def _set_bounds(at, series, targets):  # type: ignore[no-untyped-def]
    """Set between which smoothed values no pending threshold is concerned: nowhere while one is held, or level."""
    low, high = -math.inf, math.inf
    for which in range(series[at].first_target, series[at + 1].first_target):
        each = targets[which]
        if each.confirmed != NEVER:
            continue
        if each.comparison == LEVEL or each.held > 0 or each.met_before:
            low, high = math.inf, -math.inf
            break
        if each.comparison <= RISING_STRICTLY:
            high = min(high, each.target)
        else:
            low = max(low, each.target)
    series[at].low, series[at].high = low, high


@inlined
def _set_interval(at, series):  # type: ignore[no-untyped-def]
    """Set the interval of sums for a tile; say whether it holds for all further ones, until a row is taken singly.

    W runs from ``least`` to ``most`` in the tile: it never falls. A sum S below ``sum_high`` lies below W·high for all
    these W, by more than a relative 2⁻⁵¹ (`SLACK`, less what the product here rounds), or by `TINY` where that is more.
    So S / W lies below ``high`` by as much; and since a quotient rounds by a relative 2⁻⁵³, and rounding keeps order,
    the smoothed value is below ``high`` too. The lower end mirrors this. Where W·high overflows, the greatest number
    takes its place. A sum that is not finite lies in no interval, and none lies in one while there is no average as
    yet, or where the last row had no value.
    """
    each = series[at]
    if each.weight == 0.0 or each.left != FLOWING:
        each.sum_low, each.sum_high = math.inf, -math.inf
        return False
    least, most = each.weight, _weight_after(each.weight, each.decay)
    end = min(least * each.high, most * each.high, GREATEST)
    each.sum_high = end - max(abs(end) * SLACK, TINY) if each.high < math.inf else math.inf
    end = max(least * each.low, most * each.low, -GREATEST)
    each.sum_low = end + max(abs(end) * SLACK, TINY) if each.low > -math.inf else -math.inf
    return least == most


@inlined
def _weight_after(weight, decay):  # type: ignore[no-untyped-def]
    """Return the weight that a tile of finite values leads to."""
    for _ in range(TILE):
        weight = decay * weight + 1.0
    return weight

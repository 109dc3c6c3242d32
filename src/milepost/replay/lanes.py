"""One tile of the recurrence for eight series at once, as a processor's vectors do it: one lane holds one series.

Numba's own loops leave such code scalar, so this is LLVM's IR: additions, products and comparisons of vectors of eight,
which LLVM makes into whatever the processor has. None carries a fast-math flag: each lane has the bits of a scalar.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8
TILE = 8
"""Rows of a tile: as many as lanes, so that a tile is turned over as a square."""

ALL = 2**LANES - 1
"""A bit for each lane."""

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_COUNTS = ir.VectorType(ir.IntType(64), LANES)


@intrinsic
def recur(typing: Any, columns: Any, start: Any, total: Any, misses: Any, decay: Any, low: Any, high: Any) -> Any:
    """Take ``S ← d·S + x`` through the rows from ``start`` on; rows whose x is not finite leave S as it is.

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

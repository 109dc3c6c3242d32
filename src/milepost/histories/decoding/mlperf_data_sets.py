"""How many samples MLPerf's data sets have, and what a log's ``train_samples`` counts.

The rules fix each benchmark's data set (``training_rules.adoc`` of https://github.com/mlcommons/training_policies), but
logs have been published in which ``train_samples`` counts batches, or those of one device, or what was trained in all.
"""

from typing import NamedTuple

SIZES = {
    "resnet": (1_281_167,),  # ImageNet 2012
    "ssd": (117_266, 1_170_301),  # COCO 2017; since release 2.0 RetinaNet on OpenImages v6 bears the name
    "retinanet": (1_170_301,),
    "maskrcnn": (117_266,),
    "unet3d": (168,),  # KiTS 2019
    "rnnt": (278_528,),
    "dlrm": (4_195_197_692,),  # Criteo's terabyte
    "dlrm_dcnv2": (4_195_197_692,),
}
"""Samples of a benchmark's training data; several where its data set was replaced."""

NEAR = 0.002
"""How far off a number of samples may be, as a part: the last batch may be filled up, or left out."""

MOST_DEVICES = 4096


class PerEpoch(NamedTuple):
    """How many samples an epoch has.

    Attributes:
        samples: How many.
        note: What is to be said of how that is known.
    """

    samples: float
    note: str | None = None


def per_epoch(benchmark: str, told: float, batch: float | None) -> PerEpoch:
    """Return how many samples an epoch has, of which a log tells ``told``.

    A number that is no known size, nor explained by one, is taken as it is: a data set of its own.
    """
    if is_size(benchmark, told):
        return PerEpoch(told)
    devices = (2.0**power for power in range(1, MOST_DEVICES.bit_length()))
    for size in SIZES.get(benchmark, ()):
        if batch and _near(told * batch, size):
            counts = f"counts batches of {batch:g}"
        elif any(_near(told * number, size) for number in devices):
            counts = f"counts those of one of {round(size / told)} devices"
        else:
            continue
        return PerEpoch(
            size, f"its train_samples of {told:g} {counts}: the {size:,} of {benchmark}'s data set are taken"
        )
    return PerEpoch(told)


def is_size(benchmark: str, told: float) -> bool:
    """Say whether a number is the size of the benchmark's data set, give or take what fills up an epoch's batches."""
    return any(abs(told - size) <= 10 * NEAR * size for size in SIZES.get(benchmark, ()))


def _near(told: float, size: int) -> bool:
    return abs(told - size) <= NEAR * size

"""Which process of a run this is. Who started this very process is asked first, who allotted its machine last."""

from collections.abc import Callable, Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement
from milepost.instances.schedulers.horovod import from_horovod
from milepost.instances.schedulers.jax import from_jax
from milepost.instances.schedulers.jobset import from_jobset
from milepost.instances.schedulers.kubernetes import from_kubernetes
from milepost.instances.schedulers.lightning import from_lightning
from milepost.instances.schedulers.mpi import from_mpi
from milepost.instances.schedulers.ray import from_ray
from milepost.instances.schedulers.skypilot import from_skypilot
from milepost.instances.schedulers.slurm import from_slurm
from milepost.instances.schedulers.torchrun import from_torchrun
from milepost.log import Once
from milepost.providers import every_provider, load

ReadVariables = Callable[[Mapping[str, str]], Placement]

LAUNCHERS: tuple[ReadVariables, ...] = (from_torchrun, from_horovod, from_mpi, from_jax, from_jobset, from_lightning)
"""Who started this process. Those whose rank is over all processes go before those whose is within a Job or a node."""

SCHEDULERS: tuple[ReadVariables, ...] = (from_slurm, from_kubernetes, from_ray)
"""Who allotted the machine."""

NUMBER_ANEW = ("TORCHELASTIC_RUN_ID", "GROUP_RANK", "RAY_JOB_ID", "RAY_ADDRESS")
"""Variables of launchers that rank nodes in the order in which they come, whatever a scheduler calls them."""

_said = Once("instances")


def rank_of(environ: Mapping[str, str]) -> tuple[int, str]:
    """Return the rank of the process with these variables, 0 where nobody tells, and who says so.

    What contradicts it is said, once.
    """
    told = [
        (placement.rank, placement.rank_source)
        for read_variables in (*LAUNCHERS, from_skypilot, *SCHEDULERS, *clouds())
        if (placement := read_variables(environ)).rank is not None and placement.rank_source is not None
    ]
    if not told:
        return 0, "default"
    rank, source = told[0]
    local, local_source = read_number(environ, "LOCAL_RANK", least=0)
    if local is not None and local_source is not None and local > rank:
        # A variable of an outer launcher that an inner one, which tells no rank over all, has passed on.
        _said.warn(
            f"{source} {local_source}",
            "%s says %d and %s says %d, above which it can't be: this process is taken for rank %d, and does not track",
            *(source, rank, local_source, local, local),
        )
        return local, local_source
    against = next(((other, by) for other, by in told[1:] if other != 0), None)
    if rank == 0 and against is not None and not any(name in environ for name in NUMBER_ANEW):
        _said.warn(
            f"{source} {against[1]}",
            "%s says that this process has rank 0, and %s says %d: it is taken for rank 0, and tracks. "
            "If it isn't the first process of its training, unset %s",
            *(source, against[1], against[0], source),
        )
    return rank, source


def clouds() -> list[ReadVariables]:
    """Return what reads the variables of each provider's machines."""
    return [load(each.variables) for each in every_provider() if each.variables is not None]

"""Replicas spread over devices, each of which runs its own; none waits for another.

All local devices of the default backend are used, unless `jax_default_device` names one. A CPU is
one device, however many cores it has: `JAX_NUM_CPU_DEVICES=2` in the environment, or
`jax.config.update("jax_num_cpu_devices", 2)` before anything runs, makes it two.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_REPLICAS = PartitionSpec("replicas")


def replica_mesh(replicas: int) -> Mesh | None:
    """Return the devices that share so many replicas, or None for a single one."""
    devices = jax.local_devices()[:replicas]
    chosen = getattr(jax.config, "jax_default_device", None)
    if len(devices) < 2 or chosen is not None:
        return None
    return Mesh(np.array(devices), ("replicas",))


def tile_size(replicas: int, most: int, mesh: Mesh | None) -> int:
    """Return how many replicas a tile has: as many for each device, at most `most`."""
    devices = 1 if mesh is None else mesh.size
    tiles = -(-replicas // (most * devices))
    return -(-replicas // (tiles * devices)) * devices


def spread(values: Any, mesh: Mesh | None) -> Any:
    """Put equal shares of the leading axis on the devices."""
    return values if mesh is None else jax.device_put(values, NamedSharding(mesh, _REPLICAS))


def on_each(function: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """Return a function of arrays with a leading axis that each device runs on its share."""
    if mesh is None:
        return function
    return jax.shard_map(
        function, mesh=mesh, in_specs=_REPLICAS, out_specs=_REPLICAS, check_vma=False
    )

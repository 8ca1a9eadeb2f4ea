"""A mixture of hard spheres at time 0: places that respect the hard core, then velocities there."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxkin.particles.spheres.flow import Spheres
from jaxkin.particles.spheres.hard_core import hard_core_positions
from jaxkin.particles.spheres.paths import Vessel


class Gas(eqx.Module):
    """A state: the spheres, and whether some could not be placed."""

    spheres: Spheres
    misplaced: Bool[Array, ""]


def start(
    laws: tuple[Any, ...],
    numbers: tuple[int, ...],
    vessel: Vessel,
    dimension: int,
    *,
    key: Any,
    kept: int,
    largest: float,
    met: Float[Array, ""],
    crowding: float,
) -> Gas:
    """Draw positions that respect the hard core, and velocities.

    Args:
        laws: for each type a law of positions and of velocities there.
        numbers: (k,) N_α; spheres stand in the order of their types.
        vessel: the spheres' constants.
        dimension: d.
        key: a key.
        kept: how many collisions the log has room for.
        largest: a bound on the diameters.
        met: how many spheres a random place of one touches, at most over the types.
        crowding: how much denser than on average the gas may be.
    """
    where, how = jax.random.split(key)
    k, d, dtype = len(numbers), dimension, vessel.mass.dtype

    def propose(key: Any) -> Array:
        drawn = [
            own.sample_positions(n, d, key=key, dtype=dtype)
            for own, n, key in zip(laws, numbers, jax.random.split(key, k), strict=True)
        ]
        return jnp.concatenate(drawn)

    position, misplaced = hard_core_positions(
        propose,
        vessel.radius,
        key=where,
        largest=largest,
        met=met,
        crowding=crowding,
        periodic=vessel.periodic,
    )
    ends = np.cumsum(numbers)[:-1]
    velocity = jnp.concatenate(
        [
            own.sample_velocities_at(x, key=key)
            for own, x, key in zip(
                laws, jnp.split(position, ends), jax.random.split(how, k), strict=True
            )
        ]
    )
    zero = jnp.zeros((), dtype)
    spheres = Spheres(
        position,
        velocity.astype(dtype),
        jnp.zeros((k, k), jnp.int32),
        jnp.int32(0),
        jnp.int32(0),
        zero + jnp.inf,
        jnp.full(kept, jnp.inf, dtype),
        jnp.zeros((kept, 2), jnp.int32),
        zero,
        jnp.asarray(False),
        jnp.asarray(False),
    )
    return Gas(spheres, misplaced)

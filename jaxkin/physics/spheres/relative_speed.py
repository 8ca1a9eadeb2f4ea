"""The mean relative speed of pairs, which sets how often hard spheres meet.

A sphere of type α meets those of type β at the rate c_{αβ} κ_d ⟨|v − w|⟩_{αβ}, the kernel of
(1.1) of Ampatzoglou et al. integrated over θ, with

    ⟨|v − w|⟩_{αβ} = Σ_{i∈α, k∈β, i≠k} |v_i − v_k| / (N_α N_β − δ_{αβ} N_α).

The work is N² and the room N: one sphere after another against all.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.numerics.checks import whole
from jaxkin.observables.base import Observable, Weighted
from jaxkin.observables.density import Density


class RelativeSpeed(Observable):
    """⟨|v − w|⟩ over pairs of different particles of each two types; shape (k, k), symmetric.

    It belongs to particles: |v − w| is no product of functions of one particle each, so that
    `solve` refuses it. An entry without a pair (N_α = 1) is 0.

    Args:
        types: k; 1 for a gas without types.
        name: name in the trajectory.
    """

    name: str = eqx.field(static=True)
    types: int = eqx.field(static=True)

    def __init__(self, types: int = 1, name: str = "relative_speed"):
        self.name, self.types = name, whole(types, "types")

    def of_particles(
        self, measured: Weighted, *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "k k"]:
        """Return the means over pairs; particles of one type must have one weight."""
        measured.individuals(self.name)
        velocity = measured.coordinates.velocity
        weight = jnp.where(measured.alive, measured.weight, 0)
        kind = measured.coordinates.type
        kind = jnp.zeros(weight.shape, jnp.int32) if kind is None else kind
        share = jax.nn.one_hot(kind, self.types, dtype=weight.dtype) * weight[:, None]

        def against_all(v: Array) -> Array:
            square = jnp.sum((velocity - v) ** 2, axis=-1)
            # √ has no derivative at a particle's own velocity.
            speed = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
            return speed @ share

        total = share.T @ jax.lax.map(against_all, velocity)
        mass = jnp.sum(share, axis=0)
        alone = mass**2 - jnp.sum(share**2, axis=0)
        # Rounding may leave a trace of N_α² − N_α = 0.
        alone = jnp.where(alone > 1e-6 * mass**2, alone, jnp.inf)
        pairs = jnp.where(jnp.eye(self.types, dtype=bool), alone, mass[:, None] * mass)
        return total / jnp.where(pairs > 0, pairs, jnp.inf)

    def of_density(self, density: Density) -> Float[Array, "k k"]:
        """Refuse: an equation has no pairs."""
        raise ValueError(
            f"Argument `observe` must hold functions of one particle, but {self.name!r} is a mean "
            "over pairs, and |v − w| is no product of functions of one particle each. Observe it "
            "in `simulate`."
        )

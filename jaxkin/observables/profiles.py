"""Profiles of a mixture along x₁: sums over the spheres of each type in slices of the unit box.

Slice j of B is [j/B, (j+1)/B), and a sphere of type α has the weight 1/N_α:

    P_{αj} = B Σ_{i of type α, x_i in slice j} w_i φ(z_i),

so that the density of a uniform type is 1 everywhere. Profiles are linear in the measure: means
over replicas are those of the one-particle law, without a bias of order 1/N.
"""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from jaxkin.numerics.checks import require, whole
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.by_type import ByTypeMean
from jaxkin.observables.density import Density, at_each


class ByTypeProfile(ByTypeMean):
    """⟨φ⟩ over each type per slice of x₁, times the number of slices; shape (k, bins, …).

    Args:
        name: the name under which the trajectory keeps it.
        function: φ of one sphere's coordinates; in a slab without its position, which the slices
            tell.
        types: k.
        bins: B, how many slices.
        degree: of φ as a polynomial of the velocity; None finds it.
    """

    bins: int = eqx.field(static=True)

    def __init__(
        self,
        name: str,
        function: Callable[[Coordinates], Any],
        types: int,
        bins: int,
        degree: int | None = None,
    ):
        super().__init__(name, function, types, degree)
        self.bins = whole(bins, "bins")

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return the sums, of whatever has positions in the unit box."""
        z, weight = measured.coordinates, measured.weight
        measured.individuals(self.name)
        values = at_each(self.function, z, self.name).astype(weight.dtype)
        # Rounding may put a sphere on the last edge.
        slice_ = jnp.clip((z.position[:, 0] * self.bins).astype(jnp.int32), 0, self.bins - 1)
        place = jax.nn.one_hot(z.type * self.bins + slice_, self.types * self.bins)
        share = jnp.broadcast_to(weight, slice_.shape)
        weighted = share.reshape(-1, *[1] * (values.ndim - 1)) * values
        sums = jnp.tensordot(place.T.astype(weight.dtype), weighted, axes=1, precision="highest")
        return self.bins * sums.reshape(self.types, self.bins, *values.shape[1:])

    def of_density(self, density: Density) -> Array:
        """Return the profile from the mean density of each slice."""
        require(
            hasattr(density, "slices"),
            "observe",
            "hold no profiles of an equation without space",
            f"it holds {self.name!r}",
            "Solve `jaxkin.BoltzmannSlab`.",
        )
        slices = density.slices(self.bins)  # type: ignore[attr-defined]
        rows = jax.vmap(lambda s: s.integral(self._at_its_type, self.degree, self.name))(slices)
        return jnp.moveaxis(rows, 0, 1)


@functools.cache  # the same observables for the same arguments, so that nothing compiles again
def mixture_profiles(types: int, bins: int) -> tuple[Observable, ...]:
    """Return the profiles along x₁ of density, momentum and energy of each type.

    `density_profile` (k, bins), 1 for a uniform type; `momentum_profile` (k, bins, d), of M v; and
    `energy_profile` (k, bins), of M|v|²/2. Means over slices are the means over the type.

    Args:
        types: k.
        bins: how many slices of the unit box, for a slab a divisor of its `cells`.

    Raises:
        ValueError: a number is not positive.
    """
    types, bins = whole(types, "types"), whole(bins, "bins")
    return (
        ByTypeProfile("density_profile", _one, types, bins, 0),
        ByTypeProfile("momentum_profile", _momentum, types, bins, 1),
        ByTypeProfile("energy_profile", _energy, types, bins, 2),
    )


def _one(z: Coordinates) -> Array:
    return jnp.ones_like(z.mass)


def _momentum(z: Coordinates) -> Array:
    return z.mass * z.velocity


def _energy(z: Coordinates) -> Array:
    return 0.5 * z.mass * jnp.sum(z.velocity**2)

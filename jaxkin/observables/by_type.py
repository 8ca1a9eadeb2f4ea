"""Observables of a mixture: one value for each type, means over its spheres.

A sphere of type α has the weight 1/N_α, so that every type has density 1.
"""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.observables import Coordinates, Observable, Weighted


class ByTypeMean(Observable):
    """⟨φ⟩ over each type; shape (k, …).

    Args:
        name: the name under which the trajectory keeps it.
        function: φ of one sphere's coordinates.
        types: k.
    """

    types: int = eqx.field(static=True, default=1)

    def evaluate(self, measured: Weighted) -> Array:
        """Return Σ w φ over each type."""
        values = jax.vmap(lambda z: jnp.asarray(self.function(z)))(measured.coordinates)
        share = jax.nn.one_hot(measured.coordinates.type, self.types, dtype=measured.weight.dtype)
        return jnp.tensordot((share * measured.weight[:, None]).T, values, axes=1)


class Temperature(ByTypeMean):
    """T_α = M_α(⟨|v|²⟩ − |⟨v⟩|²)/d of each type, k_B = 1; shape (k,).

    Of N_α spheres times N_α/(N_α − 1), without which its mean would be too low by 1/N_α.
    """

    def evaluate(self, measured: Weighted) -> Float[Array, " k"]:
        """Return T_α of spheres, of weight 1/N_α each."""
        share = jax.nn.one_hot(measured.coordinates.type, self.types, dtype=measured.weight.dtype)
        rest = 1 - measured.weight**2 @ share
        return self.evaluate_limit(measured) / jnp.where(rest > 1e-6, rest, 1)  # 0 for N_α = 1

    def evaluate_limit(self, measured: Weighted) -> Float[Array, " k"]:
        """Return T_α of densities."""
        z = measured.coordinates

        def mean(function: Callable[[Coordinates], Any]) -> Array:
            return ByTypeMean("mean", function, self.types).evaluate(measured)

        drift = mean(lambda z: z.velocity)
        square = mean(lambda z: jnp.sum(z.velocity**2)) - jnp.sum(drift**2, -1)
        return mean(lambda z: z.mass) * square / z.velocity.shape[-1]


@functools.cache  # the same observables for the same types, so that nothing compiles again
def mixture_moments(types: int) -> tuple[Observable, ...]:
    """Return temperature (k,), momentum (k, d) = M⟨v⟩, energy (k,) = M⟨|v|²⟩/2, stress (k, d, d) =
    ⟨v⊗v⟩ and the fourth moment (k,) = ⟨|v|⁴⟩.
    """

    def mean(name: str, function: Callable[[Coordinates], Any]) -> Observable:
        return ByTypeMean(name, function, types)

    return (
        Temperature("temperature", lambda z: z.velocity, types),
        mean("momentum", lambda z: z.mass * z.velocity),
        mean("energy", lambda z: 0.5 * z.mass * jnp.sum(z.velocity**2)),
        mean("stress", lambda z: jnp.outer(z.velocity, z.velocity)),
        mean("fourth_moment", lambda z: jnp.sum(z.velocity**2) ** 2),
    )

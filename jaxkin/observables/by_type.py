"""Observables of a mixture: one value for each type, means over its spheres.

A sphere of type α has the weight 1/N_α, so that every type has density 1.
"""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.density import Density
from jaxkin.observables.mean import Mean


class ByTypeMean(Mean):
    """⟨φ⟩ over each type; shape (k, …).

    Args:
        name: the name under which the trajectory keeps it.
        function: φ of one sphere's coordinates.
        types: k.
        degree: of φ as a polynomial of the velocity; None finds it.
    """

    types: int = eqx.field(static=True)

    def __init__(
        self,
        name: str,
        function: Callable[[Coordinates], Any],
        types: int,
        degree: int | None = None,
    ):
        super().__init__(name, function, degree)
        self.types = types

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return Σ w φ over each type."""
        return measured.total(self._at_its_type, name=self.name)

    def of_density(self, density: Density) -> Array:
        """Return ∫ φ f_α of each type."""
        return density.integral(self._at_its_type, self.degree, self.name)

    def _at_its_type(self, z: Coordinates) -> Array:
        """Return φ in the row of the type, 0 in the others."""
        value = jnp.asarray(self.function(z))
        value = value if jnp.issubdtype(value.dtype, jnp.inexact) else value.astype(float)
        return jnp.multiply.outer(jax.nn.one_hot(z.type, self.types, dtype=value.dtype), value)


class Temperature(Observable):
    """T_α = M_α(⟨|v|²⟩ − |⟨v⟩|²)/d of each type, k_B = 1; shape (k,).

    For N_α spheres it is multiplied by N_α/(N_α − 1), without which its mean would be too low by
    1/N_α; a single sphere has temperature 0.

    Args:
        types: k.
        name: the name under which the trajectory keeps it.
    """

    name: str = eqx.field(static=True)
    types: int = eqx.field(static=True)

    def __init__(self, types: int, name: str = "temperature"):
        self.name, self.types = name, types

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return T_α of spheres, of weight 1/N_α each."""

        def share(z: Coordinates) -> Array:
            return jax.nn.one_hot(z.type, self.types)

        rest = 1 - measured.total(share, 2, self.name)
        found = self._of(lambda o: o.of_particles(measured), measured.coordinates.velocity)
        return found / jnp.where(rest > 1e-6, rest, 1)  # 0 for N_α = 1

    def of_density(self, density: Density) -> Float[Array, " k"]:
        """Return T_α of densities."""
        drift = ByTypeMean("drift", _velocity, self.types, 1).of_density(density)
        return self._of(lambda o: o.of_density(density), drift)

    def _of(self, value: Callable[[Observable], Array], like: Array) -> Array:
        mean = functools.partial(ByTypeMean, self.name, types=self.types)
        drift = value(mean(_velocity, degree=1))
        square = value(mean(_square, degree=2)) - jnp.sum(drift**2, -1)
        return value(mean(_mass, degree=0)) * square / like.shape[-1]


@functools.cache  # the same observables for the same types, so that nothing compiles again
def mixture_moments(types: int) -> tuple[Observable, ...]:
    """Return temperature (k,), momentum (k, d) = M⟨v⟩, energy (k,) = M⟨|v|²⟩/2, stress (k, d, d) =
    ⟨v⊗v⟩ and the fourth moment (k,) = ⟨|v|⁴⟩.

    Args:
        types: k.
    """
    return (
        Temperature(types),
        ByTypeMean("momentum", lambda z: z.mass * z.velocity, types, 1),
        ByTypeMean("energy", lambda z: 0.5 * z.mass * jnp.sum(z.velocity**2), types, 2),
        ByTypeMean("stress", lambda z: jnp.outer(z.velocity, z.velocity), types, 2),
        ByTypeMean("fourth_moment", lambda z: jnp.sum(z.velocity**2) ** 2, types, 4),
    )


def _velocity(z: Coordinates) -> Array:
    return z.velocity


def _square(z: Coordinates) -> Array:
    return jnp.sum(z.velocity**2)


def _mass(z: Coordinates) -> Array:
    return z.mass

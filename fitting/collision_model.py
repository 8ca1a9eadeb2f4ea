"""Diameters behind counts of collisions: from the rates of pairs of types to constants, and back.

With s_{αβ} = χ_{αβ}((ε_α + ε_β)/2)^{d−1} the rate of a pair of spheres over κ_d|v − w| (see
`fitting.collision_counts`), the rates of like spheres say what the diameters are, these what χ is,
and all rates over χ are constants; or all rates together say what the diameters are.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fitting.uncertainty import delta_method, sandwich
from jaxkin.physics.spheres.contact_values import contact_values


class DiameterModel(eqx.Module):
    """From log s of the k(k+1)/2 pairs of types, or from log ε, to log c_{αβ}, flat."""

    numbers: tuple[int, ...]
    dimension: int
    contact: np.ndarray | None

    def matrix(self, entries: Array) -> Array:
        """Return the symmetric (k, k) matrix of entries α ≤ β."""
        k = len(self.numbers)
        place = np.zeros((k, k), int)
        place[np.triu_indices(k)] = np.arange(k * (k + 1) // 2)
        return jnp.asarray(entries)[np.maximum(place, place.T)]

    def contact_of(self, diameters: Array) -> Array:
        """Return χ, given or of these diameters."""
        if self.contact is not None:
            return jnp.asarray(self.contact)
        return contact_values(self.numbers, diameters, self.dimension)

    def log_diameters(self, log_s: Array) -> Array:
        """Solve s_αα = χ_αα(ε) ε_α^{d−1} for log ε."""
        power, own = self.dimension - 1, jnp.diagonal(self.matrix(log_s))

        def step(_: Any, x: Array) -> Array:
            # To a filling of 0.25 the slope of the left side is 1 to 2.3 times d − 1: with 1.65
            # an error shrinks to 0.39 in each step.
            miss = power * x + jnp.log(jnp.diagonal(self.contact_of(jnp.exp(x)))) - own
            return x - miss / (1.65 * power)

        return jax.lax.fori_loop(0, 40, step, own / power)

    def log_constants(self, log_s: Array) -> Array:
        """Return log(N_β s_{αβ}/χ_{αβ})."""
        chi = self.contact_of(jnp.exp(self.log_diameters(log_s)))
        return (self.matrix(log_s) - jnp.log(chi) + jnp.log(jnp.asarray(self.numbers))).ravel()

    def log_constants_of_diameters(self, x: Array) -> Array:
        """Return log(N_β((ε_α + ε_β)/2)^{d−1})."""
        e = jnp.exp(x)
        reach = jnp.log((e[:, None] + e) / 2)
        return ((self.dimension - 1) * reach + jnp.log(jnp.asarray(self.numbers))).ravel()

    def log_rates_of_diameters(self, x: Array) -> Array:
        """Return log(χ_{αβ}((ε_α + ε_β)/2)^{d−1}) for α ≤ β."""
        e = jnp.exp(x)
        rates = self.contact_of(e) * ((e[:, None] + e) / 2) ** (self.dimension - 1)
        return jnp.log(rates[np.triu_indices(len(self.numbers))])


@eqx.filter_jit
def explained(model: DiameterModel, log_s: Array, spread: Array) -> tuple[Array, Array, Array]:
    """Return log c, flat, its covariance, and χ."""
    log_c, covariance, _ = delta_method(model.log_constants, log_s, spread)
    return log_c, covariance, model.contact_of(jnp.exp(model.log_diameters(log_s)))


@eqx.filter_jit
def likeliest(
    model: DiameterModel, log_s: Array, seen: Array, exposed: Array
) -> tuple[Array, Array, Array]:
    """Return the same of diameters of the largest likelihood of Poisson, by Fisher's scoring."""

    def linearised(x: Array) -> tuple[Array, Array, Array]:
        slope = jax.jacfwd(model.log_rates_of_diameters)(x)
        expected = jnp.exp(model.log_rates_of_diameters(x)) * exposed
        scores = (seen - expected) @ slope
        return slope.T @ (expected.sum(0)[:, None] * slope), scores, scores.sum(0)

    def step(_: Any, x: Array) -> Array:
        information, _scores, score = linearised(x)
        return x + jnp.linalg.solve(information, score)

    x = jax.lax.fori_loop(0, 20, step, model.log_diameters(log_s))
    information, scores = linearised(x)[:2]
    spread = sandwich(information, (scores,))[0]
    log_c, covariance, _ = delta_method(model.log_constants_of_diameters, x, spread)
    return log_c, covariance, model.contact_of(jnp.exp(x))

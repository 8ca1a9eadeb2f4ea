"""A polynomial times a Gaussian, in Hermite functions: f(v) = M_w(v) Σ_a f_a h_a(v/√w).

With ξ = √w k and the standard normal density M, in one variable

    ∫ M h_n e^{−iξx} dx = (−iξ)^n/√n! e^{−ξ²/2},   ∫ h_n M over the other components is 0 for n > 0,

so that characteristic function and marginals are closed.
"""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.hermite import gauss_hermite, hermite_basis, hermite_rows, multi_indices
from jaxkin.numerics.rays import Frame
from jaxkin.observables.velocity_density import Rule, VelocityDensity


class HermiteDensity(VelocityDensity):
    """f(v) = M_w(v) Σ_a f_a h_a(v/√w), |a| ≤ degree.

    Args:
        coefficients: (N,) f_a in the order of `numerics.hermite.multi_indices`.
        space: d.
        degree: the largest |a|.
        variance: w.
    """

    coefficients: Float[Array, " N"]
    space: int = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    variance: float = eqx.field(static=True)

    @property
    def dimension(self) -> int:
        """d."""
        return self.space

    def series(self, velocity: Float[Array, "n d"]) -> Float[Array, " n"]:
        """Return Σ_a f_a h_a(v/√w)."""
        indices = multi_indices(self.space, self.degree)
        return hermite_basis(velocity / self.variance**0.5, indices) @ self.coefficients

    def __call__(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:  # type: ignore[override]
        """Return f(v)."""
        v = jnp.asarray(velocity).reshape(-1, self.space)
        size = (2 * np.pi * self.variance) ** (-self.space / 2)
        gaussian = size * jnp.exp(-jnp.sum(v**2, 1) / (2 * self.variance))
        return (gaussian * self.series(v)).reshape(jnp.shape(velocity)[:-1])

    def rule(self, degree: int) -> Rule:
        """Return Gauss–Hermite nodes, exact for polynomials of the degree times the series."""
        nodes, weights = gauss_hermite((degree + self.degree) // 2 + 1, self.space)
        velocity = jnp.asarray(self.variance**0.5 * nodes, self.coefficients.dtype)
        return velocity, jnp.asarray(weights, velocity.dtype) * self.series(velocity)

    def frame(self) -> Frame:
        """Return the Gaussian, about 0."""
        return gaussian_frame(self.space, self.variance, self.degree, self.coefficients.dtype)

    def characteristic(self, wave_vectors: Float[np.ndarray, "m d"]) -> Float[Array, "m 2"]:
        """Return Σ_a f_a Π_i (−iξ_i)^{a_i}/√(a_i!) e^{−|ξ|²/2}, real and imaginary part."""
        xp: Any = np if isinstance(wave_vectors, np.ndarray) else jnp
        xi = self.variance**0.5 * wave_vectors
        a = multi_indices(self.space, self.degree)
        size = np.sqrt([math.prod(math.factorial(int(i)) for i in row) for row in a])
        gaussian = xp.exp(-xp.sum(xi**2, 1) / 2)
        terms = xp.prod(xi[:, None] ** a, -1) / size * gaussian[:, None]
        phase = np.array([[1, 0], [0, -1], [-1, 0], [0, 1]])[a.sum(1) % 4]
        dtype = self.coefficients.dtype
        return (jnp.asarray(terms, dtype) * self.coefficients) @ jnp.asarray(phase, dtype)

    def marginal(self, axis: int, places: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return the density of one component, Σ_n f_{n e_i} h_n M_w."""
        a = multi_indices(self.space, self.degree)
        alone = np.flatnonzero(a[:, axis] == a.sum(1))
        alone = alone[np.argsort(a[alone, axis])]
        x = places / self.variance**0.5
        gaussian = jnp.exp(-(x**2) / 2) / (2 * np.pi * self.variance) ** 0.5
        return gaussian * (self.coefficients[alone] @ hermite_rows(x, self.degree))

    def entropy_rule(self) -> Rule:
        """Return Gauss–Hermite nodes of twice the degree and more."""
        nodes, weights = gauss_hermite(2 * self.degree + 8, self.space)
        # Divided by M_w in double precision: both are tiny far out.
        size = (2 * np.pi * self.variance) ** (self.space / 2)
        measure = weights * size * np.exp(np.sum(nodes**2, 1) / 2)
        dtype = self.coefficients.dtype
        return jnp.asarray(self.variance**0.5 * nodes, dtype), jnp.asarray(measure, dtype)


def gaussian_frame(dimension: int, variance: float, degree: int, dtype: object) -> Frame:
    """Return the frame of a polynomial of a degree times a centred Gaussian."""
    return Frame(
        jnp.zeros(dimension, dtype),  # type: ignore[arg-type]
        jnp.asarray(variance**0.5, dtype),  # type: ignore[arg-type]
        8.0 + degree**0.5,
        degree,
        24 + degree // 4,
    )


__all__: Sequence[str] = ["HermiteDensity", "gaussian_frame"]

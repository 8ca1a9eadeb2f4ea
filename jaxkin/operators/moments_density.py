"""What moments tell of a density: integrals of polynomials up to their degree, and no more.

The polynomial φ is integrated by the Gauss–Hermite points of the state's own mean and temperature,
with the weights of the Hermite series of the moments: all polynomials of degree ≤ D come out
exactly. The characteristic function is the series Σ_n (−i)^n E(k·v)^n/n!; after the terms below an
even n ≤ D it is left by at most E(k·v)^n/n!, which must be small.
"""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.checks import require
from jaxkin.numerics.hermite import gauss_hermite, hermite_basis, multi_indices
from jaxkin.numerics.polynomials import is_polynomial, polynomial_degree
from jaxkin.observables.base import Coordinates
from jaxkin.observables.density import Density, one


class MomentsDensity(Density):
    """A density of which the raw moments m_a = ∫ v^a f dv are known, |a| ≤ D.

    Args:
        moments: (N,) m_a in the order of `numerics.hermite.multi_indices`.
        dimension: d.
        degree: D.
    """

    moments: Float[Array, " N"]
    dimension: int = eqx.field(static=True)
    degree: int = eqx.field(static=True)

    def integral(
        self,
        function: Callable[[Coordinates], Any],
        degree: int | None = None,
        name: str = "φ",
    ) -> Array:
        """Return ∫ φ f dv of a polynomial φ of degree ≤ D.

        Raises:
            ValueError: φ is no polynomial, or one of a higher degree.
        """
        dtype = self.moments.dtype

        def phi(v: Array) -> Array:
            value = jnp.asarray(one(function, Coordinates(velocity=v), name))
            return value if jnp.iscomplexobj(value) else value.astype(dtype)

        seen = polynomial_degree(phi, jnp.zeros(self.dimension, dtype))
        stated = seen if degree is None else degree
        require(
            stated is not None,
            "observe",
            "hold polynomials of the velocity, which is all that moments tell",
            f"{name!r} does not look like one",
            "State its degree, `Mean(name, φ, degree=2)`, if it is a polynomial; else solve with "
            "an operator that keeps a density, such as `Hermite` or `Fourier`.",
        )
        assert stated is not None
        require(
            stated <= self.degree,
            "observe",
            f"hold polynomials of degree {self.degree} or less, up to which moments are kept",
            f"{name!r} has the degree {stated}",
            "Raise `degree` of the operator.",
        )
        velocity, weight = self._nodes(self.degree + 1)
        values = jax.vmap(phi)(velocity)
        total = jnp.tensordot(weight, values.astype(jnp.result_type(values, weight)), axes=1)
        if seen is not None and seen <= self.degree:
            return total
        mean, temperature = mean_and_temperature(self.moments, self.dimension, self.degree)
        frame = jax.lax.stop_gradient((mean, jnp.sqrt(temperature)))
        return eqx.error_if(
            total,
            ~is_polynomial(phi, stated, *frame),
            f"Argument `degree` must be the degree of a polynomial, but {name!r} is no polynomial "
            f"of degree {stated}.",
        )

    def _nodes(self, points: int) -> tuple[Array, Array]:
        """Return velocities and weights; weights may be negative."""
        moments, dimension = self.moments, self.dimension
        mean, temperature = mean_and_temperature(moments, dimension, self.degree)
        indices, width = multi_indices(dimension, self.degree), jnp.sqrt(temperature)
        # E ξ^a, ξ = (v − u)/√T, by the binomial theorem.
        choose = np.array([[_binomial(a, b) for b in indices] for a in indices], float)
        exponents = np.maximum(indices[:, None] - indices, 0).reshape(-1, dimension)
        table = jnp.asarray(choose, moments.dtype) * powers(-mean[None], exponents).reshape(
            choose.shape
        )
        central = (table @ moments) / width ** indices.sum(1)
        nodes, weights = gauss_hermite(points, dimension)
        x = jnp.asarray(nodes, moments.dtype)
        series = jnp.asarray(_hermite_coefficients(indices), moments.dtype) @ central
        weight = jnp.asarray(weights, moments.dtype) * (hermite_basis(x, indices) @ series)
        return mean + width * x, weight

    def characteristic(self, wave_vectors: Float[np.ndarray, "m d"]) -> Float[Array, "m 2"]:
        """Return Σ_n (−i)^n E(k·v)^n/n!, real and imaginary part, where it is good to 1e-6."""
        indices = multi_indices(self.dimension, self.degree)
        factorials = np.array([math.prod(math.factorial(int(i)) for i in a) for a in indices])
        k = jnp.asarray(wave_vectors, self.moments.dtype)
        terms = powers(k, indices) * self.moments / factorials
        last = self.degree - self.degree % 2
        degrees = indices.sum(1)
        signs = np.array([[1, 0], [0, -1], [-1, 0], [0, 1]])[degrees % 4]
        signs = signs * (degrees < last)[:, None]
        rest = jnp.abs(jnp.sum(terms[:, degrees == last], axis=1))
        return eqx.error_if(
            terms @ jnp.asarray(signs, self.moments.dtype),
            jnp.any(rest > 1e-6 * jnp.abs(self.moments[0])),
            "Argument `wave_vectors` must be so small that moments tell the characteristic "
            "function to 1e-6, but a term that is left out is larger. Raise `degree`, or solve "
            "with an operator that keeps a density.",
        )


def mean_and_temperature(
    moments: Float[Array, " N"], dimension: int, degree: int
) -> tuple[Array, Array]:
    """Return u and T of raw moments.

    Args:
        moments: (N,) m_a.
        dimension: d.
        degree: D.
    """
    indices = multi_indices(dimension, degree)
    degrees = indices.sum(1)
    # Among the indices of degree 1 the last axis comes first.
    mean = moments[np.flatnonzero(degrees == 1)][::-1] / moments[0]
    squares = np.flatnonzero((degrees == 2) & (indices.max(1) == 2))
    square = jnp.sum(moments[squares]) / moments[0]
    return mean, square / dimension - jnp.sum(mean**2) / dimension


def powers(x: Float[Array, "n d"], indices: np.ndarray) -> Float[Array, "n N"]:
    """x^a for all a; by products, so that gradients at 0 are right."""
    rows = [jnp.ones_like(x)]
    for _ in range(int(indices.max(initial=0))):
        rows.append(rows[-1] * x)
    table = jnp.stack(rows)
    monomials = table[indices[:, 0], :, 0]
    for axis in range(1, indices.shape[1]):
        monomials = monomials * table[indices[:, axis], :, axis]
    return monomials.T


def _binomial(a: np.ndarray, b: np.ndarray) -> int:
    return math.prod(math.comb(int(i), int(j)) for i, j in zip(a, b, strict=True))


def _hermite_coefficients(indices: np.ndarray) -> np.ndarray:
    """(N, N) coefficients of h_a in powers x^b."""
    degree = int(indices.max(initial=0))
    single = np.zeros((degree + 1, degree + 1))
    for n in range(degree + 1):
        row = np.polynomial.hermite_e.herme2poly(np.eye(n + 1)[n])
        single[n, : n + 1] = row / math.sqrt(math.factorial(n))
    return np.prod(single[indices[:, None], indices[None]], 2)

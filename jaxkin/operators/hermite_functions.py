"""The state space of Hermite functions: f(v) = M_w(v) Σ_a f_a h_a(v/√w), |a| ≤ degree.

M_w is the Gaussian of variance w about 0 and h_a are Hermite polynomials, orthonormal under it.
f_a = ∫ f h_a(v/√w) dv are moments of f. Derive from `HermiteFunctions` and write `collision` for
a collision term of your own.

Free flight along x₁ multiplies by v₁, which is between functions of degrees up to D the matrix

    V_{ab} = √w √max(a₁, b₁)  where a − b = ±(1, 0, …),

symmetric (the Galerkin projection), so that a slab is hyperbolic. Its eigenvalues are √w times
zeros of Hermite polynomials: of degree D + 1, and fewer. V = V⁺ + V⁻ by their signs.
"""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.hermite import hermite_basis, multi_indices
from jaxkin.operators.gaussian_functions import GaussianFunctions
from jaxkin.operators.hermite_density import HermiteDensity


class HermiteFunctions(GaussianFunctions):
    """Hermite functions up to a degree, without a collision term.

    Derive from it with fields of your own besides `dimension`, `degree` and `width`.

    Attributes:
        dimension: d.
        degree: largest total degree |a|, at least 2.
        width: w, the variance of the Gaussian; None for 1.
    """

    def degrees(self) -> np.ndarray:
        """Return the total degree of each function."""
        return multi_indices(self.dimension, self.degree).sum(1)

    def basis(self, velocity: Float[Array, "n d"]) -> Float[Array, "n N"]:
        """Return h_a(v/√w)."""
        indices = multi_indices(self.dimension, self.degree)
        return hermite_basis(velocity / self.variance**0.5, indices)

    def measure(self, state: Float[Array, " N"]) -> HermiteDensity:
        """Return f."""
        return HermiteDensity(state, self.dimension, self.degree, self.variance)

    # Moments.

    def invariants(self, f: Float[Array, "*batch N"]) -> tuple[Array, Array, Array]:
        """Return ∫ f dv, ∫ f v dv and ∫ f |v|² dv, from h_{2e_i} = (u_i² − 1)/√2."""
        first, second = _low(self.degree, self.dimension)
        square = self.dimension * f[..., 0] + 2**0.5 * jnp.sum(f[..., second], -1)
        return f[..., 0], self.variance**0.5 * f[..., first], self.variance * square

    def conserving(self, f: Float[Array, " N"], change: Float[Array, " N"]) -> Float[Array, " N"]:
        """Return the change without its mass, momentum and energy."""
        first, second = _low(self.degree, self.dimension)
        change = change.at[0].set(0).at[first].set(0)
        return change.at[second].add(-jnp.mean(change[second]))

    def maxwellian(self, f: Float[Array, "*batch N"]) -> Float[Array, "*batch N"]:
        """Return the coefficients of the Maxwellian with the mass, momentum and energy of f.

        In one variable, for the normal law of mean u and variance T in units of √w and w, those of
        h_n obey m_n = (u m_{n−1} + (T − 1) √(n−1) m_{n−2})/√n.
        """
        mass, momentum, energy = self.invariants(f)
        mean = momentum / mass[..., None]
        heat = energy / mass - jnp.sum(mean**2, -1)
        u = mean / self.variance**0.5
        excess = (heat / (self.dimension * self.variance) - 1)[..., None]
        rows = [jnp.ones_like(u), u]
        for n in range(2, self.degree + 1):
            rows.append((u * rows[-1] + excess * (n - 1) ** 0.5 * rows[-2]) / n**0.5)
        table = jnp.stack(rows)  # (degree + 1, *batch, d)
        a = multi_indices(self.dimension, self.degree)
        parts = [table[a[:, i], ..., i] for i in range(a.shape[1])]
        return mass[..., None] * jnp.moveaxis(functools.reduce(jnp.multiply, parts), 0, -1)

    # In a frame that moves and shrinks with the gas, and in a slab.

    def transport(self, f: Float[Array, " N"], slope: Any, shift: Any) -> Float[Array, " N"]:
        """Return ∫ f (slope·v + shift)·∇h_a dv, the coefficients of −div((slope·v + shift) f).

        With u = v/√w, u·∇h_a = |a| h_a + Σ_i √(a_i(a_i−1)) h_{a−2e_i} and ∂_i h_a = √a_i h_{a−e_i}.
        """
        once, twice, a = _lowered(self.degree, self.dimension)
        more = jnp.append(f, 0)  # the coefficient of no function
        root = jnp.asarray(np.sqrt(a), f.dtype)
        pairs = jnp.asarray(np.sqrt(a * (a - 1)), f.dtype)
        scaled = jnp.asarray(a.sum(1), f.dtype) * f + jnp.sum(pairs * more[twice], 1)
        return slope * scaled + (root * more[once]) @ (shift / self.variance**0.5)

    def stream(
        self, before: Float[Array, "*cells N"], after: Float[Array, "*cells N"]
    ) -> Float[Array, "*cells N"]:
        """Return V⁺ f⁻ + V⁻ f⁺, what crosses a face between the states before and behind it."""
        right, left = (
            jnp.asarray(part, before.dtype) for part in moving(self.degree, self.dimension)
        )
        multiply = functools.partial(jnp.matmul, precision="highest")
        flux = multiply(before, right) + multiply(after, left)  # both are symmetric
        return self.variance**0.5 * flux

    def mirror(self, f: Float[Array, "*cells N"]) -> Float[Array, "*cells N"]:
        """Return the state of the gas behind a mirror, v₁ → −v₁."""
        first = multi_indices(self.dimension, self.degree)[:, 0]
        return jnp.asarray((-1.0) ** first, f.dtype) * f


@functools.lru_cache(maxsize=8)
def _lowered(degree: int, dimension: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the places of a − e_i and a − 2e_i, N where there is none, and a, all (N, d)."""
    a = multi_indices(dimension, degree)
    place = np.full((degree + 3,) * dimension, len(a))  # −1 and −2 are the last, left empty
    place[tuple(a.T)] = np.arange(len(a))
    unit = np.eye(dimension, dtype=int)
    once, twice = (place[tuple((a[:, None] - k * unit).T)].T for k in (1, 2))
    return once, twice, a


def _low(degree: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the functions e_i and 2e_i."""
    a, unit = multi_indices(dimension, degree), np.eye(dimension, dtype=int)
    first, second = ((a[None] == k * unit[:, None]).all(-1).argmax(1) for k in (1, 2))
    return first, second


@functools.lru_cache(maxsize=8)
def moving(degree: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return V⁺ and V⁻ for w = 1, (N, N): what moves to the right, and to the left."""
    a = multi_indices(dimension, degree)
    apart = np.abs(a[:, None] - a)
    near = (apart[..., 0] == 1) & (apart[..., 1:] == 0).all(-1)
    speed = np.where(near, np.sqrt(np.maximum(a[:, None, 0], a[:, 0])), 0.0)
    values, vectors = np.linalg.eigh(speed)
    right = (vectors * np.maximum(values, 0)) @ vectors.T
    return right, speed - right

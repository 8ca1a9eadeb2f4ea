"""The state space of Sonine functions, for isotropic densities: f(v) = M_w(v) Σ_n f_n S_n(v/√w).

    S_n(u) = (−1)^n c_n L_n^{(d/2−1)}(|u|²/2),   2n ≤ degree,

orthonormal under the standard normal law (radial Burnett functions): the isotropic functions among
the Hermite functions. The leading coefficient κ_n of |u|^{2n} is positive, and with ξ = √w k the
characteristic function is Σ_n f_n κ_n (−1)^n |ξ|^{2n} e^{−|ξ|²/2}.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float

from jaxkin.numerics.checks import is_traced, require
from jaxkin.numerics.hermite import gauss_hermite, hermite_basis, multi_indices
from jaxkin.numerics.rays import Frame
from jaxkin.numerics.sonine import gauss_laguerre, sonine_rows
from jaxkin.numerics.sphere_rules import sphere_product_rule
from jaxkin.observables.velocity_density import Rule, VelocityDensity
from jaxkin.operators.gaussian_functions import GaussianFunctions
from jaxkin.operators.hermite_density import gaussian_frame


class SonineDensity(VelocityDensity):
    """f(v) = M_w(v) Σ_n f_n S_n(v/√w), 2n ≤ degree.

    Args:
        coefficients: (N,) f_n.
        space: d, 2 or 3.
        variance: w.
    """

    coefficients: Float[Array, " N"]
    space: int = eqx.field(static=True)
    variance: float = eqx.field(static=True)

    @property
    def dimension(self) -> int:
        """d."""
        return self.space

    @property
    def degree(self) -> int:
        """The degree of the polynomial."""
        return 2 * (self.coefficients.shape[-1] - 1)

    def series(self, half: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return Σ_n f_n S_n at |v|²/(2w)."""
        rows = sonine_rows(half, self.degree // 2, self.space, jnp.ones_like(half))
        return jnp.tensordot(self.coefficients, rows, axes=1)

    def __call__(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:  # type: ignore[override]
        """Return f(v)."""
        half = jnp.sum(jnp.asarray(velocity) ** 2, -1) / (2 * self.variance)
        size = (2 * np.pi * self.variance) ** (-self.space / 2)
        return size * jnp.exp(-half) * self.series(half)

    def rule(self, degree: int) -> Rule:
        """Return Gauss–Laguerre nodes in |v|²/2 times a rule on the sphere, exact to the degree."""
        half, weights = gauss_laguerre((degree + self.degree) // 4 + 1, self.space)
        directions, areas = sphere_product_rule(degree // 2 + 1, self.space)
        areas = areas / areas.sum()
        nodes = np.sqrt(2 * self.variance * half)[:, None, None] * directions
        dtype = self.coefficients.dtype
        radial = jnp.asarray(weights, dtype) * self.series(jnp.asarray(half, dtype))
        share = jnp.outer(radial, jnp.asarray(areas, dtype))
        return jnp.asarray(nodes.reshape(-1, self.space), dtype), share.reshape(-1)

    def frame(self) -> Frame:
        """Return the Gaussian, about 0."""
        return gaussian_frame(self.space, self.variance, self.degree, self.coefficients.dtype)

    def characteristic(self, wave_vectors: Float[np.ndarray, "m d"]) -> Float[Array, "m 2"]:
        """Return Σ_n f_n κ_n (−1)^n |ξ|^{2n} e^{−|ξ|²/2}; the imaginary part vanishes."""
        xp: Any = np if isinstance(wave_vectors, np.ndarray) else jnp
        square = self.variance * xp.sum(wave_vectors**2, -1)[:, None]
        n, alpha = np.arange(self.degree // 2 + 1), self.space / 2 - 1
        log = scipy.special.gammaln
        leading = (log(alpha + 1) - log(n + 1) - log(n + alpha + 1)) / 2 - n * np.log(2)
        # In logarithms, since powers and factorials are large; |ξ|² = 0 leaves n = 0 alone.
        power = n * xp.log(xp.where(square > 0, square, 1.0))
        seen = (square > 0) | (n == 0)
        terms = xp.where(seen, (-1.0) ** n * xp.exp(leading + power - square / 2), 0.0)
        real = jnp.asarray(terms, self.coefficients.dtype) @ self.coefficients
        return jnp.stack([real, jnp.zeros_like(real)], -1)

    def marginal(self, axis: int, places: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return the density of one component: the mean of the series over the others, times M."""
        points = self.degree // 4 + 1
        if self.space == 2:
            x, weights = gauss_hermite(self.degree // 2 + 1, 1)
            half = x[:, 0] ** 2 / 2
        else:
            half, weights = gauss_laguerre(points, self.space - 1)
        own = places**2 / (2 * self.variance)
        others = jnp.asarray(half, own.dtype)[:, None]
        mean = jnp.asarray(weights, own.dtype) @ self.series(others + own)
        return jnp.exp(-own) / (2 * np.pi * self.variance) ** 0.5 * mean

    def entropy_rule(self) -> Rule:
        """Return Gauss–Laguerre nodes along one direction, which is enough."""
        half, weights = gauss_laguerre(self.degree + 8, self.space)
        nodes = np.zeros((half.size, self.space))
        nodes[:, 0] = np.sqrt(2 * self.variance * half)
        size = (2 * np.pi * self.variance) ** (self.space / 2)
        dtype = self.coefficients.dtype
        return jnp.asarray(nodes, dtype), jnp.asarray(weights * size * np.exp(half), dtype)


class SonineFunctions(GaussianFunctions):
    """Sonine functions up to a degree, without a collision term.

    Derive from it with fields of your own besides `dimension`, `degree` and `width`.

    Attributes:
        dimension: d, 2 or 3.
        degree: 2n at most, at least 2.
        width: w, the variance of the Gaussian; None for 1.
    """

    def degrees(self) -> np.ndarray:
        """Return 2n for each function."""
        return np.arange(0, self.degree + 1, 2)

    def basis(self, velocity: Float[Array, "n d"]) -> Float[Array, "n N"]:
        """Return S_n(v/√w)."""
        half = jnp.sum(velocity**2, -1) / (2 * self.variance)
        return sonine_rows(half, self.degree // 2, self.dimension, jnp.ones_like(half)).T

    def measure(self, state: Float[Array, " N"]) -> SonineDensity:
        """Return f."""
        return SonineDensity(state, self.dimension, self.variance)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not resolved, or not isotropic up to degree 4."""
        super().check(law)
        nodes, weights = law.quadrature(4)
        indices = multi_indices(self.dimension, 4)
        scaled = jnp.asarray(nodes) / self.variance**0.5
        full = weights @ hermite_basis(scaled, indices)
        half = jnp.sum(scaled**2, 1) / 2
        radial = weights @ sonine_rows(half, 2, self.dimension, jnp.ones_like(half)).T
        if is_traced((full, radial)):
            return
        rest = float(jnp.sum(full**2) - jnp.sum(radial**2))
        require(
            rest < 1e-5 * float(jnp.sum(full**2)),
            "law",
            "be isotropic about 0",
            f"its anisotropic part up to degree 4 has the square norm {rest:.3g}",
            "Use `Hermite`.",
        )

    # In a frame that shrinks with the gas.

    def transport(self, f: Float[Array, " N"], slope: Any, shift: Any) -> Float[Array, " N"]:
        """Return the coefficients of −div(slope·v f); a shift, which must be 0, is left out.

        With u = v/√w, u·∇S_n = 2n S_n + 2√(n(n + d/2 − 1)) S_{n−1}.
        """
        n = np.arange(f.size)
        back = jnp.asarray(2 * np.sqrt(n * (n + self.dimension / 2 - 1)), f.dtype)
        return slope * (jnp.asarray(2 * n, f.dtype) * f + back * jnp.roll(f, 1))

    def invariants(self, f: Float[Array, " N"]) -> tuple[Array, Array, Array]:
        """Return ∫ f dv, 0 and ∫ f |v|² dv, from S_1 = (|u|² − d)/√(2d)."""
        d = self.dimension
        square = self.variance * (d * f[0] + (2 * d) ** 0.5 * f[1])
        return f[0], jnp.zeros(d, f.dtype), square

    def conserving(self, f: Float[Array, " N"], change: Float[Array, " N"]) -> Float[Array, " N"]:
        """Return the change without its mass and energy."""
        return change.at[:2].set(0)

    def maxwellian(self, f: Float[Array, " N"]) -> Float[Array, " N"]:
        """Return the coefficients of the Maxwellian with the mass and energy of f, mean 0.

        The normal law of variance T has E S_n = m_n, m_n = (T/w − 1) √((n − 1 + d/2)/n) m_{n−1}.
        """
        mass, _, energy = self.invariants(f)
        excess = energy / (mass * self.dimension * self.variance) - 1
        rows = [jnp.ones_like(mass)]
        for n in range(1, self.degree // 2 + 1):
            rows.append(excess * ((n - 1 + self.dimension / 2) / n) ** 0.5 * rows[-1])
        return mass * jnp.stack(rows)

"""The spatially homogeneous Boltzmann equation for isotropic laws, in Sonine polynomials.

`BoltzmannHermite` restricted to functions of |v|, where it needs few functions for a high degree:

    f(v) = M_w(v) Σ_n f_n S_n(v/√w),   S_n(u) = (−1)^n c_n L_n^{(d/2−1)}(|u|²/2),   2n ≤ degree,

S_n orthonormal under the standard normal law (radial Burnett functions). With x, y and λ_l as in
`jaxkin.operators.hermite_tensor`, μ the cosine of the angle between x and y, and
|v|² = (x²+y²)/2 + xyμ in the units of w,

    K_{n,jk} = E[B̄(√(2w) y) S_j(v) S_k(v*) Σ_l (λ_l − 1) N_l P_l(μ) E_{μ′}[P_l(μ′) S_n(x, y, μ′)]],

an integral over x, y and μ; N_l = 2l + 1 in d = 3, and in d = 2 cos lφ stands for P_l and N_l = 2.
Even l are enough, because K is made symmetric in j, k.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float

from jaxkin.numerics.checks import is_traced, require
from jaxkin.numerics.hermite import hermite_basis, multi_indices
from jaxkin.numerics.sphere_rules import half_sphere_rule
from jaxkin.observables import Weighted
from jaxkin.operators.hermite import BoltzmannHermite, Tensor
from jaxkin.operators.hermite_tensor import Plan, radial_rule
from jaxkin.operators.loss_tensor import LossGeometry, radial_loss
from jaxkin.physics.collisions.angles import zonal


class BoltzmannRadial(BoltzmannHermite):
    """The Boltzmann equation for the Sonine coefficients of an isotropic f.

    A state is the vector of f_n, n ≤ degree/2. Degree 50 has 26 functions; the tensor is then
    computed in about a second. Arguments and errors as in `BoltzmannHermite`.
    """

    def degrees(self) -> np.ndarray:
        """Return 2n for each function."""
        return np.arange(0, self.degree + 1, 2)

    def basis(self, velocity: Float[Array, "n d"]) -> Float[Array, "n N"]:
        """Return S_n(v/√w)."""
        half = jnp.sum(velocity**2, -1) / (2 * self.width)
        return sonine_rows(half, self.degree // 2, self.dimension, jnp.ones_like(half)).T

    def _plan(self) -> Plan:
        count = self.degree // 2 + 1
        return Plan((np.triu_indices(count),), 2, np.arange(count))

    def _loss_geometry(self) -> LossGeometry:
        return radial_loss(self.degree, self.dimension)

    def _tensor(self) -> Tensor:
        rules = _rules(self.degree, self.dimension)
        (x, wx), (y, wy), (mu, wmu) = rules
        rates, dtype = self._rates(y), self._dtype()
        (b, c) = self._plan().pairs[0]
        count, dimension = self.degree // 2, self.dimension
        twice = jnp.asarray(np.where(b == c, 1.0, 2.0), dtype)

        # Gain minus loss in μ: the harmonics l = 2, 4, … times λ_l − 1.
        angular = np.asarray(_zonal(mu, max(count, 2), dimension))[2::2]
        order = np.arange(2, max(count, 2) + 1, 2)
        size = 2 * order + 1.0 if dimension == 3 else np.full(order.size, 2.0)
        change = jnp.asarray(size, dtype) * (self._harmonics()[order] - 1).astype(dtype)
        harmonics = jnp.asarray(angular, dtype)
        turn = (harmonics.T * change) @ (harmonics * jnp.asarray(wmu, dtype))

        x, wx, mu, wmu = (jnp.asarray(k, dtype) for k in (x, wx, mu, wmu))

        @jax.checkpoint
        def add(total, item):
            y, wy, rate = item
            half = ((x**2 + y**2) / 2)[:, None] / 2 + jnp.outer(x, mu) * y / 2
            # A third of the weight in each factor, so that single precision does not overflow.
            third = jnp.cbrt(wx * wy)[:, None] * jnp.ones_like(mu)
            S = sonine_rows(half, count, dimension, third)
            tested = jnp.einsum("nxm,km->nxk", S[2:], turn, precision="highest") * wmu
            pairs = S[b] * S[c][..., ::-1]  # v* has −μ
            new = jnp.einsum("nxm,pxm->np", tested, pairs, precision="highest")
            return total + rate * new, None

        start = jnp.zeros((count - 1, b.size), dtype)
        items = jnp.asarray(y, dtype), jnp.asarray(wy, dtype), rates
        return (jax.lax.scan(add, start, items)[0] * twice,)

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
        square = self.width * (d * f[0] + (2 * d) ** 0.5 * f[1])
        return f[0], jnp.zeros(d, f.dtype), square

    def conserving(self, f: Float[Array, " N"], change: Float[Array, " N"]) -> Float[Array, " N"]:
        """Return the change without its mass and energy."""
        return change.at[:2].set(0)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not resolved or not isotropic up to degree 4."""
        super().check(law)
        nodes, weights = law.quadrature(4)
        indices = multi_indices(self.dimension, 4)
        scaled = jnp.asarray(nodes) / self.width**0.5
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
            "Use `BoltzmannHermite`.",
        )

    def measure(self, state: Array) -> Weighted:
        """Return weighted velocities: Gauss–Laguerre in |v|²/2, a sphere rule of degree 11."""
        half, weights = _laguerre(self.degree // 2 + 4, self.dimension)
        directions, areas = half_sphere_rule(50 if self.dimension == 3 else 12, self.dimension)
        directions = np.concatenate([directions, -directions])
        areas = np.concatenate([areas, areas]) / (2 * areas.sum())
        nodes = np.sqrt(2 * self.width * half)[:, None, None] * directions
        return self._weighted(
            nodes.reshape(-1, self.dimension), np.outer(weights, areas).reshape(-1), state
        )


def sonine_rows(
    half: Float[Array, "*n"], count: int, dimension: int, first: Float[Array, "*n"]
) -> Float[Array, "count+1 *n"]:
    """Return first·S_0 … first·S_count at |u|²/2; S_n has the sign of its leading coefficient."""
    alpha = dimension / 2 - 1
    rows = [first, (half - alpha - 1) / (alpha + 1) ** 0.5 * first]
    for n in range(1, count):
        ahead, back = ((k * (k + alpha)) ** 0.5 for k in (n + 1, n))
        rows.append(((half - 2 * n - 1 - alpha) * rows[n] - back * rows[n - 1]) / ahead)
    return jnp.stack(rows[: count + 1])


def _laguerre(points: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss nodes and weights of the law of |u|²/2, u standard normal."""
    half, weights = scipy.special.roots_genlaguerre(points, dimension / 2 - 1)
    return half, weights / weights.sum()


@functools.lru_cache(maxsize=8)
def _rules(degree: int, dimension: int):
    """Return nodes and weights in x, y and μ that are exact but for the factor B̄(y)."""
    points = 3 * (degree // 2) // 2 + 1
    half, wx = _laguerre(points, dimension)
    if dimension == 3:
        mu, wmu = np.polynomial.legendre.leggauss(points)
        wmu = wmu / 2
    else:
        mu = np.cos(np.pi * (np.arange(points) + 0.5) / points)
        wmu = np.full(points, 1 / points)
    return (np.sqrt(2 * half), wx), radial_rule(3 * degree, dimension), (mu, wmu)


def _zonal(cosine: np.ndarray, degree: int, dimension: int) -> np.ndarray:
    with jax.ensure_compile_time_eval():
        return np.asarray(zonal(jnp.asarray(cosine), degree, dimension))

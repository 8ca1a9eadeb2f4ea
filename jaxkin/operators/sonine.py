"""Boltzmann's collision operator for isotropic laws, in Sonine polynomials.

`Hermite` restricted to functions of |v|, where it needs few functions for a high degree:
f(v) = M_w(v) Σ_n f_n S_n(v/√w), 2n ≤ degree (`jaxkin.operators.sonine_functions`). With x, y and
λ_l as in `jaxkin.operators.hermite_tensor`, μ the cosine of the angle between x and y, and
|v|² = (x²+y²)/2 + xyμ in the units of w,

    K_{n,jk} = E[B̄(√(2w) y) S_j(v) S_k(v*) Σ_l (λ_l − 1) N_l P_l(μ) E_{μ′}[P_l(μ′) S_n(x, y, μ′)]],

an integral over x, y and μ; N_l = 2l + 1 in d = 3, and in d = 2 cos lφ stands for P_l and N_l = 2.
Even l are enough, because K is made symmetric in j, k.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxkin.numerics.sonine import gauss_laguerre, sonine_rows
from jaxkin.operators.hermite import Tensor, TensorOperator
from jaxkin.operators.hermite_tensor import Plan, radial_rule
from jaxkin.operators.loss_tensor import LossGeometry, radial_loss
from jaxkin.operators.sonine_functions import SonineFunctions
from jaxkin.physics.collisions.angles import zonal
from jaxkin.physics.collisions.kernels import Kernel


class Sonine(SonineFunctions, TensorOperator):
    """Boltzmann's collision operator in Sonine functions, for isotropic f.

    A state is the vector of f_n, n ≤ degree/2. Degree 50 has 26 functions; the tensor is then
    computed in about a second.

    Args:
        kernel: how often velocities collide, and into which directions; None for a method.
        dimension: 2 or 3; None for 3, or for that of the gas.
        degree: largest degree 2n of the polynomials, at least 2.
        width: w, the variance of the Gaussian; best the temperature of the gas. None: 1, or 1/2 in
            self-similar variables.

    Raises:
        ValueError: an argument is out of range.
    """

    kernel: Kernel | None
    dimension: int = eqx.field(static=True)  # None in a method
    degree: int = eqx.field(static=True)
    width: float | None = eqx.field(static=True)

    def __init__(
        self,
        kernel: Kernel | None = None,
        *,
        dimension: int | None = None,
        degree: int = 20,
        width: float | None = None,
    ):
        self.dimension = self._start(kernel, dimension)
        self.kernel = kernel
        self._begin(degree, width)

    def _plan(self) -> Plan:
        count = self.degree // 2 + 1
        return Plan((np.triu_indices(count),), 2, np.arange(count))

    def _loss_geometry(self) -> LossGeometry:
        return radial_loss(self.degree, self.dimension)

    def _tensor(self) -> Tensor:
        rules = _rules(self.degree, self.dimension)
        (x, wx), (y, wy), (mu, wmu) = rules
        rates, dtype = self._rates(y), self.dtype
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


@functools.lru_cache(maxsize=8)
def _rules(degree: int, dimension: int):
    """Return nodes and weights in x, y and μ that are exact except for the factor B̄(y)."""
    points = 3 * (degree // 2) // 2 + 1
    half, wx = gauss_laguerre(points, dimension)
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

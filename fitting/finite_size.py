"""Mean densities of a well-mixed system of N particles, to order 1/N.

In a gas where each unordered pair of particles reacts at rate wβ, w = Z/N, the densities c = w·N_n
change by wν_nm at rate w⁻¹β_nm h_nm, with h_nm = c_n c_m for n < m and h_nn = (c_n² − w c_n)/2:
a particle is no partner of itself. With E c = f + m, Cov c = C, both of order w, the system-size
expansion (van Kampen) gives, up to O(w²),

    ∂f = F(f),   F = Σ_{n≤m} ν_nm β_nm h⁰_nm,   h⁰ the h at w = 0,
    ∂m = J m + ½F″:C − ½wΣ_n ν_nn β_nn f_n,
    ∂C = JC + CJᵀ + wΣ_{n≤m} ν_nm ν_nmᵀ β_nm h⁰_nm,

J = F′(f); F is quadratic, so that nothing of order w is missing. For masses drawn independently
from h/Z, m = 0 and C = w(diag h − hhᵀ/Z) at time 0. A fit to means over R replicas resolves
N^{−1/2}R^{−1/2}, so that m = O(1/N) matters as soon as R is not small beside N.

Symbols: f_n limit density, ν_nm jump of the counts in a reaction, w density of one particle.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require, require_finite
from jaxkin.observables.base import Coordinates
from jaxkin.observables.density import Atoms


class WellMixed(KineticEquation):
    """The equation of a pair reaction with its O(1/N) correction for well-mixed particles.

    Observables of it are those of E c = f + m, to be compared with replica means. The state is
    (f, m, C, w), of shapes (M,), (M,), (M, M) and (); w stays as it is.

    Args:
        equation: has fields `rate` (M, M) and `reaction` ("coagulation" or "annihilation"), such
            as `Smoluchowski` for uniform densities.
        n_particles: N, the number of particles at time 0.

    Raises:
        ValueError: the equation has no pair rates, or resolves space.
    """

    # Any equation with pair rates; which one is checked on construction.
    equation: Any
    n_particles: Float[Array, ""]

    def __init__(self, equation: KineticEquation, n_particles: ArrayLike):
        pairs = hasattr(equation, "rate") and hasattr(equation, "reaction")
        require(
            pairs and getattr(equation, "modes", None) is None,
            "equation",
            'have pair rates and no space when finite_size="well-mixed"',
            f"it is {type(equation).__name__}",
            "Leave `finite_size` out.",
        )
        require_finite(n_particles, "n_particles", minimum=0.0, strict=True)
        self.equation = equation
        self.n_particles = jnp.asarray(n_particles, self.equation.rate.dtype)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the equation cannot start from `law`."""
        self.equation.check(law)

    def prepare(self) -> tuple[Array, Array]:
        """Return the symmetric β and the jumps ν (M, M, M)."""
        rate = (self.equation.rate + self.equation.rate.T) / 2
        masses = rate.shape[-1]
        one = np.eye(masses)
        jump = -(one[:, None, :] + one[None, :, :])
        if self.equation.reaction == "coagulation":
            for n in range(masses):
                for m in range(masses - n - 1):
                    jump[n, m, n + m + 1] += 1
        return rate, jnp.asarray(jump, rate.dtype)

    def project(self, law: Any) -> tuple[Array, Array, Array, Array]:
        """Return the densities of the law, no correction, the scatter of independent draws, w."""
        masses = jnp.arange(1, self.equation.rate.shape[-1] + 1)
        start = self.equation.measure(self.equation.project(law))
        density = start.integral(lambda z: z.mass == masses)
        weight = density.sum() / self.n_particles
        scatter = jnp.diag(density) - jnp.outer(density, density) / density.sum()
        return density, jnp.zeros_like(density), weight * scatter, weight

    def rate_of_change(self, t: Array, state: Any, prepared: tuple[Array, Array]) -> Any:
        """Return ∂(f, m, C, w) as in the formulas of the module."""
        f, correction, covariance, weight = state
        rate, jump = prepared
        # Sums over ordered pairs with a factor ½ are sums over unordered ones.
        flux = 0.5 * jnp.einsum("nm,n,m,nmk->k", rate, f, f, jump)
        jacobian = jnp.einsum("nm,m,nmk->kn", rate, f, jump)
        diffusion = 0.5 * jnp.einsum("nm,n,m,nmk,nml->kl", rate, f, f, jump, jump)
        curvature = 0.5 * jnp.einsum("nm,nm,nmk->k", rate, covariance, jump)
        alone = 0.5 * jnp.einsum("n,n,nk->k", jnp.diagonal(rate), f, jnp.einsum("nnk->nk", jump))
        drift = jacobian @ covariance
        return (
            flux,
            jacobian @ correction + curvature - weight * alone,
            drift + drift.T + weight * diffusion,
            jnp.zeros_like(weight),
        )

    def measure(self, state: Any) -> Atoms:
        """Return E c = f + m on one coordinate for each mass."""
        density, correction, *_ = state
        masses = jnp.arange(1, density.shape[-1] + 1)
        return Atoms(density + correction, Coordinates(mass=masses))

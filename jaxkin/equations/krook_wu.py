"""An exact solution for a mixture of two: Krook and Wu, Phys. Fluids 20, 1589 (1977).

Two types of Maxwell molecules in d = 3 (|v−w|⁰, isotropic): one of type i meets one of type j at
the rate ν_{ij}, with ν₁₂/ν₂₁ = N₂/N₁. Then

    f_i = M_{K/m_i} (1 + q_i (m_i|v|²/K − 3)),   q_i = p_i Q(t),   T_i = K(1 + 2q_i),
    d log K/dt = κQ,   dQ/dt = −AQ − κQ²,

solve the system. In the Fourier variables of the velocity both sides are e^{−y/2} times polynomials
of degree 2 in y = K|k|²/m_i, and their coefficients agree if, with μ = 4m₁m₂/(m₁+m₂)² and
a = μ(3 − 2μ),

    p₁ = ν₂₂ − ν₁₂a,   p₂ = ν₁₁ − ν₂₁a,   κ = (ν₁₁p₁ + ν₁₂a p₂)/3,
    A = κ/(2p₁) + ν₁₂(μ/2)(1 − p₂/p₁),   p₁ = p₂ or p₁p₂ = 2μ²(ν₂₁p₁ + ν₁₂p₂).

The last is taken here, with p₁/p₂ = ν₁₂/ν₂₁: temperatures differ unless N₁ = N₂.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.equations.mixture import BoltzmannMixture
from jaxkin.laws.by_type import ByType
from jaxkin.laws.velocities import BKW
from jaxkin.numerics.checks import require, require_finite
from jaxkin.operators.mixture import HermiteMixture


class KrookWu:
    """The solution for masses 1 and `mass` of mean temperature 1, with ν₁₂ = N₂ and ν₂₁ = N₁.

    Args:
        mass: m₂, positive; m₁ = 1.
        numbers: N₁ and N₂ in any unit.
        first: q of the type with the larger one at time 0, in (0, 1/3], where densities are
            positive.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, mass: float, numbers: tuple[float, float] = (1.0, 0.4), first: float = 0.25):
        require_finite(mass, "mass", minimum=0.0, strict=True)
        require_finite(np.asarray(numbers, float), "numbers", minimum=0.0, strict=True)
        require(0 < first <= 1 / 3, "first", "lie in (0, 1/3]", f"it is {first}")
        self.masses, self.numbers = np.array([1.0, mass]), np.asarray(numbers, float)
        mu = 4 * mass / (1 + mass) ** 2
        a, (nu21, nu12) = mu * (3 - 2 * mu), self.numbers
        p1, p2 = 4 * mu**2 * nu12, 4 * mu**2 * nu21
        self.parts = np.array([p1, p2])
        self.rates = np.array([[p2 + nu21 * a, nu12], [nu21, p1 + nu12 * a]])
        self.kappa = float((self.rates[0, 0] * p1 + nu12 * a * p2) / 3)
        self.decay = float(self.kappa / (2 * p1) + nu12 * mu / 2 * (1 - p2 / p1))
        self.first = first / self.parts.max()

    def amplitudes(self, t: float) -> np.ndarray:
        """Return q_i, (2,)."""
        left = self.first * np.exp(-self.decay * t)
        return self.parts * self.decay * left / (self.decay + self.kappa * (self.first - left))

    def scale(self, t: float) -> float:
        """Return K, which keeps the energy Σ N_i T_i."""
        return float(self.numbers.sum() / (self.numbers @ (1 + 2 * self.amplitudes(t))))

    def temperatures(self, t: float) -> np.ndarray:
        """Return T_i, (2,)."""
        return self.scale(t) * (1 + 2 * self.amplitudes(t))

    def law(self, t: float) -> ByType:
        """Return the densities at a time."""
        q, T = self.amplitudes(t), self.temperatures(t) / self.masses
        return ByType(*(BKW(1 / (1 + 2 * a), 3, variance=s) for a, s in zip(q, T, strict=True)))

    def rate(self, t: float, velocity: Float[Array, "n d"], kind: int) -> Float[Array, " n"]:
        """Return ∂f_i/∂t of one type, 0 or 1, at velocities."""
        q, K, mass = float(self.amplitudes(t)[kind]), self.scale(t), self.masses[kind]
        growth = self.kappa * q / self.parts[kind]  # d log K/dt
        dq = -q * (self.decay + growth)
        y = mass * jnp.sum(velocity**2, -1) / K
        bracket = growth * ((y - 3) / 2 * (1 + q * (y - 3)) - q * y) + dq * (y - 3)
        return (mass / (2 * np.pi * K)) ** 1.5 * jnp.exp(-y / 2) * bracket

    def equation(self, degree: int = 4, widths: np.ndarray | None = None) -> BoltzmannMixture:
        """Return the system that it solves; widths are those of time 0 unless they are given."""
        own = self.scale(0.0) / self.masses if widths is None else np.asarray(widths, float)
        # One type meets another at the rate c κ₃, κ₃ = π.
        operator = HermiteMixture(
            self.masses.tolist(), degree=degree, widths=own.tolist(), exponent=0.0
        )
        return BoltzmannMixture(operator, jnp.asarray(self.rates / np.pi))

    def error(self, t: float, degree: int, stretch: float = 1.0) -> float:
        """Return the largest error of ∂f of both types over its largest value.

        Args:
            t: time.
            degree: of the Hermite functions.
            stretch: width of their Gaussians over K/m_i.
        """
        equation = self.equation(degree, stretch * self.scale(t) / self.masses)
        found = equation.rate_of_change(0.0, equation.project(self.law(t)), equation.prepare())
        normal, worst = np.random.default_rng(1).normal(size=(2000, 3)), 0.0
        for kind, mass in enumerate(self.masses):
            v = jnp.asarray(normal / np.sqrt(mass))
            exact = self.rate(t, v, kind)
            apart = jnp.abs(equation.operator.density(found, v)[kind] - exact)
            worst = max(worst, float(apart.max() / jnp.abs(exact).max()))
        return worst

"""Annihilation in self-similar variables, in which the gas neither thins nor cools.

For a kernel B̄ = C|v−v*|^γ write, with n, u, T the density, mean velocity and temperature of f,

    f(t, v) = n (2T)^{−d/2} ψ(τ, ξ),   ξ = (v − u)/√(2T),   dτ = n (2T)^{γ/2} dt

(Lods et al., (6.5)). Then (1.1) is (6.6),

    ∂ψ/∂τ = aψ − div((bξ/2 + m)ψ) + (1−α) Q(ψ, ψ) − α Q₋(ψ, ψ),
    a = α∫Q₋ dξ,   m = α∫ξ Q₋ dξ,   b = (2/d) α∫|ξ|² Q₋ dξ − a,
    d ln n/dτ = −a,   du/dτ = −√(2T) m,   d ln T/dτ = −b,

in the paper's letters B = b/2, B v_ψ = −m and A − dB = −a. Mass 1, momentum 0 and ∫|ξ|²ψ dξ = d/2
stay (6.7). If rounding moves the mass by δ, (6.6) lets δ grow like 1/n; here the share of the
invariants in the rate, which is rounding alone, is left out.

The equation is integrated in the physical time t, with ln n, u, ln T and τ beside ψ. The basis
follows the temperature; in polynomials the transport term is exact.

With γ > 0 the tail of ψ grows until it is exponential as τ → ∞, and series in a Gaussian then
converge asymptotically at best. The temperature of ψ is 1/2. A `width` of 1/2 does best for α ≤ 1/2
(exponents of decay to 1e-8 at degree 40); for α near 1 and long times take 3/4 to 1, or a grid.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.equations.annihilation import Annihilation, Prepared
from jaxkin.laws.base import require_law
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.checks import require
from jaxkin.numerics.rays import Frame
from jaxkin.observables.velocity_density import Rule, VelocityDensity
from jaxkin.operators.base import Operator, need
from jaxkin.physics.collisions.kernels import MaxwellKernel, PowerKernel


class ScaledState(eqx.Module):
    """A gas in self-similar variables.

    Attributes:
        profile: the operator's state for ψ.
        log_density: ln n.
        mean: (d,) u.
        log_temperature: ln T.
        tau: τ.
    """

    profile: Array
    log_density: Float[Array, ""]
    mean: Float[Array, " d"]
    log_temperature: Float[Array, ""]
    tau: Float[Array, ""]


class ScaledDensity(VelocityDensity):
    """f(v) = n (2T)^{−d/2} ψ((v − u)/√(2T)).

    Args:
        profile: ψ.
        number: n.
        mean: (d,) u.
        scale: √(2T).
        tau: τ.
    """

    profile: VelocityDensity
    number: Float[Array, ""]
    mean: Float[Array, " d"]
    scale: Float[Array, ""]
    tau: Float[Array, ""]

    @property
    def dimension(self) -> int:
        """d."""
        return self.profile.dimension

    def __call__(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:  # type: ignore[override]
        """Return f(v)."""
        scaled = (jnp.asarray(velocity) - self.mean) / self.scale
        return self.number / self.scale**self.dimension * self.profile(scaled)

    def rule(self, degree: int) -> Rule:
        """Return the rule of ψ at u + √(2T) ξ, n times."""
        nodes, weights = self.profile.rule(degree)
        return self.mean + self.scale * nodes, self.number * weights

    def frame(self) -> Frame:
        """Return the frame of ψ, moved and scaled."""
        own = self.profile.frame()
        centre = self.mean + self.scale * own.centre
        return own._replace(centre=centre, spread=self.scale * own.spread)

    def tolerance(self) -> float:
        """Return that of ψ."""
        return self.profile.tolerance()

    def characteristic(self, wave_vectors: Float[np.ndarray, "m d"]) -> Float[Array, "m 2"]:
        """Return n e^{−ik·u} times that of ψ at √(2T) k, real and imaginary part."""
        k = jnp.asarray(wave_vectors, self.scale.dtype)
        own = self.profile.characteristic(self.scale * k)  # type: ignore[arg-type]
        cosine, sine = jnp.cos(k @ self.mean), jnp.sin(k @ self.mean)
        real = cosine * own[:, 0] + sine * own[:, 1]
        return self.number * jnp.stack([real, cosine * own[:, 1] - sine * own[:, 0]], -1)

    def marginal(self, axis: int, places: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return the density of one component."""
        scaled = (places - self.mean[axis]) / self.scale
        return self.number / self.scale * self.profile.marginal(axis, scaled)

    def entropy_rule(self) -> Rule:
        """Return the rule of ψ, moved and scaled."""
        nodes, weights = self.profile.entropy_rule()
        return self.mean + self.scale * nodes, self.scale**self.dimension * weights

    def entropy(self) -> Array:
        """Return n (H[ψ] + ln n − d/2 ln(2T)), by the mass 1 of ψ."""
        shift = jnp.log(self.number) - self.dimension * jnp.log(self.scale)
        return self.number * (self.profile.entropy() + shift)

    def entries(self) -> dict[str, Callable[[], Array]]:
        """Return the entropy, and the scaled time `tau`."""
        return {"entropy": self.entropy, "tau": lambda: self.tau}


class SelfSimilarAnnihilation(Annihilation):
    """The equation of `Annihilation`, solved for ψ, n, u and T.

    Observables are those of f at the physical times. `ScaledTime` of
    `jaxkin.observables` can be observed too.

    Args:
        operator: `jaxkin.operators.Hermite` or `Sonine`, or a grid, for ψ: its temperature is 1/2
            and its mean 0. A `width` of None is 1/2. The kernel must be homogeneous, a
            `MaxwellKernel` or `PowerKernel`. `Sonine` takes laws that are isotropic about their
            mean, which then stays.
        alpha: α in [0, 1].
        density: n > 0 at time 0.

    Raises:
        ValueError: an argument is out of range, or the kernel not homogeneous.
    """

    def __init__(self, operator: Operator, alpha: Any, density: Any = 1.0):
        need(operator, ("transport", "invariants", "conserving", "kernel"), type(self).__name__)
        kernel = operator.kernel  # type: ignore[attr-defined]
        require(
            isinstance(kernel, MaxwellKernel | PowerKernel),
            "kernel",
            "be homogeneous, a `MaxwellKernel` or a `PowerKernel`",
            f"it is a {type(kernel).__name__}",
            "Use `Annihilation`.",
        )
        if getattr(operator, "width", 0.0) is None:
            operator = operator.changed(width=0.5)  # type: ignore[attr-defined]
        super().__init__(operator, alpha, density)

    # The equation.

    def scaled_rate(self, profile: Array, prepared: Prepared) -> tuple[Array, Array, Array, Array]:
        """Return ∂ψ/∂τ and a, m, b."""
        alpha, d = self.alpha.astype(profile.dtype), self.operator.dimension
        lost = alpha * self.operator.loss(profile, prepared.loss)
        a, m, square = self.operator.invariants(lost)
        b = 2 / d * square - a
        elastic = (1 - alpha) * self.operator.collision(profile, prepared.collision)
        moved = self.operator.transport(profile, b / 2, m)
        return a * profile + moved + elastic - lost, a, m, b

    def rate_of_change(self, t: Any, state: ScaledState, prepared: Prepared) -> ScaledState:
        """Return d/dt of ψ, ln n, u, ln T and τ."""
        rate, a, m, b = self.scaled_rate(state.profile, prepared)
        rate = self.operator.conserving(state.profile, rate)
        log_scale = jnp.log(2.0) + state.log_temperature  # of 2T
        speed = jnp.exp(state.log_density + self.exponent.astype(rate.dtype) / 2 * log_scale)
        moved = -jnp.exp(log_scale / 2) * m
        return jax.tree.map(lambda x: speed * x, ScaledState(rate, -a, moved, -b, jnp.ones_like(a)))

    @property
    def exponent(self) -> Array:
        """γ."""
        return jnp.asarray(getattr(self.operator.kernel, "exponent", 0.0))

    # The protocol.

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the operator does not resolve ψ at time 0."""
        self.operator.check(self._standardised(law))

    def project(self, law: Any) -> ScaledState:
        """Return ψ, ln n, u, ln T and τ = 0; the law must offer `quadrature`."""
        scaled = self._standardised(law)
        profile = self.operator.project(scaled)
        zero = jnp.zeros((), profile.dtype)
        log_temperature = (2 * jnp.log(scaled.scale) - jnp.log(2.0)).astype(profile.dtype)
        log_density = jnp.log(self.density).astype(profile.dtype)
        mean = scaled.mean.astype(profile.dtype)
        return ScaledState(profile, log_density, mean, log_temperature, zero)

    def measure(self, state: ScaledState) -> ScaledDensity:
        """Return f."""
        scale = jnp.exp((jnp.log(2.0) + state.log_temperature) / 2).astype(state.profile.dtype)
        profile = self.operator.measure(state.profile)
        assert isinstance(profile, VelocityDensity)
        return ScaledDensity(profile, jnp.exp(state.log_density), state.mean, scale, state.tau)

    def _standardised(self, law: Any) -> "Standardised":
        dimension = self.operator.dimension
        require_law(law, VelocityLaw, dimension=dimension, needs=("quadrature",))
        return Standardised(law)


class Standardised(VelocityLaw):
    """The law of ξ = (v − u)/√(2T), of mean 0 and temperature 1/2.

    Attributes:
        law: of v.
        mean: (d,) u.
        scale: √(2T).
    """

    law: VelocityLaw
    mean: Float[Array, " d"]
    scale: Float[Array, ""]

    def __init__(self, law: VelocityLaw):
        nodes, weights = law.quadrature(3)
        self.law, self.mean = law, weights @ nodes
        square = weights @ jnp.sum((nodes - self.mean) ** 2, 1)
        self.scale = jnp.sqrt(2 * square / law.dimension)

    @property
    def dimension(self) -> int:
        """d."""
        return self.law.dimension

    def density(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return the density of ξ."""
        mean, scale = self.mean.astype(velocity.dtype), self.scale.astype(velocity.dtype)
        return scale**self.dimension * self.law.density(mean + scale * velocity)

    def sample_velocities(self, number: int, *, key: PRNGKeyArray, dtype: Any) -> Array:
        """Draw from the law, shift and scale."""
        drawn = self.law.sample_velocities(number, key=key, dtype=dtype)
        return (drawn - self.mean.astype(dtype)) / self.scale.astype(dtype)

    def quadrature(self, points: int) -> tuple[Array, Array]:
        """Return the rule of the law, shifted and scaled."""
        nodes, weights = self.law.quadrature(points)
        return (nodes - self.mean) / self.scale, weights

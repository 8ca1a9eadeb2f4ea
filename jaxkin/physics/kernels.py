"""Collision kernels B(v−v*, σ): how often two velocities collide, and into which directions.

Clock of paper 004: each unordered pair of N particles collides at rate B̄(|v−v*|)/N with
B̄ = ∫ B dσ, so that a particle collides at rate ∫ B̄(|v−v*|) f(v*) dv* in the limit.
"""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.numerics.checks import require, require_finite


class PowerKernel(eqx.Module):
    """B = C|v−v*|^γ/|S^{d−1}|, isotropic in σ.

    γ = 0 are Maxwell molecules, γ = 1 hard spheres, what lies between variable hard spheres.

    Args:
        strength: C ≥ 0.
        exponent: γ in [0, 1].

    Raises:
        ValueError: an argument is out of range.
    """

    strength: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    exponent: Float[Array, ""] = eqx.field(default=0.0, converter=jnp.asarray)

    def __check_init__(self):
        require_finite(self.strength, "strength", minimum=0.0)
        require(
            (self.exponent >= 0) & (self.exponent <= 1),
            "exponent",
            "lie in [0, 1]",
            f"it is {self.exponent}",
            "0 are Maxwell molecules, 1 hard spheres.",
        )

    def total(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return B̄ = C g^γ at relative speeds g; at g = 0 it is 0 unless γ = 0."""
        tiny = jnp.finfo(speed.dtype).tiny
        power = jnp.exp(self.exponent * jnp.log(jnp.maximum(speed, tiny)))
        return (self.strength * power).astype(speed.dtype)

    def majorant(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return a bound on B̄ at relative speeds up to `speed`."""
        return self.total(speed)


def sphere_area(dimension: int) -> float:
    """Return |S^{d−1}|."""
    return 2 * math.pi ** (dimension / 2) / math.gamma(dimension / 2)

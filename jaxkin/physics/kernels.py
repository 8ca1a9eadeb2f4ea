"""Collision kernels B(v−v*, σ): how often two velocities collide, and into which directions.

Clock of paper 004: each unordered pair of N particles collides at rate B̄(|v−v*|)/N with
B̄ = ∫ B dσ, so that a particle collides at rate ∫ B̄(|v−v*|) f(v*) dv* in the limit.
"""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.numerics.checks import require, require_finite
from jaxkin.physics.masses import common_dtype


class PowerKernel(eqx.Module):
    """B = C|v−v*|^γ/|S^{d−1}|, isotropic in σ.

    γ = 0 are Maxwell molecules, γ = 1 hard spheres, what lies between variable hard spheres.

    Args:
        strength: C ≥ 0.
        exponent: γ in [0, 1].

    Raises:
        ValueError: an argument is out of range.
    """

    strength: Float[Array, ""]
    exponent: Float[Array, ""]

    def __init__(self, strength: Any = 1.0, exponent: Any = 0.0):
        require_finite(strength, "strength", minimum=0.0)
        require_finite(exponent, "exponent", minimum=0.0)
        require(
            jnp.asarray(exponent) <= 1,
            "exponent",
            "lie in [0, 1]",
            f"it is {exponent}",
            "0 are Maxwell molecules, 1 hard spheres.",
        )
        dtype = common_dtype(strength, exponent)
        self.strength, self.exponent = (jnp.asarray(x, dtype) for x in (strength, exponent))

    def total(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return B̄ = C g^γ at relative speeds g, kept above the smallest number of their type."""
        tiny = jnp.finfo(speed.dtype).tiny
        power = jnp.exp(self.exponent * jnp.log(jnp.maximum(speed, tiny)))
        return (self.strength * power).astype(speed.dtype)

    def majorant(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return a bound on B̄ at relative speeds up to `speed`."""
        return self.total(speed)


def sphere_area(dimension: int) -> float:
    """Return |S^{d−1}|."""
    return 2 * math.pi ** (dimension / 2) / math.gamma(dimension / 2)

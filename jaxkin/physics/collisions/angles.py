"""Angles of deflection: how the direction σ of the relative velocity after a binary collision lies.

cos θ = ⟨σ, v−v*⟩/|v−v*| has a law b, and σ is uniform around v − v*. An angle law is its quantile,
one function of a uniform number, from which the rest follows: the sampler of `jaxkin.KacGas`, and
the means of P_l(cos θ) in d = 3 or cos lθ in d = 2 that the equations need.
"""

import abc
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.arrays import array, host, known, one_program
from jaxkin.numerics.checks import is_traced, require, require_finite, whole
from jaxkin.physics.masses import common_dtype


class Angle(eqx.Module):
    """A law of cos θ."""

    @abc.abstractmethod
    def cosine(self, u: Float[Array, "*n"], dimension: int) -> Float[Array, "*n"]:
        """Return cos θ for uniform u in (0, 1)."""

    def harmonics(self, degree: int, dimension: int) -> Float[Array, " degree+1"]:
        """Return E P_l(cos θ) in d = 3, E cos lθ in d = 2, for l = 0 … degree.

        By Gauss–Legendre in u^{1/4}, which smooths the root that a quantile may have at 0.
        """
        x, w = np.polynomial.legendre.leggauss(64)
        s = jnp.asarray((x + 1) / 2)
        return zonal(self.cosine(s**4, dimension), degree, dimension) @ (2 * jnp.asarray(w) * s**3)

    def check(self, dimension: int) -> None:
        """Raise `ValueError` if cos θ leaves [−1, 1], seen at 99 values of u."""
        u = np.linspace(0.01, 0.99, 99).astype(jnp.result_type(float))
        cosine = one_program(_cosine_in(dimension), "angle", self, u)
        if not is_traced(cosine):
            seen = np.asarray(cosine)
            require(
                np.all(np.abs(seen) <= 1 + 1e-6),
                "angle",
                "have values of `cosine` in [−1, 1]",
                f"they reach from {seen.min():.3g} to {seen.max():.3g}",
            )


class Isotropic(Angle):
    """σ uniform on the sphere: Maxwell molecules and hard spheres, b = 1/|S^{d−1}|."""

    def cosine(self, u: Float[Array, "*n"], dimension: int) -> Float[Array, "*n"]:
        """Return cos πu in d = 2, 1 − 2u in d = 3."""
        _planar_or_not(dimension)
        return jnp.cos(jnp.pi * u) if dimension == 2 else 1 - 2 * u

    def harmonics(self, degree: int, dimension: int) -> Float[Array, " degree+1"]:
        """Return 1, 0, 0, …"""
        return array(np.eye(1, degree + 1)[0])

    def check(self, dimension: int) -> None:
        """Raise `ValueError` unless the dimension is 2 or 3."""
        _planar_or_not(dimension)


class UniformImpact(Angle):
    """The direction of impact ω uniform on the sphere, v' = v − ⟨v−v*, ω⟩ω (3.2); cos θ = 1 − 2x².

    x = |⟨ω, v−v*⟩|/|v−v*| is uniform in d = 3. In d = 2 σ is uniform too.
    """

    def cosine(self, u: Float[Array, "*n"], dimension: int) -> Float[Array, "*n"]:
        """Return cos πu in d = 2, 1 − 2u² in d = 3."""
        _planar_or_not(dimension)
        return jnp.cos(jnp.pi * u) if dimension == 2 else 1 - 2 * u**2

    def check(self, dimension: int) -> None:
        """Raise `ValueError` unless the dimension is 2 or 3."""
        _planar_or_not(dimension)


class VariableSoft(Angle):
    """Variable soft spheres: cos θ = 2u^{1/α} − 1, b ∝ cos^{2α−2}(θ/2), in d = 3.

    The model of Koura and Matsumoto (Phys. Fluids A 3, 2459, 1991): impact parameter
    D cos^α(θ/2); α = 1 are (variable) hard spheres.

    Args:
        softness: α ≥ 1, with which b is bounded.
    """

    softness: Float[Array, ""]

    def __init__(self, softness: Any):
        require_finite(softness, "softness", minimum=1.0)
        self.softness = array(softness, common_dtype(softness))

    def cosine(self, u: Float[Array, "*n"], dimension: int) -> Float[Array, "*n"]:
        """Return 2u^{1/α} − 1."""
        self.check(dimension)
        return 2 * u ** (1 / self.softness.astype(u.dtype)) - 1

    def check(self, dimension: int) -> None:
        """Raise `ValueError` unless the dimension is 3."""
        require(dimension == 3, "dimension", "be 3 for variable soft spheres", f"it is {dimension}")


class Bounded(Angle):
    """Any bounded angular function b(cos θ) ≥ 0, scaled to a probability on the sphere.

    Args:
        function: b, from an array of cos θ in [−1, 1] to an array.
        dimension: 2 or 3.
        points: of the table of θ, between which b sin^{d−2} θ is taken to be constant; an error
            O(points^{−2}), with jumps of b O(1/points), the same for particles and equations.

    Raises:
        ValueError: b is negative, infinite or zero everywhere.
    """

    function: Callable = eqx.field(static=True)
    cumulative: Float[Array, " points"]
    angles: Float[Array, " points"]
    dimension: int = eqx.field(static=True)

    def __init__(self, function: Callable, dimension: int = 3, points: int = 4097):
        _planar_or_not(dimension)
        self.function, self.dimension = function, dimension
        theta = np.linspace(0.0, np.pi, whole(points, "points", 2))
        middle = (theta[1:] + theta[:-1]) / 2
        places = np.cos(middle).astype(jnp.result_type(float))
        b = host(one_program(function, "function", places))
        require(
            b.shape == middle.shape,
            "function",
            f"map an array of shape {middle.shape} to its shape",
            f"it returns {b.shape}",
        )
        if not is_traced(b):
            require(
                np.all(np.isfinite(b) & (b >= 0)) and b.sum() > 0,
                "function",
                "be finite, not negative, and positive somewhere on [−1, 1]",
                f"its least value is {b.min()} and its largest {b.max()}",
            )
        xp = known(b)
        sums = xp.cumsum(b * np.sin(middle) ** (dimension - 2))
        self.cumulative = array(xp.concatenate([np.zeros(1), sums]) / sums[-1])
        self.angles = array(theta)

    def cosine(self, u: Float[Array, "*n"], dimension: int) -> Float[Array, "*n"]:
        """Return cos θ(u) from the table."""
        self.check(dimension)
        table = self.cumulative.astype(u.dtype), self.angles.astype(u.dtype)
        return jnp.cos(jnp.interp(u, *table))

    def check(self, dimension: int) -> None:
        """Raise `ValueError` unless the dimension is that of the angle."""
        require(
            dimension == self.dimension,
            "dimension",
            f"be {self.dimension}, that of the angle",
            f"it is {dimension}",
        )

    def harmonics(self, degree: int, dimension: int) -> Float[Array, " degree+1"]:
        """Integrate over the law of the table, uniform in θ between its points, jumps or not."""
        x, w = np.polynomial.legendre.leggauss(3)
        cell = jnp.diff(self.angles)[:, None]
        theta = self.angles[:-1, None] + cell * jnp.asarray((x + 1) / 2)
        share = jnp.diff(self.cumulative)[:, None] * jnp.asarray(w / 2)
        return zonal(jnp.cos(theta.reshape(-1)), degree, dimension) @ share.reshape(-1)


class Mixture(Angle):
    """One of several angles, drawn anew for each collision.

    Args:
        angles: their laws.
        weights: (k,) probabilities, scaled to sum 1.
    """

    angles: tuple[Angle, ...]
    weights: Float[Array, " k"]

    def __init__(self, angles: Any, weights: Any):
        self.angles = tuple(angles)
        for angle in self.angles:
            require(
                isinstance(angle, Angle),
                "angles",
                "be laws of an angle",
                f"one is a {type(angle).__name__}",
                "See `jaxkin.angles`.",
            )
        values = host(weights)
        require_finite(values, "weights", minimum=0.0)
        require(
            values.shape == (len(self.angles),),
            "weights",
            "hold one weight for each angle",
            f"its shape is {values.shape}",
        )
        require(values.sum() > 0, "weights", "hold a positive weight", "all are zero")
        self.weights = array(values / values.sum())

    def check(self, dimension: int) -> None:
        """Raise `ValueError` if one of the angles does."""
        for angle in self.angles:
            angle.check(dimension)

    def cosine(self, u: Float[Array, "*n"], dimension: int) -> Float[Array, "*n"]:
        """Return the quantile of the angle in whose share of (0, 1) u falls."""
        ends = jnp.cumsum(self.weights).astype(u.dtype)
        value = jnp.zeros_like(u)
        for angle, weight, end in zip(self.angles, self.weights, ends, strict=True):
            share = jnp.maximum(weight.astype(u.dtype), jnp.finfo(u.dtype).tiny)
            inside = (u > end - share) & (u <= end)
            own = jnp.clip((u - (end - share)) / share, 0, 1)
            value = jnp.where(inside, angle.cosine(own, dimension), value)
        return value

    def harmonics(self, degree: int, dimension: int) -> Float[Array, " degree+1"]:
        """Return the weighted means."""
        means = jnp.stack([angle.harmonics(degree, dimension) for angle in self.angles])
        return self.weights @ means


def zonal(cosine: Float[Array, "*n"], degree: int, dimension: int) -> Float[Array, "L *n"]:
    """Return P_l(cos θ) in d = 3, cos lθ in d = 2, for l = 0 … degree.

    Args:
        cosine: cos θ, of any shape.
        degree: the largest l.
        dimension: 2 or 3.
    """
    rows = [jnp.ones_like(cosine), cosine]
    for n in range(1, degree):
        if dimension == 2:
            rows.append(2 * cosine * rows[n] - rows[n - 1])
        else:
            rows.append(((2 * n + 1) * cosine * rows[n] - n * rows[n - 1]) / (n + 1))
    return jnp.stack(rows[: degree + 1])


@functools.cache  # one function for all angles, so that nothing compiles again
def _cosine_in(dimension: int) -> Callable:
    return lambda angle, u: angle.cosine(u, dimension)


def _planar_or_not(dimension: int) -> None:
    require(dimension in (2, 3), "dimension", "be 2 or 3 for an angle", f"it is {dimension}")

"""What a contact profile V is: a pytree that is a function of the relative position.

Symbols: d dimension, r = |x|, in units of the range.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from jaxkin.numerics.arrays import array
from jaxkin.numerics.spheres import sphere_area
from jaxkin.physics.contacts.admissible import check_profile
from jaxkin.physics.contacts.quadrature import PANEL_EDGES, ball_rule, panel_rule
from jaxkin.physics.masses import common_dtype


def as_float(value: ArrayLike) -> Array:
    """Return a value as an array of its own floating type, or of the default one for integers.

    Args:
        value: a number or numbers of any shape.
    """
    # Named, the dtype is not weak: a weak leaf would compile anew once it has been updated.
    return array(value, common_dtype(value))


def norm(x: Float[Array, "... d"]) -> Float[Array, "..."]:
    """Return |x| with derivative 0, not NaN, at the origin (right for profiles even in r).

    Args:
        x: (..., d) vectors.
    """
    square = jnp.sum(x * x, axis=-1)
    away = square > 0
    return jnp.where(away, jnp.sqrt(jnp.where(away, square, 1.0)), 0.0)


class Interaction(eqx.Module):
    """A contact profile V ≥ 0 in the closed unit ball; on x (..., d) it gives V(x) (...)."""

    radial: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "... d"]) -> Float[Array, "..."]:
        """V(x), one value ≥ 0 per point."""

    def integral(self, dimension: int) -> Float[Array, ""]:
        """Return ∫ V over R^d; differentiable in the parameters.

        By a product rule in polar or spherical coordinates, spectrally accurate where V is smooth
        inside the ball.

        Raises:
            ValueError: d is not 2 or 3.
        """
        points, weights = ball_rule(dimension)
        return jnp.dot(jnp.asarray(weights, self.dtype), self(jnp.asarray(points, self.dtype)))

    def check(self, dimension: int) -> None:
        """Raise ValueError unless V is finite, ≥ 0 and zero outside the unit ball of R^d.

        Values are sampled, so this finds mistakes and proves nothing. Profiles that are known to
        be admissible have nothing to check.
        """
        check_profile(self, dimension)

    @property
    def dtype(self):
        """The floating dtype of the parameters, or the default one if there are none."""
        leaves = [leaf for leaf in jax.tree.leaves(self) if eqx.is_inexact_array(leaf)]
        return jnp.result_type(*leaves) if leaves else jnp.result_type(float)


class RadialInteraction(Interaction):
    """A profile V(x) = `profile`(|x|), with `profile` of the radius r ≥ 0 of any shape."""

    radial: ClassVar[bool] = True

    @abc.abstractmethod
    def profile(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """V at radius r ≥ 0."""

    def __call__(self, x: Float[Array, "... d"]) -> Float[Array, "..."]:
        """V(x), one value ≥ 0 per point."""
        return self.profile(norm(x))

    @property
    def panel_edges(self) -> tuple[float, ...]:
        """Radii between which the profile is smooth, with 0 and 1: what quadrature must respect."""
        return PANEL_EDGES

    def integral(self, dimension: int) -> Float[Array, ""]:
        """Return ∫ V over R^d, d ≥ 1, by Gauss–Legendre panels; differentiable."""
        r, w = panel_rule(self.panel_edges, 40)
        weights = jnp.asarray(sphere_area(dimension) * w * r ** (dimension - 1), self.dtype)
        return jnp.dot(weights, self.profile(jnp.asarray(r, self.dtype)))

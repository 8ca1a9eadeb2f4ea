"""Contact profiles V of coagulating Brownian particles.

A pair at relative position εx coagulates at rate α ε⁻² V(x) (Hammond, section 1.3). V is not
negative and vanishes outside the closed unit ball: lengths are divided by the range ε, so that x
and V have no unit and the strength α sets the scale.

A profile is a pytree. Its parameters (height, power, axes, whatever a user's function takes) are
differentiable leaves; functions and break points are static, so a fresh lambda compiles afresh.

Symbols: d dimension, r = |x|, ω_d = π^{d/2}/Γ(d/2+1) volume of the unit ball.
"""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, ArrayLike, Float

from jaxkin.numerics.arrays import host
from jaxkin.numerics.checks import require, require_finite
from jaxkin.numerics.spheres import ball_volume
from jaxkin.physics.contacts.base import Interaction, RadialInteraction, as_float
from jaxkin.physics.contacts.quadrature import PANEL_EDGES

__all__ = [
    "Ball",
    "Bump",
    "Ellipsoid",
    "General",
    "Interaction",
    "Parabola",
    "Radial",
    "RadialInteraction",
]


class Ball(RadialInteraction):
    """V = height on the closed unit ball: particles react at a constant rate while they overlap.

    Args:
        height: a number ≥ 0, without a unit.

    Raises:
        ValueError: the height is negative, not finite or no number.
    """

    height: Float[Array, ""]

    def __init__(self, height: ArrayLike = 1.0):
        self.height = _nonnegative("height", height)

    def profile(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """V at radius r ≥ 0."""
        return jnp.where(r <= 1, self.height, jnp.zeros_like(self.height))

    def integral(self, dimension: int) -> Float[Array, ""]:
        """height·ω_d."""
        return self.height * ball_volume(dimension)

    def check(self, dimension: int) -> None:
        """Check nothing: V is admissible, unless a derived class has a profile of its own."""
        if type(self).profile is not Ball.profile:
            super().check(dimension)


class Bump(RadialInteraction):
    """V = height·exp(1 − 1/(1−r²)) for r < 1: infinitely smooth, V(0) = height.

    All derivatives are finite everywhere, at r = 0 and r = 1 too.

    Args:
        height: a number ≥ 0, without a unit.

    Raises:
        ValueError: the height is negative, not finite or no number.
    """

    height: Float[Array, ""]

    def __init__(self, height: ArrayLike = 1.0):
        self.height = _nonnegative("height", height)

    def profile(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """V at radius r ≥ 0."""
        inside = r < 1
        gap = jnp.where(inside, 1 - r * r, 1.0)
        return self.height * jnp.where(inside, jnp.exp(1 - 1 / gap), 0.0)

    def check(self, dimension: int) -> None:
        """Check nothing: V is admissible, unless a derived class has a profile of its own."""
        if type(self).profile is not Bump.profile:
            super().check(dimension)


class Parabola(RadialInteraction):
    """V = height·(1−r²)^power for r < 1.

    The larger the power, the smoother V is at r = 1; for power 0 use `Ball`.

    Args:
        height: a number ≥ 0, without a unit.
        power: a number > 0.

    Raises:
        ValueError: an argument is out of range.
    """

    height: Float[Array, ""]
    power: Float[Array, ""]

    def __init__(self, height: ArrayLike = 1.0, power: ArrayLike = 2.0):
        self.height = _nonnegative("height", height)
        self.power = as_float(power)
        require(
            host(self.power, self.power.dtype) > 0,
            "power",
            "be positive",
            f"it is {power}",
            "Use `Ball` for a flat profile.",
        )

    def profile(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """V at radius r ≥ 0."""
        return self.height * _parabola(1 - r * r, self.power)

    def integral(self, dimension: int) -> Float[Array, ""]:
        """height·π^{d/2} Γ(power+1)/Γ(power+1+d/2)."""
        return self.height * _parabola_integral(self.power, dimension)

    def check(self, dimension: int) -> None:
        """Check nothing: V is admissible, unless a derived class has a profile of its own."""
        if type(self).profile is not Parabola.profile:
            super().check(dimension)


class Radial(RadialInteraction):
    """V = height·function(r, *parameters), a profile of the user's own.

    The values of the function are checked by `check`, when a model takes the profile.

    Args:
        function: maps radii of any shape, in units of the range, to values of that shape, ≥ 0 and
            0 for r > 1; written with jax.numpy. It is static.
        *parameters: its further arguments, arrays or pytrees of them; differentiable.
        height: a number ≥ 0.
        breakpoints: the radii in (0, 1) where the function jumps or has a kink. Solvers that are
            told them keep their full order.

    Raises:
        ValueError: a break point lies outside (0, 1), or the height is negative.
    """

    function: Callable = eqx.field(static=True)
    parameters: tuple
    height: Float[Array, ""]
    breakpoints: tuple[float, ...] = eqx.field(static=True)

    def __init__(
        self,
        function: Callable,
        *parameters: Any,
        height: ArrayLike = 1.0,
        breakpoints: tuple[float, ...] = (),
    ):
        self.function = function
        self.parameters = jax.tree.map(as_float, parameters)
        self.height = _nonnegative("height", height)
        self.breakpoints = tuple(float(r) for r in breakpoints)
        require(
            all(0 < r < 1 for r in self.breakpoints),
            "breakpoints",
            "lie strictly between 0 and 1",
            f"they are {self.breakpoints}",
            "Leave out the ends, which are known already.",
        )

    def profile(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """V at radius r ≥ 0."""
        return self.height * self.function(r, *self.parameters)

    @property
    def panel_edges(self) -> tuple[float, ...]:
        """The standing panels, cut at the break points."""
        return tuple(sorted({*PANEL_EDGES, *self.breakpoints}))


class General(Interaction):
    """V = height·function(x, *parameters), not radial.

    The values of the function are checked by `check`, when a model takes the profile.

    Args:
        function: maps x of shape (..., d), in units of the range, to values (...), ≥ 0 and 0 for
            |x| > 1; written with jax.numpy. It is static.
        *parameters: its further arguments, arrays or pytrees of them; differentiable.
        height: a number ≥ 0.

    Raises:
        ValueError: the height is negative, not finite or no number.
    """

    function: Callable = eqx.field(static=True)
    parameters: tuple
    height: Float[Array, ""]

    def __init__(self, function: Callable, *parameters: Any, height: ArrayLike = 1.0):
        self.function = function
        self.parameters = jax.tree.map(as_float, parameters)
        self.height = _nonnegative("height", height)

    def __call__(self, x: Float[Array, "... d"]) -> Float[Array, "..."]:
        """V(x), one value ≥ 0 per point."""
        return self.height * self.function(x, *self.parameters)


class Ellipsoid(Interaction):
    """V = height·(1 − Σ (x_i/axes_i)²)^power inside the ellipsoid with these half-axes.

    Args:
        axes: (d,) half-axes in (0, 1], in units of the range.
        height: a number ≥ 0, without a unit.
        power: a number ≥ 1, so that V is continuous and its derivative in the axes is a true one;
            that of an indicator would be 0 in silence.

    Raises:
        ValueError: an argument is out of range.
    """

    axes: Float[Array, " d"]
    height: Float[Array, ""]
    power: Float[Array, ""]

    def __init__(self, axes: ArrayLike, height: ArrayLike = 1.0, power: ArrayLike = 2.0):
        self.axes = as_float(axes)
        self.height = _nonnegative("height", height)
        self.power = as_float(power)
        require(
            self.axes.ndim == 1,
            "axes",
            "be a vector",
            f"its shape is {self.axes.shape}",
            "Give one half-axis per dimension.",
        )
        half_axes = host(self.axes, self.axes.dtype)
        require(
            (half_axes > 0) & (half_axes <= 1),
            "axes",
            "lie in (0, 1], in units of the range",
            f"they are {axes}",
            "Divide lengths by the largest half-axis.",
        )
        require(
            host(self.power, self.power.dtype) >= 1,
            "power",
            "be at least 1",
            f"it is {power}",
            "Below 1 the derivative in `axes` is infinite at the surface.",
        )

    def __call__(self, x: Float[Array, "... d"]) -> Float[Array, "..."]:
        """V(x), one value ≥ 0 per point."""
        return self.height * _parabola(1 - jnp.sum((x / self.axes) ** 2, axis=-1), self.power)

    def integral(self, dimension: int) -> Float[Array, ""]:
        """height·Π axes·π^{d/2} Γ(power+1)/Γ(power+1+d/2); ValueError if d is not len(axes)."""
        self.check(dimension)
        return self.height * jnp.prod(self.axes) * _parabola_integral(self.power, dimension)

    def check(self, dimension: int) -> None:
        """Raise ValueError if d is not len(axes)."""
        require(
            dimension == self.axes.shape[0],
            "dimension",
            f"be the number of half-axes, {self.axes.shape[0]}",
            f"it is {dimension}",
            "Give one half-axis per dimension.",
        )


def _nonnegative(name: str, value: ArrayLike) -> Array:
    number = as_float(value)
    require(
        number.ndim == 0, name, "be a number", f"its shape is {number.shape}", "Use `jax.vmap`."
    )
    require_finite(number, name, minimum=0.0)
    return number


def _parabola(gap: Array, power: Array) -> Array:
    inside = gap > 0
    return jnp.where(inside, jnp.where(inside, gap, 1.0) ** power, 0.0)


def _parabola_integral(power: Array, dimension: int) -> Array:
    half = dimension / 2
    return math.pi**half * jnp.exp(gammaln(power + 1) - gammaln(power + 1 + half))

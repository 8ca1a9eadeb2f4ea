"""Contact profiles V of coagulating Brownian particles.

A pair at relative position εx coagulates at rate α ε⁻² V(x) (Hammond,
section 1.3). V is nonnegative and vanishes outside the closed unit ball: lengths are
divided by the range ε, so that x and V carry no unit and the strength α sets the scale.

A profile is a pytree. Its parameters (height, power, axes, whatever a user's function takes) are
differentiable leaves; functions and break points are static, so a fresh lambda compiles afresh.

Symbols: d dimension, r = |x|, ω_d = π^{d/2}/Γ(d/2+1) volume of the unit ball.
"""

import abc
import functools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, ArrayLike, Float

from jaxkin.numerics.checks import is_traced, require, require_finite

# A boundary layer of width 1/κ forms at the edge of the support when α/D is large, and smooth
# profiles of compact support have an essential singularity there: panels get finer towards r = 1.
PANEL_EDGES = (0.0, 0.8, 0.98, 1.0)


def as_float(value: ArrayLike) -> Array:
    """`value` as an array of its own floating dtype, or of the default one if it is an integer."""
    array = jnp.asarray(value)
    floating = jnp.issubdtype(array.dtype, jnp.floating)
    # Named, the dtype is no longer weak: a weak leaf would compile anew once it has been updated.
    return jnp.asarray(array, array.dtype if floating else jnp.result_type(float))


def norm(x: Float[Array, "... d"]) -> Float[Array, "..."]:
    """|x| with derivative 0, not NaN, at the origin (right for profiles even in r)."""
    square = jnp.sum(x * x, axis=-1)
    away = square > 0
    return jnp.where(away, jnp.sqrt(jnp.where(away, square, 1.0)), 0.0)


def sphere_area(dimension: int) -> float:
    """|S^{d−1}| = d ω_d."""
    return 2 * math.pi ** (dimension / 2) / math.gamma(dimension / 2)


@functools.lru_cache(maxsize=64)
def panel_rule(edges: tuple[float, ...], nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes and weights, `nodes` per panel: two float64 arrays (panels·nodes,)."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    left, right = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    half = (right - left) / 2
    return (left + half * (x + 1)).ravel(), (half * w).ravel()


class Interaction(eqx.Module):
    """A contact profile V ≥ 0 in the closed unit ball; on x (..., d) it gives V(x) (...)."""

    radial: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "... d"]) -> Float[Array, "..."]:
        """V(x), one value ≥ 0 per point."""

    def integral(self, dimension: int) -> Float[Array, ""]:
        """∫ V over R^d; differentiable in the parameters.

        By a product rule in polar or spherical coordinates, spectrally accurate where V is smooth
        inside the ball. Raises ValueError in other dimensions than 2 and 3.
        """
        points, weights = _ball_rule(dimension)
        return jnp.dot(jnp.asarray(weights, self.dtype), self(jnp.asarray(points, self.dtype)))

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
        """∫ V over R^d, d ≥ 1, by Gauss–Legendre panels; differentiable in the parameters."""
        r, w = panel_rule(self.panel_edges, 40)
        weights = jnp.asarray(sphere_area(dimension) * w * r ** (dimension - 1), self.dtype)
        return jnp.dot(weights, self.profile(jnp.asarray(r, self.dtype)))


class Ball(RadialInteraction):
    """V = height on the closed unit ball: particles react at a constant rate while they overlap.

    `height`: a number ≥ 0, dimensionless. Raises ValueError if it is negative or NaN.
    """

    height: Float[Array, ""]

    def __init__(self, height: ArrayLike = 1.0):
        self.height = _nonnegative("height", height)

    def profile(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """V at radius r ≥ 0."""
        return jnp.where(r <= 1, self.height, jnp.zeros_like(self.height))

    def integral(self, dimension: int) -> Float[Array, ""]:
        """height·ω_d."""
        return self.height * (sphere_area(dimension) / dimension)


class Bump(RadialInteraction):
    """V = height·exp(1 − 1/(1−r²)) for r < 1: infinitely smooth, V(0) = height.

    `height`: a number ≥ 0, dimensionless. Raises ValueError if it is negative or NaN. All
    derivatives are finite everywhere, at r = 0 and r = 1 too.
    """

    height: Float[Array, ""]

    def __init__(self, height: ArrayLike = 1.0):
        self.height = _nonnegative("height", height)

    def profile(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """V at radius r ≥ 0."""
        inside = r < 1
        gap = jnp.where(inside, 1 - r * r, 1.0)
        return self.height * jnp.where(inside, jnp.exp(1 - 1 / gap), 0.0)


class Parabola(RadialInteraction):
    """V = height·(1−r²)^power for r < 1.

    `height` ≥ 0 and `power` > 0 are numbers, dimensionless; ValueError otherwise. The larger the
    power, the smoother V is at r = 1; for power 0 use `Ball`.
    """

    height: Float[Array, ""]
    power: Float[Array, ""]

    def __init__(self, height: ArrayLike = 1.0, power: ArrayLike = 2.0):
        self.height = _nonnegative("height", height)
        self.power = as_float(power)
        require(
            self.power > 0,
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


class Radial(RadialInteraction):
    """V = height·function(r, *parameters), a profile of the user's own.

    `function` maps radii of any shape to values of that shape, ≥ 0, and vanishes for r > 1; it is
    static. `parameters` are its further arguments (arrays or pytrees of them), differentiable.
    `breakpoints` names the radii in (0, 1) where it jumps or has a kink: solvers keep their full
    order if told. Raises ValueError for break points outside (0, 1) or a negative height; the
    values of `function` are checked by `check_interaction`.
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

    `function` maps x of shape (..., d) to values (...), ≥ 0, zero for |x| > 1; it is static.
    `parameters` are its further arguments, differentiable. Raises ValueError for a negative height;
    the values of `function` are checked by `check_interaction`.
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

    `axes` has shape (d,) with entries in (0, 1], in units of the range; `height` ≥ 0; `power` ≥ 1,
    so that V is continuous and its derivative in the axes is a true one (that of a discontinuous
    indicator would be silently zero). Raises ValueError otherwise.
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
        require(
            (self.axes > 0) & (self.axes <= 1),
            "axes",
            "lie in (0, 1], in units of the range",
            f"they are {axes}",
            "Divide lengths by the largest half-axis.",
        )
        require(
            self.power >= 1,
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
        require(
            dimension == self.axes.shape[0],
            "dimension",
            f"be the number of half-axes, {self.axes.shape[0]}",
            f"it is {dimension}",
            "Give one half-axis per dimension.",
        )
        return self.height * jnp.prod(self.axes) * _parabola_integral(self.power, dimension)


def check_interaction(interaction: Interaction, dimension: int) -> None:
    """Raise ValueError unless V is finite, ≥ 0, zero outside the unit ball and one value per point.

    Values are sampled at about 500 fixed points of R^d, so this finds mistakes and proves nothing.
    Shapes are always checked, values only if no parameter is traced.
    """
    inside, outside = _sample_points(dimension)
    points = jax.ShapeDtypeStruct(inside.shape, interaction.dtype)
    try:
        shape = jax.eval_shape(interaction, points).shape
    except jax.errors.TracerArrayConversionError as error:
        raise ValueError(
            "Argument `interaction` must be written with jax.numpy, but it turns its argument into "
            "a NumPy array. Use jnp.where(r <= 1, ..., 0) in place of np.where, say."
        ) from error
    require(
        shape == inside.shape[:-1],
        "interaction",
        f"give one value per point, shape {inside.shape[:-1]} for points {inside.shape}",
        f"it gives {shape}",
        "Reduce over the last axis of x, as in `jnp.sum(x**2, axis=-1)`, and keep the others.",
    )
    if is_traced(interaction):
        return
    with jax.ensure_compile_time_eval():
        samples = [interaction(jnp.asarray(x, interaction.dtype)) for x in (inside, outside)]
    if is_traced(samples):
        return
    values, beyond = map(np.asarray, samples)
    require(
        np.all(np.isfinite(values)) and np.all(np.isfinite(beyond)),
        "interaction",
        "be finite everywhere",
        "it is NaN or infinite somewhere",
        "Guard both branches of a `jnp.where`, inside the unit ball and outside.",
    )
    worst = np.argmin(values)
    require(
        values[worst] >= 0,
        "interaction",
        "be nonnegative",
        f"V = {values[worst]:.3g} at x = {inside[worst]}",
        "V is a rate of coagulation; clip it at 0.",
    )
    worst = np.argmax(np.abs(beyond))
    require(
        beyond[worst] == 0,
        "interaction",
        "vanish outside the unit ball",
        f"V = {beyond[worst]:.3g} at |x| = {np.linalg.norm(outside[worst]):.3g}",
        "For a V of range R pass R²·V(R x) and multiply the rate by R^(d−2).",
    )


def _nonnegative(name: str, value: ArrayLike) -> Array:
    array = as_float(value)
    require(array.ndim == 0, name, "be a number", f"its shape is {array.shape}", "Use `jax.vmap`.")
    require_finite(array, name, minimum=0.0)
    return array


def _parabola(gap: Array, power: Array) -> Array:
    inside = gap > 0
    return jnp.where(inside, jnp.where(inside, gap, 1.0) ** power, 0.0)


def _parabola_integral(power: Array, dimension: int) -> Array:
    half = dimension / 2
    return math.pi**half * jnp.exp(gammaln(power + 1) - gammaln(power + 1 + half))


@functools.lru_cache(maxsize=8)
def _ball_rule(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) and weights (n,) of a product rule on the unit disc or ball."""
    require(
        dimension in (2, 3),
        "dimension",
        "be 2 or 3 for a V that is not radial",
        f"it is {dimension}",
        "Use a radial interaction, or override `integral`.",
    )
    r, w = panel_rule(PANEL_EDGES, 16)
    angle = 2 * np.pi * (np.arange(48) + 0.5) / 48
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    if dimension == 2:
        points = r[:, None, None] * circle
        weights = np.broadcast_to((w * r)[:, None] * (2 * np.pi / 48), points.shape[:-1])
        return points.reshape(-1, 2), weights.ravel()
    z, w_z = np.polynomial.legendre.leggauss(24)
    flat = np.sqrt(1 - z**2)[:, None, None] * circle
    sphere = np.concatenate([flat, np.broadcast_to(z[:, None, None], (24, 48, 1))], axis=-1)
    points = r[:, None, None, None] * sphere
    weights = (w * r**2)[:, None, None] * w_z[:, None] * np.full(48, 2 * np.pi / 48)
    return points.reshape(-1, 3), weights.ravel()


@functools.lru_cache(maxsize=16)
def _sample_points(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Fixed points inside and outside the unit ball, in directions that no axis singles out."""
    directions = np.random.default_rng(0).standard_normal((32, dimension))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    directions = np.concatenate([np.eye(dimension), -np.eye(dimension), directions])
    inside = np.linspace(0.03, 0.97, 12)[:, None, None] * directions
    outside = np.array([1.001, 1.1, 1.4, 2.0, 5.0])[:, None, None] * directions
    inside = np.concatenate([np.zeros((1, dimension)), inside.reshape(-1, dimension)])
    return inside, outside.reshape(-1, dimension)

"""Integrals over R^d, d = 2 or 3, of a function that may jump or have kinks, along rays.

    ∫ φ f dv = ∫ dω ∫_0^R φ(c + rω) f(c + rω) r^{d−1} dr

with Gauss–Legendre rules in every quadrant or octant of directions, so that kinks where a component
of v − c vanishes lie between them, and on panels of each ray. The ends of panels are where φ jumps
or has a kink (`jaxkin.numerics.breaks`). Where φ is smooth, they are ends like any other.

Two rules that share no node tell the error; the finer is used. f enters at fixed places, so that
its derivatives by parameters are those of the integral, also where φ jumps.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.breaks import find_breaks, find_zeros
from jaxkin.numerics.switches import switches_of

_BREAKS = 4  # on a ray, that the program of φ does not show
_ZEROS = 64  # on a ray, at most, that it shows


class Frame(NamedTuple):
    """Where a density lives.

    Attributes:
        centre: (d,) c, from where rays start.
        spread: the standard deviation of its Gaussian.
        reach: R in units of the spread.
        degree: of the polynomial by which it differs from the Gaussian, about.
        angles: of the coarser rule in each quadrant or octant and direction.
    """

    centre: Float[Array, " d"]
    spread: Float[Array, ""]
    reach: float
    degree: int
    angles: int


def along_rays(
    function: Callable[[Array], Array],
    frame: Frame,
    add: Callable[[Any, Array, Array], Any],
    zeros: tuple[Any, Any],
) -> tuple[Any, Any]:
    """Return Σ_j w_j φ(v_j) f(v_j) by the finer and by the coarser rule.

    Args:
        function: φ, from one place (d,) to an array of m entries in all.
        frame: where f lives; no derivative by it is taken.
        add: from a sum, places (n, d) and masses w_j φ(v_j), (n, m), to the sum with them.
        zeros: the empty sums, of the finer and of the coarser rule.
    """
    centre, spread = jax.lax.stop_gradient((frame.centre, frame.spread))
    frame = frame._replace(centre=centre, spread=spread)
    fine, coarse = (_rule(function, frame, add, zeros[1 - level], level) for level in (1, 0))
    return fine, coarse


def _rule(function: Callable, frame: Frame, add: Callable, zero: Any, level: int) -> Any:
    dimension = frame.centre.shape[0]
    directions, areas = _directions(frame.angles + frame.angles // 4 * level, dimension)
    dtype, count = frame.centre.dtype, 16 if dimension == 2 else 32
    pad = -len(areas) % count
    omega = jnp.asarray(np.pad(directions, [(0, pad), (0, 0)], mode="edge"), dtype)
    area = jnp.asarray(np.pad(areas, (0, pad)), dtype)
    switching = switches_of(function, frame.centre)

    def along(evaluate: Callable, omega: Array) -> Callable[[Array], Array]:
        """Return a function of radii of one ray, (n,) to (n, m)."""

        def at(r: Array) -> Array:
            places = frame.centre + frame.spread * r[:, None] * omega
            values = jax.vmap(lambda v: jnp.ravel(jnp.asarray(evaluate(v))))(places)
            return values if jnp.iscomplexobj(values) else values.astype(dtype)

        return at

    def some(total: Any, rays: tuple[Array, Array]) -> tuple[Any, None]:
        omega, area = rays
        r, w = jax.vmap(
            lambda o: _radii(along(function, o), along(switching, o), frame, dtype, level)
        )(omega)
        weights = frame.spread**dimension * area[:, None] * w * r ** (dimension - 1)
        places = frame.centre + frame.spread * r[..., None] * omega[:, None]
        values = jax.vmap(lambda o, r: along(function, o)(r))(omega, r)
        masses = weights[..., None] * values
        return add(total, places.reshape(-1, dimension), masses.reshape(r.size, -1)), None

    split = omega.reshape(-1, count, dimension), area.reshape(-1, count)
    return jax.lax.scan(some, zero, split)[0]


def _radii(value, switching, frame: Frame, dtype, level: int) -> tuple[Array, Array]:
    """Return nodes and weights on (0, R) of one ray; the coarser rule ends earlier, too."""
    reach = frame.reach - (1 - level)
    grid = jnp.linspace(0.0, reach, 289 + 96 * level, dtype=dtype)
    # What counts is φ f: a Gaussian times r^{d−1} weighs the differences.
    weight = grid ** (frame.centre.shape[0] - 1) * jnp.exp(-(grid**2) / 2)
    hidden = find_breaks(value, grid, _BREAKS, weight)
    size = jax.eval_shape(switching, grid).shape[1]
    zeros, crowded = find_zeros(switching, grid, min(2 * size + 2, _ZEROS) if size else 0)
    fixed = jnp.linspace(0.0, reach, math.ceil(reach / (2 - level / 2)) + 1, dtype=dtype)
    ends = jnp.sort(jnp.concatenate([fixed, hidden, zeros]))
    x, w = np.polynomial.legendre.leggauss(7 + frame.degree // 4 + 3 * level)
    half, middle = jnp.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    nodes = middle[:, None] + half[:, None] * jnp.asarray(x, dtype)
    weights = half[:, None] * jnp.asarray(w, dtype)
    # More jumps than are followed: the sum is not a number, which is told.
    return nodes.ravel(), jnp.where(crowded, jnp.nan, weights.ravel())


@functools.cache
def _directions(points: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return directions and weights of Gauss–Legendre rules in each quadrant or octant."""
    x, w = np.polynomial.legendre.leggauss(points)
    angle, size = np.pi / 4 * (x + 1), np.pi / 4 * w
    first = np.stack([np.cos(angle), np.sin(angle)], 1)
    if dimension == 3:
        across = np.sin(angle)[:, None, None] * first
        up = np.broadcast_to(np.cos(angle)[:, None, None], (points, points, 1))
        first = np.concatenate([across, up], -1).reshape(-1, 3)
        size = np.outer(size * np.sin(angle), size).ravel()
    signs = np.stack(np.meshgrid(*[[1.0, -1.0]] * dimension, indexing="ij"), -1)
    signs = signs.reshape(-1, 1, dimension)
    return (signs * first).reshape(-1, dimension), np.tile(size, len(signs))

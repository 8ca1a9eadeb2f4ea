"""Paths of hard spheres: when they meet each other or a wall, and how they go on.

A path is a row (y, v, τ): the place y + vt at times t since the last event, at τ.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from jaxkin.numerics.cells import Search, nearest_image

NOBODY = -1


class Vessel(eqx.Module):
    """The spheres' constants and the sizes of lists.

    Attributes:
        kind: (N,) type of each sphere, 0 … k−1.
        mass: (N,).
        radius: (N,) half the diameter.
        skin: how far a sphere goes in a window.
        search: how neighbours are found, and whether the box is a torus; else its walls reflect,
            and touch a sphere's surface.
        batch: spheres that a round takes.
    """

    kind: Int32[Array, " N"]
    mass: Float[Array, " N"]
    radius: Float[Array, " N"]
    skin: Float[Array, ""]
    search: Search
    batch: int = eqx.field(static=True)

    @property
    def periodic(self) -> bool:
        """Whether the box is a torus."""
        return self.search.periodic


def path_after(
    vessel: Vessel, rows: Array, whom: Array, old: Array, other: Array, time: Array
) -> Float[Array, "n c"]:
    """Return paths after a collision (2.7), (2.8), or a reflection by a wall."""
    n, d = vessel.mass.size, (old.shape[1] - 1) // 2
    x, v = old[:, :d] + time[:, None] * old[:, d : 2 * d], old[:, d : 2 * d]
    x_other = other[:, :d] + time[:, None] * other[:, d : 2 * d]
    partner = jnp.clip(whom, 0, n - 1)
    apart = nearest_image(x - x_other, vessel.periodic)
    square = jnp.sum(apart**2, -1)
    along = jnp.sum((v - other[:, d : 2 * d]) * apart, -1) / jnp.where(square > 0, square, 1)
    share = 2 * vessel.mass[partner] / (vessel.mass[rows] + vessel.mass[partner])
    collided = v - (share * along)[:, None] * apart
    reflected = jnp.where(jnp.arange(d) == whom[:, None] - n, -v, v)
    after = jnp.where((whom < n)[:, None], collided, reflected)
    return jnp.concatenate([x - time[:, None] * after, after, time[:, None]], axis=1)


def meeting_times(
    vessel: Vessel, rows: Array, own: Array, path: Array, places: Array, table: Array
) -> Float[Array, "n K"]:
    """Return when each row meets each of its neighbours, ∞ if never.

    Args:
        rows: (n,) indices of spheres.
        own: (n, c) their paths.
        path: (p, c) the paths of others.
        places: (n, K) where neighbours stand in `path`.
        table: (n, K) neighbours of the rows.
    """
    d, size = (path.shape[1] - 1) // 2, vessel.mass.size
    column = jnp.minimum(places, path.shape[0] - 1)
    last, other = own[:, -1:], path[:, -1][column]
    start = jnp.maximum(last, other)
    zero = jnp.zeros((), own.dtype)
    square, toward, speed = zero, zero, zero
    for k in range(d):  # one component after the other, in lanes
        v = own[:, d + k, None] - path[:, d + k][column]
        x = nearest_image(own[:, k, None] - path[:, k][column] + start * v, vessel.periodic)
        square, toward, speed = square + x * x, toward + x * v, speed + v * v
    radius = vessel.radius[jnp.minimum(table, size - 1)]
    gap = square - (vessel.radius[rows][:, None] + radius) ** 2
    root = toward**2 - speed * gap
    meets = (toward < 0) & (root > 0) & (table < size)
    wait = gap / (jnp.sqrt(jnp.where(meets, root, 1)) - jnp.where(meets, toward, -1))
    return jnp.where(meets, start + jnp.maximum(wait, 0), jnp.inf)


def wall_times(vessel: Vessel, rows: Array, own: Array) -> tuple[Array, Array]:
    """Return when each row meets a wall, and N + axis of the wall."""
    n, d = vessel.mass.size, (own.shape[1] - 1) // 2
    if vessel.periodic:
        return jnp.full(rows.shape, jnp.inf, own.dtype), jnp.full(rows.shape, n, jnp.int32)
    y, v, radius = own[:, :d], own[:, d : 2 * d], vessel.radius[rows][:, None]
    target = jnp.where(v > 0, 1 - radius, radius)
    time = jnp.where(v != 0, (target - y) / jnp.where(v != 0, v, 1), jnp.inf)
    time = jnp.maximum(time, own[:, -1:])
    axis = jnp.argmin(time, axis=1).astype(jnp.int32)
    return jnp.min(time, axis=1), n + axis


def earliest_event(
    vessel: Vessel, rows: Array, own: Array, times: Array, table: Array
) -> tuple[Array, Array, Array]:
    """Return the next event of each row, its partner, and whether a second comes at once."""
    wall, which = wall_times(vessel, rows, own)
    place = jnp.argmin(times, axis=1)
    meeting = jnp.take_along_axis(times, place[:, None], axis=1)[:, 0]
    partner = jnp.take_along_axis(table, place[:, None], axis=1)[:, 0]
    when = jnp.minimum(meeting, wall)
    whom = jnp.where(jnp.isfinite(when), jnp.where(meeting <= wall, partner, which), NOBODY)
    others = jnp.where(jnp.arange(times.shape[1]) == place[:, None], jnp.inf, times)
    second = jnp.minimum(jnp.min(others, axis=1), jnp.maximum(meeting, wall))
    resolution = 4 * jnp.finfo(own.dtype).eps * jnp.where(jnp.isfinite(when), when, 0)
    return when, whom, jnp.isfinite(when) & (second - when <= resolution)


def leaves_at(vessel: Vessel, own: Array, home: Array) -> Float[Array, " n"]:
    """Return until when each row is surely within the skin of its home."""
    d = home.shape[1]
    v, last = own[:, d : 2 * d], own[:, -1]
    away = jnp.sqrt(jnp.sum((own[:, :d] + last[:, None] * v - home) ** 2, -1))
    speed = jnp.sqrt(jnp.sum(v**2, -1))
    left = jnp.maximum(vessel.skin - away, 0)
    return jnp.where(speed > 0, last + left / jnp.where(speed > 0, speed, 1), jnp.inf)

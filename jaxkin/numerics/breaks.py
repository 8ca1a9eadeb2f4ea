"""Where a function of one variable jumps or has a kink.

Where its program shows at which zeros it switches (`jaxkin.numerics.switches`), these are found:
the switching functions are smooth, and their changes of sign on a grid are narrowed down by halving
and the secant rule. What the program does not show is looked for on the grid itself: on intervals
of two steps the second differences of a smooth function are small, and those at a jump or a kink
stand out. The intervals with the largest ones are halved until they are points. Those of a smooth
function are points like any other, at which a rule of quadrature may be split.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_HALVINGS = 34
_STARTS = 5
_SECANTS = 6


def find_breaks(
    value: Callable[[Float[Array, " n"]], Float[Array, "n m"]],
    grid: Float[Array, " k"],
    count: int,
    weight: Float[Array, " k"] | float = 1.0,
) -> Float[Array, " count"]:
    """Return the places of the largest second differences, to rounding.

    Args:
        value: the function, of many places at once, to m components.
        grid: increasing places, an odd number; two breaks closer than two of its steps may be taken
            for one.
        count: how many places.
        weight: by which second differences count.
    """
    y = value(grid)
    bend = _bend(y[:-2:2], y[1:-1:2], y[2::2]) * jnp.broadcast_to(weight, grid.shape)[1:-1:2]
    k = 2 * jax.lax.top_k(bend.astype(grid.dtype), count)[1]

    def halve(_, state):
        a, m, b, ya, ym, yb = state
        q, s = (a + m) / 2, (m + b) / 2
        yq, ys = jnp.split(value(jnp.concatenate([q, s])), 2)
        bends = [_bend(ya, yq, ym), _bend(yq, ym, ys), _bend(ym, ys, yb)]
        which = jnp.argmax(jnp.stack(bends), 0)

        def pick(*three):
            at = which.reshape((-1,) + (1,) * (three[0].ndim - 1))
            return jnp.where(at == 0, three[0], jnp.where(at == 1, three[1], three[2]))

        places = pick(a, q, m), pick(q, m, s), pick(m, s, b)
        return (*places, pick(ya, yq, ym), pick(yq, ym, ys), pick(ym, ys, yb))

    start = grid[k], grid[k + 1], grid[k + 2], y[k], y[k + 1], y[k + 2]
    return jax.lax.fori_loop(0, _HALVINGS, halve, start)[1]


def find_zeros(
    switching: Callable[[Float[Array, " n"]], Float[Array, "n s"]],
    grid: Float[Array, " k"],
    count: int,
) -> tuple[Float[Array, " count"], Bool[Array, ""]]:
    """Return the zeros of smooth functions where they change sign, and whether there are more.

    Places that are not needed lie at the end of the grid.

    Args:
        switching: the functions, of many places at once.
        grid: increasing places, between neighbours of which a function has one zero at most.
        count: how many places.
    """
    y = switching(grid)
    if y.shape[1] == 0:
        return jnp.full(count, grid[-1]), jnp.asarray(False)
    # A zero on the grid itself is the end of an interval, too.
    turns = ((y[:-1] < 0) != (y[1:] < 0)).ravel()
    order = jnp.argsort(~turns, stable=True)[:count]
    order = jnp.pad(order, (0, max(0, count - order.size)))
    k, which = order // y.shape[1], order % y.shape[1]
    used = turns[order] & (jnp.arange(count) < jnp.sum(turns))

    def at(places: Array) -> Array:
        return jnp.take_along_axis(switching(places), which[:, None], 1)[:, 0]

    def halve(_, state):
        a, b, ya = state
        c = (a + b) / 2
        yc = at(c)
        left = (yc < 0) == (ya < 0)  # the zero is between c and b
        return jnp.where(left, c, a), jnp.where(left, b, c), jnp.where(left, yc, ya)

    def secant(_, state):
        x, y, last, ylast = state
        step = y * (x - last) / jnp.where(y != ylast, y - ylast, 1)
        new = jnp.clip(x - step, low, high)
        return new, at(new), x, y

    start = grid[k], grid[k + 1], y[k, which]
    low, high, _ = jax.lax.fori_loop(0, _STARTS, halve, start)
    zero = jax.lax.fori_loop(0, _SECANTS, secant, (high, at(high), low, at(low)))[0]
    return jnp.where(used, zero, grid[-1]), jnp.sum(turns) > count


def _bend(left: Array, middle: Array, right: Array) -> Float[Array, " n"]:
    """Return the largest second difference of the components."""
    apart = jnp.abs(left - 2 * middle + right)
    return jnp.max(jnp.where(jnp.isfinite(apart), apart, 0), axis=-1)

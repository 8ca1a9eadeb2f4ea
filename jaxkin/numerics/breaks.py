"""Where a function of one variable jumps or has a kink.

On a grid the second differences of a smooth function are small; those at a jump or a kink stand out
as local maxima. The largest of them are halved until they are points. A smooth function has such
maxima too: they are places like any other, at which a rule of quadrature may be split.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_HALVINGS = 34


def find_breaks(
    value: Callable[[Float[Array, " n"]], Float[Array, "n m"]],
    grid: Float[Array, " k"],
    count: int,
    weight: Float[Array, " k"] | float = 1.0,
) -> Float[Array, " count"]:
    """Return the places of the largest second differences, to rounding.

    Args:
        value: the function, of many places at once, to m components.
        grid: increasing places; two breaks closer than two of its steps may be taken for one.
        count: how many places.
        weight: by which second differences count.
    """
    y = value(grid)
    bend = (_bend(y[:-2], y[1:-1], y[2:]) * jnp.broadcast_to(weight, grid.shape)[1:-1]).astype(
        grid.dtype
    )
    before, after = jnp.pad(bend, (1, 0))[:-1], jnp.pad(bend, (0, 1))[1:]
    _, k = jax.lax.top_k(jnp.where((bend > before) & (bend >= after), bend, 0), count)

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


def _bend(left: Array, middle: Array, right: Array) -> Float[Array, " n"]:
    """Return the largest second difference of the components."""
    apart = jnp.abs(left - 2 * middle + right)
    return jnp.max(jnp.where(jnp.isfinite(apart), apart, 0), axis=-1)

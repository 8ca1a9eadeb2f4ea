"""Integrals over the unit torus of functions that may jump across planes of constant coordinates.

Along each axis the function is looked at on a few lines for places where it jumps or has a kink
(`jaxkin.numerics.breaks`). Gauss–Legendre rules on the panels between them, in
products over the axes, integrate the rest; two rules tell the error.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.breaks import find_breaks

_BREAKS = 3  # on each line
_SCANNED = 240
_PANELS = 4


def breaks_along(
    function: Callable[[Any], Any], samples: Sequence[Any], axis: int, dtype: Any
) -> Float[Array, " n"]:
    """Return places in [0, 1] along an axis where φ may jump or have a kink.

    Args:
        function: φ of `Coordinates`.
        samples: coordinates of particles with a position, whose other entries are kept: one line
            for each.
        axis: which component of the position.
        dtype: of the places.
    """

    def along(sample: Any, offset: float) -> Array:
        dimension = sample.position.shape[0]
        base = (offset + 0.618 * np.arange(1, dimension + 1)) % 1
        velocity = sample.velocity
        if velocity is not None:
            velocity = jnp.asarray((base - 0.4) * 2 + 0.1, dtype)

        def value(x: Array) -> Array:
            place = jnp.asarray(base, dtype).at[axis].set(x)
            z = eqx.tree_at(
                lambda z: (z.position, z.velocity),
                sample,
                (place, velocity),
                is_leaf=lambda leaf: leaf is None,
            )
            y = jnp.ravel(jnp.asarray(function(z)))
            return y if jnp.iscomplexobj(y) else y.astype(dtype)

        grid = jnp.linspace(0.0, 1.0, _SCANNED, dtype=dtype)
        return find_breaks(jax.vmap(value), grid, _BREAKS)

    lines = [along(z, (0.137 + 0.594 * i) % 1) for i, z in enumerate(samples)]
    return jnp.sort(jnp.concatenate(lines))


def axis_rule(breaks: Float[Array, " n"], points: int) -> tuple[Array, Array]:
    """Return nodes and weights on [0, 1], with panels that end at the breaks."""
    fixed = jnp.linspace(0.0, 1.0, _PANELS + 1, dtype=breaks.dtype)
    ends = jnp.sort(jnp.concatenate([fixed, breaks]))
    x, w = np.polynomial.legendre.leggauss(points)
    half, middle = jnp.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    nodes = middle[:, None] + half[:, None] * jnp.asarray(x, breaks.dtype)
    return nodes.ravel(), (half[:, None] * jnp.asarray(w, breaks.dtype)).ravel()

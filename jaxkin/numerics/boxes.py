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

_BREAKS = 6  # along an axis
_LINES = 8
_SCANNED = 240
_PANELS = 4


def breaks_along(
    function: Callable[[Any], Any], samples: Sequence[Any], axis: int, dtype: Any
) -> Float[Array, " n"]:
    """Return places in [0, 1] along an axis where φ may jump or have a kink.

    Args:
        function: φ of `Coordinates`.
        samples: coordinates of particles with a position, whose other entries are kept. Several
            lines are looked at for each, so that the sides of a box are seen.
        axis: which component of the position.
        dtype: of the places.
    """

    dimension = samples[0].position.shape[0]
    offsets = (0.137 + 0.594 * np.arange(_LINES)) % 1
    bases = jnp.asarray((offsets[:, None] + 0.618 * np.arange(1, dimension + 1)) % 1, dtype)

    def value(x: Array) -> Array:
        """φ on all lines, of all samples."""

        def at(sample: Any, base: Array) -> Array:
            velocity = None if sample.velocity is None else (base - 0.4) * 2 + 0.1
            z = eqx.tree_at(
                lambda z: (z.position, z.velocity),
                sample,
                (base.at[axis].set(x), velocity),
                is_leaf=lambda leaf: leaf is None,
            )
            return jnp.ravel(jnp.asarray(function(z)))

        rows = [jax.vmap(lambda base, z=z: at(z, base))(bases).ravel() for z in samples]
        y = jnp.concatenate(rows)
        return y if jnp.iscomplexobj(y) else y.astype(dtype)

    grid = jnp.linspace(0.0, 1.0, _SCANNED, dtype=dtype)
    return jnp.sort(find_breaks(jax.vmap(value), grid, _BREAKS))


def axis_rule(breaks: Float[Array, " n"], points: int) -> tuple[Array, Array]:
    """Return nodes and weights on [0, 1], with panels that end at the breaks."""
    fixed = jnp.linspace(0.0, 1.0, _PANELS + 1, dtype=breaks.dtype)
    ends = jnp.sort(jnp.concatenate([fixed, breaks]))
    x, w = np.polynomial.legendre.leggauss(points)
    half, middle = jnp.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    nodes = middle[:, None] + half[:, None] * jnp.asarray(x, breaks.dtype)
    return nodes.ravel(), (half[:, None] * jnp.asarray(w, breaks.dtype)).ravel()

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
from jaxtyping import Array, Bool, Float

from jaxkin.numerics.breaks import find_breaks, find_zeros
from jaxkin.numerics.switches import switches_of

_BREAKS = 4  # along an axis, that the program of φ does not show
_PLANES = 10  # that it shows
_ZEROS = 160  # on all lines
_LINES = 8
_SCANNED = 239
_PANELS = 4


def breaks_along(
    function: Callable[[Any], Any], samples: Sequence[Any], axis: int, dtype: Any
) -> tuple[Float[Array, " n"], Bool[Array, ""]]:
    """Return places in [0, 1] along an axis where φ may jump or have a kink, and if there are more.

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

    def on_lines(of: Callable[[Callable, Array], Callable]) -> Callable[[Array], Array]:
        """Return a function of places along the axis, on all lines and of all samples."""

        def value(x: Array) -> Array:
            def at(sample: Any, base: Array) -> Array:
                def along(x: Array) -> Array:
                    velocity = None if sample.velocity is None else (base - 0.4) * 2 + 0.1
                    z = eqx.tree_at(
                        lambda z: (z.position, z.velocity),
                        sample,
                        (base.at[axis].set(x[0]), velocity),
                        is_leaf=lambda leaf: leaf is None,
                    )
                    return jnp.ravel(jnp.asarray(function(z)))

                return of(along, x[None])(x[None])

            rows = [jax.vmap(lambda base, z=z: at(z, base))(bases).ravel() for z in samples]
            y = jnp.concatenate(rows)
            return y if jnp.iscomplexobj(y) else y.astype(dtype)

        return jax.vmap(value)

    grid = jnp.linspace(0.0, 1.0, _SCANNED, dtype=dtype)
    hidden = find_breaks(on_lines(lambda f, x: f), grid, _BREAKS)
    zeros, crowded = find_zeros(on_lines(switches_of), grid, _ZEROS)
    # A plane is seen on all lines; it counts once.
    again = jnp.diff(jnp.sort(zeros), prepend=-1.0) < 1e-9
    once = jnp.sort(jnp.where(again, 1.0, jnp.sort(zeros)))
    crowded = crowded | (once[_PLANES] < 1)
    return jnp.sort(jnp.concatenate([hidden, once[:_PLANES]])), crowded


def axis_rule(breaks: Float[Array, " n"], points: int) -> tuple[Array, Array]:
    """Return nodes and weights on [0, 1], with panels that end at the breaks."""
    fixed = jnp.linspace(0.0, 1.0, _PANELS + 1, dtype=breaks.dtype)
    ends = jnp.sort(jnp.concatenate([fixed, breaks]))
    x, w = np.polynomial.legendre.leggauss(points)
    half, middle = jnp.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    nodes = middle[:, None] + half[:, None] * jnp.asarray(x, breaks.dtype)
    return nodes.ravel(), (half[:, None] * jnp.asarray(w, breaks.dtype)).ravel()

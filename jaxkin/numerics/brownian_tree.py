"""Brownian paths as trees of keyed midpoints: every pair of particles sees the same path.

On a step of unit length a Brownian path from 0 to Δ is, in Lévy's construction,

    X(t) = tΔ + Σ_{l≥0} √(d τ 2^{−l}/2) ξ_{l,k(l,t)} hat(2^l t − k(l,t)),

with k(l,t) = ⌊2^l t⌋, hat(s) = 1 − |2s − 1|, independent standard normals ξ, and 2dτ the variance
of a coordinate over the step. The normal of a node is a hash of (key of the path, level, index)
by the counter-based generator of JAX, so no path is ever stored, and a pair of particles that
looks closely at a short segment sees the same path as every other pair.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from jaxkin.numerics.draws import to_normal
from jaxkin.numerics.hashing import threefry

Keys = UInt32[Array, "2 n"]


def node_words(keys: Keys, node: UInt32[Array, " n"], level: UInt32[Array, " n"]) -> Array:
    """Return (4, n) random words of the nodes: children of node k are 2k and 2k + 1, the root 1.

    Below level 32 the name of a node is the last 32 bits of its place; nodes of different levels
    differ by the level.
    """
    node, level = node.astype(jnp.uint32), level.astype(jnp.uint32)
    first = threefry(keys[0], keys[1], node, level)
    second = threefry(keys[0], keys[1], node, level | jnp.uint32(1 << 31))
    return jnp.stack([*first, *second])


def displacement(
    keys: Keys,
    time: Float[Array, " n"],
    total: Float[Array, "d n"],
    spread: Float[Array, " n"],
    levels: int,
) -> Float[Array, "d n"]:
    """Return X(t) of each path at its own time in [0, 1].

    Args:
        keys: (2, n) keys of the paths.
        time: (n,) times t as fractions of the step.
        total: (d, n) displacement Δ over the whole step.
        spread: (n,) √(dτ).
        levels: number of levels; what is left out has standard deviation spread·2^{−levels/2}.
    """
    dimension, n = total.shape
    level = jnp.arange(levels, dtype=jnp.uint32)
    scaled = time[None, :] * (2.0 ** jnp.arange(levels, dtype=time.dtype))[:, None]
    place = jnp.floor(scaled)
    node = (jnp.uint32(1) << level)[:, None] + place.astype(jnp.uint32)
    words = node_words(
        jnp.tile(keys, (1, levels)),
        node.reshape(-1),
        jnp.repeat(level, n),
    )
    normals = to_normal(words[:dimension], time.dtype).reshape(dimension, levels, n)
    hat = 1 - jnp.abs(2 * (scaled - place) - 1)
    size = jnp.sqrt(0.5) * 2.0 ** (-0.5 * jnp.arange(levels, dtype=time.dtype))
    wiggle = jnp.einsum("l,ln,dln->dn", size.astype(time.dtype), hat, normals)
    return time * total + spread * wiggle

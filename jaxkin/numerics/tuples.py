"""Random tuples of different particles, and how far a sequence of them can be taken at once.

Collisions commute as long as they share no particle. From a block of tuples drawn in advance the
longest prefix without a repeated particle is applied at once, then the one tuple that repeats a
particle; what was drawn after it is thrown away, which leaves the law as it is, since a draw that
nobody has looked at may be drawn anew. To draw the repeating tuple itself anew would bias the
sequence.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, UInt32


def below(words: UInt32[Array, "*n"], limit: int) -> Int32[Array, "*n"]:
    """Map random words to 0 … limit − 1, the upper half of words·limit; uniform to limit/2³²."""
    low, high = jnp.uint32(limit & 0xFFFF), jnp.uint32(limit >> 16)
    x0, x1 = words & jnp.uint32(0xFFFF), words >> 16
    carry = x1 * low + ((x0 * low) >> 16)
    middle = x0 * high + (carry & jnp.uint32(0xFFFF))
    return (x1 * high + (carry >> 16) + (middle >> 16)).astype(jnp.int32)


def different(words: UInt32[Array, "K *n"], size: int) -> Int32[Array, "K *n"]:
    """Return K different places of 0 … size − 1, every ordered tuple equally likely.

    The k-th is drawn among the size − k that are left and counted past those taken.
    """
    chosen: list[Array] = []
    for k, word in enumerate(words):
        place = below(word, size - k)
        if chosen:
            for taken in jnp.sort(jnp.stack(chosen), axis=0):
                place = jnp.where(place >= taken, place + 1, place)
        chosen.append(place)
    return jnp.stack(chosen)


def first_repeat(places: Int32[Array, "K n"], used: Bool[Array, "K n"]) -> Int32[Array, ""]:
    """Return the first tuple that shares a place with an earlier one (n if none).

    Args:
        places: (K, n) places of n tuples, different within a tuple.
        used: (K, n) False where a tuple has fewer than K places.
    """
    order, n = places.shape
    nobody = -1 - jnp.arange(order * n, dtype=jnp.int32).reshape(order, n)
    flat = jnp.where(used, places, nobody).T.reshape(-1)
    later = jnp.arange(order * n, dtype=jnp.int32)
    same = (flat[:, None] == flat) & (later[:, None] > later)
    # The least of one integer array is found in lanes, where a search for a True is not.
    return jnp.min(jnp.where(same, later[:, None], order * n)) // order

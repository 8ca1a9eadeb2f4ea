"""Random tuples of different particles, and how far a sequence of them can be taken at once.

Collisions commute as long as they share no particle. From a block of tuples drawn in advance the
longest prefix without a repeated particle is applied at once, and the tuple that repeats one leads
the next block. To draw that tuple anew would bias the sequence.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, UInt32


def below(words: UInt32[Array, "*n"], limit: int | Int32[Array, "*#n"]) -> Int32[Array, "*n"]:
    """Map random words to 0 … limit − 1, the upper half of words·limit; uniform to limit/2³²."""
    low, high = jnp.asarray(limit & 0xFFFF, jnp.uint32), jnp.asarray(limit >> 16, jnp.uint32)
    x0, x1 = words & jnp.uint32(0xFFFF), words >> 16
    carry = x1 * low + ((x0 * low) >> 16)
    middle = x0 * high + (carry & jnp.uint32(0xFFFF))
    return (x1 * high + (carry >> 16) + (middle >> 16)).astype(jnp.int32)


def different(
    words: Sequence[UInt32[Array, "*n"]], size: int | Int32[Array, "*#n"]
) -> Int32[Array, "K *n"]:
    """Return K different places of 0 … size − 1, every ordered tuple equally likely.

    `words` are K random words for each tuple. The k-th place is drawn among the size − k that are
    left and counted past those taken.
    """
    chosen: list[Array] = []
    for k, word in enumerate(words):
        place = below(word, size - k)
        if chosen:
            for taken in jnp.sort(jnp.stack(chosen), axis=0):
                place = jnp.where(place >= taken, place + 1, place)
        chosen.append(place)
    return jnp.stack(chosen)


def first_repeat(
    places: Int32[Array, "K n *m"], used: Bool[Array, "K #n *#m"]
) -> Int32[Array, "*m"]:
    """Return the first of n tuples that shares a place with an earlier one (n if none).

    Args:
        places: (K, n, …) places of n tuples, different within a tuple; many sequences side by side.
        used: (K, n, …) False where a tuple has fewer than K places.
    """
    order, n = places.shape[:2]
    rows = jnp.arange(n, dtype=jnp.int32).reshape((n,) + (1,) * (places.ndim - 2))
    nobody = -1 - jnp.arange(order, dtype=jnp.int32).reshape((order,) + (1,) * (places.ndim - 1))
    here = jnp.where(used, places, nobody - order * rows)
    same = jnp.zeros((n, *here.shape[1:]), bool)
    for mine in here:
        for theirs in here:
            same = same | (mine[:, None] == theirs)
    # [i, j]: tuple j repeats a place of tuple i < j. One axis after the other is twice as fast.
    repeats = jnp.any(same & (rows[:, None] < rows), axis=0)
    return jnp.min(jnp.where(repeats, rows, n), axis=0)


def disjoint_pairs(
    first: UInt32[Array, " R"], second: UInt32[Array, " R"], size: int, number: int
) -> Int32[Array, "2 number R"]:
    """Return random pairs of different places without a repeated one; every pair equally likely.

    Round c of a tournament: if the number M of players is odd, c + h meets c − h (mod M); if it
    is even, one more meets c. Pairs are consecutive h of a random round, so that nothing is
    sorted and neighbours in memory stay neighbours. Pairs of one round are not independent, and
    two rounds may share a pattern; labels have no meaning in what this is used for, and a test
    compares correlations of velocities with those of random matchings. The order within a
    pair is not random.

    Args:
        first: (R,) random words that choose the rounds.
        second: (R,) random words that choose where to begin.
        size: number of places.
        number: how many pairs, at most size // 2.
    """
    players, lone = (size, 1) if size % 2 else (size - 1, 0)
    centre, begin = below(first, players), below(second, size // 2)
    h = begin + jnp.arange(number, dtype=jnp.int32)[:, None]
    h = lone + jnp.where(h >= size // 2, h - size // 2, h)
    up, down = centre + h, centre - h
    up = jnp.where(up >= players, up - players, up)
    down = jnp.where(down < 0, down + players, down)
    return jnp.stack([up, jnp.where(h == 0, size - 1, down)])

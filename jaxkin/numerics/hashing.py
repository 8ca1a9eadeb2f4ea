"""The counter-based generator of JAX, one draw for each counter, written to fuse.

Threefry-2×32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
1, 2, 3", 2011): the function behind `jax.random`, whose own version runs its rounds in a loop on
a CPU and is four times slower inside a fused kernel. A test holds the two together bit by bit.

Where each of N² pairs needs a draw, threefry costs more than all the rest. Particles have random
words already, and `pair_word` mixes those of two by multiplications and shifts.
"""

import jax.numpy as jnp
from jaxtyping import Array, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA

Words = UInt32[Array, "*n"]


def threefry(key_0: Words, key_1: Words, count_0: Words, count_1: Words) -> tuple[Words, Words]:
    """Return two random words for each key and counter."""
    schedule = (key_0, key_1, key_0 ^ key_1 ^ jnp.uint32(_PARITY))
    x, y = count_0 + schedule[0], count_1 + schedule[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            y = ((y << rotation) | (y >> (32 - rotation))) ^ x
        x = x + schedule[(group + 1) % 3]
        y = y + schedule[(group + 2) % 3] + jnp.uint32(group + 1)
    return x, y


def serial_word(key_0: Words, key_1: Words, serial: Words) -> Words:
    """Return the random word of a serial number under a key, a sixth of the work of threefry.

    The keys must be random words themselves. Numbers that share a key get different words only
    as far as 2³² of them go.
    """
    return pair_word(key_0, key_1, serial, jnp.uint32(0))


def pair_word(word_i: Words, salt_i: Words, word_j: Words, salt_j: Words) -> Words:
    """Return one random word for a pair, the same for (i, j) and (j, i).

    The arguments are random words of the particles. The mixing is that of hash functions for
    integers, three rounds of xor-shift and multiplication, with the salts added after the first.
    """
    x = word_i + word_j
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = x + (salt_i + salt_j)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)

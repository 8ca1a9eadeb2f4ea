"""The counter-based generator of JAX, one draw for each counter, written to fuse.

Threefry-2×32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
1, 2, 3", 2011): the function behind `jax.random`, whose own version runs its rounds in a loop on
a CPU and is four times slower inside a fused kernel. A test holds the two together bit by bit.
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

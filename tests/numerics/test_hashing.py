"""Our threefry against the one of JAX, bit by bit."""

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.hashing import threefry


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
def test_the_words_are_those_of_jax(size):
    """JAX hashes a flat array of counters as (first half, second half), under one key."""
    rng = np.random.default_rng(size)
    for _ in range(4):
        key = jnp.asarray(rng.integers(0, 2**32, 2, dtype=np.uint32))
        count = jnp.asarray(rng.integers(0, 2**32, 2 * size, dtype=np.uint32))
        theirs = jax.extend.random.threefry_2x32(key, count)
        ours = threefry(key[0], key[1], count[:size], count[size:])
        np.testing.assert_array_equal(np.concatenate(ours), theirs)


def test_known_answers():
    """The test vectors that Random123 publishes for Threefry-2×32-20."""
    ones = 0xFFFFFFFF
    digits = (0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344)
    for counter, key, answer in [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
        (*digits, (0xC4923A9C, 0x483DF7A0)),
    ]:
        words = [jnp.asarray([w], jnp.uint32) for w in (*key, *counter)]
        assert tuple(int(w[0]) for w in threefry(*words)) == answer


def test_every_lane_has_its_own_key():
    keys = jnp.asarray(np.random.default_rng(0).integers(0, 2**32, (2, 5), dtype=np.uint32))
    count = jnp.arange(5, dtype=jnp.uint32)
    together = np.stack(jax.jit(threefry)(keys[0], keys[1], count, count))
    for n in range(5):
        alone = jax.extend.random.threefry_2x32(keys[:, n], jnp.stack([count[n], count[n]]))
        np.testing.assert_array_equal(together[:, n], alone)

"""Our threefry against the one of JAX, bit by bit."""

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxkin.numerics.hashing import pair_word, serial_word, threefry

hashed, serials, pairs_of = jax.jit(threefry), jax.jit(serial_word), jax.jit(pair_word)


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
def test_the_words_are_those_of_jax(size):
    """JAX hashes a flat array of counters as (first half, second half), under one key."""
    rng = np.random.default_rng(size)
    for _ in range(4):
        key = rng.integers(0, 2**32, 2, dtype=np.uint32)
        count = rng.integers(0, 2**32, 2 * size, dtype=np.uint32)
        theirs = jax.extend.random.threefry_2x32(jnp.asarray(key), jnp.asarray(count))
        ours = hashed(key[0], key[1], count[:size], count[size:])
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
        words = [np.array([w], np.uint32) for w in (*key, *counter)]
        assert tuple(int(w[0]) for w in hashed(*words)) == answer


def test_every_lane_has_its_own_key():
    keys = jnp.asarray(np.random.default_rng(0).integers(0, 2**32, (2, 5), dtype=np.uint32))
    count = jnp.arange(5, dtype=jnp.uint32)
    together = np.stack(hashed(keys[0], keys[1], count, count))
    for n in range(5):
        alone = jax.extend.random.threefry_2x32(keys[:, n], jnp.stack([count[n], count[n]]))
        np.testing.assert_array_equal(together[:, n], alone)


# The words of pairs.


def all_pairs(n, seed):
    """(n, n) words of all pairs, and the words of the particles."""
    own = np.random.default_rng(seed).integers(0, 2**32, (2, n), dtype=np.uint32)
    return np.asarray(pairs_of(own[0][:, None], own[1][:, None], own[0], own[1]))


def test_a_pair_has_one_word():
    words = all_pairs(50, 0)
    np.testing.assert_array_equal(words, words.T)


def test_the_words_of_pairs_are_uniform_and_unrelated():
    """Chi-square on the upper and on the lower bits, and each bit of one word against another's.

    Pairs that share a particle, and the squares (i,j), (j,k), (k,l), (l,i), whose sums of words
    are dependent. 5 standard errors of as many fair coins. Fails without the multiplications.
    """
    n = 2000
    words = all_pairs(n, 1)
    flat = words[np.triu_indices(n, 1)]
    for part in (flat >> 24, flat & 255):
        counts = np.bincount(part, minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-6
    i = np.arange(0, n - 4)
    corners = words[i, i + 1], words[i + 1, i + 2], words[i + 2, i + 3], words[i + 3, i]
    for other in (corners[0] ^ corners[1], corners[0] ^ corners[1] ^ corners[2] ^ corners[3]):
        for bit in range(32):
            share = np.mean((other >> bit) & 1)
            assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(i.size)


def test_the_salt_gives_new_words():
    rng = np.random.default_rng(2)
    word, salt = rng.integers(0, 2**32, (2, 4096), dtype=np.uint32)
    changed = pairs_of(word, salt + np.uint32(1), word[::-1], salt[::-1])
    flips = np.bitwise_xor(changed, pairs_of(word, salt, word[::-1], salt[::-1]))
    for bit in range(32):
        share = np.mean((np.asarray(flips) >> bit) & 1)
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(flips.size)


@pytest.mark.parametrize("key", [(0, 0), (1, 0), (0x9E3779B9, 0x243F6A88)])
@pytest.mark.parametrize("stride", [1, 8, 2**14])
def test_the_words_of_serial_numbers_are_uniform_and_unrelated(key, stride):
    """Chi-square of bytes at 1e-6; bits of a word against those of the next at 5 standard errors.

    Also between keys that differ by one. Fails without the last multiplication.
    """
    n = 2**18
    serial = np.arange(n, dtype=np.uint32) * np.uint32(stride)
    words = np.asarray(serials(np.uint32(key[0]), np.uint32(key[1]), serial))
    other = np.asarray(serials(np.uint32(key[0]), np.uint32(key[1] + 1), serial))
    for shift in (0, 8, 16, 24):
        counts = np.bincount((words >> shift) & 255, minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-6
    for first, second in ((words[1:], words[:-1]), (words[7:], words[:-7]), (words, other)):
        for bit in (0, 9, 20, 31):
            ones = np.bitwise_count(((first >> bit) ^ (second >> np.arange(32)[:, None])) & 1)
            ones = ones.sum(axis=1, dtype=int)
            assert np.all(np.abs(ones - first.size / 2) < 5 * np.sqrt(first.size) / 2)

"""The contact search bisects the particles' own Brownian trees, and no path of its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.brownian_tree import displacement
from jaxkin.particles.brownian.contact import Contact
from jaxkin.particles.brownian.reactions import move
from jaxkin.particles.brownian.swarm import PairTable
from jaxkin.physics.contacts.interactions import Ball


@pytest.mark.slow
def test_segments_are_pieces_of_the_relative_path():
    """Both ends of every segment, three levels down, are x_j − x_i by `displacement`.

    In units of √h of the segment. So every pair sees one path of each particle. Fails with the
    normals of i and j exchanged, with children of node k at 2k + 1 and 2k + 2, and with the
    variance of a midpoint doubled.
    """
    step, d = jnp.asarray(2e-3), jnp.array([1.0, 0.3])
    ones = jnp.ones((2, 2))
    table = PairTable(d, 5.0 * ones, jnp.log(0.05) * ones, 0.0 * ones, Ball())
    position = jax.random.uniform(jax.random.key(0), (3, 4))
    mass = jnp.array([1, 2, 2, 1], jnp.int32)
    keys = jax.random.bits(jax.random.key(1), (2, 4), jnp.uint32)
    swarm, scheme = move(position, mass, keys, table, step), Contact()
    i, j = jnp.array([0, 0, 1], jnp.int32), jnp.array([1, 3, 2], jnp.int32)

    @jax.jit
    def relative(i, j, time):
        spread = jnp.sqrt(d[mass - 1] * step)
        paths = [displacement(keys[:, k], time, swarm.shift[:, k], spread[k], 6) for k in (i, j)]
        apart = position[:, j] - position[:, i]
        return apart - jnp.round(apart) + paths[1] - paths[0]

    floats, integers = scheme.items(swarm, table, step, i, j)
    process = jax.jit(lambda f, n: scheme.process(f, n, swarm, table, step)[2:4])
    for level in range(4):
        width, (first, second) = 2.0**-level, integers[:2]
        unit, start = np.sqrt(step * width), floats[-1]
        assert np.unique(start).size == 2**level
        for rows, time in ((floats[:3], start), (floats[3:6], start + width)):
            np.testing.assert_allclose(rows * unit, relative(first, second, time), atol=1e-14)
        floats, integers = process(floats, integers)

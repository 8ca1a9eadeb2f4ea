"""Neighbours by cells against all pairs; lists that are too small are told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.cells import Search, cells_along, neighbours


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    ("number", "dimension", "reach"), [(300, 3, 0.2), (2000, 2, 0.05), (30, 2, 0.4)]
)
def test_neighbours_are_those_of_all_pairs(number, dimension, reach, periodic):
    """Eight draws: none may overflow, and the rows hold who is near, each once."""
    cells = cells_along(reach, number, dimension)
    search = Search.of(number, dimension, reach, cells, 1.0, periodic)
    radius = 0.1 * reach * jnp.linspace(0.5, 1.0, number)
    margin = 0.8 * reach
    find = jax.jit(lambda x: neighbours(search, x, radius, margin))
    for seed in range(8):
        x = np.random.default_rng(seed).random((number, dimension))
        found = find(jnp.asarray(x))
        apart = x[:, None] - x
        apart -= np.round(apart) if periodic else 0
        distance = np.sqrt(np.sum(apart**2, -1))
        np.fill_diagonal(distance, np.inf)
        contact = np.asarray(radius[:, None] + radius)
        near = distance <= contact + margin
        table = np.asarray(found.table)
        assert not found.overflowed
        np.testing.assert_array_equal((table < number).sum(1), near.sum(1))
        listed = np.zeros((number, number + 1), bool)
        listed[np.arange(number)[:, None], table] = True
        np.testing.assert_array_equal(listed[:, :number], near)
        if np.any(near):
            closest = np.min(distance / contact)
            assert float(found.closest) == pytest.approx(closest, rel=1e-12)


@pytest.mark.parametrize("cells", [1, 5])
def test_a_crowd_overflows(cells):
    """All points in a corner: too many candidates, pairs and neighbours."""
    search = Search.of(300, 3, 0.2, cells, 1.0, True)
    x = 0.05 * np.random.default_rng(0).random((300, 3))
    find = jax.jit(lambda x: neighbours(search, x, jnp.full(300, 0.01), jnp.asarray(0.18)))
    assert find(x).overflowed

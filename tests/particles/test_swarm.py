"""The search for first reactions: which slots take part, and each pair from one side only."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.particles.brownian.pair_law import PairLaw
from jaxkin.particles.brownian.swarm import First, PairTable, Swarm, first_reactions
from jaxkin.physics.contacts.interactions import Ball


def crowd(mass):
    """All slots of all replicas, (R, N), within one reactive length, so that all pairs react."""
    mass = jnp.asarray(mass, jnp.int32)
    rng = np.random.default_rng(0)
    shape = (3, mass.size)
    start = jnp.asarray(0.5 + 1e-3 * rng.random(shape), jnp.float32)
    shift = jnp.asarray(1e-3 * rng.random(shape), jnp.float32)
    keys = jnp.asarray(rng.integers(0, 2**32, (2, mass.size), dtype=np.uint32))
    still = jnp.zeros_like(start)
    swarm = Swarm(start, shift, still[0], still, mass.reshape(-1), keys)
    one = jnp.ones((1, 1), jnp.float32)
    return swarm, PairTable(one[0], one, jnp.log(0.1 * one), 0.1 * one, Ball())


def search(mass, fresh):
    """(R, N) times and partners of first reactions."""
    swarm, table = crowd(mass)
    replicas, places = np.shape(mass)
    none = First(jnp.full(swarm.mass.size, jnp.inf, jnp.float32), jnp.zeros_like(swarm.mass))
    found, lost = jax.jit(first_reactions, static_argnums=(0, 6))(
        PairLaw(), swarm, table, jnp.float32(1e-3), jnp.ravel(fresh), none, places
    )
    assert not lost
    time, partner = (np.asarray(x).reshape(replicas, places) for x in (found.time, found.partner))
    return time, partner - places * np.arange(replicas)[:, None]


@pytest.mark.parametrize("vacant", [[0], [1, 4], [0, 1, 2, 3, 4], list(range(6))])
def test_vacant_slots_meet_nobody(vacant):
    """Fails if vacancy is left out of the order of columns."""
    mass = np.ones((2, 6), int)
    mass[1, vacant] = 0
    time, partner = search(mass, np.ones((2, 6), bool))
    alive = mass > 0
    reacts = alive & (alive.sum(1, keepdims=True) > 1)
    np.testing.assert_array_equal(np.isfinite(time), reacts)
    assert np.all(np.take_along_axis(alive, partner, 1)[reacts])
    assert np.all(partner[reacts] != np.broadcast_to(np.arange(6), (2, 6))[reacts])


@pytest.mark.parametrize("places", [5, 40])
def test_only_pairs_with_a_fresh_slot(places):
    """One fresh slot, in the second replica: it meets everybody there, and nobody else reacts."""
    fresh = np.zeros((2, places), bool)
    fresh[1, 3] = True
    time, partner = search(np.ones((2, places), int), fresh)
    assert not np.any(np.isfinite(time[0]))
    assert np.all(np.isfinite(time[1]))
    others = np.arange(places) != 3
    assert np.all(partner[1, others] == 3)
    assert time[1, 3] == time[1, others].min()


def test_firsts_are_firsts():
    """The earliest reaction of a replica is that of two slots which name each other."""
    time, partner = search(np.ones((3, 33), int), np.ones((3, 33), bool))
    for t, p in zip(time, partner, strict=True):
        i = int(np.argmin(t))
        assert p[p[i]] == i and t[p[i]] == t[i]

"""Logs of events against the counts, and a work list shared by a tile, which changes no replica."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walkers import KEY, LAW, TIMES

from jaxkin.drivers.simulation import simulate
from jaxkin.particles.brownian.coagulation import BrownianCoagulation
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov
from jaxkin.physics.contacts.interactions import Ball

PARTICLES = BrownianCoagulation(
    n_particles=20,
    strength=30.0,
    diffusivity=1.0,
    interaction=Ball(),
    max_mass=4,
    overflow="absorb",
)
SHORT = jnp.array([0.0, 0.01, 0.03])


@pytest.fixture(scope="module")
def coagulated():
    return simulate(PARTICLES, LAW, SHORT, key=KEY, replicas=10, events=True)


@pytest.mark.slow
def test_a_shared_work_list_changes_no_replica(coagulated):
    """Replica r alike among 3 and among 10: counts and logs to the bit."""
    few = simulate(PARTICLES, LAW, SHORT, key=KEY, replicas=3, events=True)
    for name, values in few.observables.items():
        np.testing.assert_array_equal(values, coagulated[name][:3])
    for name, values in few.events.arrays().items():
        np.testing.assert_array_equal(values, getattr(coagulated.events, name)[:3])


def replay(data, replica, initial, max_mass, until):
    """Counts at a time from the initial counts and the log."""
    counts, log = initial.copy(), jax.tree.map(lambda v: np.asarray(v)[replica], data.events)
    for k in range(log.count):
        if log.time[k] <= until:
            i, j = log.mass_i[k], log.mass_j[k]
            counts[i - 1] -= 1
            counts[j - 1] -= 1
            if i + j <= max_mass:
                counts[i + j - 1] += 1
    return counts


def test_the_log_tells_the_counts(coagulated):
    """Replaying the log gives the counts at every time. Fails if a step's times miss its start."""
    check_log(coagulated, 20, 4)


def test_the_log_of_a_jump_process():
    model = MarcusLushnikov(20, 8.0, max_mass=4, overflow="absorb")
    check_log(simulate(model, LAW, TIMES, key=KEY, replicas=10, events=True), 20, 4)


def check_log(data, n, max_mass):
    reactions = 0
    for replica in range(10):
        count = int(data.events.count[replica])
        times = np.asarray(data.events.time[replica])
        assert np.all(np.diff(times[:count]) > 0) and np.all(np.isnan(times[count:]))
        assert np.all((times[:count] > 0) & (times[:count] <= data.times[-1]))
        for k, time in enumerate(np.asarray(data.times)):
            initial = np.rint(np.asarray(data["counts"][replica, 0]) * n).astype(int)
            counts = replay(data, replica, initial, max_mass, time)
            np.testing.assert_array_equal(counts, np.rint(data["counts"][replica, k] * n))
        reactions += count
    assert reactions > 50

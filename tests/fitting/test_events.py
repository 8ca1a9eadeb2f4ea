"""Events over exposure, and the optimiser that must find the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fitting import estimate_from_events, fit
from jaxkin.drivers.simulation import simulate
from jaxkin.laws import Monodisperse, Polydisperse
from jaxkin.logs import CollisionCount, ReactionLog
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov
from jaxkin.trajectory import Trajectory

RATE = np.array([[2.0, 1.5, 1.0], [1.5, 1.2, 0.8], [1.0, 0.8, 0.6]])
LAW = Polydisperse([1.0, 0.6, 0.4])
GAS = MarcusLushnikov(30, RATE, overflow="absorb")


@pytest.fixture(scope="module")
def data():
    return simulate(
        GAS, LAW, jnp.linspace(0, 2, 5), key=jax.random.key(2), replicas=20_000, events=True
    )


def test_estimate_is_unbiased_at_finite_n(data):
    """5 standard errors at N = 30. Fails with N² in place of N(N − 1) for equal masses."""
    found = estimate_from_events(data)
    assert np.all(np.abs(found.rate - RATE) < 5 * found.standard_error)
    # At most about 15 of the N = 30 particles share a mass: the fault is 1/15 or more.
    assert np.all(5 * np.diagonal(found.standard_error / found.rate) < 1 / 15)


def test_exposure_of_a_path_by_hand():
    """Three particles of mass 1, w = 1/3: one reaction at 0.5, observed from 0.2 to 1."""
    data = Trajectory(
        jnp.array([0.2, 1.0]),
        {"counts": jnp.array([[[3.0, 0.0], [1.0, 1.0]]]) / 3},
        ReactionLog(
            time=jnp.array([[0.5, jnp.nan]]),
            mass_i=jnp.array([[1, 0]]),
            mass_j=jnp.array([[1, 0]]),
            count=jnp.array([1]),
            one_particle=jnp.array([1 / 3]),
            reaction="coagulation",
            max_mass=2,
        ),
        {"replicas": 1},
    )
    found = estimate_from_events(data)
    np.testing.assert_allclose(found.exposure[0], [[0.5, 1 / 6], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(found.rate[0, 0], 2.0)
    assert np.isnan(found.rate[0, 1]) and found.events[0, 0, 0] == 1


def test_optimiser_finds_the_closed_form(data):
    """The likelihood through the optimiser is events over exposure, to 1e-6."""
    found = estimate_from_events(data)
    result = fit(GAS.kinetic_limit(), LAW, data, unknown="rate", observables="events")
    np.testing.assert_allclose(result.estimate, found.rate, rtol=1e-6)
    # The sandwich and Fisher's information agree as replicas grow: 20 000 give about 0.5 %.
    np.testing.assert_allclose(result.standard_error, found.standard_error, rtol=0.03)


def test_one_rate_for_annihilation():
    gas = MarcusLushnikov(40, 3.0, max_mass=1, reaction="annihilation")
    data = simulate(
        gas, Monodisperse(), jnp.linspace(0, 1, 3), key=jax.random.key(7), replicas=500, events=True
    )
    found = estimate_from_events(data)
    assert abs(found.rate[0, 0] - 3) < 5 * found.standard_error[0, 0]


def test_refusals(data):
    with pytest.raises(ValueError, match="events=True"):
        estimate_from_events(Trajectory(data.times, data.observables, None, data.metadata))
    count = CollisionCount(data.events.count)
    with pytest.raises(ValueError, match="carry a ReactionLog, but it has a CollisionCount"):
        estimate_from_events(Trajectory(data.times, data.observables, count, data.metadata))
    with pytest.raises(ValueError, match="record `counts`"):
        estimate_from_events(Trajectory(data.times, {}, data.events, data.metadata))
    narrow = {"counts": data["counts"][..., :2]}
    with pytest.raises(ValueError, match=r"`counts` must have the shape .*20000, 5, 3.* masses"):
        estimate_from_events(Trajectory(data.times, narrow, data.events, data.metadata))

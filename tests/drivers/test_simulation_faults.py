"""Faults of `simulate`: the replica and the time that they tell, and the data that they keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walkers import KEY, LAW, TIMES, Walkers, walk

from jaxkin.drivers.simulation import SimulationFault, simulate
from jaxkin.particles.brownian.coagulation import BrownianCoagulation
from jaxkin.physics.contacts.interactions import Ball


def test_a_fault_tells_replica_time_and_keeps_the_data():
    """The bound is passed by one replica in one interval of a run without it."""
    free = walk(Walkers(jnp.asarray(1.0), per_tile=1), replicas=6)
    for bound in (1.5, 2.0):
        model = Walkers(jnp.asarray(1.0), bound=bound, per_tile=2)
        with pytest.raises(SimulationFault, match=r"walker did.*Raise it.*replica") as caught:
            walk(model, replicas=6, batch_size=1)
        fault = caught.value
        assert f"replica {fault.replica}, before time {fault.time:g}" in str(fault)
        done = len(fault.partial.times)
        assert fault.time == TIMES[done]
        first = fault.replica // 2 * 2
        np.testing.assert_allclose(
            fault.partial["mean"], free["mean"][first : first + 2, :done], rtol=1e-14
        )
        # The replica that is named is at fault alone, and its neighbours before it are not.
        alone = Walkers(jnp.asarray(1.0), bound=bound, per_tile=1)
        for replica in range(fault.replica):
            run_one(alone, replica, until=fault.time if replica >= first else TIMES[-1])
        with pytest.raises(SimulationFault):
            run_one(alone, fault.replica, until=fault.time)


def run_one(model, replica, until):
    """Run one replica of `walk` by hand, with the keys that the driver's docstring promises."""
    key = jax.random.fold_in(KEY, replica)
    state, start = model.sample(LAW, key=jax.random.fold_in(key, 0)), 0.0
    for k, stop in enumerate(TIMES):
        if 0 < stop <= until:
            state = model.advance(state, start, stop, key=jax.random.fold_in(key, k + 1))
            if any(model.faults(state).values()):
                raise SimulationFault("", None, replica, float(stop))
        start = stop
    return state


def test_a_fault_at_the_start_has_no_data():
    with pytest.raises(SimulationFault) as caught:
        walk(Walkers(jnp.asarray(1.0), bound=0.0), replicas=2)
    assert caught.value.partial is None and caught.value.time == 0 and caught.value.replica == 0


def test_a_fault_under_jit_is_an_error_too(errors_raise):
    run = jax.jit(lambda d: walk(Walkers(d, bound=1.0), replicas=6)["mean"])
    with pytest.raises(Exception, match="walker did"):
        jax.block_until_ready(run(jnp.asarray(1.0)))


@pytest.mark.slow
def test_a_mass_past_the_largest_is_a_fault():
    """What was recorded is that of the same run with `overflow="absorb"`, up to the fault."""
    options = dict(strength=30.0, diffusivity=1.0, interaction=Ball(), max_mass=2)
    times = jnp.array([0.0, 0.001, 0.03])
    with pytest.raises(SimulationFault, match=r"`max_mass` must bound.*past 2.*absorb") as e:
        simulate(BrownianCoagulation(20, **options), LAW, times, key=KEY, replicas=4)
    fault = e.value
    assert fault.time in np.asarray(times)[1:] and 0 <= fault.replica < 4
    partial = fault.partial
    assert len(partial.times) == np.flatnonzero(times == fault.time)[0]
    assert np.all(np.isfinite(partial["counts"])) and partial["counts"].shape[0] == 4
    assert np.all(partial["overflow"] == 0)
    np.testing.assert_allclose(partial["mass"], 1.0, rtol=1e-14)

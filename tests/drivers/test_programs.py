"""What the driver compiles and dispatches, and the keys of observables that draw."""

from collections import Counter

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.drivers import simulation
from jaxkin.drivers.simulation import SimulationFault, simulate
from jaxkin.laws import Monodisperse
from jaxkin.model import Particles
from jaxkin.observables import Coordinates, Mean, Weighted

KEY, LAW = jax.random.key(3), Monodisperse()
TIMES = jnp.array([0.0, 0.5, 1.0, 2.0])


class Clocks(Particles):
    """One clock, which runs at `rate`; every observable of it is a fresh normal number."""

    rate: jax.Array
    per_tile: int = eqx.field(static=True, default=4000)
    ends: tuple = eqx.field(static=True, default=())

    def sample(self, law, *, key):
        return jnp.zeros_like(self.rate)

    def advance(self, state, start, stop, *, key):
        return state + self.rate * (stop - start)

    def measure(self, state):
        return Weighted(jnp.ones(1), Coordinates(mass=state[None]))

    def observe(self, state, observable, *, key=None):
        return jax.random.normal(key) + 0 * state

    def faults(self, state):
        return {f"past {end}": state > end for end in self.ends}

    def tile(self, replicas):
        return min(replicas, self.per_tile)

    def kinetic_limit(self, method=None):
        raise NotImplementedError


def one(z):
    return jnp.ones(())


DRAWN = [Mean("a", one), Mean("b", one)]


def run(replicas=4000, per_tile=4000, observe=DRAWN, times=TIMES, **options):
    model = Clocks(jnp.asarray(1.0), per_tile)
    return simulate(model, LAW, times, key=KEY, replicas=replicas, observe=observe, **options)


def test_every_draw_of_an_observable_is_fresh():
    """Over replicas, times and observables: 8 columns without correlation, 5 standard errors.

    Fails if the key lacks the time or the position in the list (correlation 1), or the replica
    (variance 0).
    """
    data = run()
    columns = np.concatenate([data["a"], data["b"]], axis=1)
    assert columns.shape == (4000, 8)
    covariance = columns.T @ columns / 4000
    error = np.where(np.eye(8) > 0, np.sqrt(2 / 4000), np.sqrt(1 / 4000))
    assert np.all(np.abs(covariance - np.eye(8)) < 5 * error)


@pytest.mark.parametrize("options", [{"per_tile": 2}, {"per_tile": 2, "batch_size": 3}])
def test_draws_of_observables_know_no_tile(options):
    """A replica draws the same numbers whatever runs beside it; so does one read from a file."""
    few, many = run(replicas=5, **options), run()
    for name in ("a", "b"):
        np.testing.assert_array_equal(few[name], many[name][:5])


def test_draws_of_observables_survive_a_resumed_run(tmp_path, monkeypatch):
    save = simulation.Checkpoint.save

    def crash(self, done, *rest):
        save(self, done, *rest)
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(simulation.Checkpoint, "save", crash)
    with pytest.raises(KeyboardInterrupt):
        run(replicas=3, checkpoint=tmp_path)
    monkeypatch.undo()
    resumed = run(replicas=3, checkpoint=tmp_path)
    np.testing.assert_array_equal(resumed["a"], run(replicas=3)["a"])


def test_draws_of_observables_under_jit():
    traced = jax.jit(lambda key: simulate(Clocks(jnp.asarray(1.0)), LAW, TIMES, key=key,
                                          replicas=3, observe=DRAWN)["b"])(KEY)  # fmt: skip
    np.testing.assert_allclose(traced, run(replicas=3)["b"], rtol=1e-14)


def test_two_programs_and_one_dispatch_for_an_interval(monkeypatch):
    """Start and interval; beside them only the keys. Fails if one operation runs on a record.

    The first state is weakly typed, which compiles the interval twice if nothing is done about it.
    """
    calls, compiled = Counter(), []
    for name in ("_start", "_advance", "_replica_keys"):
        monkeypatch.setattr(simulation, name, counted(getattr(simulation, name), name, calls))

    def listen(event, seconds, **_):
        compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        run(replicas=10, per_tile=5, observe=DRAWN[:1])  # tiles of a size of their own
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert calls == {"_start": 2, "_advance": 6, "_replica_keys": 2}
    assert compiled.count("/jax/core/compile/backend_compile_duration") == 3


def counted(function, name, calls):
    def call(*args):
        calls[name] += 1
        return function(*args)

    return call


def test_the_first_of_several_faults_is_told(errors_raise):
    """Each row of flags keeps its message; nothing is said of a message that does not hold."""
    for ends, message in [((0.7, 5.0), "past 0.7"), ((9.0, 0.7), "past 0.7"), ((0.2,), "past 0.2")]:
        model = Clocks(jnp.asarray(1.0), ends=ends)
        with pytest.raises(SimulationFault, match=message) as caught:
            simulate(model, LAW, TIMES, key=KEY, replicas=2, observe=DRAWN)
        assert caught.value.time == (1.0 if 0.7 in ends else 0.5)
        traced = jax.jit(lambda key, model=model: simulate(model, LAW, TIMES, key=key,
                                                           observe=DRAWN)["a"])  # fmt: skip
        with pytest.raises(Exception, match=message):
            jax.block_until_ready(traced(KEY))

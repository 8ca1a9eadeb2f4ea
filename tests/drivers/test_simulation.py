"""The driver `simulate`: keys, tiles, checkpoints, faults, events, transformations.

Most of it is told on walkers, which compile in no time; one run of Brownian coagulation checks
that a work list shared by a tile changes no replica.
"""

import sys
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.drivers import checkpoints
from jaxkin.drivers.simulation import SimulationFault, simulate
from jaxkin.laws import Monodisperse
from jaxkin.model import Particles
from jaxkin.observables import Coordinates, Mean, Weighted
from jaxkin.particles.brownian.coagulation import BrownianCoagulation
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov
from jaxkin.physics.contacts.interactions import Ball

KEY, LAW = jax.random.key(7), Monodisperse()
TIMES = jnp.array([0.0, 0.1, 0.3, 0.6])
FAR = "Argument `bound` must not be passed, but a walker did. Raise it"


class Walkers(Particles):
    """Five walkers on the line; a walker past `bound` is a fault."""

    diffusivity: jax.Array
    bound: float = eqx.field(static=True, default=np.inf)
    per_tile: int = eqx.field(static=True, default=2)

    def sample(self, law, *, key):
        return jax.random.uniform(key, (5,), self.diffusivity.dtype)

    def advance(self, state, start, stop, *, key):
        width = jnp.sqrt(2 * self.diffusivity * (stop - start)).astype(state.dtype)
        return state + width * jax.random.normal(key, state.shape, state.dtype)

    def measure(self, state):
        return Weighted(jnp.full(5, 0.2, state.dtype), Coordinates(position=state[:, None]))

    def faults(self, state):
        return {FAR: jnp.any(jnp.abs(state) > self.bound)}

    def tile(self, replicas):
        return min(replicas, self.per_tile)

    def kinetic_limit(self, method=None):
        raise NotImplementedError


def mean_of(z):
    return z.position[0]


MEAN = Mean("mean", mean_of)
WALKERS = Walkers(jnp.asarray(1.0))


def walk(model=WALKERS, key=KEY, **options):
    return simulate(model, LAW, TIMES, key=key, observe=[MEAN], **options)


def test_shapes_and_metadata():
    data = walk(replicas=5)
    assert data["mean"].shape == (5, 4) and data.replicated and data.metadata["replicas"] == 5
    np.testing.assert_array_equal(data.times, TIMES)
    assert data.events is None


def test_law_of_the_walkers():
    """Increments over an interval have variance 2d·τ/5 and are independent of the others.

    5 standard errors. Fails if the key of an interval is that of the one before.
    """
    x = np.asarray(walk(Walkers(jnp.asarray(1.0), per_tile=4000), replicas=4000)["mean"])
    increments = np.diff(x, axis=1) / np.sqrt(2 * np.diff(np.asarray(TIMES)) / 5)
    covariance = increments.T @ increments / 4000
    error = np.where(np.eye(3) > 0, np.sqrt(2 / 4000), np.sqrt(1 / 4000))
    assert np.all(np.abs(covariance - np.eye(3)) < 5 * error)


def test_the_same_key_gives_the_same_bits():
    np.testing.assert_array_equal(walk(replicas=5)["mean"], walk(replicas=5)["mean"])
    other = walk(key=jax.random.key(8), replicas=5)["mean"]
    assert not np.any(np.asarray(other) == np.asarray(walk(replicas=5)["mean"]))


def test_replicas_differ():
    x = np.asarray(walk(replicas=7)["mean"])
    assert np.unique(x[:, 0]).size == 7 and np.unique(np.diff(x, axis=1)).size == 21


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_batch_size_changes_no_bit(batch_size):
    np.testing.assert_array_equal(
        walk(replicas=7, batch_size=batch_size)["mean"], walk(replicas=7)["mean"]
    )


@pytest.mark.parametrize("per_tile", [1, 3, 4, 10])
def test_the_tile_changes_no_replica(per_tile):
    """Also where the last tile is not full, and whatever the number of replicas."""
    whole = walk(Walkers(jnp.asarray(1.0), per_tile=10), replicas=10)["mean"]
    for replicas in (3, 10):
        parts = walk(Walkers(jnp.asarray(1.0), per_tile=per_tile), replicas=replicas)["mean"]
        np.testing.assert_allclose(parts, whole[:replicas], rtol=1e-14)


def test_times_without_zero():
    """The run starts at 0 whether or not it is listed; the initial law is not recorded then.

    Fails if the run starts at the first of the times.
    """
    many = Walkers(jnp.asarray(1.0), per_tile=4000)
    late = simulate(many, LAW, TIMES[2:], key=KEY, observe=[MEAN], replicas=4000)
    assert late["mean"].shape == (4000, 2)
    variance = np.var(np.asarray(late["mean"][:, 0]))
    law = (1 / 12 + 2 * 0.3) / 5
    assert abs(variance - law) < 5 * law * np.sqrt(2 / 4000)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dtype(dtype):
    assert walk(Walkers(jnp.asarray(1.0, dtype)), replicas=3)["mean"].dtype == dtype


# Checkpoints.


class Crash(Exception):
    """The machine goes down."""


@pytest.fixture
def crash_after(monkeypatch):
    """Return a function that lets the driver save so many times and then breaks it down."""
    save = checkpoints.Checkpoint.save

    def arm(number):
        calls = []

        def breaking(self, *args):
            save(self, *args)
            calls.append(args[0])
            if len(calls) >= number:
                raise Crash

        monkeypatch.setattr(checkpoints.Checkpoint, "save", breaking)
        return calls

    yield arm
    monkeypatch.undo()


@pytest.mark.parametrize("number", [1, 3, 4, 6])
def test_resume_equals_an_uninterrupted_run(tmp_path, crash_after, monkeypatch, number):
    """To the bit, wherever it was cut: in the first tile, between tiles, in the second."""
    crash_after(number)
    with pytest.raises(Crash):
        walk(replicas=4, checkpoint=tmp_path, batch_size=1)
    monkeypatch.undo()
    resumed = walk(replicas=4, checkpoint=tmp_path, batch_size=1)
    np.testing.assert_array_equal(resumed["mean"], walk(replicas=4)["mean"])


def test_a_finished_run_is_read_back(tmp_path, monkeypatch):
    first = walk(replicas=4, checkpoint=tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["tile_000000.npz", "tile_000002.npz"]

    def forbidden(*args):
        raise AssertionError("a finished run must not be run again")

    monkeypatch.setattr("jaxkin.drivers.simulation._advance", forbidden)
    again = walk(replicas=4, checkpoint=tmp_path)
    np.testing.assert_array_equal(again["mean"], first["mean"])


def test_resume_really_reads_the_state(tmp_path, crash_after, monkeypatch):
    """A state altered on the disk shows in the result: the run did not start afresh."""
    crash_after(2)
    with pytest.raises(Crash):
        walk(replicas=2, checkpoint=tmp_path)
    monkeypatch.undo()
    (file,) = tmp_path.iterdir()
    with np.load(file) as stored:
        content = dict(stored)
    content["arr_0"] = content["arr_0"] + 100
    np.savez(file, **content)
    resumed = walk(replicas=2, checkpoint=tmp_path)["mean"]
    whole = walk(replicas=2)["mean"]
    np.testing.assert_array_equal(resumed[:, :2], whole[:, :2])
    np.testing.assert_allclose(resumed[:, 2:], whole[:, 2:] + 100, rtol=1e-12)


@pytest.mark.parametrize(
    "other",
    [
        {"key": jax.random.key(9)},
        {"model": Walkers(jnp.asarray(1.1))},
        {"model": Walkers(jnp.asarray(1.0), bound=50.0)},
        {"observe": [Mean("x", mean_of)]},
        {"times": TIMES * 2},
        {"law": Monodisperse(density=2.0)},
    ],
)
def test_another_run_is_refused(tmp_path, other):
    same = {"model": WALKERS, "law": LAW, "times": TIMES, "key": KEY, "observe": [MEAN]}

    def run(model, law, times, **options):
        return simulate(model, law, times, replicas=2, checkpoint=tmp_path, **options)

    run(**same)
    with pytest.raises(ValueError, match=r"`checkpoint` must belong to the same run.*empty folder"):
        run(**same | other)
    run(**same)


# Progress.


def test_the_bar_advances(monkeypatch, tmp_path):
    """Tiles × times steps in all, also when part of the run is read from a checkpoint."""
    bars = []

    class Bar:
        def __init__(self, total, desc):
            self.total, self.desc, self.n = total, desc, 0
            bars.append(self)

        def update(self, steps):
            self.n += steps

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.closed = True

    fake = types.ModuleType("tqdm.auto")
    fake.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm.auto", fake)
    walk(replicas=5, progress=True, checkpoint=tmp_path)
    walk(replicas=5, progress=True, checkpoint=tmp_path)
    assert [(b.desc, b.n, b.total, b.closed) for b in bars] == [("simulate", 12, 12, True)] * 2
    walk(replicas=5)
    assert len(bars) == 2


def test_the_bar_needs_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"`progress=True` needs tqdm.*jaxkin\[progress\]"):
        walk(progress=True)


# Faults.


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


def test_arguments():
    for options, message in [
        ({"replicas": 0}, "`replicas` must be a positive integer, but it is 0"),
        ({"replicas": 2.0}, "`replicas` must be a positive integer"),
        ({"batch_size": 0}, "`batch_size` must be a positive number of tiles"),
        ({"events": True}, "`events` must be asked of a model that logs events.*Walkers keeps no"),
    ]:
        with pytest.raises(ValueError, match=message):
            walk(**options)
    with pytest.raises(ValueError, match="`observe` must name at least one observable"):
        simulate(WALKERS, LAW, TIMES, key=KEY)
    for times in ([0.0, 0.2, 0.1], [0.1, 0.1], [-1.0, 0.0]):
        with pytest.raises(ValueError, match="`times` must be"):
            simulate(WALKERS, LAW, times, key=KEY, observe=[MEAN])


# Transformations.


def test_under_jit():
    eager = walk(replicas=5)
    traced = jax.jit(lambda key: walk(key=key, replicas=5))(KEY)
    np.testing.assert_allclose(traced["mean"], eager["mean"], rtol=1e-14)
    assert traced.replicated and traced.metadata["replicas"] == 5


def test_vmap_over_parameters_and_keys():
    d = jnp.array([0.5, 2.0])
    together = jax.vmap(lambda d: walk(Walkers(d), replicas=3)["mean"])(d)
    for k in range(2):
        np.testing.assert_allclose(together[k], walk(Walkers(d[k]), replicas=3)["mean"], rtol=1e-13)
    keys = jax.random.split(KEY, 2)
    together = jax.vmap(lambda key: walk(key=key, replicas=3)["mean"])(keys)
    for k in range(2):
        np.testing.assert_allclose(together[k], walk(key=keys[k], replicas=3)["mean"], rtol=1e-13)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: walk(Walkers(x))["mean"].sum(),
        lambda x: simulate(WALKERS, LAW, x * TIMES, key=KEY, observe=[MEAN])["mean"].sum(),
        lambda x: simulate(WALKERS, Monodisperse(density=x), TIMES, key=KEY, observe=[MEAN])[
            "mean"
        ].sum(),
    ],
)
def test_derivatives_are_refused(wrap, function):
    """By a parameter, by the times, by the law: forward and reverse, and with the way out."""
    for derive in (jax.grad(wrap(function)), jax.jacfwd(wrap(function))):
        with pytest.raises(TypeError, match=r"solve\(particles.kinetic_limit.*fitting.fit"):
            derive(1.0)


# Real particles.

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

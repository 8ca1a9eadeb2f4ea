"""Trajectories: means, errors, xarray, NetCDF, plots."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest

from jaxkin.logs import (
    CollisionCount,
    CollisionLog,
    Log,
    ReactionLog,
    SurvivorCount,
    log_class,
)
from jaxkin.trajectory import Metadata, Trajectory

matplotlib.use("Agg")
TIMES = jnp.array([0.0, 0.5, 1.5])
METADATA = {
    "replicas": 2,
    "uniform": True,
    "numbers": (50,),
    "masses": (1.0, 2.5),
    "walls": (True, False),
}
COUNTS = np.random.default_rng(0).random((4, 3, 2))


def reactions():
    happened = jnp.zeros((4, 5), jnp.int32).at[0, 0].set(1)
    return ReactionLog(
        time=jnp.full((4, 5), jnp.nan).at[0, 0].set(0.3),
        mass_i=happened,
        mass_j=happened,
        count=jnp.array([1, 0, 0, 0]),
        one_particle=jnp.full(4, 0.25, jnp.float32),
        reaction="annihilation",
        max_mass=2,
    )


def collisions(log):
    """One type, so that tuples of one entry are kept too; with times and pairs, or without."""
    return CollisionLog(
        collisions=jnp.arange(4).reshape(4, 1, 1),
        bounces=jnp.arange(4),
        rounds=jnp.arange(4),
        closest=jnp.linspace(1, 2, 4),
        times=jnp.ones((4, 7)) if log else None,
        pairs=jnp.ones((4, 7, 2), int) if log else None,
        numbers=(50,),
        dimension=3,
        boundary="reflecting",
        reversed=True,
    )


class Waits(Log):
    """A log of a user's own."""

    longest: jax.Array
    unit: str = eqx.field(static=True)


LOGS = [
    CollisionCount(jnp.arange(4)),
    SurvivorCount(jnp.arange(4), jnp.arange(4, 8)),
    reactions(),
    collisions(True),
    collisions(False),
    Waits(jnp.linspace(0, 1, 4), "seconds"),
]


def simulated():
    return Trajectory(
        TIMES,
        {
            "counts": jnp.asarray(COUNTS),
            "number": jnp.asarray(COUNTS.sum(-1)),
            "mass": jnp.asarray(COUNTS @ [1, 2]),
            "modes": jnp.asarray(COUNTS[..., None] * [1, 2, 3]),
        },
        reactions(),
        {"model": "BrownianCoagulation", "n_particles": 12, "log_epsilon": -2.5, "replicas": 4},
    )


def solved():
    return Trajectory(TIMES, {"counts": jnp.asarray(COUNTS[0])}, None, {"equation": "Smoluchowski"})


def test_lookup():
    np.testing.assert_array_equal(simulated()["counts"], COUNTS)
    with pytest.raises(ValueError, match=r"one of \['counts'\], but it is 'dimers'.*observe="):
        solved()["dimers"]


def test_mean_and_standard_error():
    data = simulated()
    assert data.replicated and not solved().replicated
    np.testing.assert_allclose(data.mean("counts"), COUNTS.mean(0), rtol=1e-14)
    np.testing.assert_allclose(
        data.standard_error("counts"),
        np.sqrt(((COUNTS - COUNTS.mean(0)) ** 2).sum(0) / 3 / 4),
        rtol=1e-13,
    )
    np.testing.assert_array_equal(solved().mean("counts"), COUNTS[0])
    np.testing.assert_array_equal(solved().standard_error("counts"), np.zeros((3, 2)))


def test_xarray():
    dataset = simulated().to_xarray()
    assert dataset["counts"].dims[:2] == ("replica", "time")
    np.testing.assert_array_equal(dataset["counts"].isel(replica=1).sel(time=0.5), COUNTS[1, 1])
    np.testing.assert_allclose(dataset["mass"], COUNTS @ [1, 2])
    # One may ask for a mass by its name.
    axis = dataset["counts"].dims[2]
    np.testing.assert_array_equal(dataset["counts"].sel({axis: 2}), COUNTS[..., 1])
    assert dataset["modes"].dims == ("replica", "time", "modes_0", "modes_1")
    assert dataset["event_time"].dims == ("replica", "event")
    assert dataset.attrs["log_epsilon"] == -2.5
    assert solved().to_xarray()["counts"].dims[0] == "time"


@pytest.mark.parametrize("make", [simulated, solved])
def test_netcdf_and_back(tmp_path, make):
    """Every array, the log and the metadata, to the bit and in their dtypes."""
    data = make()
    data.save(tmp_path / "run.nc")
    back = Trajectory.load(tmp_path / "run.nc")
    np.testing.assert_array_equal(back.times, data.times)
    assert back.observables.keys() == data.observables.keys()
    for name, values in data.observables.items():
        np.testing.assert_array_equal(back[name], values)
        assert back[name].dtype == values.dtype
    assert (back.events is None) == (data.events is None)
    assert back.metadata == data.metadata and back.replicated == data.replicated
    np.testing.assert_array_equal(back.mean("counts"), data.mean("counts"))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: type(log).__name__)
def test_every_log_is_kept(tmp_path, log):
    """Its class, its arrays to the bit and in their dtypes, and what describes it."""
    data = Trajectory(TIMES, {"number": jnp.ones((4, len(TIMES)))}, log, METADATA)
    data.save(tmp_path / "run.nc")
    back = Trajectory.load(tmp_path / "run.nc").events
    assert type(back) is type(log) and back.described() == log.described()
    assert back.arrays().keys() == log.arrays().keys()
    for name, values in log.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], values)
        assert back.arrays()[name].dtype == values.dtype
    assert jax.tree.structure(back) == jax.tree.structure(log)
    some = log.select(slice(1, 3))
    assert {len(values) for values in some.arrays().values()} == {2}
    np.testing.assert_array_equal(jax.tree.leaves(some)[0], jax.tree.leaves(log)[0][1:3])


def test_the_table_holds_every_log():
    """A new class of `jaxkin.logs` is to be added to it."""
    own = [c for c in Log.__subclasses__() if c.__module__ == "jaxkin.logs"]
    assert {c.__name__ for c in own} < {type(log).__name__ for log in LOGS}


def test_metadata_are_attributes_that_netcdf_holds(tmp_path):
    """Tuples of numbers are arrays there and tuples again, one entry or more; no words for them."""
    data = Trajectory(TIMES, {"number": jnp.ones((2, len(TIMES)))}, None, METADATA)
    kept = data.to_xarray().attrs
    np.testing.assert_array_equal(kept["masses"], [1.0, 2.5])
    assert kept["numbers"].shape == (1,) and kept["numbers"].dtype.kind == "i"
    data.save(tmp_path / "run.nc")
    assert Trajectory.load(tmp_path / "run.nc").metadata == METADATA
    with pytest.raises(ValueError, match=r"`metadata` must hold tuples of numbers.*'names'"):
        Trajectory(TIMES, {"number": jnp.ones(3)}, None, {"names": ("a", "b")}).to_xarray()


def test_what_is_no_log_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`events` must be a log, or None, but it is a dict"):
        Trajectory(TIMES, {"number": jnp.ones(3)}, {"count": jnp.ones(1)})
    with pytest.raises(ValueError, match=r"class that is known here.*'Strange'.*Import"):
        log_class("Strange")


def test_jumps_and_exposure_of_reactions():
    """By hand: 2 + 2 of mass 4 leaves M = 3; a replica without reactions is exposed to the end."""
    log = ReactionLog(
        time=jnp.array([[1.0, 3.0], [jnp.nan, jnp.nan]]),
        mass_i=jnp.array([[1, 2], [0, 0]]),
        mass_j=jnp.array([[1, 2], [0, 0]]),
        count=jnp.array([2, 0]),
        one_particle=jnp.array([0.5, 0.25]),
        reaction="coagulation",
        max_mass=3,
    )
    np.testing.assert_array_equal(log.jumps()[0], [[-2, 1, 0], [0, -2, 0]])
    counts = jnp.array([[[2.0, 0.5, 0.0]] * 2, [[0.5, 0.25, 0.0]] * 2])
    events, exposure = log.events_and_exposure(jnp.array([0.0, 4.0]), counts)
    np.testing.assert_array_equal(events[0], [[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(events[1], np.zeros((3, 3)))
    # Particles of mass 1 and 2: 4 and 1 to t = 1, then 2 and 2 to t = 3, then 2 and 0.
    np.testing.assert_allclose(exposure[0, :2, :2], [[0.5 * (6 + 3), 0.5 * (4 + 8)], [0, 0.5 * 2]])
    np.testing.assert_allclose(exposure[1, :2, :2], [[0.25 * 4, 0.25 * 8], [0, 0]])
    gone = dataclasses.replace(log, reaction="annihilation")
    np.testing.assert_array_equal(gone.jumps()[0], [[-2, 0, 0], [0, -2, 0]])


def test_single_precision_survives_the_file(tmp_path):
    data = Trajectory(TIMES.astype(jnp.float32), {"number": jnp.ones(3, jnp.float32)})
    data.save(tmp_path / "run.nc")
    back = Trajectory.load(tmp_path / "run.nc")
    assert back["number"].dtype == np.float32 and back.times.dtype == np.float32


def test_plot():
    """One line for each mass through the mean, and a band of two standard errors."""
    data = simulated()
    axes = data.plot(label="run")
    assert [line.get_label() for line in axes.lines] == ["run 1", "run 2"]
    for k, line in enumerate(axes.lines):
        np.testing.assert_allclose(line.get_ydata(), COUNTS.mean(0)[:, k])
        band = axes.collections[k].get_paths()[0].vertices
        error = data.standard_error("counts")[:, k]
        assert np.isclose(band[:, 1].max(), (COUNTS.mean(0)[:, k] + 2 * error).max())
        assert np.isclose(band[:, 1].min(), (COUNTS.mean(0)[:, k] - 2 * error).min())
    assert axes.get_xlabel() == "time" and axes.get_ylabel() == "counts"
    assert solved().plot(axes=axes, ls="--") is axes
    assert len(axes.lines) == 4 and len(axes.collections) == 2
    assert len(data.plot("number").lines) == 1
    with pytest.raises(ValueError, match=r"`axes` must be given by this name.*`ax`.*Write"):
        data.plot(ax=axes)
    matplotlib.pyplot.close("all")


def test_metadata_can_be_static():
    assert hash(Metadata(a=1, b="x")) == hash(Metadata(b="x", a=1))
    assert hash(Metadata(a=1)) != hash(Metadata(a=2))

"""Trajectories: means, errors, xarray, NetCDF, plots."""

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest

from jaxkin.trajectory import Metadata, Trajectory

matplotlib.use("Agg")
TIMES = jnp.array([0.0, 0.5, 1.5])
METADATA = {"replicas": 2, "uniform": True}
COUNTS = np.random.default_rng(0).random((4, 3, 2))


def simulated():
    return Trajectory(
        TIMES,
        {
            "counts": jnp.asarray(COUNTS),
            "number": jnp.asarray(COUNTS.sum(-1)),
            "mass": jnp.asarray(COUNTS @ [1, 2]),
            "modes": jnp.asarray(COUNTS[..., None] * [1, 2, 3]),
        },
        {
            "time": jnp.full((4, 5), jnp.nan).at[0, 0].set(0.3),
            "mass_i": jnp.ones((4, 5), jnp.int32),
            "count": jnp.array([1, 0, 0, 0]),
        },
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
    for name, values in (data.events or {}).items():
        np.testing.assert_array_equal(back.events[name], values)
        assert back.events[name].dtype == values.dtype
    assert back.metadata == data.metadata and back.replicated == data.replicated
    np.testing.assert_array_equal(back.mean("counts"), data.mean("counts"))


def test_logs_of_any_shape_are_kept(tmp_path):
    """Counts for each pair of types and times of another length, in one file; a truth value."""
    counts = jnp.arange(8).reshape(2, 2, 2)
    events = {"collisions": counts, "times": jnp.ones((2, 5)), "pairs": jnp.ones((2, 5, 2), int)}
    data = Trajectory(TIMES, {"number": jnp.ones((2, len(TIMES)))}, events, METADATA)
    data.save(tmp_path / "run.nc")
    back = Trajectory.load(tmp_path / "run.nc")
    for name, values in events.items():
        np.testing.assert_array_equal(back.events[name], values)
    assert back.metadata == METADATA


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

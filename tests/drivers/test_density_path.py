"""The public density of a solution: a function, arrays on a grid, a plot, a file."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import jaxkin as jk
from jaxkin.laws import Maxwellian
from jaxkin.operators import Hermite, HermiteMixture

KERNEL = jk.MaxwellKernel(1.0)
TIMES = jnp.array([0.0, 0.5, 2.0])


@pytest.fixture(scope="module")
def gas():
    """Velocities at equilibrium, where f is known at all times."""
    equation = jk.Boltzmann(Hermite(KERNEL, dimension=2, degree=4))
    return jk.solve(equation, Maxwellian(2), TIMES, density=True)


def test_a_function_of_time_and_velocity(gas):
    v = jnp.asarray([[0.0, 0.0], [1.0, -0.5]])
    exact = np.exp(-np.sum(np.asarray(v) ** 2, 1) / 2) / (2 * np.pi)
    np.testing.assert_allclose(gas.density(2.0, v), exact, rtol=1e-9)
    assert float(gas.density.at(0.5).mass()) == pytest.approx(1)
    with pytest.raises(ValueError, match="`time` must be one of the recorded times"):
        gas.density(1.0, v)


def test_only_on_demand():
    equation = jk.Smoluchowski(1.0, max_mass=2)
    assert jk.solve(equation, jk.laws.Monodisperse(), TIMES).density is None


def test_arrays_and_a_file(gas, tmp_path):
    """Dimensions are named; a component that is held has none; what was saved is read."""
    x = np.linspace(-2, 2, 5)
    found = gas.density.on_grid((x, 0.5))
    assert found.dims == ("time", "v_1") and found.shape == (3, 5)
    exact = np.exp(-(x**2 + 0.25) / 2) / (2 * np.pi)
    np.testing.assert_allclose(found.sel(time=2.0), exact, rtol=1e-9)
    gas.density.save(tmp_path / "f.nc", (x, x))
    with xarray.open_dataarray(tmp_path / "f.nc", engine="h5netcdf") as read:
        assert read.dims == ("time", "v_1", "v_2")
        np.testing.assert_allclose(read.time, TIMES)
        square = np.add.outer(x**2, x**2)
        np.testing.assert_allclose(read[2], np.exp(-square / 2) / (2 * np.pi), rtol=1e-9)
    with pytest.raises(ValueError, match="`axes` must hold one list for each argument of f"):
        gas.density.on_grid((x, x), (x,))


def test_masses_in_space():
    """f_n(t, x): a wave that decays at the rate of its diffusivity, on a grid of any places."""
    wave = jk.laws.Inhomogeneous(
        lambda x: jnp.stack([1 + 0.5 * jnp.cos(2 * jnp.pi * x[0])]), maximum=1.5, max_mass=1
    )
    equation = jk.Smoluchowski(0.0, 0.1, max_mass=2, dimension=2, modes=8)
    solution = jk.solve(equation, wave, jnp.array([0.0, 0.2]), density=True)
    x = np.linspace(0, 1, 7)
    found = solution.density.on_grid((x, 0.3))
    assert found.dims == ("time", "mass", "x_1")
    decay = np.exp(-0.1 * 4 * np.pi**2 * 0.2)
    exact = 1 + 0.5 * decay * np.cos(2 * np.pi * x)
    np.testing.assert_allclose(found.sel(time=0.2, mass=1), exact, atol=1e-8)
    np.testing.assert_allclose(found.sel(mass=2), 0, atol=1e-12)


def test_a_slab_and_types():
    """f_α(t, x, v) of two types at rest in a slab, and an image of it."""
    operator = HermiteMixture((1.0, 4.0), dimension=2, degree=3)
    slab = jk.BoltzmannSlab(jk.BoltzmannMixture(operator, np.ones((2, 2))), cells=6)
    law = jk.laws.ByType(Maxwellian(2, 1.0), Maxwellian(2, 0.25))
    solution = jk.solve(slab, law, jnp.array([0.0, 0.1]), density=True)
    x, v = np.array([0.1, 0.5]), np.array([-1.0, 0.0, 1.0])
    found = solution.density.on_grid((x,), (v, 0.0))
    assert found.dims == ("time", "type", "x_1", "v_1") and found.shape == (2, 2, 2, 3)
    exact = np.exp(-(v**2) / 2) / (2 * np.pi)
    np.testing.assert_allclose(found[1, 0, 1], exact, rtol=1e-8)
    axes = solution.density.plot((x,), (v, 0.0))
    assert axes.get_xlabel() == "x_1" and axes.get_ylabel() == "v_1"
    assert len(axes.collections) == 1
    assert axes.figure.axes[-1].get_ylabel() == "f at t = 0.1, type 1"


def test_lines(gas):
    """One line for each time, of the values themselves."""
    v = np.linspace(-1, 1, 3)
    axes = gas.density.plot((v, 0.0))
    assert len(axes.lines) == 3
    np.testing.assert_allclose(axes.lines[0].get_ydata(), gas.density.on_grid((v, 0.0))[0])
    assert len(gas.density.plot((v, 0.0), time=0.5).lines) == 1
    with pytest.raises(ValueError, match="`grid` must leave one axis or two free"):
        gas.density.plot((0.0, 0.0))

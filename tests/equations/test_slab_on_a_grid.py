"""A slab whose velocities are a grid: free flight, what is conserved, and no space."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.laws.by_type import Chambers, Wave
from jaxkin.laws.velocities import GaussianMixture, Maxwellian
from jaxkin.observables import mixture_profiles

A = 0.5


def slab(cells, strength=1.0, boundary="periodic", points=12):
    kernel = jk.MaxwellKernel(jnp.float64(strength))
    operator = jk.operators.Fourier(
        kernel, dimension=2, points=points, support=3.5, half_width=5.0, radii=8, directions=8
    )
    return jk.BoltzmannSlab(jk.Boltzmann(operator), cells=cells, boundary=boundary)


@eqx.filter_jit
def follow(equation, state, time, steps):
    """Classical Runge–Kutta steps."""
    prepared, h = equation.prepare(), time / steps

    def step(_, f):
        k1 = equation.rate_of_change(0.0, f, prepared)
        k2 = equation.rate_of_change(0.0, f + h / 2 * k1, prepared)
        k3 = equation.rate_of_change(0.0, f + h / 2 * k2, prepared)
        k4 = equation.rate_of_change(0.0, f + h * k3, prepared)
        return f + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return jax.lax.fori_loop(0, steps, step, state)


@pytest.mark.parametrize("boundary", ["periodic", "reflecting"])
def test_free_flight(boundary):
    """f = g(v)(1 + a cos 2π(x − v₁t)) without collisions, at every velocity of the grid.

    With θ = 2πh cells err by t|v₁|(θ⁶/60 + θ⁷/140)/h of the wave. The law is even in v₁, so that
    walls keep it. (Faults: the mirror along v₂, v₁ without its sign, f before the face for all v.)
    """
    cells, time, steps = 32, 0.2, 300
    equation = slab(cells, 0.0, boundary)
    law = GaussianMixture([1.0], [[0.0, 0.4]], [[0.9, 1.1]])
    state = follow(equation, equation.project(Wave(law, A)), time, steps)
    v = equation.homogeneous.operator.velocities()
    x = equation.centers[:, None, None]
    amplitude = A * np.sinc(1 / cells) * np.asarray(law.density(jnp.asarray(v)))
    wave = np.cos(2 * np.pi * (x - v[..., 0] * time))
    exact = np.asarray(law.density(jnp.asarray(v))) + amplitude * wave
    theta, speed = 2 * np.pi / cells, np.abs(v[..., 0])
    bound = time * speed * cells * (theta**6 / 60 + theta**7 / 140)
    stepped = steps * (2 * np.pi * speed * time / steps) ** 5 / 120
    assert np.all(np.abs(state - exact).max(0) < amplitude * (bound + stepped) + 1e-12)
    assert np.abs(np.asarray(state) - np.asarray(equation.project(Wave(law, A)))).max() > 0.02


@pytest.mark.parametrize("boundary", ["periodic", "reflecting"])
def test_conservation(boundary):
    """Mass, energy and momentum (between walls, along them) of a run from chambers, to rounding.

    (Fault: a wall that mirrors v₂.)
    """
    equation = slab(6, boundary=boundary)
    drifting = GaussianMixture([1.0], [[0.3, 0.2]], [[0.9, 0.8]])
    start = equation.project(Chambers(drifting, Maxwellian(2, 0.7), share=0.6))
    end = follow(equation, start, 0.3, 30)
    names = {o.name: o for o in (*equation.observables(), *mixture_profiles(1, 2))}
    seen = eqx.filter_jit(
        lambda f: {
            k: equation.observe(f, names[k])
            for k in ("density", "momentum", "energy", "density_profile", "energy_profile")
        }
    )
    first, last = (jax.tree.map(np.asarray, seen(f)) for f in (start, end))
    # 30 steps of 4 rates, whose sums of 6·144 terms round.
    tolerance = 120 * 6 * 12 * np.finfo(float).eps
    for name in ("density", "energy"):
        assert abs(last[name] - first[name]) < tolerance, name
    kept = slice(None) if boundary == "periodic" else slice(1, None)
    assert np.abs(last["momentum"] - first["momentum"])[kept].max() < tolerance
    assert np.abs(last["density_profile"] - first["density_profile"]).max() > 0.05
    assert np.abs(last["energy_profile"] - first["energy_profile"]).max() > 0.05
    if boundary == "reflecting":
        assert abs(last["momentum"][0] - first["momentum"][0]) > 0.01


def test_uniform_is_the_homogeneous_equation():
    """Without space the rate is Q, and so are the density and its moments."""
    equation = slab(6)
    law = GaussianMixture([1.0], [[0.0, 0.3]], [[1.2, 0.7]])
    state, one = equation.project(law), equation.homogeneous.project(law)
    rate = eqx.filter_jit(lambda e, f: e.rate_of_change(0.0, f, e.prepare()))
    expected = rate(equation.homogeneous, one)
    np.testing.assert_allclose(rate(equation, state), np.stack([expected] * 6), atol=1e-13)
    assert float(jnp.abs(expected).max()) > 1e-3
    v = jnp.array([[0.2, 0.3], [-1.0, 0.4]])
    values = equation.measure(state)(0.3, v)
    np.testing.assert_allclose(values, equation.homogeneous.measure(one)(v), rtol=1e-12)


def test_a_gas_that_annihilates():
    """Its density at time 0 and its precision are those of the equation, also in a slab.

    (Fault: the operator's state of the law, of density 1.)
    """
    operator = jk.operators.Hermite(jk.MaxwellKernel(np.float32(1.0)), dimension=2, degree=3)
    equation = jk.BoltzmannSlab(jk.Annihilation(operator, np.float32(0.3), 0.4), cells=6)
    state = equation.project(Wave(Maxwellian(2), A))
    assert state.dtype == np.float32
    np.testing.assert_allclose(state[:, 0].mean(), 0.4, rtol=1e-6)
    # dn/dt = −α ∫ n², where collisions are Maxwell's and transport keeps the mass.
    rate = eqx.filter_jit(lambda e, f: e.rate_of_change(0.0, f, e.prepare()))(equation, state)
    lost = -0.3 * 0.4**2 * (1 + (A * np.sinc(1 / 6)) ** 2 / 2)
    np.testing.assert_allclose(rate[:, 0].mean(), lost, rtol=1e-5)

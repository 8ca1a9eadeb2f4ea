"""The driver `solve`: times, tolerances, derivatives, transformations, dtypes, faults."""

import functools

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.drivers.solution import solve
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import Monodisperse, Polydisperse
from jaxkin.model import KineticEquation
from jaxkin.observables import Atoms, Coordinates, FourierMode, Mean
from jaxkin.physics.contacts.coagulation_kernels import additive_kernel

LAW = Monodisperse()
TIMES = np.array([0.1, 0.5])


class Explosion(KineticEquation):
    """df/dt = c f², which is infinite at t = 1/(c f₀)."""

    strength: jax.Array

    def project(self, law):
        return law.densities[:1]

    def rate_of_change(self, t, state, prepared):
        return self.strength * state**2

    def measure(self, state):
        return Atoms(state, Coordinates(mass=jnp.ones(1)))


NUMBER = Mean("number", lambda z: 1.0)


def final_counts(rate, adjoint=None):
    equation = eqx.tree_at(lambda e: e.rate, Smoluchowski(1.0, max_mass=4), rate)
    return solve(equation, LAW, TIMES, adjoint=adjoint)["counts"][-1]


def test_a_bare_equation():
    """The protocol's defaults are enough: f(t) = 1/(1 − t)."""
    times = np.array([0.0, 0.25, 0.5])
    trajectory = solve(Explosion(jnp.asarray(1.0)), LAW, times, observe=[NUMBER])
    np.testing.assert_allclose(trajectory["number"], 1 / (1 - times), rtol=1e-9)
    assert not trajectory.replicated


def test_a_blow_up_is_an_error():
    with pytest.raises(RuntimeError, match="could not be followed to the last time"):
        solve(Explosion(jnp.asarray(1.0)), LAW, np.array([2.0]), observe=[NUMBER])


def test_a_blow_up_under_jit_is_an_error(errors_raise):
    run = jax.jit(lambda r: solve(Explosion(r), LAW, np.array([2.0]), observe=[NUMBER])["number"])
    with pytest.raises(Exception, match="could not be followed to the last time"):
        jax.block_until_ready(run(jnp.asarray(1.0)))


@pytest.mark.slow
def test_recorded_values_do_not_depend_on_the_other_times():
    """Steps end on the times, so that nothing is interpolated; only the steps differ."""
    equation = Smoluchowski(additive_kernel, max_mass=4)
    sparse = solve(equation, LAW, np.array([1.0]))["counts"][-1]
    dense = solve(equation, LAW, np.linspace(0, 1, 101))["counts"][-1]
    np.testing.assert_allclose(sparse, dense, atol=1e-10)


def test_tolerance_sets_the_error():
    """The error of 1/(1 + 2t) falls with the tolerance; the default is better than 1e-9."""
    equation = Smoluchowski(2.0, max_mass=1, reaction="annihilation")
    times = np.array([0.5, 2.0])

    def error(rtol):
        number = solve(equation, LAW, times, rtol=rtol, atol=rtol)["number"]
        return np.abs(number - 1 / (1 + 2 * times)).max()

    coarse, fine = error(1e-4), error(1e-8)
    assert 1e-7 < coarse < 1e-3 and fine < 1e-2 * coarse
    assert error(None) < 1e-9


RATE = jnp.array(
    [[1.0, 2.0, 0.5, 1.0], [2.0, 1.5, 1.0, 0.2], [0.5, 1.0, 1.0, 1.0], [1.0, 0.2, 1.0, 2.0]]
)


def test_gradients_against_finite_differences():
    @jax.jit
    def loss(rate):
        return jnp.sum(final_counts(rate) * jnp.arange(1.0, 5) ** 2)

    gradient = jax.grad(loss)(RATE)
    h = 1e-4
    for i, j in ((0, 0), (0, 1), (1, 3), (3, 3)):
        shift = jnp.zeros((4, 4)).at[i, j].add(h / 2).at[j, i].add(h / 2)
        slope = (loss(RATE + shift) - loss(RATE - shift)) / (2 * h)
        np.testing.assert_allclose((gradient[i, j] + gradient[j, i]) / 2, slope, rtol=1e-6)
        assert abs(slope) > 1e-6
    # The derivative by β(n, m) is that by β(m, n): one parameter, seen twice.
    np.testing.assert_allclose(gradient, gradient.T, rtol=1e-12)


@functools.cache
def reverse_jacobian():
    return jax.jacrev(final_counts)(RATE)


@pytest.mark.slow
@pytest.mark.parametrize("adjoint", [diffrax.ForwardMode(), diffrax.DirectAdjoint()])
def test_reverse_against_forward(adjoint):
    direction = jnp.cos(jnp.arange(16.0)).reshape(4, 4)
    _, forward = jax.jvp(lambda r: final_counts(r, adjoint), (RATE,), (direction,))
    reverse = jnp.tensordot(reverse_jacobian(), direction, axes=2)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_gradient_of_a_field_by_the_diffusivity():
    """An initial wave 1 + ½cos 2πx of f_1 decays in part by d(1): against finite differences."""
    from jaxkin.laws import Inhomogeneous

    law = Inhomogeneous(
        lambda x: jnp.array([1 + 0.5 * jnp.cos(2 * jnp.pi * x[0])]), maximum=2.0, max_mass=1
    )
    wave = FourierMode([(1,)])

    def loss(diffusivity):
        equation = Smoluchowski(2.0, diffusivity, max_mass=2, dimension=1, modes=8)
        return solve(equation, law, np.array([0.02]), observe=[wave])["modes"][-1, 0, 0]

    at = jnp.array([0.5, 0.3])
    gradient = jax.jit(jax.grad(loss))(at)
    for n in range(2):
        h = 1e-4 * jnp.eye(2)[n]
        np.testing.assert_allclose(gradient[n], (loss(at + h) - loss(at - h)) / 2e-4, rtol=1e-6)
        assert abs(gradient[n]) > 1e-5


@pytest.mark.slow
def test_gradient_reaches_the_law_and_the_times():
    """Annihilation: h = c/(1 + cβt), so ∂h/∂c = 1/(1 + cβt)² and ∂h/∂t = −βh²."""
    equation = Smoluchowski(2.0, max_mass=1, reaction="annihilation")

    def number(density, stop):
        return solve(equation, Monodisperse(density=density), stop[None])["number"][-1]

    by_density, by_time = jax.grad(number, argnums=(0, 1))(jnp.asarray(0.8), jnp.asarray(0.5))
    np.testing.assert_allclose(by_density, 1 / 1.8**2, rtol=1e-8)
    np.testing.assert_allclose(by_time, -2 * (0.8 / 1.8) ** 2, rtol=1e-6)


def test_jit_and_vmap():
    rates = jnp.stack([RATE, 2 * RATE])
    together = jax.jit(jax.vmap(final_counts))(rates)
    apart = jnp.stack([final_counts(r) for r in rates])
    np.testing.assert_allclose(together, apart, atol=1e-10)


class Counting(Smoluchowski):
    """Counts how often its right-hand side is traced."""

    def prepare(self):
        TRACES.append(1)
        return super().prepare()


TRACES: list[int] = []


def test_the_same_shapes_compile_once():
    for seed in range(3):
        equation = Counting(1.0 + seed, max_mass=3)
        solve(equation, Polydisperse([1.0, 0.1 * seed]), TIMES + 0.1 * seed)
    assert len(TRACES) == 1


@pytest.mark.slow
def test_float32_is_kept(dtype=jnp.float32):
    """With x64 switched on, nothing may widen a float32 model; it agrees to its tolerance."""
    for options in ({}, {"modes": 6, "dimension": 1}):
        equation = Smoluchowski(jnp.ones((3, 3), dtype), max_mass=3, **options)
        trajectory = solve(equation, LAW, TIMES)
        assert {v.dtype for v in trajectory.observables.values()} == {np.dtype(dtype)}
        wide = solve(Smoluchowski(1.0, max_mass=3), LAW, TIMES)
        np.testing.assert_allclose(trajectory["counts"], wide["counts"], atol=1e-5)


@pytest.mark.parametrize(
    ("times", "options", "message"),
    [
        ([0.0, 0.5, 0.5], {}, "`times` must be strictly increasing"),
        ([0.5, 0.1], {}, "`times` must be strictly increasing"),
        ([-0.1, 0.1], {}, "`times` must be finite and at least 0"),
        ([0.1, np.nan], {}, "`times` must be finite"),
        ([], {}, "`times` must hold at least one time"),
        (0.5, {}, "`times` must be one-dimensional"),
        ([0.5], {"observe": []}, "`observe` must name at least one observable"),
        ([0.5], {"rtol": 0.0}, "`rtol` must be finite and above 0"),
        ([0.5], {"atol": -1.0}, "`atol` must be finite and above 0"),
    ],
)
def test_bad_arguments(times, options, message):
    with pytest.raises(ValueError, match=message):
        solve(Smoluchowski(1.0, max_mass=2), LAW, times, **options)

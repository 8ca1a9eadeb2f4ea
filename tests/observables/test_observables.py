"""Observables: Σ w φ(z), Fourier modes, pair density."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.drivers.solution import solve
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import Polydisperse
from jaxkin.observables import (
    Coordinates,
    Observable,
    PairDensity,
    Weighted,
    chosen_observables,
    fourier_mode,
)
from jaxkin.observables.census import NUMBER, Overflow, census
from jaxkin.observables.correlations import PairMean

RNG = np.random.default_rng(0)
POSITION = RNG.random((7, 3))
MASS = np.array([1, 2, 2, 0, 3, 1, 1])
WEIGHT = np.where(MASS > 0, 0.25, 0.0)


def gas(dtype=jnp.float64):
    return Weighted(
        jnp.asarray(WEIGHT, dtype), Coordinates(jnp.asarray(MASS), jnp.asarray(POSITION, dtype))
    )


def test_a_sum_of_weights():
    dimers = Observable("dimers", lambda z: z.mass == 2)
    assert dimers.evaluate(gas()) == 0.5
    moment = Observable("moment", lambda z: jnp.outer(z.position, z.position) * z.mass)
    truth = np.einsum("n,n,ni,nj->ij", WEIGHT, MASS, POSITION, POSITION)
    np.testing.assert_allclose(moment.evaluate(gas()), truth, rtol=1e-14)


def test_census():
    counts, number, mass, overflow = census(3)
    np.testing.assert_array_equal(counts.evaluate(gas()), [0.75, 0.5, 0.25])
    assert number.evaluate(gas()) == 1.5 and mass.evaluate(gas()) == 2.5
    assert census(3) is census(3)
    with pytest.raises(ValueError, match="overflow class"):
        overflow.evaluate(gas())
    assert isinstance(overflow, Overflow)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_dtype_is_that_of_the_weights(dtype):
    """Also of a φ that returns a Python float, an integer or a truth value."""
    for phi in (lambda z: 1.0, lambda z: z.mass, lambda z: z.mass == 1, lambda z: z.position):
        assert Observable("x", phi).evaluate(gas(dtype)).dtype == dtype
    wave = Observable("wave", lambda z: jnp.exp(2j * jnp.pi * z.position[0])).evaluate(gas(dtype))
    assert wave.dtype == jnp.result_type(dtype, jnp.complex64)
    np.testing.assert_allclose(
        wave, np.sum(WEIGHT * np.exp(2j * np.pi * POSITION[:, 0])), rtol=1e-5
    )


def test_an_empty_slot_where_phi_is_singular():
    """Slot 3 is empty, with mass 0: 0·∞ counts nothing."""
    inverse = Observable("inverse", lambda z: 1.0 / z.mass)
    np.testing.assert_allclose(inverse.evaluate(gas()), 0.25 * (3 + 1 + 1 / 3), rtol=1e-15)
    nan = Observable("nan", lambda z: jnp.log(-1.0 * (z.mass == 0) + 0.0 * z.mass))
    assert nan.evaluate(gas()) == -np.inf, "an infinite φ of a living particle is not hidden"


def test_a_density_that_is_zero_has_a_gradient():
    """∂/∂w_i Σ w φ = φ(z_i), at w_i = 0 too. Fails if empty places lose their φ."""
    gradient = jax.grad(lambda w: NUMBER.evaluate(Weighted(w, gas().coordinates)))(gas().weight)
    np.testing.assert_array_equal(gradient, 1.0)


@pytest.mark.slow
def test_sensitivity_to_a_rate_that_is_zero():
    """From f₁ = 1 and β = 0: ∂f₂/∂β(1,1) = t/2, ∂f₁/∂β(1,1) = −t, though f₂ stays 0."""

    def counts(rate):
        equation = Smoluchowski(rate * jnp.ones((2, 2)))
        return solve(equation, Polydisperse([1.0, 0.0]), jnp.array([0.4]))["counts"][0]

    np.testing.assert_allclose(jax.jacrev(counts)(0.0), [-0.4, 0.2], rtol=1e-10)


def test_fourier_modes():
    k = [(0, 0, 0), (1, 0, -2)]
    found = fourier_mode(k).evaluate(gas())
    wave = np.exp(-2j * np.pi * POSITION @ np.array(k).T)
    truth = WEIGHT @ wave
    np.testing.assert_allclose(found, np.stack([truth.real, truth.imag], -1), atol=1e-14)
    of_one = fourier_mode(k, mass=1)
    assert (fourier_mode(k).name, of_one.name) == ("modes", "modes_1")
    truth = (WEIGHT * (MASS == 1)) @ wave
    np.testing.assert_allclose(of_one.evaluate(gas())[:, 0], truth.real, atol=1e-14)


@pytest.mark.parametrize("bad", [[], [(1, 0), (1, 0, 0)]])
def test_wave_vectors_are_checked(bad):
    with pytest.raises(ValueError, match="`wave_vectors` must be a list of vectors"):
        fourier_mode(bad)


@pytest.mark.parametrize("dimension", [2, 3])
def test_pair_density_against_a_double_loop(dimension):
    """Pairs by nearest image, each once, of living particles only."""
    n = 40
    position = np.random.default_rng(dimension).random((n, dimension))
    alive = np.random.default_rng(5).random(n) < 0.8
    edges = [0.05, 0.1, 0.3, 0.45]
    measured = Weighted(jnp.where(alive, 0.1, 0.0), Coordinates(position=jnp.asarray(position)))
    counted, expected = PairDensity(edges).evaluate(measured)
    truth = np.zeros(3)
    for i in range(n):
        for j in range(i):
            if alive[i] and alive[j]:
                images = np.stack(np.meshgrid(*[[-1, 0, 1]] * dimension), -1).reshape(-1, dimension)
                distance = np.linalg.norm(position[i] - position[j] + images, axis=1).min()
                truth += np.histogram([distance], edges)[0]
    np.testing.assert_array_equal(counted, truth)
    volume = {2: np.pi, 3: 4 / 3 * np.pi}[dimension] * np.diff(np.array(edges) ** dimension)
    np.testing.assert_allclose(expected, alive.sum() * (alive.sum() - 1) / 2 * volume, rtol=1e-12)


def test_pair_density_of_independent_particles_is_one():
    """5 standard errors; pairs at distance r are pairwise independent, so counts have variance
    ≤ mean. Fails with each pair counted twice."""
    observable = PairDensity([0.0, 0.1, 0.2])

    def one(key):
        position = jax.random.uniform(key, (50, 3))
        return observable.evaluate(Weighted(jnp.ones(50), Coordinates(position=position)))

    counted, expected = jax.vmap(one)(jax.random.split(jax.random.key(0), 400)).sum(0)
    assert np.all(np.abs(counted - expected) < 5 * np.sqrt(expected))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([0.1, 0.1], "increase"),
        ([0.2, 0.1], "increase"),
        ([0.1], "at least two distances"),
        ([0.1, 0.5], "below 1/2"),
        ([-0.1, 0.2], "at least 0"),
        ([0.0, np.nan], "finite"),
    ],
)
def test_edges_are_checked(edges, message):
    with pytest.raises(ValueError, match=f"`edges` must .*{message}"):
        PairDensity(edges)


def test_pairs_by_brute_force():
    """⟨φ(z₁)ψ(z₂)⟩ over ordered pairs of different particles; ⟨φ⟩⟨ψ⟩ in the limit, at any mass."""
    v = jnp.asarray(np.random.default_rng(0).normal(size=(7, 2)))
    mean = PairMean("pair", lambda z: z.velocity[0], lambda z: z.velocity[1] ** 2)
    table = np.outer(np.asarray(v[:, 0]), np.asarray(v[:, 1]) ** 2)
    expected = (table.sum() - np.trace(table)) / (7 * 6)
    for mass in (1.0, 0.5):
        measured = Weighted(jnp.full(7, mass / 7), Coordinates(velocity=v))
        assert float(mean.evaluate(measured)) == pytest.approx(expected, rel=1e-12)
        assert float(mean.evaluate_limit(measured)) == pytest.approx(table.mean(), rel=1e-12)


def test_observables_by_name():
    """Names stand for the model's own; others are refused with what there is."""
    own = (Observable("mass", lambda z: z.mass), Observable("one", lambda z: 1.0))
    assert chosen_observables(None, own) == own
    assert chosen_observables(["one"], own) == own[1:]
    with pytest.raises(ValueError, match=r"`observe` must hold .* among \['mass', 'one'\], but"):
        chosen_observables(["two"], own)

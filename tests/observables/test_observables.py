"""Observables: Σ w φ(z), Fourier modes, pair density."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.drivers.solution import solve
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import Polydisperse
from jaxkin.observables import (
    Atoms,
    Coordinates,
    Correlation,
    FourierMode,
    Mean,
    Overflow,
    PairDensity,
    PairMean,
    Weighted,
    chosen_observables,
)
from jaxkin.observables.census import NUMBER, census

RNG = np.random.default_rng(0)
POSITION = RNG.random((7, 3))
MASS = np.array([1, 2, 2, 0, 3, 1, 1])
WEIGHT = np.where(MASS > 0, 0.25, 0.0)


def gas(dtype=jnp.float64):
    return Weighted(
        jnp.asarray(WEIGHT, dtype), Coordinates(jnp.asarray(MASS), jnp.asarray(POSITION, dtype))
    )


def test_a_sum_of_weights():
    dimers = Mean("dimers", lambda z: z.mass == 2)
    assert dimers.of_particles(gas()) == 0.5
    moment = Mean("moment", lambda z: jnp.outer(z.position, z.position) * z.mass)
    truth = np.einsum("n,n,ni,nj->ij", WEIGHT, MASS, POSITION, POSITION)
    np.testing.assert_allclose(moment.of_particles(gas()), truth, rtol=1e-14)


def test_census():
    counts, number, mass, overflow = census(3)
    np.testing.assert_array_equal(counts.of_particles(gas()), [0.75, 0.5, 0.25])
    assert number.of_particles(gas()) == 1.5 and mass.of_particles(gas()) == 2.5
    assert census(3) is census(3)
    with pytest.raises(ValueError, match="have an overflow"):
        overflow.of_particles(gas())
    assert isinstance(overflow, Overflow)
    measured = Weighted(jnp.asarray(WEIGHT), gas().coordinates, entries={"overflow": jnp.ones(())})
    assert overflow.of_particles(measured) == 1


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_dtype_is_that_of_the_weights(dtype):
    """Also of a φ that returns a Python float, an integer or a truth value."""
    for phi in (lambda z: 1.0, lambda z: z.mass, lambda z: z.mass == 1, lambda z: z.position):
        assert Mean("x", phi).of_particles(gas(dtype)).dtype == dtype
    wave = Mean("wave", lambda z: jnp.exp(2j * jnp.pi * z.position[0])).of_particles(gas(dtype))
    assert wave.dtype == jnp.result_type(dtype, jnp.complex64)
    np.testing.assert_allclose(
        wave, np.sum(WEIGHT * np.exp(2j * np.pi * POSITION[:, 0])), rtol=1e-5
    )


def test_an_empty_slot_where_phi_is_singular():
    """Slot 3 is empty, with mass 0: 0·∞ counts nothing."""
    inverse = Mean("inverse", lambda z: 1.0 / z.mass)
    np.testing.assert_allclose(inverse.of_particles(gas()), 0.25 * (3 + 1 + 1 / 3), rtol=1e-15)
    nan = Mean("nan", lambda z: jnp.log(-1.0 * (z.mass == 0) + 0.0 * z.mass))
    assert nan.of_particles(gas()) == -np.inf, "an infinite φ of a living particle is not hidden"


def test_a_density_that_is_zero_has_a_gradient():
    """∂/∂w_i Σ w φ = φ(z_i), at w_i = 0 too. Fails if empty places lose their φ."""
    gradient = jax.grad(lambda w: NUMBER.of_particles(Weighted(w, gas().coordinates)))(gas().weight)
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
    found = FourierMode(k).of_particles(gas())
    wave = np.exp(-2j * np.pi * POSITION @ np.array(k).T)
    truth = WEIGHT @ wave
    np.testing.assert_allclose(found, np.stack([truth.real, truth.imag], -1), atol=1e-14)
    of_one = FourierMode(k, mass=1)
    assert (FourierMode(k).name, of_one.name) == ("modes", "modes_1")
    truth = (WEIGHT * (MASS == 1)) @ wave
    np.testing.assert_allclose(of_one.of_particles(gas())[:, 0], truth.real, atol=1e-14)


@pytest.mark.parametrize("bad", [[], [(1, 0), (1, 0, 0)]])
def test_wave_vectors_are_checked(bad):
    with pytest.raises(ValueError, match="`wave_vectors` must be a list of vectors"):
        FourierMode(bad)


@pytest.mark.parametrize("dimension", [2, 3])
def test_pair_density_against_a_double_loop(dimension):
    """Pairs by nearest image, each once, of living particles only."""
    n = 40
    position = np.random.default_rng(dimension).random((n, dimension))
    alive = np.random.default_rng(5).random(n) < 0.8
    edges = [0.05, 0.1, 0.3, 0.45]
    measured = Weighted(jnp.where(alive, 0.1, 0.0), Coordinates(position=jnp.asarray(position)))
    counted, expected = PairDensity(edges).of_particles(measured)
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
        return observable.of_particles(Weighted(jnp.ones(50), Coordinates(position=position)))

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
        assert float(mean.of_particles(measured)) == pytest.approx(expected, rel=1e-12)
        assert float(
            mean.of_density(Atoms(measured.weight, measured.coordinates))
        ) == pytest.approx(table.mean(), rel=1e-12)


def test_observables_by_name():
    """Names stand for the model's own; others are refused with what there is."""
    own = (Mean("mass", lambda z: z.mass), Mean("one", lambda z: 1.0))
    assert chosen_observables(None, own) == own
    assert chosen_observables(["one"], own) == own[1:]
    with pytest.raises(ValueError, match=r"`observe` must hold .* among \['mass', 'one'\], but"):
        chosen_observables(["two"], own)
    with pytest.raises(ValueError, match=r"`observe` must be a list .* Write observe=\['one'\]"):
        chosen_observables("one", own)
    with pytest.raises(ValueError, match="hold every name once"):
        chosen_observables(["one", Mean("one", lambda z: 2.0)], own)


def test_counts_per_class_are_particles():
    """N_n particles at one place count as N_n different ones, in every correlation of up to four.

    Against the same particles one by one. (Fault: weights to the power ℓ without the numbers, by
    which 100 monomers give 1 in place of 0.99.)
    """
    number, weight = np.array([4, 0, 3, 1]), 0.01
    masses = np.arange(1, 5)
    counted = Weighted(
        jnp.asarray(weight), Coordinates(mass=jnp.asarray(masses)), jnp.asarray(number)
    )
    each = np.repeat(masses, number)
    single = Weighted(jnp.full(each.size, weight), Coordinates(mass=jnp.asarray(each)))
    functions = [lambda z: 1.0, lambda z: z.mass * 1.0, lambda z: z.mass == 3, lambda z: z.mass**2]
    for size in (1, 2, 3, 4):
        both = [Correlation("c", functions[:size]).of_particles(m) for m in (counted, single)]
        np.testing.assert_allclose(*both, rtol=1e-12)
    pair = PairMean("p", functions[1], functions[2])
    np.testing.assert_allclose(pair.of_particles(counted), pair.of_particles(single), rtol=1e-12)
    monomers = Weighted(jnp.asarray(0.01), Coordinates(mass=jnp.ones(1)), jnp.asarray([100]))
    ones = Correlation("ones", [functions[0]] * 2)
    assert float(ones.of_particles(monomers)) == pytest.approx(0.99, rel=1e-12)
    with pytest.raises(ValueError, match="hold observables that counts per class can tell"):
        PairDensity([0.0, 0.1]).of_particles(counted)


def test_an_observable_of_what_is_not_there():
    """A coordinate that particles or densities lack is named."""
    velocity = Mean("speed", lambda z: jnp.sum(z.velocity**2))
    with pytest.raises(
        ValueError, match="'speed' asks for the velocity of a particle, of which there"
    ):
        velocity.of_density(Atoms(jnp.ones(1), Coordinates(mass=jnp.ones(1))))

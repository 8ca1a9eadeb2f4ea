"""A system that keeps counts per class gives what its particles give, one by one."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.observables import Coordinates, Correlation, PairDensity, PairMean, Weighted

N, Z = 100, 2.0
FUNCTIONS = [lambda z: 1.0, lambda z: z.mass, lambda z: z.mass == 2, lambda z: jnp.cos(z.mass)]
PAIRED = PairMean("paired", FUNCTIONS[1], FUNCTIONS[3])


def correlation(size):
    return Correlation(f"f{size}", FUNCTIONS[:size])


def one(z):
    return 1.0


def test_monomers_are_a_hundred_particles():
    """N(N−1)/N² Z² of a class of N, 0 if the class were one particle; their pairs are all alike."""
    process = jk.MarcusLushnikov(N, 1.0, max_mass=2, overflow="absorb")
    both, mean = Correlation("both", [one, one]), PairMean("mean", one)
    law = jk.laws.Monodisperse(density=Z)
    options = {"key": jax.random.key(0), "observe": [both, mean]}
    data = jk.simulate(process, law, np.array([0.0]), **options)
    np.testing.assert_allclose(data["both"], N * (N - 1) / N**2 * Z**2, rtol=1e-12)
    np.testing.assert_allclose(data["mean"], 1.0, rtol=1e-12)
    limit = jk.solve(process.kinetic_limit(), law, np.array([0.0]), observe=[both, mean])
    np.testing.assert_allclose([limit["both"][0], limit["mean"][0]], [Z**2, 1.0], rtol=1e-12)


@pytest.fixture(scope="module")
def measured():
    """What a gas measures after reactions, and the same masses as particles one by one."""
    process = jk.MarcusLushnikov(30, 2.0, max_mass=4, overflow="absorb")
    state = process.sample(jk.laws.Polydisperse([1.2, 0.8]), key=jax.random.key(1))
    advance = eqx.filter_jit(process.advance)
    state = advance(state, jnp.zeros(()), jnp.asarray(0.25), key=jax.random.key(2))
    assert state.events > 5
    counted = process.measure(state)
    masses = np.repeat(np.arange(1, 5), np.asarray(state.counts))
    assert len(set(masses)) == 4 and np.max(state.counts) > 2
    alone = Weighted(jnp.full(masses.size, state.weight), Coordinates(mass=jnp.asarray(masses)))
    return counted, alone


@pytest.mark.parametrize(
    "observable", [correlation(1), correlation(2), correlation(3), correlation(4), PAIRED]
)
def test_after_reactions_too(measured, observable):
    """As of particles one by one. Fails with (n w)^m for n w^m in the sums."""
    counted, alone = measured
    assert counted.number is not None and alone.number is None
    found, known = observable.of_particles(counted), observable.of_particles(alone)
    np.testing.assert_allclose(found, known, rtol=1e-11)


def test_against_all_tuples(measured):
    """Three different particles and the mean over pairs, by loops over particles."""
    counted, alone = measured
    masses, weight = np.asarray(alone.coordinates.mass), float(counted.weight)
    triples = sum(b * (c == 2) for _, b, c in itertools.permutations(masses.tolist(), 3))
    found = correlation(3).of_particles(counted)
    np.testing.assert_allclose(found, weight**3 * triples, rtol=1e-11)
    pairs = [a * np.cos(b) for a, b in itertools.permutations(masses.tolist(), 2)]
    np.testing.assert_allclose(PAIRED.of_particles(counted), np.mean(pairs), rtol=1e-11)


def test_pairs_in_space_are_refused():
    """A class has no places, whatever it holds."""
    process = jk.MarcusLushnikov(N, 1.0, max_mass=2, overflow="absorb")
    options = {"key": jax.random.key(0), "observe": [PairDensity([0.0, 0.1])]}
    with pytest.raises(ValueError, match=r"`observe` must .*one by one.*its particles apart"):
        jk.simulate(process, jk.laws.Monodisperse(), np.array([0.1]), **options)


def test_counts_are_whole_to_the_bit():
    """In single precision: mass stays as it is, densities are the weight times whole numbers.

    97 particles of density 0.7: a sum of weights is off in its last bits, and moves as they merge.
    """
    process = jk.MarcusLushnikov(97, np.float32(3.0), max_mass=97)
    law = jk.laws.Monodisperse(density=0.7)
    times = jnp.linspace(0, 2, 9, dtype=jnp.float32)
    data = jk.simulate(process, law, times, key=jax.random.key(4), replicas=20)
    mass, counts = np.asarray(data["mass"]), np.asarray(data["counts"])
    assert mass.dtype == counts.dtype == np.float32
    np.testing.assert_array_equal(mass, mass[0, 0])
    weight = np.float32(0.7 / 97)
    whole = np.rint(counts / weight)
    np.testing.assert_array_equal(counts, (whole * weight).astype(np.float32))
    np.testing.assert_array_equal(whole @ np.arange(1, 98), 97)
    assert whole[:, -1].sum(-1).max() < 60
    np.testing.assert_array_equal(
        data["number"], (whole.sum(-1) * weight).astype(np.float32), strict=True
    )

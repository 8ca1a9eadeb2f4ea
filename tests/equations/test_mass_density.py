"""Densities of masses on the torus: integrals with and without jumps, values, modes, entropy."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import iv

import jaxkin as jk
from jaxkin.observables import Correlation, Entropy, FourierMode, Mean, PairMean, mixture_profiles

LAW = jk.laws.Polydisperse([0.5, 0.3])
A, B = 0.5, 0.2


def wavy():
    """f₁ = 1 + a cos 2πx and f₂ = .3 + b sin 2πy."""

    def densities(x):
        return jnp.stack(
            [1 + A * jnp.cos(2 * jnp.pi * x[0]), 0.3 + B * jnp.sin(2 * jnp.pi * x[-1])]
        )

    return jk.laws.Inhomogeneous(densities, maximum=2.0, max_mass=2)


def uniform(dimension=3):
    equation = jk.Smoluchowski(1.0, max_mass=2, dimension=dimension)
    return equation.measure(equation.project(LAW))


def field(dimension=2, modes=7):
    equation = jk.Smoluchowski(1.0, max_mass=2, dimension=dimension, modes=modes)
    return equation.measure(equation.project(wavy()))


def ones(z):
    return 1.0


def left(z):
    return z.position[0] < 0.3


def corner(z):
    """The mass in a corner, a kink, and a smooth wave."""
    x = z.position
    return jnp.stack(
        [
            z.mass * ((x[0] < 0.3) & (x[1] >= 0.6)),
            jnp.abs(x[0] - 0.45),
            jnp.exp(jnp.cos(2 * jnp.pi * x[0])),
        ]
    )


@pytest.mark.parametrize("dimension", [1, 3])
def test_shares_of_a_uniform_density(dimension):
    """The share of x < .3 is .3 of the density. (Fault: a sum over the points 0 and ½ gives ½.)"""
    density = uniform(dimension)
    np.testing.assert_allclose(Mean("left", left).of_density(density), 0.3 * 0.8, rtol=1e-9)
    by_mass = Mean("mass", lambda z: z.mass * left(z)).of_density(density)
    np.testing.assert_allclose(by_mass, 0.3 * 1.1, rtol=1e-9)
    centre = Mean("centre", lambda z: z.position).of_density(density)
    np.testing.assert_allclose(centre, np.full(dimension, 0.4), rtol=1e-12)


def test_shares_of_a_field():
    """Jumps across planes, a kink and an entire function, against their integrals."""
    density, share = field(), 0.3 + A * np.sin(0.6 * np.pi) / (2 * np.pi)
    found = Mean("left", left).of_density(density)
    np.testing.assert_allclose(found, share + 0.3 * 0.3, rtol=1e-9)
    high = 0.3 * 0.4 + B * (np.cos(1.2 * np.pi) - 1) / (2 * np.pi)  # ∫ f₂ over y > .6
    kink = (0.45**2 + 0.55**2) / 2
    # ∫ |x − c| cos 2πx dx by parts.
    bent = 2 * (1 - np.cos(0.9 * np.pi)) / (2 * np.pi) ** 2
    smooth = 1.3 * iv(0, 1.0) + A * iv(1, 1.0)
    found = np.asarray(Mean("corner", corner).of_density(density))
    np.testing.assert_allclose(found[0], 0.4 * share + 2 * 0.3 * high, rtol=1e-9)
    np.testing.assert_allclose(found[1], 1.3 * kink + A * bent, rtol=1e-9)
    np.testing.assert_allclose(found[2], smooth, rtol=1e-12)


def test_values():
    """f_n(x) between the points of the grid, periodic. (Fault: the nearest point.)"""
    places = np.random.default_rng(0).uniform(-1, 2, size=(3, 4, 2))
    first = 1 + A * np.cos(2 * np.pi * places[..., 0])
    second = 0.3 + B * np.sin(2 * np.pi * places[..., 1])
    found = field()(jnp.asarray(places))
    np.testing.assert_allclose(found, [first, second], atol=1e-13)
    found = uniform(2)(jnp.asarray(places))
    np.testing.assert_allclose(found, np.broadcast_to([[[0.5]], [[0.3]]], (2, 3, 4)), rtol=1e-15)


def test_modes():
    """Those of the law, of one mass and of all; beyond what the grid keeps they are 0.

    Seven points hold k = 7 as k = 0. (Fault: the alias.)
    """
    k = [(0, 0), (1, 0), (0, 1), (7, 0)]
    exact = {1: [[1, 0], [A / 2, 0], [0, 0], [0, 0]], 2: [[0.3, 0], [0, 0], [0, -B / 2], [0, 0]]}
    for mass, modes in exact.items():
        found = FourierMode(k, mass=mass).of_density(field())
        np.testing.assert_allclose(found, modes, atol=1e-14)
    both = np.add(exact[1], exact[2])
    np.testing.assert_allclose(FourierMode(k).of_density(field()), both, atol=1e-14)
    np.testing.assert_allclose(FourierMode(k).of_density(uniform(2)), [[0.8, 0]] + [[0, 0]] * 3)
    # The same by the rule over the torus, which knows no closed form.
    wave = Mean("wave", lambda z: jnp.exp(-2j * jnp.pi * z.position[0])).of_density(field())
    np.testing.assert_allclose(wave, A / 2, atol=1e-12)


def test_entropy():
    """Σ ∫ f log f; of c + a cos it is c log((c + s)/2) + c − s, s = √(c² − a²).

    The mean over P points errs by (a/(c + s))^P, below .39^24 = 2e-10.
    """

    def of_wave(c, a):
        s = np.sqrt(c**2 - a**2)
        return c * np.log((c + s) / 2) + c - s

    exact = 0.5 * np.log(0.5) + 0.3 * np.log(0.3)
    np.testing.assert_allclose(Entropy().of_density(uniform()), exact, rtol=1e-14)
    found = Entropy().of_density(field(dimension=1, modes=24))
    np.testing.assert_allclose(found, of_wave(1.0, A) + of_wave(0.3, B), atol=1e-9)


@pytest.mark.parametrize("make", [uniform, field])
def test_correlations_are_products_of_means(make):
    """Particles of the limit are independent. (Fault: the sum over points without repetition.)"""
    density = make()
    total = 0.8 if make is uniform else 1.3
    for size in (1, 2, 3):
        found = Correlation("c", [ones] * size).of_density(density)
        np.testing.assert_allclose(found, total**size, rtol=1e-13)
    share = float(Mean("left", left).of_density(density))
    mixed = Correlation("c", [left, ones, left]).of_density(density)
    np.testing.assert_allclose(mixed, share**2 * total, rtol=1e-12)
    pair = PairMean("p", left, ones).of_density(density)
    np.testing.assert_allclose(pair, share / total, rtol=1e-12)


def test_what_it_does_not_know(errors_raise):
    """Jumps across a diagonal, velocities, profiles of types."""
    diagonal = Mean("diagonal", lambda z: z.position[0] + z.position[1] < 0.77)
    with pytest.raises(RuntimeError, match="jumps that no plane of a constant coordinate holds"):
        diagonal.of_density(field())
    with pytest.raises(ValueError, match="'speed' asks for the velocity"):
        Mean("speed", lambda z: z.velocity[0]).of_density(field())
    with pytest.raises(ValueError, match="no profiles"):
        mixture_profiles(1, 2)[0].of_density(field())
    with pytest.raises(ValueError, match="`wave_vectors` must have the dimension 2"):
        FourierMode([(1, 0, 0)]).of_density(field())

"""The planar law of a pair seen from afar, against other inversions of the same transforms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, interpolate, special, stats

from jaxkin.physics.contacts.interactions import Ball, Bump
from jaxkin.physics.contacts.point_scatterer_2d import (
    contact_logarithm,
    may_react,
    reaction_probability,
    reaction_time,
    scaled_bessel,
)


def probability(x, y, cosine, logarithm, spread=1.0, dtype=jnp.float64):
    """K for ends at x, y times √spread, from logarithm = ln(4e^{−2γ}Dτ/ℓ²)."""
    x, y, cosine = (np.ravel(a) for a in np.broadcast_arrays(x, y, cosine))
    scale = np.sqrt(spread)
    start = scale * np.stack([x, 0 * x])
    stop = scale * np.stack([y * cosine, y * np.sqrt(1 - cosine**2)])
    length = (np.log(4 * spread) - 2 * np.euler_gamma - logarithm) / 2
    arguments = (start, stop, np.full(x.size, spread), length)
    return np.asarray(reaction_probability(*(jnp.asarray(a, dtype) for a in arguments)))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_scattering_length_of_the_disc(dtype):
    """ln(ρ/ℓ) = I₀(κ)/(κI₁(κ)), to a few hundred roundings; infinite without a reaction."""
    square = np.array([1e-6, 0.1, 5.0, 1e3, 1e4])
    kappa = np.sqrt(square)
    truth = special.ive(0, kappa) / (kappa * special.ive(1, kappa))
    found = contact_logarithm(jnp.asarray(square, dtype), Ball(jnp.asarray(1.0, dtype)))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, truth, rtol=300 * np.finfo(dtype).eps)
    assert contact_logarithm(jnp.asarray(0.0, dtype), Ball()) == np.inf


@pytest.mark.parametrize("coupling", [0.3, 30.0])
def test_scattering_length_of_a_bump(coupling):
    """Against shooting from r = 1e-8; fails for ∫ V r in place of ∫ V v r."""
    V = Bump()

    def slope(r, state):
        value = float(V.profile(jnp.asarray(r)))
        return [state[1], coupling * value * state[0] - state[1] / r]

    end = integrate.solve_ivp(slope, (1e-8, 1), [1, 0], rtol=1e-9, atol=1e-12).y[:, -1]
    found = contact_logarithm(jnp.asarray(coupling), V)
    np.testing.assert_allclose(found, end[0] / end[1], rtol=1e-7)


def test_many_pairs_do_not_wait_for_each_other():
    """300 at once; in batches of 256 two factorisations waited for each other without end."""
    coupling = jnp.geomspace(1e-2, 1e2, 300)
    many = contact_logarithm(coupling, Ball(), nodes=12)
    kappa = np.sqrt(np.asarray(coupling))
    np.testing.assert_allclose(
        many, special.ive(0, kappa) / (kappa * special.ive(1, kappa)), rtol=1e-10
    )


def test_bessel():
    """To 2e-7 as the source says."""
    z = np.logspace(-7, 4, 500)
    np.testing.assert_allclose(scaled_bessel(jnp.asarray(z)), special.k0e(z), rtol=2e-7)


def along_the_cut(x, y, logarithm):
    """L⁻¹[4 K₀(x√s) K₀(y√s)/(Λ − ln s)](1) as a real integral along the cut s < 0."""

    def integrand(log):
        root = np.exp(log / 2)
        first, second = (special.y0(r * root) + 1j * special.j0(r * root) for r in (x, y))
        value = np.pi**2 * first * second / (logarithm - log - 1j * np.pi)
        return -np.exp(log - root**2) * value.imag / np.pi

    return integrate.quad(integrand, -60, 4, limit=2000, epsabs=1e-13, epsrel=1e-10)[0]


@pytest.mark.parametrize("logarithm", [15.0, 40.0, 1000.0])
def test_against_the_integral_along_the_cut(logarithm):
    """K = that integral times e^{|r₁−r₀|²/4}, to the 1e-4 of the table for Λ ≥ 15.

    Where x + y > 4 the integral cancels. Fails with γ left out of Λ.
    """
    for x, y, cosine in [(0.02, 0.3, 0.5), (0.3, 0.3, -0.9), (1.0, 2.0, 0.0), (3.0, 0.1, 1.0)]:
        truth = along_the_cut(x, y, logarithm) * np.exp((x**2 + y**2 - 2 * x * y * cosine) / 4)
        found = probability(x, y, cosine, logarithm, spread=0.004)
        assert found[0] < 1
        np.testing.assert_allclose(found, truth, rtol=1e-4)


def talbot(transform, terms=24):
    """L⁻¹[transform](1) on Talbot's contour, left of the spurious pole at e^Λ."""
    angle = np.pi * np.arange(1, terms) / terms
    r = 0.4 * terms
    cot = 1 / np.tan(angle)
    s = r * angle * (cot + 1j)
    weight = 1 + 1j * angle * (1 + cot**2) - 1j * cot
    return (
        r
        / terms
        * (0.5 * np.exp(r) * transform(r) + np.sum((np.exp(s) * transform(s) * weight).real))
    )


@pytest.mark.parametrize("logarithm", [15.0, 40.0, 1000.0])
@pytest.mark.parametrize("x", [0.03, 0.5, 2.0, 5.0])
def test_all_ends_sum_up_to_the_chance_to_react(logarithm, x):
    """∫ free · K dr₁ = L⁻¹[2K₀(x√s)/(s(Λ − ln s))], to the 1e-4 of the table."""
    nodes, weight = np.polynomial.legendre.leggauss(200)
    log = (nodes + 1) / 2 * (np.log(14) - np.log(1e-6)) + np.log(1e-6)
    y = np.exp(log)
    # The correction, free · K, is the same in all directions.
    k = probability(x, y, -1.0, logarithm)
    correction = k * np.exp(-((x + y) ** 2) / 4) / (4 * np.pi)
    found = np.sum(weight * (np.log(14) - np.log(1e-6)) / 2 * 2 * np.pi * y**2 * correction)
    truth = talbot(
        lambda s: 2 * special.kv(0, x * np.sqrt(s + 0j)) / (s * (logarithm - np.log(s + 0j)))
    )
    np.testing.assert_allclose(found, np.real(truth), rtol=1e-4)


def test_the_correction_has_no_angle():
    """free · K at any angle."""
    cosine = np.linspace(-1, 1, 9)
    k = probability(1.2, 0.7, cosine, 30.0)
    free = np.exp(-(1.2**2 + 0.7**2 - 2 * 1.2 * 0.7 * cosine) / 4)
    np.testing.assert_allclose(k * free, k[0] * free[0], rtol=1e-12)


def distribution(x, y):
    """The law of the time by quadrature of its density, as a function on [0, 1]."""
    log = np.linspace(-60, 60, 600_001)  # ln(t/(1 − t))
    density = np.exp(
        -(x**2) * (1 + np.exp(-log)) / 4 - y**2 * (1 + np.exp(log)) / 4 + (x + y) ** 2 / 4
    )
    mass = integrate.cumulative_simpson(density, x=log, initial=0)
    t = 1 / (1 + np.exp(-log))
    return interpolate.interp1d(t, mass / mass[-1], bounds_error=False, fill_value=(0, 1))


@pytest.mark.parametrize(
    ("near", "far", "spread"),
    [(0.5, 0.5, 1.0), (0.1, 2.0, 1.0), (1.0, 0.3, 0.02), (0.02, 0.01, 1.0)],
)
def test_reaction_time(near, far, spread):
    """Kolmogorov–Smirnov against the density at the level of 5 standard errors, 6e-7.

    Fails for ends that are swapped, and for θ drawn as for a product of the ends 20 % larger.
    """
    n = 100_000
    normal = jax.random.normal(jax.random.key(0), (n,))
    t = reaction_time(jnp.full(n, near), jnp.full(n, far), jnp.full(n, spread), normal)
    scale = np.sqrt(spread)
    assert stats.kstest(np.asarray(t), distribution(near / scale, far / scale)).pvalue > 6e-7


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_extremes(dtype):
    """A chance and a time in [0, 1], in the dtype that was given, whatever the arguments."""
    x, y, spread, normal = (
        a.ravel()
        for a in np.meshgrid(
            [0, 1e-9, 1e-3, 0.5], [0, 1e-9, 1e-3, 0.5], [0, 1e-9, 4e-3], [-5.3, 0, 5.3]
        )
    )
    zero = 0 * x
    for length in (-1e4, -20.0, -np.inf):
        arguments = np.stack([x, zero]), np.stack([-y, zero]), spread, length
        k = reaction_probability(*(jnp.asarray(a, dtype) for a in arguments))
        assert k.dtype == dtype
        assert np.all((np.asarray(k) >= 0) & (np.asarray(k) <= 1))
    assert np.all(np.asarray(k) == 0), "a length of 0 is no reaction"
    t = reaction_time(*(jnp.asarray(a, dtype) for a in (x, y, spread, normal)))
    assert t.dtype == dtype
    assert np.all((np.asarray(t) >= 0) & (np.asarray(t) <= 1))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("log_length", [-4.0, -12.0, -150.0])
def test_the_screen_lets_every_reaction_pass(dtype, log_length):
    """A draw just below K is always below the bound. (Fault: a quarter of the root.)"""
    rng = np.random.default_rng(0)
    n, spread = 20000, 4e-3
    start = 0.3 * rng.normal(size=(2, n)) * rng.random(n) ** 3
    stop = start + np.sqrt(2 * spread) * rng.normal(size=(2, n))
    k = reaction_probability(
        *(jnp.asarray(x, dtype) for x in (start, stop, np.full(n, spread))), dtype(log_length)
    )
    motion = (start**2).sum(0), (stop**2).sum(0), (start * stop).sum(0), np.full(n, spread)
    motion = [jnp.asarray(x, dtype) for x in motion]
    lengths = jnp.asarray([[log_length - 3, log_length]], dtype)
    counts = np.asarray(k) > 1e-25
    assert counts.sum() > 1000
    assert np.all(np.asarray(may_react(k * (1 - 1e-4), *motion, lengths))[counts])
    refused = ~np.asarray(may_react(jnp.ones_like(k), *motion, lengths))
    assert refused.mean() > 0.5, "a bound that refuses nothing is no screen"

"""Coagulating Brownian particles: rates of every pair of masses, and what is conserved."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting
import jaxkin as jk

CONTACT, PAIR_LAW = jk.schemes.Contact(), jk.schemes.PairLaw()
F = np.float32  # particles run in single precision here, for speed


@pytest.mark.slow
def test_mean_square_displacement():
    """2dD per time, by the first Fourier mode; a clock or a step three times too fast fails."""
    law = jk.laws.Inhomogeneous(
        lambda x: jnp.array([1 + 0.9 * jnp.cos(2 * jnp.pi * x[0])]), maximum=1.95, max_mass=1
    )
    gas = jk.BrownianCoagulation(
        200, strength=F(0), diffusivity=F(0.5), interaction=jk.interactions.Ball(F(1))
    )
    mode = jk.observables.FourierMode([(1, 0, 0), (0, 1, 0)])
    data = jk.simulate(
        gas, law, jnp.array([0.0, 0.02]), key=jax.random.key(3), replicas=200, observe=[mode]
    )
    mean, error = np.asarray(data.mean("modes")), np.asarray(data.standard_error("modes"))
    decay = np.exp(-4 * np.pi**2 * 0.5 * 0.02)
    assert np.all(np.abs(mean[:, 0, 0] - [0.45, 0.45 * decay]) < 5 * error[:, 0, 0])
    assert np.all(np.abs(mean[:, 1, 0]) < 5 * error[:, 1, 0])
    assert error[1, 0, 0] < 0.1 * (0.45 * decay - 0.45 * decay**3)  # a factor 3 would be seen


def mixture(scheme, n_particles, **changes):
    """Three masses that start together, so that every pair reacts."""
    arguments = dict(
        max_mass=3,
        overflow="absorb",
        strength=lambda n, m: F(12) * (n + m) ** F(0.75),
        diffusivity=lambda n: n ** F(-0.5),
        interaction=jk.interactions.Ball(F(1)),
        scheme=scheme,
    )
    return jk.BrownianCoagulation(n_particles, **(arguments | changes))


LAW = jk.laws.Polydisperse([0.4, 0.35, 0.25])


@pytest.fixture(scope="module")
def logs():
    """Events of both schemes at N = 100."""
    return {
        scheme: jk.simulate(
            mixture(scheme, 100),
            LAW,
            jnp.array([0.0, 0.1]),
            key=jax.random.key(4),
            replicas=500,
            events=True,
        )
        for scheme in (CONTACT, PAIR_LAW)
    }


def upper(matrix):
    return np.asarray(matrix)[np.triu_indices(3)]


@pytest.mark.slow
def test_schemes_agree_on_every_pair(logs):
    """One knows V and the other β: events over exposure agree for every pair of masses."""
    contact, law = (fitting.estimate_from_events(logs[s]) for s in (CONTACT, PAIR_LAW))
    error = np.hypot(upper(contact.standard_error), upper(law.standard_error))
    z = (upper(contact.rate) - upper(law.rate)) / error
    assert np.all(np.abs(z) < 5)
    assert np.all(error < 0.15 * upper(law.rate))


@pytest.mark.parametrize("scheme", [CONTACT, PAIR_LAW])
def test_rates_follow_the_recipe(logs, scheme):
    """β̂ = β(1 + b/N) with one b for all pairs, 0 < b < 6 at N = 100 (3.6 for one mass).

    Fails for β doubled for equal masses (planted below), for the naive α∫V (4 to 16 times β),
    and for d(n) in place of d(n) + d(m).
    """
    found = fitting.estimate_from_events(logs[scheme])
    recipe = upper(mixture(CONTACT, 100).kinetic_limit().rate)
    excess = upper(found.rate) / recipe - 1
    error = upper(found.standard_error) / recipe
    assert np.all(excess > -5 * error)
    assert np.all(excess < 0.06 + 5 * error)


@pytest.mark.slow
def test_doubled_rate_of_equal_masses_is_caught():
    """The planted fault: α raised on the diagonal until β(n,n) is 1.6 times the recipe's.

    The band of the test above rejects it (β cannot double here: 4πD bounds it).
    """
    gas = mixture(PAIR_LAW, 100)
    recipe = np.asarray(gas.kinetic_limit().rate)
    pair = np.asarray(gas.diffusivity)[:, None] + np.asarray(gas.diffusivity)
    strength = np.array(gas.strength)
    for n in range(3):
        trial = np.linspace(1, 60, 4000) * strength[n, n]
        rate = np.asarray(jk.ball_rate(trial, pair[n, n]))
        strength[n, n] = trial[np.argmin(np.abs(rate - min(1.6 * recipe[n, n], rate.max())))]
    data = jk.simulate(
        mixture(PAIR_LAW, 100, strength=strength.astype(F)),
        LAW,
        jnp.array([0.0, 0.1]),
        key=jax.random.key(5),
        replicas=500,
        events=True,
    )
    found = fitting.estimate_from_events(data)
    excess = (np.asarray(found.rate) / recipe - 1) / (np.asarray(found.standard_error) / recipe)
    assert excess[0, 0] > 5 + 0.06 / (found.standard_error[0, 0] / recipe[0, 0])


@pytest.mark.slow
def test_survivor_is_drawn_by_mass(logs):
    """The log names the survivor first: it is the heavier of (1, 2) in 2/3, of (1, 3) in 3/4.

    Evenly drawn survivors give 1/2 and are rejected by the same numbers.
    """
    for log in (logs[CONTACT].events, logs[PAIR_LAW].events):
        stays, goes = np.asarray(log.mass_i), np.asarray(log.mass_j)
        for light, heavy in ((1, 2), (1, 3), (2, 3)):
            wins, losses = (
                np.sum((stays == heavy) & (goes == light)),
                np.sum((stays == light) & (goes == heavy)),
            )
            total, chance = wins + losses, heavy / (heavy + light)
            error = np.sqrt(chance * (1 - chance) * total)
            assert abs(wins - chance * total) < 5 * error
            assert abs(wins - 0.5 * total) > 5 * error


@pytest.mark.slow
def test_mass_is_conserved_to_the_bit(logs):
    """In whole particles, and as an observable while nothing overflows."""
    gas = mixture(CONTACT, 60, max_mass=60, overflow="raise")
    data = jk.simulate(
        gas, jk.laws.Monodisperse(), jnp.array([0.0, 0.05, 0.1]), key=jax.random.key(6), replicas=8
    )
    mass = np.asarray(data["mass"])
    assert np.all(mass == mass[:, :1])
    assert np.all(np.asarray(data["number"])[:, -1] < 0.8)
    for data in logs.values():
        whole = (np.asarray(data["mass"]) + np.asarray(data["overflow"])) * 100
        assert np.all(np.asarray(data["overflow"])[:, -1] > 0)
        assert np.all(np.rint(whole) == np.rint(whole[:, :1]))
        assert np.max(np.abs(whole - np.rint(whole))) < 1e-3


@pytest.mark.slow
def test_annihilation_removes_both():
    """Numbers fall by two at each event, and nothing is gained."""
    gas = mixture(CONTACT, 60, reaction="annihilation")
    data = jk.simulate(
        gas, LAW, jnp.array([0.0, 0.1]), key=jax.random.key(7), replicas=16, events=True
    )
    lost = np.rint(60 * np.asarray(data["number"]))
    assert np.array_equal(lost[:, 0] - lost[:, 1], 2 * np.asarray(data.events.count))
    assert np.all(np.asarray(data["overflow"]) == 0)


@pytest.mark.slow
def test_planar_gas_of_many_in_single_precision():
    """N/Z = 150: ε = e^{−150} is beneath every single-precision number, and particles react.

    Total number against its limit within 5 standard errors and the logarithmic correction: the
    rate of (2.4) is that of ln(1/ε) = 150 in place of 150 + ln L + I₀(κ)/(κI₁(κ)) − 1/…, 3 %.
    """
    gas = jk.BrownianCoagulation(
        150,
        dimension=2,
        strength=F(20),
        diffusivity=F(1),
        interaction=jk.interactions.Ball(F(1)),
        reaction="annihilation",
    )
    data = jk.simulate(
        gas, jk.laws.Monodisperse(), jnp.array([0.05], F), key=jax.random.key(14), replicas=8
    )
    limit = 1 / (1 + float(gas.kinetic_limit().rate[0, 0]) * 0.05)
    mean, error = float(data.mean("number")[0]), float(data.standard_error("number")[0])
    assert abs(mean - limit) < 5 * error + 0.03 * (1 - limit)
    assert error < 0.15 * (1 - limit)

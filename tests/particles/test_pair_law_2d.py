"""The pair law in the plane, where the range is astronomically small, against exact facts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import iv

import fitting
import jaxkin as jk

F = np.float32


@pytest.mark.slow
def test_isolated_pair():
    """The late hazard 2πD/[ln(L/ε) + I₀/(κI₁)], L = 0.2697, of one pair on the unit torus.

    The form is that of a slowly reacting pair: its next term is O(1/contact²) of itself. Fails for
    ℓ = ρ, which leaves out I₀/(κI₁).
    """
    log_epsilon, alpha, diffusivity = 20.0, 20.0, 2.0
    gas = jk.BrownianCoagulation(
        2,
        dimension=2,
        strength=F(alpha),
        diffusivity=F(1),
        interaction=jk.interactions.Ball(F(1)),
        reaction="annihilation",
        scheme=jk.schemes.PairLaw(),
    )
    data = jk.simulate(
        gas,
        jk.laws.Monodisperse(density=2 / log_epsilon),
        jnp.array([0.1, 2.1]),
        key=jax.random.key(1),
        replicas=4000,
    )
    first, last = np.sum(np.asarray(data["number"]) > 0, axis=0)
    hazard, error = np.log(first / last) / 2, np.sqrt(1 / last - 1 / first) / 2
    kappa = np.sqrt(alpha / log_epsilon / diffusivity)
    contact = np.log(0.2697) + log_epsilon + iv(0, kappa) / (kappa * iv(1, kappa))
    expected = 2 * np.pi * diffusivity / contact
    assert abs(hazard - expected) < 5 * error + expected * 0.5 / contact**2
    assert error < 0.03 * expected


def gas(scheme, **changes):
    """Three masses, 40 particles, and ε = e^{−20} at density 2."""
    arguments = dict(
        dimension=2,
        max_mass=3,
        overflow="absorb",
        strength=lambda n, m: F(30) * (n + m) ** F(0.5),
        diffusivity=lambda n: n ** F(-0.5),
        interaction=jk.interactions.Ball(F(1)),
        scheme=scheme,
    )
    return jk.BrownianCoagulation(40, **(arguments | changes))


@pytest.mark.slow
def test_schemes_agree():
    """Events over exposure of each pair of masses; one scheme knows V, the other ln ℓ.

    Fails for ℓ = ρ.
    """
    found = []
    for scheme, replicas in ((jk.schemes.Contact(), 200), (jk.schemes.PairLaw(), 1000)):
        data = jk.simulate(
            gas(scheme),
            jk.laws.Polydisperse([0.8, 0.7, 0.5]),
            jnp.array([0.0, 0.1]),
            key=jax.random.key(2),
            replicas=replicas,
            events=True,
        )
        found.append(fitting.estimate_from_events(data))
    upper = np.triu_indices(3)
    rates = np.stack([np.asarray(f.rate)[upper] for f in found])
    errors = np.stack([np.asarray(f.standard_error)[upper] for f in found])
    z = (rates[0] - rates[1]) / np.hypot(*errors)
    assert np.all(np.abs(z) < 5)
    assert np.all(errors < 0.08 * rates)
    # All pairs together, weighted by their precision.
    weight = rates[1] ** 2 / np.sum(errors**2, axis=0)
    ratio = np.sum(weight * rates[0] / rates[1]) / weight.sum()
    assert abs(ratio - 1) < 5 / np.sqrt(weight.sum())
    assert 5 / np.sqrt(weight.sum()) < 0.1


def test_a_wide_range_is_refused():
    """ε = e^{−4}: the range is not small against √(Dτ), and the message says what is."""
    with pytest.raises(ValueError, match=r"`step` must be at least 2500 ρ²/D"):
        jk.simulate(
            gas(jk.schemes.PairLaw()),
            jk.laws.Polydisperse([5.0, 3.0, 2.0]),
            jnp.array([0.0, 0.1]),
            key=jax.random.key(3),
        )

"""The grid, which takes any profile, against the radial method, identities and its own tail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scattering_cases import lump

from jaxkin.physics.contacts.interactions import (
    Bump,
    Ellipsoid,
    General,
    Parabola,
)
from jaxkin.physics.contacts.scattering import (
    coagulation_rate,
    collision_probability,
)


def test_general_method_agrees_with_radial_on_smooth_profiles():
    """1e-6 at the default 40 points; measured 2e-7 (`Bump`) and 2e-8. (Fault: Ĝ without its 2.)"""
    for V in (Bump(1.4), Parabola(1.0, 4.0)):
        radial = coagulation_rate(20.0, 1.0, V)
        general = coagulation_rate(20.0, 1.0, V, method="general")
        np.testing.assert_allclose(general, radial, rtol=1e-6)


def test_general_method_converges_faster_than_any_low_order():
    """`Parabola(power=4)` is C³: at least order 4, so a factor 16 from 12 to 24 points."""
    V = Parabola(1.0, 4.0)
    radial = coagulation_rate(20.0, 1.0, V)
    errors = [
        abs(float(coagulation_rate(20.0, 1.0, V, method="general", resolution=n) / radial - 1))
        for n in (12, 24)
    ]
    assert errors[1] < errors[0] / 16 and errors[1] < 1e-6


@pytest.mark.slow
def test_general_derivatives_agree_with_radial():
    """At 16 points the value is off by 3e-6; 3e-5 allowed for first derivatives, 1e-3 beyond."""
    at = jnp.array([20.0, 2.0, 1.0])

    def radial(p):
        return coagulation_rate(p[0], p[1], Parabola(p[2], 4.0))

    def general(p):
        return coagulation_rate(p[0], p[1], Parabola(p[2], 4.0), method="general", resolution=16)

    reverse = jax.grad(general)(at)
    np.testing.assert_allclose(reverse, jax.grad(radial)(at), rtol=3e-5)
    along = jnp.array([1.0, 0.3, -0.2])
    forward = jax.jvp(general, (at,), (along,))[1]
    np.testing.assert_allclose(forward, reverse @ along, rtol=1e-9)
    second = [jax.jvp(jax.grad(f), (at,), (along,))[1] for f in (radial, general)]
    np.testing.assert_allclose(second[1], second[0], rtol=1e-3)


def test_general_probability_agrees_with_radial_and_with_its_own_tail():
    radial = collision_probability(20.0, 2.0, Parabola(1.0, 4.0))
    u = collision_probability(20.0, 2.0, Parabola(1.0, 4.0), method="general", resolution=24)
    x = jnp.array([[0.0, 0, 0], [0.3, 0.2, 0.1], [0.5, 0.5, 0.6], [0.7, 0.7, 0.2], [1, 2, 3.0]])
    np.testing.assert_allclose(u(x), radial(x), rtol=2e-6)
    np.testing.assert_allclose(jax.grad(u)(x[1]), jax.grad(radial)(x[1]), rtol=1e-4)
    # At |x| = 1000 the monopole is left; a pair has no order, so there is no dipole.
    u = collision_probability(20.0, 2.0, General(lump, 0.8), resolution=16)
    np.testing.assert_allclose(u(jnp.array([0.0, 1e3, 0])) * 1e3, u.scattering_length, rtol=1e-5)
    np.testing.assert_allclose(u(jnp.array([0.9, 0, 0])), u(jnp.array([-0.9, 0, 0])), rtol=1e-9)


@pytest.mark.slow
def test_profiles_that_are_not_radial():
    """The rate is that of ½[V(x) + V(−x)], (1.5); half-axes s make a ball of radius s."""

    def rate(V):
        return coagulation_rate(20.0, 2.0, V, resolution=16)

    # `lump` is even except for a dipole, which the mean over x and −x removes; up to GMRES (1e-11).
    for dipole in (0.8, -0.8):
        np.testing.assert_allclose(rate(General(lump, dipole)), rate(General(lump, 0.0)), rtol=1e-9)
    # The radii again.
    s = 0.7
    ball = coagulation_rate(20.0 * s**2, 2.0, Parabola(1.0, 2.0)) * s
    np.testing.assert_allclose(
        coagulation_rate(20.0, 2.0, Ellipsoid([s, s, s]), resolution=32), ball, rtol=1e-4
    )
    axes = jnp.array([1.0, 0.8, 0.6])

    def f(a):
        return rate(Ellipsoid(a))

    slope = jax.grad(f)(axes)
    finite = (f(axes.at[1].add(1e-4)) - f(axes.at[1].add(-1e-4))) / 2e-4
    np.testing.assert_allclose(slope[1], finite, rtol=1e-4)
    assert np.all(slope > 0)

"""The recipe (1.8)–(1.9) against closed forms, identities, limits, and method against method."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxkin.physics.contacts.interactions import (
    Ball,
    Bump,
    Ellipsoid,
    General,
    Interaction,
    Parabola,
    Radial,
)
from jaxkin.physics.contacts.scattering import (
    ball_rate,
    coagulation_rate,
    collision_probability,
    gross_pitaevskii_length,
    scattering_length,
)

KAPPAS = np.array([1e-3, 1e-2, 0.1, 0.5, 1.0, 3.0, 10.0, 30.0, 100.0])


def exact_ball(alpha, D, height=1.0):
    """4πD(1 − tanh κ/κ), by its own Taylor series below κ = 0.1, where the formula cancels.

    The terms of the series in x = κ² fall by x/2.5, so what is left out is below 1e-14.
    """
    x = alpha * height / D
    k = np.sqrt(x)
    series = 1 - 2 * x / 5 + 17 * x**2 / 105 - 62 * x**3 / 945 + 1382 * x**4 / 51975
    series -= 21844 * x**5 / 2027025
    direct = 4 * np.pi * D * (1 - np.tanh(k) / k)
    return np.where(k <= 0.1, alpha * height * 4 * np.pi / 3 * series, direct)


def exact_slope(alpha, D, height=1.0):
    """∂β/∂α = height·∫v², v = sinh κr/(κr cosh κ): 2πD/α·(tanh κ/κ − sech²κ), or its series."""
    x = alpha * height / D
    k = np.sqrt(x)
    series = 1 - 4 * x / 5 + 17 * x**2 / 35 - 248 * x**3 / 945 + 1382 * x**4 / 10395
    series -= 43688 * x**5 / 675675
    with np.errstate(over="ignore"):
        direct = 2 * np.pi * D / alpha * (np.tanh(k) / k - 1 / np.cosh(k) ** 2)
    return np.where(k <= 0.1, height * 4 * np.pi / 3 * series, direct)


def exact_diffusion_slope(alpha, D):
    """∂β/∂D = 4πD(1 − 3 tanh κ/(2κ) + sech²κ/2)/D, by Euler's relation β = αβ_α + Dβ_D."""
    x = alpha / D
    k = np.sqrt(x)
    series = 2 * x / 5 - 34 * x**2 / 105 + 186 * x**3 / 945 - 5528 * x**4 / 51975
    series += 21844 * x**5 / 405405
    direct = 4 * np.pi * (1 - 1.5 * np.tanh(k) / k + 0.5 / np.cosh(k) ** 2)
    return np.where(k <= 0.1, x * 4 * np.pi / 3 * series, direct)


def lump(x, slope):
    """Smooth and not radial: a bump with a dipole."""
    square = jnp.sum(x * x, axis=-1)
    gap = jnp.where(square < 1, 1 - square, 1.0)
    bump = jnp.where(square < 1, jnp.exp(1 - 1 / gap), 0.0)
    return bump * (1 + slope * x[..., 0])


def wave(r, k):
    """A profile without closed form."""
    return jnp.where(r <= 1, 1.2 + jnp.cos(k * r), 0.0)


def test_ball_matches_its_closed_form():
    """1e-10 is a stated goal; measured 1e-14. (Faults seen: D for D/2, 2G for G.)"""
    D = 1.7
    rate = coagulation_rate(KAPPAS**2 * D, D, Ball())
    np.testing.assert_allclose(rate, exact_ball(KAPPAS**2 * D, D), rtol=1e-10)
    np.testing.assert_allclose(
        coagulation_rate(KAPPAS**2 * D / 2.5, D, Ball(2.5)),
        exact_ball(KAPPAS**2 * D, D),
        rtol=1e-10,
    )


def test_ball_derivatives_match_theirs():
    """In strength, diffusivity, height, to 1e-8. (Fault: the coupling α/D held fixed.)"""
    D, alpha = 1.7, KAPPAS**2 * 1.7

    def total(a, d, h):
        return jnp.sum(coagulation_rate(a, d, Ball(h)))

    in_alpha, in_D = jax.grad(total, (0, 1))(jnp.asarray(alpha), jnp.full(9, D), 1.0)
    np.testing.assert_allclose(in_alpha, exact_slope(alpha, D), rtol=1e-8)
    np.testing.assert_allclose(in_D, exact_diffusion_slope(alpha, D), rtol=1e-8)
    in_height = jax.jacfwd(lambda h: coagulation_rate(alpha, D, Ball(h)))(1.0)
    np.testing.assert_allclose(in_height, alpha * exact_slope(alpha, D), rtol=1e-8)


def test_closed_form_keeps_its_digits_in_value_and_derivative():
    """`ball_rate` itself, from κ = 0: 1e-12 in float64; 1e-6, eight roundings, in float32."""
    D, alpha = 1.7, KAPPAS**2 * 1.7
    np.testing.assert_allclose(ball_rate(alpha, D), exact_ball(alpha, D), rtol=1e-12)
    slope = jax.vmap(jax.grad(ball_rate), (0, None))(jnp.asarray(alpha), D)
    np.testing.assert_allclose(slope, exact_slope(alpha, D), rtol=1e-11)
    single = ball_rate(alpha.astype(np.float32), np.float32(D), np.float32(1))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, exact_ball(alpha, D), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(ball_rate)(0.0, 1.0), 4 * np.pi / 3, rtol=1e-15)
    near, far = ball_rate(4 * (1 - 1e-12), 1.0), ball_rate(4 * (1 + 1e-12), 1.0)
    np.testing.assert_allclose(near, far, rtol=1e-11)


@pytest.mark.parametrize("dimension", [3, 4, 5, 7])
def test_ball_in_higher_dimensions_is_a_ratio_of_bessel_functions(dimension):
    """β = (d−2)|S^{d−1}| D I_{ν+1}(κ)/I_{ν−1}(κ), ν = d/2−1. (Fault: (d−2) left out.)"""
    nu, D = dimension / 2 - 1, 0.6
    area = 2 * np.pi ** (dimension / 2) / special.gamma(dimension / 2)
    ratio = special.ive(nu + 1, KAPPAS) / special.ive(nu - 1, KAPPAS)
    rate = coagulation_rate(KAPPAS**2 * D, D, Ball(), dimension=dimension)
    np.testing.assert_allclose(rate, (dimension - 2) * area * D * ratio, rtol=1e-10)


def test_plane():
    """(2.4); on the disc A = πα, not α. (Fault: ∫V taken for 1.)"""
    alpha, D = 3.0, 0.8
    A = np.pi * alpha
    expected = 2 * np.pi * D * A / (2 * np.pi * D + A)
    np.testing.assert_allclose(
        coagulation_rate(alpha, D, Ball(), dimension=2), expected, rtol=1e-14
    )
    np.testing.assert_allclose(
        coagulation_rate(1e12, D, Bump(), dimension=2), 2 * np.pi * D, rtol=1e-10
    )
    E = Ellipsoid([1.0, 0.5])
    A = alpha * E.integral(2)
    np.testing.assert_allclose(
        coagulation_rate(alpha, D, E, dimension=2), 1 / (1 / A + 1 / (2 * np.pi * D)), rtol=1e-14
    )


@pytest.mark.parametrize("V", [Radial(wave, 5.0), Bump(2.0), Parabola(1.5, 1.0)])
def test_limits_of_weak_and_strong_interaction(V):
    """β = α∫V(1 − O(α/D)), and β ≤ 4πD, the capacity, approached as α grows."""
    np.testing.assert_allclose(coagulation_rate(1e-9, 1.0, V), 1e-9 * V.integral(3), rtol=1e-8)
    rates = coagulation_rate(np.array([1e1, 1e2, 1e3, 1e4]), 1.0, V) / (4 * np.pi)
    assert np.all(np.diff(rates) > 0) and rates[-1] < 1
    assert rates[-1] > 0.75
    np.testing.assert_allclose(
        coagulation_rate(1e6, 1.0, Ball()) / (4 * np.pi), 1 - 1e-3, rtol=1e-6
    )


@pytest.mark.parametrize("k", [2.0, 6.0])
def test_tail_of_u_gives_the_rate(k):
    """β = 4πD a with a from u at |x| = 1 and 7, and β = α∫V(1−u) by another quadrature: 1e-8."""
    alpha, D, V = 12.0, 1.3, Radial(wave, k)
    u = collision_probability(alpha, D, V)
    beta = coagulation_rate(alpha, D, V)
    for r in (1.0, 1.5, 7.0):
        np.testing.assert_allclose(4 * np.pi * D * r * u.profile(r), beta, rtol=1e-8)
    # Flux through the sphere, from inside the support, where nothing but the equation fixes u′.
    np.testing.assert_allclose(-4 * np.pi * D * jax.grad(u.profile)(1.0), beta, rtol=1e-8)
    r, w = np.polynomial.legendre.leggauss(50)
    r, w = (r + 1) / 2, w / 2
    shell = 4 * np.pi * r**2 * V.profile(r) * (1 - u.profile(r))
    np.testing.assert_allclose(alpha * np.sum(w * shell), beta, rtol=1e-8)


def test_u_satisfies_the_equation():
    """−u″ − 2u′/r = (α/D)V(1−u) by automatic differentiation, and 0 ≤ u ≤ 1, decreasing."""
    alpha, D, V = 12.0, 1.3, Radial(wave, 5.0)
    u = collision_probability(alpha, D, V)
    r = jnp.linspace(0.05, 0.99, 40)
    slope, bend = jax.vmap(jax.grad(u.profile))(r), jax.vmap(jax.grad(jax.grad(u.profile)))(r)
    residual = bend + 2 * slope / r + alpha / D * V.profile(r) * (1 - u.profile(r))
    # Two derivatives of 20 Legendre terms on a panel of width 0.02 amplify 1e-16 by 20⁴·100².
    assert np.max(np.abs(residual)) < 1e-5
    values = u(jnp.linspace(0, 3, 50)[:, None] * jnp.array([0.6, 0.0, 0.8]))
    assert np.all((values > 0) & (values < 1)) and np.all(np.diff(values) < 0)


def test_ball_probability_is_its_closed_form():
    """1 − u = sinh κr/(κr cosh κ) inside; a = 1 − tanh κ/κ outside."""
    kappa = 4.0
    u = collision_probability(kappa**2, 1.0, Ball())
    r = np.linspace(0.01, 1, 30)
    np.testing.assert_allclose(
        1 - u.profile(r), np.sinh(kappa * r) / (kappa * r * np.cosh(kappa)), rtol=1e-11
    )
    np.testing.assert_allclose(u(jnp.array([3.0, 0, 4.0])), (1 - np.tanh(4) / 4) / 5, rtol=1e-12)
    assert np.all(np.isfinite(jax.grad(u)(jnp.zeros(3))))


def test_radii_rescale_the_rate():
    """V of range R, as R⁻²V(x/R), has β = R^{d−2}β₀ (section 2.4.2). (Fault: R^{d−1}.)"""
    R = 0.5
    small = Radial(lambda r: Bump().profile(r / R) / R**2, breakpoints=(0.4, 0.49, R))
    for d in (3, 4, 5):
        np.testing.assert_allclose(
            coagulation_rate(9.0, 1.1, small, dimension=d),
            R ** (d - 2) * coagulation_rate(9.0, 1.1, Bump(), dimension=d),
            rtol=1e-11,
        )


def test_break_points_keep_the_order():
    """A ball of radius 1/2 is R·β_ball(αR²): 1e-12 with the break point, not even 1e-6 without."""
    alpha, R = 30.0, 0.5

    def step(r):
        return jnp.where(r <= R, 1.0, 0.0)

    expected = R * exact_ball(alpha * R**2, 1.0)
    told = coagulation_rate(alpha, 1.0, Radial(step, breakpoints=(R,)))
    np.testing.assert_allclose(told, expected, rtol=1e-12)
    assert abs(coagulation_rate(alpha, 1.0, Radial(step)) / expected - 1) > 1e-6


def test_radial_method_converges_spectrally():
    """Each 2 nodes more gain a factor 8 at least, down to 1e-12; an algebraic method gains 2."""
    alpha = 30.0**2

    def error(n):
        return abs(coagulation_rate(alpha, 1.0, Ball(), resolution=n) / exact_ball(alpha, 1.0) - 1)

    errors = np.array([float(error(n)) for n in (4, 6, 8, 10, 12)])
    assert np.all(errors[1:] < errors[:-1] / 8)
    assert errors[-1] < 1e-11
    # A fault that stays in the method shows as a plateau; the default is on the floor.
    assert error(20) < 1e-14 * 10


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

    # `lump` is even but for a dipole, which the mean over x and −x removes; up to GMRES (1e-11).
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


def test_reverse_forward_and_finite_differences_agree():
    at = jnp.array([12.0, 1.3, 5.0, 0.9])

    def f(p):
        return coagulation_rate(p[0], p[1], Radial(wave, p[2], height=p[3]))

    reverse = jax.grad(f)(at)
    np.testing.assert_allclose(jax.jacfwd(f)(at), reverse, rtol=1e-12)
    step = 1e-5
    finite = [(f(at + step * e) - f(at - step * e)) / (2 * step) for e in jnp.eye(4)]
    # Truncation step²f‴/6 and rounding 1e-14/step are below 1e-8.
    np.testing.assert_allclose(reverse, finite, rtol=1e-7)


def test_matrices_jit_vmap_and_zero_strength():
    D = 1.0 / jnp.arange(1, 6)
    matrix = coagulation_rate(jnp.full((5, 5), 8.0), D[:, None] + D, Bump())
    assert matrix.shape == (5, 5)
    one = coagulation_rate(8.0, D[1] + D[3], Bump())
    np.testing.assert_allclose(matrix[1, 3], one, rtol=1e-13)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-13)

    def f(a):
        return coagulation_rate(a, 1.0, Bump())

    a = jnp.array([0.0, 1.0, 30.0])
    np.testing.assert_allclose(jax.jit(jax.vmap(f))(a), f(a), rtol=1e-13)
    np.testing.assert_allclose(jax.grad(f)(0.0), Bump().integral(3), rtol=1e-11)
    assert f(0.0) == 0
    assert coagulation_rate(0.0, 1.0, General(lump, 0.1), resolution=8) == 0


def test_many_pairs_cross_the_batches():
    """600 pairs are more than two batches of 256. Batches side by side stop each other in time."""
    for shift in np.linspace(0, 1, 20):
        alpha = jnp.linspace(0.1, 50, 600) + shift
        np.testing.assert_allclose(
            coagulation_rate(alpha, 1.0, Ball()), exact_ball(np.asarray(alpha), 1.0), rtol=1e-12
        )


def test_a_new_value_does_not_compile_again():
    seen = []

    class Counted(Bump):
        def profile(self, r):
            seen.append(isinstance(r, jax.core.Tracer) or isinstance(self.height, jax.core.Tracer))
            return super().profile(r)

    coagulation_rate(3.0, 1.0, Counted(1.0))
    traces = sum(seen)
    coagulation_rate(4.0, 2.0, Counted(1.5))
    # The check traces for shapes, inside and outside the ball, and the solver once: for shapes
    # once more each time.
    assert traces == 4 and sum(seen) == 5


@pytest.mark.parametrize("method", ["radial", "general"])
def test_single_precision(method):
    """1e-5 for the collocation (measured 1e-7), and for the grid at 20 points."""
    f = np.float32
    V = Parabola(f(1.0), f(4.0))
    for alpha in (1e-6, 1.0, 100.0):
        rate = coagulation_rate(f(alpha), f(1.0), V, method=method, resolution=20)
        assert rate.dtype == jnp.float32
        np.testing.assert_allclose(
            rate, coagulation_rate(alpha, 1.0, Parabola(1.0, 4.0)), rtol=1e-5
        )
    if method == "radial":
        k = KAPPAS.astype(f)
        rate = coagulation_rate(k * k, f(1.0), Ball(f(1.0)))
        np.testing.assert_allclose(rate, exact_ball(KAPPAS**2, 1.0), rtol=1e-5)


def test_scattering_lengths():
    """a of the ball is 1 − tanh κ/κ; 8πa₀ = ∫V(1−ω₀) with α/D = 1/2."""
    np.testing.assert_allclose(
        scattering_length(Ball(), coupling=9.0), 1 - np.tanh(3) / 3, rtol=1e-12
    )
    k = np.sqrt(2.5)
    np.testing.assert_allclose(gross_pitaevskii_length(Ball(5.0)), 1 - np.tanh(k) / k, rtol=1e-12)
    V = Radial(wave, 5.0)
    omega = collision_probability(0.5, 1.0, V)
    r, w = np.polynomial.legendre.leggauss(40)
    r, w = (r + 1) / 2, w / 2
    whole = np.sum(w * 4 * np.pi * r**2 * V.profile(r) * (1 - omega.profile(r)))
    np.testing.assert_allclose(8 * np.pi * gross_pitaevskii_length(V), whole, rtol=1e-10)


def test_intermediate_scaling_sees_no_repulsion():
    """β = α∫V for γ < 1 (section 3.4), and it does not depend on D."""
    V = Bump(2.0)
    rate = coagulation_rate(50.0, 1.0, V, range_exponent=0.5)
    np.testing.assert_allclose(rate, 50.0 * V.integral(3), rtol=1e-14)
    assert coagulation_rate(50.0, 1.0, V) < 0.5 * rate


class Negative(Interaction):
    def __call__(self, x):
        return -jnp.where(jnp.sum(x * x, -1) < 1, 1.0, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: coagulation_rate(-1.0, 1.0, Ball()),
            "Argument `strength` must be finite and at l",
        ),
        (lambda: coagulation_rate(jnp.nan, 1.0, Ball()), "Argument `strength` must be finite"),
        (lambda: coagulation_rate(1.0, [1.0, 0.0], Ball()), "`diffusivity` must.*above 0.*entry"),
        (lambda: coagulation_rate(1.0, 1.0, Ball(), dimension=1), "`dimension` must.*use 2 or 3"),
        (lambda: coagulation_rate(1.0, 1.0, Ball(), dimension=2.5), "`dimension` must be an int"),
        (lambda: coagulation_rate(1.0, 1.0, Negative()), "`interaction` must be nonnegative"),
        (lambda: coagulation_rate(1.0, 1.0, Radial(jnp.cosh)), "must vanish outside the unit ball"),
        (lambda: coagulation_rate(1.0, 1.0, jnp.cos), "`interaction` must be an `Interaction`"),
        (lambda: coagulation_rate(1.0, 1.0, Ball(), method="fast"), '`method` must be None, "rad'),
        (
            lambda: coagulation_rate(1.0, 1.0, General(lump, 0.1), method="radial"),
            '`method` must be "general"',
        ),
        (
            lambda: coagulation_rate(1.0, 1.0, Ball(), method="general", dimension=4),
            "`dimension` must be 3",
        ),
        (lambda: coagulation_rate(1.0, 1.0, Ball(), resolution=0), "`resolution` must be an int"),
        (lambda: coagulation_rate(1.0, 1.0, Ball(), range_exponent=0.0), "`range_exponent` must l"),
        (
            lambda: coagulation_rate(1.0, 1.0, Ball(), dimension=2, range_exponent=0.5),
            "`range_exponent` must be 1 in dimension 2",
        ),
        (lambda: collision_probability([1.0, 2.0], 1.0, Ball()), "must be one number.*jax.vmap"),
        (
            lambda: collision_probability(1.0, 1.0, Ball(), dimension=2),
            "`dimension` must be at least 3.*coagulation_rate",
        ),
        (lambda: ball_rate(-1.0, 1.0), "Argument `strength` must be finite"),
        (lambda: ball_rate(1.0, 0.0), "Argument `diffusivity` must be finite"),
        (lambda: ball_rate(1.0, 1.0, -1.0), "Argument `height` must be finite"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_probability_is_a_pytree():
    """It can leave a compiled function and be vmapped over pairs."""
    many = eqx.filter_vmap(lambda a: collision_probability(a, 1.0, Ball()))(jnp.array([1.0, 9.0]))
    np.testing.assert_allclose(
        many.scattering_length, 1 - np.tanh([1.0, 3.0]) / [1.0, 3.0], rtol=1e-12
    )

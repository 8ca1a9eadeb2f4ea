"""Contact profiles: integrals against closed forms, finite derivatives, and each error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from jaxkin.physics.contacts.interactions import (
    Ball,
    Bump,
    Ellipsoid,
    General,
    Parabola,
    Radial,
)


def cosine(r, k):
    return jnp.where(r <= 1, 2 + jnp.cos(k * r), 0.0)


def tilted(x, slope):
    square = jnp.sum(x * x, axis=-1)
    gap = jnp.where(square < 1, 1 - square, 0.0)
    return gap**2 * (1 + slope * x[..., 0])


MEMBERS = [
    Ball(1.5),
    Bump(0.7),
    Parabola(2.0, 1.5),
    Radial(cosine, 3.0),
    General(tilted, 0.4),
    Ellipsoid([1.0, 0.8, 0.6], 1.3),
]
NAMES = [type(V).__name__ for V in MEMBERS]


@pytest.mark.parametrize("V", MEMBERS, ids=NAMES)
def test_members_pass_their_own_check_and_vanish_outside(V):
    V.check(3)
    x = jnp.array([[0.0, 0.0, 0.0], [0.1, 0.2, -0.3], [1.0, 1.0, 1.0], [0.0, -1.001, 0.0]])
    values = V(x)
    assert values.shape == (4,)
    assert np.all(values[:2] > 0) and np.all(values[2:] == 0)


@pytest.mark.parametrize("V", MEMBERS[:4], ids=NAMES[:4])
@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_radial_integrals_match_adaptive_quadrature(V, dimension):
    """1e-9: SciPy is asked for 1e-11, and the panels of `Bump` reach 1e-12. (Fault: |S^d|.)"""
    area = (
        2
        * np.pi ** (dimension / 2)
        / {1: np.pi**0.5, 2: 1.0, 3: np.pi**0.5 / 2, 5: np.pi**0.5 * 0.75}[dimension]
    )
    profile = jax.jit(lambda r: V.profile(r))
    shell, _ = integrate.quad(
        lambda r: float(profile(r)) * r ** (dimension - 1), 0, 1, epsrel=1e-11, epsabs=1e-13
    )
    np.testing.assert_allclose(V.integral(dimension), area * shell, rtol=1e-9)


def test_integrals_of_profiles_that_are_not_radial():
    """The slope of `tilted` is odd, so ∫ is that of the parabola; 2e-15·nodes is the rounding."""
    for d in (2, 3):
        np.testing.assert_allclose(
            General(tilted, 0.4).integral(d), Parabola(1.0, 2.0).integral(d), rtol=1e-12
        )
    E = Ellipsoid([1.0, 0.8, 0.6], 1.3)
    np.testing.assert_allclose(
        E.integral(3), 1.3 * 0.48 * Parabola(1.0, 2.0).integral(3), rtol=1e-14
    )
    # Against the sum over a grid: V ∈ C¹ with power 2, so the midpoint sum is good to h³ = 2e-5.
    axis = (jnp.arange(80) + 0.5) / 40 - 1
    x = jnp.stack(jnp.meshgrid(axis, axis, axis, indexing="ij"), -1)
    np.testing.assert_allclose(jnp.sum(E(x)) / 40**3, E.integral(3), rtol=1e-5)


def test_disc_and_ball_volumes():
    np.testing.assert_allclose(Ball(3.0).integral(2), 3 * np.pi, rtol=1e-15)
    np.testing.assert_allclose(Ball().integral(3), 4 * np.pi / 3, rtol=1e-15)
    np.testing.assert_allclose(Parabola(1.0, 1.0).integral(3), 8 * np.pi / 15, rtol=1e-14)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_bump_is_flat_at_the_edge_and_finite_in_all_derivatives(dtype):
    V = Bump(dtype(2.0))
    r = jnp.concatenate(
        [jnp.linspace(0, 1.5, 301), 1 - jnp.geomspace(1e-16, 1e-2, 50), jnp.array([0.0, 1.0])]
    ).astype(dtype)
    f = V.profile
    for _ in range(3):
        values = jax.vmap(f)(r)
        assert values.dtype == dtype and np.all(np.isfinite(values))
        assert np.all(values[r >= 1] == 0)
        f = jax.grad(f)
    assert V.profile(dtype(0.0)) == 2.0
    assert np.all(np.isfinite(jax.grad(V)(jnp.zeros(3, dtype))))


@pytest.mark.slow
def test_parameters_are_differentiable_leaves():
    """Central differences with step 1e-5: truncation near 1e-10, so 1e-8 is safe."""
    step = 1e-5
    for make, at in [
        (lambda p: Parabola(1.0, p).integral(3), 1.5),
        (lambda p: Ellipsoid(jnp.array([1.0, p, 0.6])).integral(3), 0.8),
        (lambda k: Radial(cosine, k).integral(3), 3.0),
        (lambda s: jnp.sum(General(tilted, s)(jnp.full((1, 3), 0.3))), 0.4),
        (lambda p: Ellipsoid(jnp.array([1.0, p, 0.6]))(jnp.full(3, 0.3)), 0.8),
    ]:
        slope = jax.grad(make)(at)
        finite = (make(at + step) - make(at - step)) / (2 * step)
        assert abs(slope) > 1e-3
        np.testing.assert_allclose(slope, finite, rtol=1e-7)
        np.testing.assert_allclose(jax.jacfwd(make)(at), slope, rtol=1e-12)


def test_parabola_gradient_is_finite_where_it_ends():
    gradient = jax.grad(lambda p: Parabola(1.0, p).profile(jnp.array([0.0, 1.0, 1.2])).sum())(1.0)
    assert np.isfinite(gradient)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ball(-1.0), "Argument `height` must be finite and at least 0"),
        (lambda: Bump(jnp.nan), "Argument `height` must be finite"),
        (lambda: Ball(jnp.ones(2)), "Argument `height` must be a number"),
        (lambda: Parabola(1.0, 0.0), "Argument `power` must be positive.*`Ball`"),
        (lambda: Ellipsoid([2.0, 1.0]), "Argument `axes` must lie in .0, 1."),
        (lambda: Ellipsoid(1.0), "Argument `axes` must be a vector"),
        (lambda: Ellipsoid([1.0], power=0.5), "Argument `power` must be at least 1"),
        (lambda: Ellipsoid([1.0, 0.5]).integral(3), "must be the number of half-axes, 2"),
        (lambda: Radial(cosine, 1.0, breakpoints=(1.0,)), "Argument `breakpoints` must lie"),
        (lambda: General(tilted, 0.1).integral(4), "must be 2 or 3 for a V that is not radial"),
    ],
)
def test_constructors_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("V", "message"),
    [
        (
            Radial(lambda r: jnp.where(r <= 1, jnp.cos(4 * r), 0.0)),
            "must be nonnegative, but V = -",
        ),
        (Radial(lambda r: jnp.exp(-r)), "must vanish outside the unit ball.*R²·V"),
        (Radial(lambda r: jnp.sqrt(0.5 - r)), "must be finite everywhere"),
        (Radial(lambda r: jnp.where(r <= 1, 1.0, jnp.nan)), "must be finite everywhere"),
        (General(lambda x: jnp.where(x < 1, 1.0, 0.0)), "must give one value per point"),
        (General(lambda x: jnp.ones(())), "must give one value per point"),
    ],
)
def test_the_check_refuses(V, message):
    with pytest.raises(ValueError, match=message):
        V.check(3)


def test_check_passes_tracers():
    """Values are unknown under a transformation; the sign of a traced height cannot be checked."""

    @jax.jit
    def total(height):
        V = Radial(cosine, 1.0, height=height)
        V.check(3)
        return V.integral(3)

    np.testing.assert_allclose(total(2.0), 2 * Radial(cosine, 1.0).integral(3), rtol=1e-14)

"""The law of a pair seen from afar, against the heat equation and identities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, interpolate, stats

from jaxkin.physics.contacts.point_scatterer import may_react, reaction_probability, reaction_time


def probability(near, far, cosine, spread, length, dtype=jnp.float64):
    """K for |r₀| = near, |r₁| = far at an angle; arguments broadcast."""
    near, far, cosine, spread = np.broadcast_arrays(near, far, cosine, spread)
    sine = np.sqrt(1 - cosine**2)
    start = np.stack([near, 0 * near, 0 * near]).reshape(3, -1)
    stop = np.stack([far * cosine, far * sine, 0 * far]).reshape(3, -1)
    k = reaction_probability(
        *(jnp.asarray(x, dtype) for x in (start, stop, spread.ravel())), jnp.asarray(length, dtype)
    )
    return np.asarray(k).reshape(near.shape)


def radial_kernel(r, r0, spread, inner, outer=40.0, terms=4000):
    """Spherical mean of the heat kernel on inner < r < outer, 0 at both ends, by a sine series.

    ψ = r·p solves ∂ψ/∂t = D ∂²ψ/∂r². The outer wall is too far away to be felt.
    """
    k = np.pi * np.arange(1, terms) / (outer - inner)
    series = np.sum(np.sin(k * (r - inner)) * np.sin(k * (r0 - inner)) * np.exp(-(k**2) * spread))
    return 2 / (outer - inner) * series / (4 * np.pi * r * r0)


@pytest.mark.parametrize(
    ("near", "far", "spread", "length"),
    [(0.8, 1.3, 1.0, 0.2), (2.0, 0.7, 0.5, 0.1), (1.5, 1.5, 3.0, 0.4)],
)
def test_the_mean_over_directions_solves_the_heat_equation(near, far, spread, length):
    """⟨free kernel · K⟩ = free − absorbing at r = a, both by a series of sines.

    The average over the angle is by 60 Gauss points, exact to rounding for these exponents.
    """
    cosine, weight = np.polynomial.legendre.leggauss(60)
    k = probability(near, far, cosine, spread, length)
    assert k.max() < 1, "a clipped K would not obey the identity"
    apart = near**2 + far**2 - 2 * near * far * cosine
    free = (4 * np.pi * spread) ** -1.5 * np.exp(-apart / (4 * spread))
    found = np.sum(weight / 2 * free * k)
    truth = radial_kernel(far, near, spread, 0.0) - radial_kernel(far, near, spread, length)
    np.testing.assert_allclose(found, truth, rtol=1e-9)


def panels(edges, nodes):
    x, w = np.polynomial.legendre.leggauss(nodes)
    left, right = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    return ((left + right) / 2 + (right - left) / 2 * x).ravel(), ((right - left) / 2 * w).ravel()


@pytest.mark.parametrize("ratio", [100.0, 400.0, 1600.0])
def test_rate_from_all_ends(ratio):
    """∫∫ free · K dr₀ dr₁ = 4πDaτ(1 + 2a/√(πDτ)) + 4πa³/3 for s = Dτ/a² ≫ 1.

    The transient is the mean over [0, τ] of k(t) = 4πDa(1 + a/√(πDt)); the last term holds the
    pairs that start inside. What is left is of relative order s^{−3/2}. The kinks where K reaches
    1 cost the quadrature less than that. Fails with a longer by 1 %.
    """
    length, spread = 1.0, ratio
    wide = np.sqrt(spread)
    r, w = panels(
        [0, 0.5, 1, 1.5, 2, 4, wide / 2, wide, 2 * wide, 4 * wide, 8 * wide, 14 * wide], 12
    )
    cosine, weight = panels([-1, -0.98, -0.9, -0.5, 0, 1], 8)
    near, far, c = r[:, None, None], r[None, :, None], cosine
    k = probability(near, far, c, spread, length)
    apart = near**2 + far**2 - 2 * near * far * c
    free = (4 * np.pi * spread) ** -1.5 * np.exp(-apart / (4 * spread))
    shells = 8 * np.pi**2 * (w * r**2)[:, None, None] * (w * r**2)[None, :, None] * weight
    found = np.sum(shells * free * k)
    law = 4 * np.pi * length * spread * (1 + 2 * length / np.sqrt(np.pi * spread))
    law += 4 * np.pi / 3 * length**3
    assert abs(found / law - 1) < ratio**-1.5


def test_inside_it_is_certain():
    """K = 1 for |r₀| + |r₁| ≤ 2a, whatever the angle, and at r₀ = 0."""
    cosine = np.linspace(-1, 1, 9)
    np.testing.assert_array_equal(probability(0.15, 0.2, cosine, 1.0, 0.2), 1)
    np.testing.assert_array_equal(probability(0.0, 0.1, cosine, 1.0, 0.2), 1)
    np.testing.assert_array_equal(probability(0.0, 5.0, cosine, 1.0, 0.2), 1)


def test_limits():
    """No scatterer, no reaction; at short times only a pair behind each other's back reacts."""
    assert np.all(probability(1.0, 1.0, np.linspace(-1, 1, 5), 0.3, 0.0) == 0)
    k = probability(1.0, 1.0, np.array([-1.0, 1.0]), 0.01, 0.05)
    # Opposite: w = 0. The same side: w = 1/(Dτ) = 100.
    gain = np.expm1(0.05 * 1.95 / 0.01)
    np.testing.assert_allclose(k, [1, 0.01 * np.exp(-100) * gain], rtol=1e-12)
    # Symmetric under time reversal.
    np.testing.assert_allclose(
        probability(0.5, 1.7, 0.3, 1.0, 0.1), probability(1.7, 0.5, 0.3, 1.0, 0.1), rtol=1e-14
    )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_short_times_do_not_overflow(dtype):
    """A product born at the end of a step has a bridge so short that e^{a(|r₀|+|r₁|−a)/Dτ} is huge.

    K is then e^{x−w}Dτ/(|r₀||r₁|) with x and w large and near each other, neither NaN nor 1.
    Fails with e^{−w} and expm1(x) multiplied: 0·∞ in one case, min(∞, 1) in the other.
    """
    near = np.array([1.5, 2.0, 1.7, 2.0])
    spread = np.array([0.02, 0.001, 0.022, 0.0285])
    cosine = np.array([1.0, 1.0, 0.96, 0.6])
    x, w = (2 * near - 1) / spread, near**2 * (1 + cosine) / (2 * spread)
    truth = np.exp(x - w + np.log(spread / near**2))
    assert truth.max() < 0.1
    k = probability(near, near, cosine, spread, 1.0, dtype)
    # The exponents carry an error of a few units in the last place of w.
    rounding = 16 * np.finfo(dtype).eps * w
    np.testing.assert_array_less(np.abs(k - truth), rounding * truth + np.finfo(dtype).tiny)


def test_single_precision_agrees_with_double():
    """The exponent is the difference of terms of size |r₀||r₁|/Dτ: that sets the error."""
    rng = np.random.default_rng(0)
    near, far = rng.uniform(0.01, 5, (2, 4000))
    cosine, spread = rng.uniform(-1, 1, 4000), rng.uniform(0.1, 3, 4000)
    single = probability(near, far, cosine, spread, 0.1, jnp.float32)
    assert single.dtype == np.float32
    double = probability(near, far, cosine, spread, 0.1)
    edge = np.abs(near + far - 0.2) < 1e-5
    rounding = (
        16 * np.finfo(np.float32).eps * (2 + near * far / spread + 0.1 * (near + far) / spread)
    )
    assert np.all(edge | (np.abs(single - double) <= rounding * double + 1e-30))
    assert 0 <= single.min() and single.max() == 1


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_no_nan(dtype):
    """Values and derivatives stay finite: inside, far away, and for very short bridges."""
    start = jnp.asarray([[1e-3, 0.3, 5.0, 40.0, 1.0, 1.0]] + [[1e-3] * 6] * 2, dtype)
    stop = jnp.asarray([[1e-3, -0.3, 5.0, -40.0, 1.0, -1.0]] + [[1e-3] * 6] * 2, dtype)
    spread = jnp.asarray([1.0, 1.0, 1e-2, 1e-2, 1e-4, 1e-4], dtype)

    def total(start, stop, spread, length):
        return reaction_probability(start, stop, spread, length)

    args = start, stop, spread, jnp.asarray(0.2, dtype)
    assert np.all(np.isfinite(total(*args)))
    jacobian = jax.jacfwd(total, argnums=(0, 1, 2, 3))(*args)
    assert all(np.all(np.isfinite(j)) for j in jacobian)
    reverse = jax.jacrev(total, argnums=(0, 1, 2, 3))(*args)
    assert all(np.all(np.isfinite(j)) for j in reverse)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_screen_lets_every_reaction_pass(dtype):
    """A draw just below K is always below the bound, which holds the largest length of any pair.

    Where the gain is small the bound is close: a draw at 1.2 K is refused. Fails with the shade
    doubled, or with one distance left out of the gain.
    """
    rng = np.random.default_rng(0)
    n, spread, lengths = 20000, 4e-3, np.array([[1e-4, 3e-3], [3e-3, 2e-2]])
    start = 0.3 * rng.normal(size=(3, n)) * rng.random(n) ** 2
    stop = start + np.sqrt(2 * spread) * rng.normal(size=(3, n))
    motion = [(start**2).sum(0), (stop**2).sum(0), (start * stop).sum(0)]
    motion = [jnp.asarray(x, dtype) for x in (*motion, np.full(n, spread))]
    for length in (1e-4, 3e-3, 2e-2):
        k = reaction_probability(
            *(jnp.asarray(x, dtype) for x in (start, stop, np.full(n, spread))), dtype(length)
        )
        counts = np.asarray(k) > 1e-25
        assert counts.sum() > 1000
        passed = may_react(k * (1 - 1e-4), *motion, jnp.asarray(lengths, dtype))
        assert np.all(np.asarray(passed)[counts])
    alone = dtype(1e-4)
    k = reaction_probability(*(jnp.asarray(x, dtype) for x in (start, stop, motion[3])), alone)
    weak = (np.asarray(k) > 1e-25) & (np.asarray(k) < 0.5)
    refused = ~np.asarray(may_react(k * 1.2, *motion, alone[None, None]))
    assert weak.sum() > 1000 and np.all(refused[weak])


def test_derivative_in_the_length():
    """d K/da against a central difference; its error is O(h²) = 1e-10 here."""

    def k(a):
        return reaction_probability(
            jnp.array([[0.7], [0.2], [0.0]]), jnp.array([[-0.4], [0.9], [0.1]]), jnp.array([0.5]), a
        )[0]

    h = 1e-5
    np.testing.assert_allclose(jax.grad(k)(0.1), (k(0.1 + h) - k(0.1 - h)) / (2 * h), rtol=1e-8)


def distribution(near, far, spread):
    """The law of the time by quadrature of its density, as a function on [0, 1]."""
    # In x = ln(t/(1 − t)), where the density is smooth and decays fast at both ends.
    x = np.linspace(-40, 40, 400_001)
    t = 1 / (1 + np.exp(-x))
    rest = 1 / (1 + np.exp(x))
    log = (
        -0.5 * (np.log(t) + np.log(rest))
        - near**2 / (4 * spread * t)
        - far**2 / (4 * spread * rest)
    )
    mass = integrate.cumulative_simpson(np.exp(log - log.max()), x=x, initial=0)
    return interpolate.interp1d(t, mass / mass[-1], bounds_error=False, fill_value=(0, 1))


@pytest.mark.parametrize(
    ("near", "far", "spread"),
    [
        (0.5, 0.5, 1.0),
        (0.1, 2.0, 1.0),
        (2.0, 0.1, 1.0),
        (1.0, 3.0, 0.2),
        (0.02, 0.01, 1.0),
        (3.0, 1.0, 10.0),
    ],
)
def test_reaction_time(near, far, spread):
    """Kolmogorov–Smirnov against the density at the level of 5 standard errors, 6e-7.

    Fails with the mixture weighted by the other end, and with the shape of the inverse Gaussian
    10 % larger.
    """
    n = 100_000
    keys = jax.random.split(jax.random.key(0), 3)
    t = reaction_time(
        jnp.full(n, near),
        jnp.full(n, far),
        jnp.full(n, spread),
        jax.random.normal(keys[0], (n,)),
        jax.random.uniform(keys[1], (n,)),
        jax.random.uniform(keys[2], (n,)),
    )
    assert stats.kstest(np.asarray(t), distribution(near, far, spread)).pvalue > 6e-7


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_reaction_time_is_in_the_step(dtype):
    """At the extremes of its arguments, in the dtype that it was given."""
    near, far, spread, normal, u = (
        jnp.asarray(x.ravel(), dtype)
        for x in np.meshgrid(
            [0.0, 1e-6, 1.0, 30.0],
            [0.0, 1e-6, 1.0, 30.0],
            [1e-4, 1.0],
            [0.0, 5.3],
            [2.0**-24, 1 - 2.0**-24],
        )
    )
    t = reaction_time(near, far, spread, normal, u, 1 - u)
    assert t.dtype == dtype
    assert np.all((np.asarray(t) >= 0) & (np.asarray(t) <= 1))

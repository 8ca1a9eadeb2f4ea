"""Initial laws: what they sample is what their densities say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.laws import Inhomogeneous, Monodisperse, Polydisperse


def wave(x):
    """h₁ = 1 + ½cos 2πx, h₂ = ½ + ¼sin 2πy, Z = 3/2; the sum is at most 9/4."""
    return jnp.stack(
        [1 + 0.5 * jnp.cos(2 * jnp.pi * x[0]), 0.5 + 0.25 * jnp.sin(2 * jnp.pi * x[1])]
    )


def test_monodisperse():
    law = Monodisperse(3, density=2.0)
    np.testing.assert_array_equal(law.densities, [0, 0, 2])
    assert law.max_mass == 3 and law.uniform and law.total(3) == 2
    drawn = law.sample_particles(50, 3, key=jax.random.key(0))
    assert np.all(drawn.mass == 3) and drawn.position.shape == (50, 3)


def test_polydisperse_samples_masses_in_proportion():
    """Binomial errors, 5 of them. Fails with `densities` in place of their logarithm."""
    h = np.array([1.0, 0.0, 3.0, 0.5])
    law, n = Polydisperse(h), 40_000
    drawn = law.sample_particles(n, 2, key=jax.random.key(1))
    p = h / h.sum()
    share = np.bincount(np.asarray(drawn.mass), minlength=5)[1:] / n
    assert share[1] == 0
    assert np.all(np.abs(share - p) <= 5 * np.sqrt(p * (1 - p) / n))
    x = np.asarray(drawn.position)
    assert np.all((0 <= x) & (x < 1))
    assert np.all(np.abs(x.mean(0) - 0.5) < 5 * np.sqrt(1 / 12 / n))
    # Mass and place are independent.
    assert abs(np.mean((x[:, 0] - 0.5) * (np.asarray(drawn.mass) == 1))) < 5 * np.sqrt(
        p[0] / 12 / n
    )
    np.testing.assert_array_equal(law.density(jnp.zeros((5, 2))), np.tile(h, (5, 1)))


def test_inhomogeneous_samples_its_density():
    """Fourier coefficients of each mass: E[e^{−2πix}; mass n] = ĥ_n/Z. Fails without rejection."""
    law, n = Inhomogeneous(wave, maximum=2.25, max_mass=2), 40_000
    drawn = law.sample_particles(n, 2, key=jax.random.key(2))
    x, y = np.asarray(drawn.position).T
    first, second = (np.asarray(drawn.mass) == k for k in (1, 2))
    for values, truth in [
        (first, 1 / 1.5),
        (second, 0.5 / 1.5),
        (first * np.cos(2 * np.pi * x), 0.25 / 1.5),
        (first * np.sin(2 * np.pi * x), 0.0),
        (second * np.sin(2 * np.pi * y), 0.125 / 1.5),
        (second * np.cos(2 * np.pi * x), 0.0),
    ]:
        assert abs(values.mean() - truth) < 5 * values.std() / np.sqrt(n)


def test_inhomogeneous_total_and_density():
    law = Inhomogeneous(wave, maximum=2.25, max_mass=2)
    assert not law.uniform and law.max_mass == 2
    np.testing.assert_allclose(law.total(2), 1.5, rtol=1e-14)
    np.testing.assert_allclose(law.total(3), 1.5, rtol=1e-14)
    places = jnp.array([[[0.0, 0.25, 0.0]], [[0.5, 0.75, 0.3]]])
    np.testing.assert_allclose(law.density(places), [[[1.5, 0.75]], [[0.5, 0.25]]], atol=1e-15)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize(
    "law", [Polydisperse([1.0, 2.0]), Inhomogeneous(wave, maximum=2.25, max_mass=2)]
)
def test_dtype_of_the_places(law, dtype):
    drawn = law.sample_particles(5, 3, key=jax.random.key(0), dtype=dtype)
    assert drawn.position.dtype == dtype and drawn.mass.dtype == jnp.int32


@pytest.mark.slow
def test_under_jit_and_vmap():
    keys = jax.random.split(jax.random.key(0), 3)
    law = Inhomogeneous(wave, maximum=2.25, max_mass=2)
    one = jax.jit(lambda k: law.sample_particles(9, 2, key=k).position)
    together = jax.vmap(one)(keys)
    for r in range(3):
        np.testing.assert_array_equal(together[r], one(keys[r]))
    total = jax.grad(lambda h: Polydisperse(h).total(3))(jnp.array([1.0, 2.0]))
    np.testing.assert_array_equal(total, 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Monodisperse(0), "`mass` must be a positive integer, but it is 0"),
        (lambda: Monodisperse(1.5), "`mass` must be a positive integer"),
        (lambda: Monodisperse(density=0.0), "`density` must be finite and above 0, but it is 0"),
        (lambda: Monodisperse(density=-1.0), "`density` must be finite and above 0, but it is -1"),
        (lambda: Monodisperse(density=np.nan), "`density` must be finite"),
        (lambda: Monodisperse(density=[1.0, 2.0]), r"`density` must be a number.*\(2,\).*Polyd"),
        (lambda: Polydisperse([1.0, -2.0]), r"`densities` must be finite and at.*\(1,\) is -2"),
        (lambda: Polydisperse([1.0, np.nan]), "`densities` must be finite"),
        (lambda: Polydisperse([0.0, 0.0]), "`densities` must hold a positive density"),
        (lambda: Polydisperse([[1.0]]), r"`densities` must be one-dimensional.*\(1, 1\)"),
        (lambda: Polydisperse([]), "`densities` must be one-dimensional"),
        (
            lambda: Inhomogeneous(wave, maximum=0.0, max_mass=2),
            "`maximum` must be finite and above 0",
        ),
        (
            lambda: Inhomogeneous(wave, maximum=2.0, max_mass=2).total(2),
            "`maximum` must bound the sum.*reaches 2.25",
        ),
        (
            lambda: Inhomogeneous(lambda x: wave(x) - 1, maximum=2.25, max_mass=2).total(2),
            "`function` must be finite and at least 0",
        ),
        (
            lambda: Inhomogeneous(wave, maximum=2.25, max_mass=3).total(2),
            r"`max_mass` must be the number of densities.*2.*",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_sample_above_the_maximum_is_an_error(errors_raise):
    """A peak between the points of the quadrature is still caught by the sampler."""
    law = Inhomogeneous(lambda x: jnp.array([1.0 + 9 * (x[0] > 0.5)]), maximum=2.0, max_mass=1)
    with pytest.raises(Exception, match="`maximum` must bound the sum"):
        jax.block_until_ready(law.sample_particles(50, 2, key=jax.random.key(0)).mass)

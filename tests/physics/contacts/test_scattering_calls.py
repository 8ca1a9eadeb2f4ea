"""How the recipe is called: matrices, batches, precision, compilation, bad arguments."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scattering_cases import KAPPAS, exact_ball, lump

from jaxkin.physics.contacts.interactions import (
    Ball,
    Bump,
    General,
    Interaction,
    Parabola,
    Radial,
)
from jaxkin.physics.contacts.scattering import (
    ball_rate,
    coagulation_rate,
    collision_probability,
)


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


def test_probability_is_a_pytree():
    """It can leave a compiled function and be vmapped over pairs."""
    many = eqx.filter_vmap(lambda a: collision_probability(a, 1.0, Ball()))(jnp.array([1.0, 9.0]))
    np.testing.assert_allclose(
        many.scattering_length, 1 - np.tanh([1.0, 3.0]) / [1.0, 3.0], rtol=1e-12
    )


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

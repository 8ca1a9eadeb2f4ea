"""Lawson's method: exact in the linear part, of order 5 in the rest, safe for any step."""

import diffrax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.lawson import Lawson

EIGENVALUES = jnp.array([0.0, -3.0, -20.0])


def run(reaction, steps, eigenvalues=EIGENVALUES, stop=1.0):
    solver = Lawson(lambda args: args, lambda y: y, lambda y: y)
    y0 = jnp.array([1.0, 0.8, 0.5])
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(reaction), solver, 0.0, stop, stop / steps, y0, eigenvalues
    )
    return np.asarray(solution.ys[-1])


def coupled(t, y, args):
    return -4 * y**2 + 3 * jnp.roll(y, 1) * jnp.cos(12 * t)


def test_linear_part_is_exact_in_one_step():
    result = run(lambda t, y, args: 0 * y, steps=1)
    np.testing.assert_allclose(result, np.array([1.0, 0.8, 0.5]) * np.exp(EIGENVALUES), rtol=1e-13)


def test_order_five():
    exact = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, args: EIGENVALUES * y + coupled(t, y, None)),
        diffrax.Dopri8(),
        0.0,
        1.0,
        1e-3,
        jnp.array([1.0, 0.8, 0.5]),
    ).ys[-1]
    errors = [np.abs(run(coupled, n) - exact).max() for n in (40, 80, 160)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(orders > 4.6) and np.all(orders < 5.6), (errors, orders)


@pytest.mark.parametrize("stiffness", [1e3, 1e6])
def test_long_steps_do_not_overflow(stiffness):
    """h|λ| up to 1e6 in ten steps: dy/dt = −y² of the slow component, which drives the others.

    e^{+h|λ|} would be infinite. A stiff component that is driven is as wrong as hN, no more; the
    adapted step sees to that.
    """

    def driven(t, y, args):
        return jnp.broadcast_to(-(y[0] ** 2), y.shape)

    result = run(driven, steps=10, eigenvalues=stiffness * EIGENVALUES)
    np.testing.assert_allclose(result[0], 0.5, rtol=1e-6)
    assert np.all(np.abs(result[1:]) < 0.3)

"""The exact rate of the ball, and a profile that is not radial, for the tests of the recipe."""

import jax.numpy as jnp
import numpy as np

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


def lump(x, slope):
    """Smooth and not radial: a bump with a dipole."""
    square = jnp.sum(x * x, axis=-1)
    gap = jnp.where(square < 1, 1 - square, 1.0)
    bump = jnp.where(square < 1, jnp.exp(1 - 1 / gap), 0.0)
    return bump * (1 + slope * x[..., 0])

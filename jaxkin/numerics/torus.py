"""Fourier grid of the unit torus, dealiased by the 2/3 rule.

On P points in each direction only the modes |k_i| ≤ (P − 1)//3 are kept. The product of two kept
fields has modes up to 2(P − 1)//3 < P − (P − 1)//3, so that whatever aliases lands on modes that
are not kept: after the filter a quadratic term is exact for every kept mode.

Symbols: P points in each direction, k integer wave vector, d dimension.
"""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float


def points(resolution: int, dimension: int) -> np.ndarray:
    """Return the (P, …, P, d) places of the grid, float64."""
    axis = np.arange(resolution) / resolution
    return np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), axis=-1)


def squared_frequency(resolution: int, dimension: int) -> np.ndarray:
    """Return |2πk|² for the modes of `to_modes`, (P, …, P//2 + 1)."""
    squares = [np.square(2 * np.pi * k) for k in _wave_numbers(resolution, dimension)]
    return functools.reduce(np.add, squares)


def kept(resolution: int, dimension: int) -> np.ndarray:
    """Return which modes the 2/3 rule keeps: bool, (P, …, P//2 + 1)."""
    bound = (resolution - 1) // 3
    within = [np.abs(k) <= bound for k in _wave_numbers(resolution, dimension)]
    return np.logical_and.reduce(np.broadcast_arrays(*within))


def to_modes(field: Float[Array, "..."], dimension: int) -> Complex[Array, "..."]:
    """Fourier coefficients of a real field over its last d axes, filtered by the 2/3 rule."""
    modes = jnp.fft.rfftn(field, axes=tuple(range(-dimension, 0)))
    return jnp.where(kept(field.shape[-1], dimension), modes, 0)


def to_grid(modes: Complex[Array, "..."], resolution: int, dimension: int) -> Float[Array, "..."]:
    """Return the real field of these coefficients on the grid."""
    axes = tuple(range(-dimension, 0))
    return jnp.fft.irfftn(modes, s=(resolution,) * dimension, axes=axes)


def _wave_numbers(resolution: int, dimension: int) -> list[np.ndarray]:
    axes = [np.fft.fftfreq(resolution, 1 / resolution)] * (dimension - 1)
    axes.append(np.fft.rfftfreq(resolution, 1 / resolution))
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))

"""Hermite polynomials of several variables, orthonormal under the standard normal law.

h_a(x) = Π_i He_{a_i}(x_i)/√(a_i!) for multi-indices a of total degree at most D, in the order of
`multi_indices`: by degree, then lexicographic.
"""

import itertools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int


def multi_indices(dimension: int, degree: int) -> Int[np.ndarray, "N d"]:
    """Return every multi-index of total degree at most `degree`; N = (degree + d choose d)."""
    rows = itertools.product(range(degree + 1), repeat=dimension)
    return np.array(
        sorted((r for r in rows if sum(r) <= degree), key=lambda r: (sum(r), r)), dtype=int
    ).reshape(-1, dimension)


def hermite_rows(x: Any, degree: int) -> Any:
    """Return h_0 … h_degree of one variable, (degree + 1, …).

    Args:
        x: of any shape; a NumPy array gives a NumPy array, others one of JAX.
        degree: the largest degree.
    """
    xp: Any = np if isinstance(x, np.ndarray) else jnp
    rows = [xp.ones_like(x), x]
    for n in range(1, degree):
        rows.append((x * rows[n] - math.sqrt(n) * rows[n - 1]) / math.sqrt(n + 1))
    return xp.stack(rows[: degree + 1])


def hermite_basis(x: Any, indices: Int[np.ndarray, "N d"]) -> Any:
    """Return h_a(x) at n points for all multi-indices a, (n, N).

    Args:
        x: (n, d) points; a NumPy array gives a NumPy array, others one of JAX.
        indices: (N, d) multi-indices, of `multi_indices`.
    """
    rows = hermite_rows(x.T, int(indices.max(initial=0)))  # (degree + 1, d, n)
    values = rows[indices[:, 0], 0]
    for axis in range(1, indices.shape[1]):
        values = values * rows[indices[:, axis], axis]
    return values.T


def gauss_hermite(points: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (points^d, d) and weights of the standard normal law; exact to 2·points − 1."""
    x, w = np.polynomial.hermite_e.hermegauss(points)
    nodes = np.stack(np.meshgrid(*[x] * dimension, indexing="ij"), -1).reshape(-1, dimension)
    weights = w / w.sum()
    total = weights
    for _ in range(dimension - 1):
        total = np.multiply.outer(total, weights)
    return nodes, total.reshape(-1)

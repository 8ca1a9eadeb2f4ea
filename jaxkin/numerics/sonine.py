"""Sonine polynomials: orthonormal functions of |u|² under the standard normal law of u in R^d.

    S_n(u) = (−1)^n c_n L_n^{(d/2−1)}(|u|²/2),   c_n > 0,

so that S_n has a positive leading coefficient. Only d/2 enters: a d that is no whole number is the
law of |u|² with d degrees of freedom, and |u|^l S_n in R^{d+2l} are the radial parts of functions
with an angular part of order l.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.special


def sonine_rows(half: Any, count: int, dimension: float, first: Any) -> Any:
    """Return first·S_0 … first·S_count at |u|²/2, (count + 1, …).

    Args:
        half: |u|²/2 of any shape; NumPy arrays give a NumPy array, others one of JAX.
        count: the largest n.
        dimension: d > 0.
        first: a factor of the same shape: a weight, or 1.
    """
    xp: Any = np if isinstance(half, np.ndarray) and isinstance(first, np.ndarray) else jnp
    alpha = dimension / 2 - 1
    rows = [first, (half - alpha - 1) / (alpha + 1) ** 0.5 * first]
    for n in range(1, count):
        ahead, back = ((k * (k + alpha)) ** 0.5 for k in (n + 1, n))
        rows.append(((half - 2 * n - 1 - alpha) * rows[n] - back * rows[n - 1]) / ahead)
    return xp.stack(rows[: count + 1])


def gauss_laguerre(points: int, dimension: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes |u|²/2 (n,) and weights (n,) of sum 1; exact to degree 2·points − 1 in |u|².

    Args:
        points: n.
        dimension: d > 0 of the standard normal u.
    """
    half, weights = scipy.special.roots_genlaguerre(points, dimension / 2 - 1)
    return half, weights / weights.sum()

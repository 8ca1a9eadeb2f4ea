"""Which matrices are constants of a mixture of hard spheres: (1.12), and for k types.

(Ampatzoglou et al.)

With c_{αβ} = N_β σ_{αβ}^{d−1}, σ_{αβ} = (ε_α + ε_β)/2, the ratios

    x_{αβ} = (c_{αβ}/c_β)^{1/(d−1)} = σ_{αβ}/ε_β

obey 1/x_{αβ} + 1/x_{βα} = (ε_α + ε_β)/σ_{αβ} = 2. For two types that is (1.12): with x = x_{1,2}
and y = x_{2,1} it says (2x − 1)(2y − 1) = 1. More types have one set of numbers N besides, which
c_{αβ}/c_{βα} = N_β/N_α gives from every side. Among the k² constants k c_α and k − 1 ratios of
diameters are free, so that (k − 1)² conditions are left:

    log((1/x_{αβ} + 1/x_{βα})/2) = 0                                    for α < β,
    log(c_{1α}/c_{α1}) + log(c_{αβ}/c_{βα}) + log(c_{β1}/c_{1β}) = 0    for 1 < α < β.

These are finite for all positive constants, where log((2x − 1)(2y − 1)) is not, and less skewed if
constants are estimates.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.checks import require, whole


def constraint_defect(matrix: Any, dimension: int = 3) -> Float[Array, " conditions"]:
    """Return the (k−1)² logarithms that vanish for constants of hard spheres, and for no others.

    The first k(k−1)/2 compare diameters of two types, the others numbers of three.

    Args:
        matrix: (k, k) c_{αβ}, positive; entries that are not, or not known, give NaN or ∞.
        dimension: d ≥ 2.

    Raises:
        ValueError: the matrix is not square.
    """
    whole(dimension, "dimension", 2)
    a = jnp.asarray(matrix)
    a = a if jnp.issubdtype(a.dtype, jnp.floating) else a.astype(float)
    require(a.ndim == 2 and a.shape[0] == a.shape[1], "matrix", "be square", f"it is {a.shape}")
    k = len(a)
    inverse = (jnp.diagonal(a) / a) ** (1 / (dimension - 1))
    pairs = np.triu_indices(k, 1)
    diameters = jnp.log((inverse + inverse.T) / 2)[pairs]
    numbers = jnp.log(a / a.T)
    first, second = (index + 1 for index in np.triu_indices(k - 1, 1))
    around = numbers[0, first] + numbers[first, second] + numbers[second, 0]
    return jnp.concatenate([diameters, around])

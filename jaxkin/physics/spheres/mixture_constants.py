"""The constants of the Boltzmann system of a mixture of hard spheres.

(Ampatzoglou et al., §1, §2.5.)

In the scaling N_α ε_α^{d−1} = c_α with fixed ratios of the diameters ε_α a sphere of type α meets
those of type β as strongly as

    c_{αβ} = N_β ((ε_α + ε_β)/2)^{d−1} = c_β ((1 + ε_α/ε_β)/2)^{d−1}          (2.27), (2.35)

says; c_{αα} = c_α. For two types with b = ε₁/ε₂ these are c_{1,2} and c_{2,1} of (1.12). Not every
matrix arises: the ratios 2(c_{αβ}/c_β)^{1/(d−1)} − 1 must be those of k diameters.
"""

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.checks import is_traced, require, require_finite, whole


def mixture_constants(
    c1: Any, c2: Any, b: Any, *, dimension: int = 3
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return c_{1,2} = c₂((1+b)/2)^{d−1} and c_{2,1} = c₁((1+1/b)/2)^{d−1}, (1.12).

    Args:
        c1: N₁ε₁^{d−1}, positive.
        c2: N₂ε₂^{d−1}, positive.
        b: ε₁/ε₂, positive.
        dimension: d ≥ 2.

    Raises:
        ValueError: an argument is not positive.
    """
    for name, value in (("c1", c1), ("c2", c2), ("b", b)):
        require_finite(value, name, minimum=0.0, strict=True)
    both = constants_matrix(jnp.stack([c1, c2]), jnp.stack([b, jnp.ones_like(b)]), dimension)
    return both[0, 1], both[1, 0]


def constants_matrix(
    constants: Float[Array, " k"], diameters: Float[Array, " k"], dimension: int = 3
) -> Float[Array, "k k"]:
    """Return c_{αβ} of k types.

    Args:
        constants: (k,) c_α = N_α ε_α^{d−1}, positive.
        diameters: (k,) ε_α in any unit, positive.
        dimension: d ≥ 2.

    Raises:
        ValueError: shapes disagree, or a number is not positive.
    """
    whole(dimension, "dimension", 2)
    c, e = jnp.asarray(constants, dtype=float), jnp.asarray(diameters, dtype=float)
    require(
        c.ndim == 1 and c.shape == e.shape,
        "diameters",
        "have one entry for each constant",
        f"the shapes are {e.shape} and {c.shape}",
    )
    require_finite(c, "constants", minimum=0.0, strict=True)
    require_finite(e, "diameters", minimum=0.0, strict=True)
    return c * ((1 + e[:, None] / e) / 2) ** (dimension - 1)


def mixture_parameters(
    matrix: Float[Array, "k k"], *, dimension: int = 3, tolerance: float = 1e-6
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Return c_α and ε_α/ε_k from the constants c_{αβ}; for two types c₁, c₂ and (b, 1).

    Args:
        matrix: (k, k) c_{αβ}, positive.
        dimension: d ≥ 2.
        tolerance: how far, relatively, ratios of diameters may contradict each other.

    Raises:
        ValueError: no diameters give these constants.
    """
    whole(dimension, "dimension", 2)
    a = jnp.asarray(matrix, dtype=float)
    require(a.ndim == 2 and a.shape[0] == a.shape[1], "matrix", "be square", f"it is {a.shape}")
    require_finite(a, "matrix", minimum=0.0, strict=True)
    c = jnp.diag(a)
    ratios = 2 * (a / c) ** (1 / (dimension - 1)) - 1  # of ε_α to ε_β
    if not is_traced(ratios):
        r = np.asarray(ratios)
        low = np.unravel_index(np.argmin(r), r.shape)
        require(
            r.min() > 0,
            "matrix",
            "be admissible, c_{αβ} > c_β/2^{d−1}",
            f"c_{{αβ}} is {float(a[low]):.4g} for types {tuple(map(int, low))}, and c_β "
            f"{float(c[low[1]]):.4g}",
            "See (1.12) of Ampatzoglou et al.",
        )
        defect = np.abs(r[:, :, None] * r[None] / r[:, None] - 1).max()
        require(
            defect <= tolerance,
            "matrix",
            "be admissible, with ratios of diameters that agree with each other",
            f"they disagree by {defect:.2g}",
            "See (1.12) of Ampatzoglou et al., or raise `tolerance`.",
        )
    return c, ratios[:, -1]


def scaled_spheres(
    c1: float, c2: float, b: float, n_1: int, *, dimension: int = 3
) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return N₁, N₂ and ε₁, ε₂ with N₁ε₁^{d−1} = c₁, N₂ε₂^{d−1} ≈ c₂ and ε₁ = bε₂, (2.28).

    Args:
        c1: c₁, positive.
        c2: c₂, positive.
        b: ε₁/ε₂, positive.
        n_1: N₁.
        dimension: d ≥ 2.

    Raises:
        ValueError: an argument is not positive, or N₂ = c₂b^{d−1}N₁/c₁ (2.30) rounds to 0.

    Warns:
        UserWarning: rounding changes c₂ by more than 5 %.
    """
    for name, value in (("c1", c1), ("c2", c2), ("b", b)):
        require_finite(value, name, minimum=0.0, strict=True)
    n_1, dimension = whole(n_1, "n_1"), whole(dimension, "dimension", 2)
    first = (c1 / n_1) ** (1 / (dimension - 1))
    exact = c2 * b ** (dimension - 1) * n_1 / c1
    n_2 = round(exact)
    require(
        n_2 >= 1,
        "n_1",
        "be large enough for a sphere of type 2",
        f"N₂ = c₂b^(d−1)N₁/c₁ is {exact:.3g}",
    )
    if abs(n_2 / exact - 1) > 0.05:
        warnings.warn(
            f"N₂ = c₂b^(d−1)N₁/c₁ is {exact:.3g} and rounded to {n_2}: c₂ changes by "
            f"{n_2 / exact - 1:+.0%}. See `constants` of the gas, or take a larger `n_1`.",
            UserWarning,
            stacklevel=3,
        )
    return (n_1, n_2), (first, first / b)

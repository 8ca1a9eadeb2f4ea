"""How much more often hard spheres meet at finite density than in the limit: the contact value χ.

The density of pairs of types α and β at contact over that of independent spheres. With
ξ_k = (π/6) Σ N ε^k and σ = ε_α ε_β/(ε_α + ε_β) it is, in d = 3 (Boublík 1970; Mansoori, Carnahan,
Starling and Leland 1971),

    χ = 1/(1−ξ₃) + 3ξ₂σ/(1−ξ₃)² + 2ξ₂²σ²/(1−ξ₃)³,

and in d = 2 (Jenkins and Mancini 1987), with ξ_k = (π/4) Σ N ε^k,

    χ = 1/(1−ξ₂) + (9/8) ξ₁σ/(1−ξ₂)².

For one type these are (1−η/2)/(1−η)³ and (1−7η/16)/(1−η)². To first order in the density the first
is exact for all diameters and the second for equal ones: at 1 : 2.5 its χ − 1 errs by 4 %.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.numerics.checks import one_of
from jaxkin.numerics.spheres import ball_volume


def contact_values(
    numbers: Any, diameters: Float[Array, " k"], dimension: int = 3
) -> Float[Array, "k k"]:
    """Return χ_{αβ} of spheres in the unit box.

    Args:
        numbers: (k,) N_α.
        diameters: (k,) ε_α.
        dimension: 2 or 3.
    """
    one_of(dimension, "dimension", (2, 3))
    n, e = jnp.asarray(numbers, dtype=float), jnp.asarray(diameters, dtype=float)
    s = e[:, None] * e / (e[:, None] + e)
    volume = ball_volume(dimension) / 2**dimension
    filled, surface = (volume * jnp.sum(n * e**k) for k in (dimension, dimension - 1))
    x = surface * s / (1 - filled)
    series = 1 + 9 / 8 * x if dimension == 2 else 1 + 3 * x + 2 * x**2
    return series / (1 - filled)

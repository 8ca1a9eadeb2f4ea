"""Coagulation kernels β(n, m) of two masses for which (2.1) is solved in closed form.

They are the classical touchstones of Smoluchowski's equation from f_n(0) = δ_{n1} (Hammond
§2.1): constant, additive, and multiplicative, whose solution loses mass to a gel at t = 1.

Symbols: n, m masses (arrays that broadcast).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def constant_kernel(n: Float[Array, "..."], m: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return 1: f_n(t) = (t/2)^{n−1}/(1 + t/2)^{n+1}.

    Args:
        n: masses.
        m: masses, of a shape that broadcasts with that of n.
    """
    return jnp.ones_like(n + m)


def additive_kernel(n: Float[Array, "..."], m: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return n + m: f_n(t) = e^{−t}(nθ)^{n−1}e^{−nθ}/n! with θ = 1 − e^{−t}.

    Args:
        n: masses.
        m: masses, of a shape that broadcasts with that of n.
    """
    return n + m


def multiplicative_kernel(n: Float[Array, "..."], m: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return nm: f_n(t) = t^{n−1}n^{n−2}e^{−nt}/n! before the gelation time t = 1.

    Args:
        n: masses.
        m: masses, of a shape that broadcasts with that of n.
    """
    return n * m

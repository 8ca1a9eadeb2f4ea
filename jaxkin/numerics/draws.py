"""Random words as uniform and normal numbers, in forms that a CPU does in lanes."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32


def to_uniform(words: UInt32[Array, "*n"], dtype) -> Float[Array, "*n"]:
    """Map random words to the open interval (0, 1), with all 32 bits near 0."""
    return jnp.minimum((words.astype(dtype) + 0.5) * 2.0**-32, 1 - 2.0**-24)


def to_uniform_fast(words: UInt32[Array, "*n"], dtype) -> Float[Array, "*n"]:
    """Map random words to (0, 1] by their upper 31 bits, in a form that a CPU does in lanes."""
    return ((words >> 1).astype(jnp.int32).astype(dtype) + 0.5) * 2.0**-31


def to_normal(words: UInt32[Array, "*n"], dtype) -> Float[Array, "*n"]:
    """Map random words to standard normals, of 23 bits each."""
    symmetric = (words >> 9).astype(jnp.int32).astype(dtype) * 2.0**-22 + (2.0**-23 - 1)
    inverse = _erf_inv_single if dtype == jnp.float32 else jax.lax.erf_inv
    return jnp.sqrt(2.0).astype(dtype) * inverse(symmetric)


# Giles's coefficients, highest power first: in w − 2.5 for w < 5, in √w − 3 beyond.
_CENTRAL = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _erf_inv_single(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """erf⁻¹ in single precision (Giles, in GPU Computing Gems, Jade edition, 2011).

    With w = −log(1 − x²) by log and not by log1p, which costs more than all the rest: only the
    absolute error of w matters.
    """
    w = -jnp.log((1 - x) * (1 + x))
    central, tail = w - 2.5, jnp.sqrt(w) - 3
    p, q = jnp.full_like(x, _CENTRAL[0]), jnp.full_like(x, _TAIL[0])
    for a, b in zip(_CENTRAL[1:], _TAIL[1:], strict=True):
        p, q = p * central + a, q * tail + b
    return jnp.where(w < 5, p, q) * x

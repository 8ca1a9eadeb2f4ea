"""Random words as uniform and normal numbers, in forms that a CPU does in lanes."""

from collections.abc import Sequence

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


def to_direction(
    words: Sequence[UInt32[Array, "*n"]], dimension: int, dtype
) -> Float[Array, "dimension *n"]:
    """Map d − 1 random words to a vector of uniform direction, for d = 2 or 3: three times cheaper
    than d normals.

    The height is uniform (Archimedes), and so is the angle. The length, which means nothing, is
    spread over [1, 2) by the last bits of a word: |σ|² within rounding of 1 would be rounded to one
    side more often than to the other, and a gas would warm by 7e-9 in each collision.
    """
    length = 1 + (words[0] & 255).astype(jnp.int32).astype(dtype) * 2.0**-8
    angle = (words[0].astype(jnp.int32)).astype(dtype) * 2.0**-31  # in [−1, 1], of half turns
    if dtype == jnp.float32:
        cosine = -_sine_pi(jnp.abs(angle) - 0.5)
        sine = jnp.sign(angle) * _sine_pi(0.5 - jnp.abs(jnp.abs(angle) - 0.5))
    else:
        cosine, sine = jnp.cos(jnp.pi * angle), jnp.sin(jnp.pi * angle)
    if dimension == 2:
        return jnp.stack([length * cosine, length * sine])
    height = 2 * to_uniform(words[1], dtype) - 1
    flat = jnp.sqrt((1 - height) * (1 + height))
    flat = length * flat
    return jnp.stack([flat * cosine, flat * sine, length * height])


# Chebyshev interpolation of sin(πy)/y in y² on |y| ≤ ½, lowest power first; error 7e-9.
_SINE = (3.14159264, -5.16771008, 2.55007752, -0.598291286, 0.0776576603)


def _sine_pi(y: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Return sin πy for |y| ≤ ½, in single precision."""
    square, found = y * y, jnp.full_like(y, _SINE[-1])
    for coefficient in _SINE[-2::-1]:
        found = found * square + coefficient
    return y * found


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

"""Which pairs of Brownian particles may meet during a step: a screen of all pairs.

Positions at the ends of a step are known, r₀ and r₁ relative to each other (r₀ by the nearest
image, r₁ = r₀ + Δ_j − Δ_i). A Brownian bridge between them comes within ρ of contact with
probability at most about e^{−w},

    w = [(|r₀| + |r₁| − 2ρ)² − |r₁ − r₀|²]/(4Dτ),   D = d_i + d_j,

so pairs with w > `reach` are left out. Averaged over bridges the part of all contacts that is
lost is 1.7e-5 at reach 10 (4.9e-5 at 9, 2.2e-6 at 12), by integrating the law of the pair.

A screen costs some 30 flops for each pair and moves one bit, so it is written to fuse into
one loop without gathers: rows against all columns, and 32 columns packed into one word.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt32


def relative_motion(
    start_i: Sequence[Array],
    shift_i: Sequence[Array],
    start_j: Sequence[Array],
    shift_j: Sequence[Array],
) -> tuple[Array, Array, Array]:
    """Return |r₀|², |r₁|² and r₀·r₁ of pairs.

    Args:
        start_i: d arrays, the places of i at the start; `shift_i` its displacements over the step.
        start_j: d arrays that broadcast against those of i; `shift_j` likewise.
    """
    start2 = stop2 = dot = jnp.zeros((), start_i[0].dtype)
    for x, dx, y, dy in zip(start_i, shift_i, start_j, shift_j, strict=True):
        apart = y - x
        apart = apart - jnp.round(apart)
        later = apart + (dy - dx)
        start2, stop2, dot = start2 + apart**2, stop2 + later**2, dot + apart * later
    return start2, stop2, dot


def may_meet(start2: Array, stop2: Array, dot: Array, limit: Array) -> Bool[Array, "..."]:
    """Return whether √(|r₀|²|r₁|²) + r₀·r₁ is below the limit of the pair."""
    slack = limit - dot
    return (slack > 0) & (start2 * stop2 < slack**2)


def pack_bits(mask: Bool[Array, "*n columns"]) -> UInt32[Array, "*n words"]:
    """Pack a mask with 32·words columns: bit b of word w is column b·words + w."""
    bits = mask.reshape(*mask.shape[:-1], 32, -1)
    packed = jnp.zeros_like(bits[..., 0, :], jnp.uint32)
    for bit in range(32):
        packed = packed | (bits[..., bit, :].astype(jnp.uint32) << bit)
    return packed


def lowest_bit(words: UInt32[Array, " n"]) -> Array:
    """Return the index of the lowest set bit of each word (31 for 0)."""
    lowest = words & (~words + jnp.uint32(1))
    return 31 - jax.lax.clz(jnp.maximum(lowest, 1)).astype(jnp.int32)


def screen_limit(
    diffusivity: Float[Array, "*n"],
    step: Array,
    reach: float,
    range_: Array,
    farthest: Array,
    fastest: Array,
) -> Float[Array, "*n"]:
    """Return each particle's share of the limit of `may_meet`: a pair's is the sum of two.

    w < reach is |r₀| + |r₁| < L + 2ρ with L² = |r₁ − r₀|² + 4·reach·Dτ; squared, and with L
    bounded by its largest value, √(|r₀|²|r₁|²) + r₀·r₁ < 2·reach·Dτ + 2ρL + 2ρ².

    Args:
        diffusivity: d of each particle.
        step: τ.
        range_: ρ, the largest range of any pair.
        farthest: the largest displacement of any particle of the replica in the step.
        fastest: the largest diffusivity of any mass.
    """
    longest = jnp.sqrt(4 * farthest**2 + 8 * reach * fastest * step)
    return 2 * reach * diffusivity * step + range_ * longest + range_**2

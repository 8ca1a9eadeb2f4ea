"""A pair of Brownian particles that reacts at contact, seen from afar (d = 3).

For relative diffusivity D a pair that starts at r₀ and ends at r₁ a time τ later has reacted in
between with probability, for a reactive sphere of radius a seen by the s-wave only,

    K = Dτ/(|r₀||r₁|) · [e^{−w + a(|r₀|+|r₁|−a)/(Dτ)} − e^{−w}],   w = (|r₀||r₁| + r₀·r₁)/(2Dτ),

and K = 1 if |r₀| + |r₁| < 2a. It is the method of images for the spherical mean of the heat
kernel with an absorbing sphere, divided by the free kernel. Any short-range reaction looks like
that from distances large against its range, with a = β/(4πD) its scattering length, so the law
is exact as τ → ∞ in units of ρ²/D: the rate is wrong by 2e-3 at Dτ/ρ² = 3, by 8e-5 at 10.

Given that it reacts, the time t has density ∝ [t(τ−t)]^{−3/2} e^{−|r₀|²/(4Dt) − |r₁|²/(4D(τ−t))}
to leading order in a; y = t/(τ−t) is then a mixture of an inverse Gaussian and the reciprocal of
one.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def reaction_probability(
    start: Float[Array, "d n"], stop: Float[Array, "d n"], spread: Float[Array, " n"], length: Array
) -> Float[Array, " n"]:
    """Return K.

    Args:
        start: r₀; `stop` is r₁.
        spread: Dτ.
        length: the scattering length a.
    """
    near = jnp.sqrt(jnp.sum(start**2, 0))
    far = jnp.sqrt(jnp.sum(stop**2, 0))
    product = jnp.maximum(near * far, jnp.finfo(near.dtype).tiny)
    shade = (near * far + jnp.sum(start * stop, 0)) / (2 * spread)
    gain = jnp.maximum(length * (near + far - length) / spread, 0)
    # Over a short time both exponents are large: e^{−w}(eˣ − 1) = e^{x−w}(1 − e^{−x}) holds them
    # together. Where it is large K is 1, and the bound keeps it finite.
    together = jnp.minimum(gain - shade, 0.5 * jnp.log(jnp.finfo(near.dtype).max))
    probability = -spread / product * jnp.exp(together) * jnp.expm1(-gain)
    return jnp.where(near + far <= 2 * length, 1.0, jnp.clip(probability, 0.0, 1.0))


def may_react(
    draw: Float[Array, "*n"],
    start2: Float[Array, "*n"],
    stop2: Float[Array, "*n"],
    dot: Float[Array, "*n"],
    spread: Float[Array, "*n"],
    lengths: Float[Array, "M M"],
) -> Bool[Array, "*n"]:
    """Return whether a uniform draw is below a bound on K.

    It is that of e^{−w}(eˣ − 1) ≤ x eˣ⁻ʷ, with x = a(|r₀|+|r₁|)/(Dτ).

    Args:
        draw: in (0, 1].
        start2: |r₀|²; `stop2` is |r₁|², `dot` r₀·r₁.
        spread: Dτ.
        lengths: the scattering lengths of all pairs of masses; the largest serves for all.
    """
    near, far = jnp.sqrt(start2), jnp.sqrt(stop2)
    product, gain = near * far, lengths.max() * (near + far)
    return draw * product < gain * jnp.exp((gain - 0.5 * (product + dot)) / spread)


def reaction_time(
    near: Float[Array, " n"],
    far: Float[Array, " n"],
    spread: Float[Array, " n"],
    normal: Float[Array, " n"],
    choose: Float[Array, " n"],
    mix: Float[Array, " n"],
) -> Float[Array, " n"]:
    """Draw the time of reaction as a fraction of τ.

    Args:
        near: |r₀|; `far` is |r₁|.
        spread: Dτ.
        normal: standard normals, and two independent uniforms `choose`, `mix`.
    """
    tiny = jnp.finfo(near.dtype).tiny ** 0.25
    near, far = jnp.maximum(near, tiny), jnp.maximum(far, tiny)
    reverse = mix * (near + far) > far
    first, last = jnp.where(reverse, far, near), jnp.where(reverse, near, far)
    # Inverse Gaussian of mean m and shape λ by the root of its chi-square transform.
    mean, shape = first / last, first**2 / (2 * spread)
    square = mean * normal**2 / (2 * shape)
    # 1 + s − √(2s + s²) without cancellation at large s.
    root = mean / (1 + square + jnp.sqrt(square * (2 + square)))
    ratio = jnp.where(choose * (mean + root) <= mean, root, mean**2 / root)
    fraction = ratio / (1 + ratio)
    return jnp.where(reverse, 1 - fraction, fraction)

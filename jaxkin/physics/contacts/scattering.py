"""The recipe: the rate β at which pairs of Brownian particles coagulate (Hammond).

Two particles of masses n, m, with strength α = α(n, m), summed diffusivity D = d(n) + d(m) and
contact profile V, coagulate macroscopically at rate β, where in dimension d ≥ 3

    −Δu = (α/D) V (1 − u),   u → 0 at infinity                          (1.8)
    β = α ∫ V (1 − u) dx                                                (1.9)

and u(x) is the chance that the pair, started at relative position εx, ever coagulates. Lengths are
in units of the range ε, and N ε^{d−2} is kept. Far away u ~ a |x|^{2−d}, and
β = (d−2)|S^{d−1}| D a.

    d = 2 (N/|log ε| kept):  β = 2πD A/(2πD + A),  A = α ∫ V            (2.4)
    ranges ε^γ with γ < 1:   β = α ∫ V                                  (section 3.4)

Limits: β → α∫V as α → 0; β → D·capacity of the support as α → ∞, 4πD for the unit ball of R³.
"""

from typing import Literal, cast

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxkin.numerics.checks import require, require_finite, whole
from jaxkin.physics.contacts.base import (
    Interaction,
    RadialInteraction,
    as_float,
)
from jaxkin.physics.contacts.scattering_general import (
    GeneralCollisionProbability,
    general_probability,
    general_rate,
)
from jaxkin.physics.contacts.scattering_radial import (
    RadialCollisionProbability,
    radial_probability,
    radial_rate,
)

CollisionProbability = RadialCollisionProbability | GeneralCollisionProbability

Method = Literal["radial", "general"] | None


def coagulation_rate(
    strength: ArrayLike,
    diffusivity: ArrayLike,
    interaction: Interaction,
    *,
    dimension: int = 3,
    range_exponent: float = 1.0,
    method: Method = None,
    resolution: int | None = None,
) -> Float[Array, "..."]:
    """Return β by the recipe (1.8)–(1.9) of Hammond, for one pair or for arrays of pairs.

    Accuracy in float64, as measured: radial, relative 1e-12 for κ = √(α sup V/D) ≤ 100, 1e-9 for
    κ ≤ 1000 and 1e-5 at 10⁴ (1e-5 in float32 for κ ≤ 100); 25 µs a pair. General at 40 points and
    α sup V/D ≤ 100: 4e-7 for `Bump`, 3e-8 for `Parabola(power=4)`, 3e-6 for power 2, and only 1e-3
    for a V that jumps; 0.6 s a pair, and 16 points give 1e-4 at once.

    Differentiable in strength, diffusivity and the parameters of V, forward and reverse. Under a
    transformation only what is not traced is checked.

    Args:
        strength: α ≥ 0, a number or an array such as a matrix over masses.
        diffusivity: D = d(n) + d(m) > 0, of a shape that broadcasts with that of α.
        interaction: V.
        dimension: d ≥ 2. In d = 2 only ∫V matters, (2.4).
        range_exponent: γ in (0, 1]; particles interact at range ε^γ. 1 is the critical scaling of
            the recipe, less an intermediate one, d ≥ 3, where β = α∫V (section 3.4).
        method: "radial" (collocation in r, for radial V, any d ≥ 3), "general" (FFT on a grid,
            d = 3), or None, which takes the first wherever it applies.
        resolution: nodes of each panel of the radius (default 20; three panels and one more for
            each break point), or grid points in a diameter (default 40).

    Returns:
        β in the common shape of α and D, and the unit of D.

    Raises:
        ValueError: α < 0, D ≤ 0, d < 2, or V is negative, not finite or not zero outside the unit
            ball; or the method does not apply.
    """
    alpha, D, dtype = _pair(strength, diffusivity, interaction)
    _check_dimension(dimension)
    interaction.check(dimension)
    require(
        0 < range_exponent <= 1,
        "range_exponent",
        "lie in (0, 1]",
        f"it is {range_exponent}",
        "Use 1 for the critical scaling, where the recipe (1.8) applies.",
    )
    if range_exponent < 1:
        require(
            dimension >= 3,
            "range_exponent",
            "be 1 in dimension 2",
            f"it is {range_exponent}",
            "The intermediate scalings of section 3.4 are for dimension 3 and more.",
        )
        return alpha * interaction.integral(dimension).astype(dtype)
    if dimension == 2:
        collected = alpha * interaction.integral(2).astype(dtype)
        return collected / (1 + collected / (2 * jnp.pi * D))
    if _choose(method, interaction, dimension) == "radial":
        nodes = _resolution(resolution, 20)
        V = cast(RadialInteraction, interaction)
        return radial_rate(alpha, D, V, dimension=dimension, nodes=nodes)
    return general_rate(alpha, D, interaction, points=_resolution(resolution, 40))


def collision_probability(
    strength: ArrayLike,
    diffusivity: ArrayLike,
    interaction: Interaction,
    *,
    dimension: int = 3,
    method: Method = None,
    resolution: int | None = None,
) -> CollisionProbability:
    """Return u of (1.8) for one pair, as a callable of x (..., d), inside the support and outside.

    Accuracy as in `coagulation_rate`.

    Args:
        strength: α ≥ 0, a number; use `jax.vmap` for several pairs.
        diffusivity: D = d(n) + d(m) > 0, a number.
        interaction: V.
        dimension: d ≥ 3; in the plane every pair meets.
        method: as in `coagulation_rate`.
        resolution: as in `coagulation_rate`.

    Returns:
        A pytree, a function of x in units of the range, with the `scattering_length` a, and, for
        the radial method, `profile` of the radius.

    Raises:
        ValueError: as in `coagulation_rate`; or α and D are no numbers, or d < 3.
    """
    alpha, D, _ = _pair(strength, diffusivity, interaction)
    require(
        alpha.ndim == 0,
        "strength",
        "be one number, and so must `diffusivity`",
        f"together they have shape {alpha.shape}",
        "Use `jax.vmap` for several pairs.",
    )
    _check_dimension(dimension)
    require(
        dimension >= 3,
        "dimension",
        "be at least 3",
        "it is 2, where Brownian pairs meet with probability 1",
        "Use `coagulation_rate`, which has the planar formula (2.4).",
    )
    interaction.check(dimension)
    if _choose(method, interaction, dimension) == "radial":
        nodes = _resolution(resolution, 20)
        V = cast(RadialInteraction, interaction)
        return radial_probability(alpha, D, V, dimension=dimension, nodes=nodes)
    return general_probability(alpha, D, interaction, points=_resolution(resolution, 40))


def scattering_length(
    interaction: Interaction,
    *,
    coupling: ArrayLike = 1.0,
    method: Method = None,
    resolution: int | None = None,
) -> Float[Array, "..."]:
    """Return a = β/(4πD) in d = 3, in units of the range: u ~ a/|x| far away.

    Accuracy as in `coagulation_rate`.

    Args:
        interaction: V.
        coupling: α/D ≥ 0, a number or an array.
        method: as in `coagulation_rate`.
        resolution: as in `coagulation_rate`.

    Returns:
        a, of the shape of the coupling.

    Raises:
        ValueError: as in `coagulation_rate`.
    """
    rate = coagulation_rate(coupling, 1.0, interaction, method=method, resolution=resolution)
    return rate / (4 * jnp.pi)


def gross_pitaevskii_length(
    interaction: Interaction, *, method: Method = None, resolution: int | None = None
) -> Float[Array, ""]:
    """Return a₀ with 8πa₀ = ∫V(1−ω₀), where (−Δ + V/2)(1−ω₀) = 0 (Hammond, section 3.4).

    ω₀ is u of (1.8) with α/D = 1/2, so this is the same solve. 8πa₀ is the coefficient of |ψ|²ψ in
    the Gross–Pitaevskii equation. Accuracy as in `coagulation_rate`.

    Args:
        interaction: V.
        method: as in `coagulation_rate`.
        resolution: as in `coagulation_rate`.

    Returns:
        a₀, a number in units of the range.

    Raises:
        ValueError: as in `coagulation_rate`.
    """
    return scattering_length(interaction, coupling=0.5, method=method, resolution=resolution)


def ball_rate(
    strength: ArrayLike, diffusivity: ArrayLike, height: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """Return β = 4πD(1 − tanh κ/κ), κ² = α·height/D: V = height on the unit ball of R³.

    In closed form, differentiable for κ ≥ 0, with no loss of digits at small κ: the formula cancels
    there, so for κ² < 4 it is evaluated as α·height·4π/(C + κ²), C = 3 + κ²/(5 + κ²/(7 + …)),
    Lambert's continued fraction of tanh.

    Args:
        strength: α ≥ 0, a number or an array.
        diffusivity: D > 0, of a shape that broadcasts with that of α.
        height: of V, ≥ 0, of a shape that broadcasts, too.

    Returns:
        β in the common shape, and the unit of D.

    Raises:
        ValueError: the strength or the height is negative, or the diffusivity not positive.
    """
    alpha, D, h = jnp.broadcast_arrays(*map(as_float, (strength, diffusivity, height)))
    require_finite(alpha, "strength", minimum=0.0)
    require_finite(D, "diffusivity", minimum=0.0, strict=True)
    require_finite(h, "height", minimum=0.0)
    square = alpha * h / D
    small = square < 4
    x = jnp.where(small, square, 1.0)
    fraction = jnp.full_like(x, 31.0)
    for odd in range(29, 1, -2):
        fraction = odd + x / fraction
    kappa = jnp.sqrt(jnp.where(small, 4.0, square))
    return jnp.where(
        small,
        4 * jnp.pi * alpha * h / (fraction + x),
        4 * jnp.pi * D * (1 - jnp.tanh(kappa) / kappa),
    )


def _pair(strength: ArrayLike, diffusivity: ArrayLike, interaction: Interaction):
    """α and D broadcast together and cast to the common dtype, and that dtype."""
    require(
        isinstance(interaction, Interaction),
        "interaction",
        "be an `Interaction`",
        f"it is a {type(interaction).__name__}",
        "Wrap a function of |x| in `Radial`, a function of x in `General`.",
    )
    require_finite(strength, "strength", minimum=0.0)
    require_finite(diffusivity, "diffusivity", minimum=0.0, strict=True)
    alpha, D = jnp.broadcast_arrays(as_float(strength), as_float(diffusivity))
    dtype = jnp.result_type(alpha, D, interaction.dtype)
    return alpha.astype(dtype), D.astype(dtype), dtype


def _check_dimension(dimension: int) -> None:
    remedy = "On a line there is no recipe, since ranges of order ε always meet; use 2 or 3."
    whole(dimension, "dimension", 2, remedy)


def _choose(method: Method, interaction: Interaction, dimension: int) -> str:
    require(
        method in (None, "radial", "general"),
        "method",
        'be None, "radial" or "general"',
        f"it is {method!r}",
    )
    require(
        method != "radial" or interaction.radial,
        "method",
        'be "general" or None for a V that is not radial',
        'it is "radial"',
        "Use `Radial` for a function of |x|.",
    )
    chosen = method or ("radial" if interaction.radial else "general")
    require(
        chosen == "radial" or dimension == 3,
        "dimension",
        "be 3 (or 2) for the general method",
        f"it is {dimension}",
        "Use a radial interaction.",
    )
    return chosen


def _resolution(resolution: int | None, default: int) -> int:
    if resolution is None:
        return default
    return whole(resolution, "resolution", 2, f"The default is {default}.")

"""How long a macroscopic step of a scheme may be, with D the pairs' diffusivity.

Too long: pairs are looked at through their nearest image. In a step from a uniform gas the others
carry the part (1/τ)∫₀^τ [1 − erf(½/√(4Ds))³] ds of the contacts: 3e-5 at Dτ = 0.008, 0.7 % at 0.02,
10 % at 0.05.

Too short: the pair law holds for steps that are long against the range. Its rate is wrong by 2e-3
at Dτ = 3ρ² and 8e-5 at 10ρ² in d = 3; in d = 2 the logarithm of Dτ/ρ² must be large.
"""

from typing import Any

from jaxtyping import Array, Bool, Float

from jaxkin.numerics.checks import require

LONGEST = 0.008  # Dτ of the fastest pair


def too_short(
    step: Array, shortest: float, diffusivity: Float[Array, " M"], widest: Array
) -> Bool[Array, ""]:
    """Return whether Dτ of the slowest pair is below `shortest` times ρ²."""
    # Rounding may shorten a step that is just long enough.
    return 2 * diffusivity.min() * step < (1 - 1e-3) * shortest * widest**2


def check_step(step: Any, shortest: float, diffusivity: Any, widest: Any) -> None:
    """Raise `ValueError` if the step is out of range; traced values pass.

    Args:
        step: τ.
        shortest: the least Dτ/ρ² with which the scheme holds.
        diffusivity: (M,) d(n).
        widest: the largest ρ of any pair.
    """
    longest = LONGEST / (2 * diffusivity.max())
    require(
        step <= longest * (1 + 1e-6),
        "step",
        f"be at most {longest}, so that pairs meet through their nearest image only",
        f"it is {step}",
    )
    require(
        ~too_short(step, shortest, diffusivity, widest),
        "step",
        f"be at least {shortest:g} ρ²/D for the pair law of the slowest pair",
        f"it is {step} and ρ = {widest}",
        "Use scheme=jaxkin.schemes.Contact(), or more particles.",
    )

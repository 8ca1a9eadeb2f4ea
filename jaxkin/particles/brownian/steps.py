"""How long a macroscopic step of the two schemes may be, with D the pairs' diffusivity.

Too long: pairs are looked at through their nearest image. In a step from a uniform gas the others
carry the part (1/τ)∫₀^τ [1 − erf(½/√(4Ds))³] ds of the contacts: 3e-5 at Dτ = 0.008, 0.7 % at 0.02,
10 % at 0.05.

Too short: the pair law sees a pair from afar. Its rate is wrong by 2e-3 at Dτ = 3ρ² and 8e-5 at
10ρ² in d = 3; in d = 2 the logarithm of Dτ/ρ² must be large.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxkin.numerics.checks import require

LONGEST = 0.008  # Dτ of the fastest pair
SHORTEST = {2: 2500.0, 3: 3.0}  # Dτ/ρ² of the slowest pair, for the pair law, by dimension


def default_step(
    scheme: str, n_particles: int, diffusivity: Float[Array, " M"], widest: Array
) -> Float[Array, ""]:
    """Return the default τ.

    The contact scheme balances the screen of all pairs, in each step, and the bisections, which
    grow as √τ. The pair law takes the longest.
    """
    fastest = 2 * diffusivity.max()
    if scheme == "pair_law":
        return LONGEST / fastest
    return min(LONGEST, 1e-3 * max(1.0, (300 / n_particles) ** 0.67)) / fastest


def too_short(
    step: Array, scheme: str, dimension: int, diffusivity: Float[Array, " M"], widest: Array
) -> Bool[Array, ""]:
    """Return whether the pair law does not hold over the step; never for the contact scheme."""
    if scheme != "pair_law":
        return jnp.asarray(False)
    # Rounding may shorten a step that is just long enough.
    return 2 * diffusivity.min() * step < (1 - 1e-3) * SHORTEST[dimension] * widest**2


def check_step(
    step: Array, scheme: str, dimension: int, diffusivity: Float[Array, " M"], widest: Array
) -> None:
    """Raise `ValueError` if the step is out of range; traced values pass."""
    longest = LONGEST / (2 * diffusivity.max())
    require(
        step <= longest * (1 + 1e-6),
        "step",
        f"be at most {longest}, so that pairs meet through their nearest image only",
        f"it is {step}",
    )
    require(
        ~too_short(step, scheme, dimension, diffusivity, widest),
        "step",
        f"be at least {SHORTEST[dimension]:g} ρ²/D for the pair law of the slowest pair",
        f"it is {step} and ρ = {widest}",
        "Use scheme='contact', or more particles.",
    )

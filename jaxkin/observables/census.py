"""What is counted when particles carry masses: the observables common to both sides.

With weights w_i and masses m_i of the active particles (mass at most M),

    counts_n = Σ_i w_i 1[m_i = n],   number = Σ_i w_i,   mass = Σ_i w_i m_i,

and `overflow` is the density of mass that outgrew M. Products heavier than M do not react any
more; they are kept as mass only, so that mass + overflow is conserved. Particles and equation
record the same objects, hence the same names and shapes (Hammond, §1.7, w_i = Z/N).
"""

import functools
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.observables import Coordinates, Observable, Weighted


class OfMass(Observable):
    """An observable whose φ depends on the mass alone.

    A model may then skip the places: `Smoluchowski` evaluates it on spatial means.
    """


class Overflow(Observable):
    """Density of the mass in particles heavier than the largest class.

    It is no sum over active particles: a model answers it from its own state, in `observe`.
    """

    name: str = "overflow"

    def evaluate(self, measured: Weighted) -> Float[Array, ""]:
        """Refuse: weighted coordinates hold active particles only."""
        raise ValueError(
            "Argument `observable` must be answered by the model's own state, but `Overflow` was "
            "given weighted coordinates. Use a model with an overflow class, such as coagulation."
        )


@functools.cache
def census(max_mass: int) -> tuple[Observable, ...]:
    """Return `counts` (M,), `number`, `mass` and `overflow` (scalars) for masses up to M.

    The same objects come back for the same M, so that nothing compiles twice.
    """

    def of_each_mass(z: Coordinates) -> Any:
        return z.mass == jnp.arange(1, max_mass + 1)

    return OfMass("counts", of_each_mass), NUMBER, MASS, Overflow()


def _one(z: Coordinates) -> float:
    return 1.0


def _mass(z: Coordinates) -> Any:
    return z.mass


NUMBER = OfMass("number", _one)
MASS = OfMass("mass", _mass)

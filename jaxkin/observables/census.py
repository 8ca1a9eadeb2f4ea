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

from jaxkin.observables.base import Coordinates, Observable
from jaxkin.observables.mean import Mean, Overflow


@functools.cache
def census(max_mass: int) -> tuple[Observable, ...]:
    """Return `counts` (M,), `number`, `mass` and `overflow` (scalars) for masses up to M.

    The same objects come back for the same M, so that nothing compiles twice.

    Args:
        max_mass: M.
    """

    def of_each_mass(z: Coordinates) -> Any:
        return z.mass == jnp.arange(1, max_mass + 1)

    return Mean("counts", of_each_mass), NUMBER, MASS, Overflow()


def _one(z: Coordinates) -> float:
    return 1.0


def _mass(z: Coordinates) -> Any:
    return z.mass


NUMBER = Mean("number", _one)
MASS = Mean("mass", _mass)

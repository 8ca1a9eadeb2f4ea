"""A slab with two types and its chambers, shared by the tests of the equation."""

import jax.numpy as jnp
import numpy as np

import jaxkin as jk
from jaxkin.equations.slab import BoltzmannSlab
from jaxkin.laws.by_type import ByType, Chambers
from jaxkin.laws.velocities import GaussianMixture, Maxwellian
from jaxkin.operators import HermiteMixture

NUMBERS = np.array([0.8, 2.0])  # so that c_{12}/c_{21} = N₂/N₁
CONSTANTS = np.array([[0.5, 2.0], [0.8, 1.1]])
MASSES = np.array([1.0, 4.0])
EPS = np.finfo(float).eps


def slab(
    cells=8, *, kind=BoltzmannSlab, collide=1.0, degree=4, dimension=2, dtype=float, **options
):
    constants = jnp.asarray(collide * CONSTANTS, dtype)
    operator = HermiteMixture(MASSES.tolist(), dimension=dimension, degree=degree)
    return kind(jk.BoltzmannMixture(operator, constants), cells=cells, **options)


def chambers(d=2):
    """Warm on the left and cold on the right, the second type only nearly at rest."""
    drifting = GaussianMixture([1.0], [[0.3, 0.1, 0.0][:d]], [[1.2, 0.9, 1.0][:d]])
    return ByType(
        Chambers(drifting, Maxwellian(d, 0.7), share=0.6),
        Chambers(Maxwellian(d, 0.18), Maxwellian(d, 0.3), share=0.3),
    )

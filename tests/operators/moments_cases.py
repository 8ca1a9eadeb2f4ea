"""Laws and rates that the tests of `Moments` share.

Faults that were planted and seen: the factor K left out of the clock, slots of the first particle
only, the sign of |k|σ/2 the same in both slots, a rule of degree D for laws that need 2D.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxkin.laws.velocities import GaussianMixture, VelocityLaw

TIMES = jnp.array([0.0, 1.0, 2.5])
SKEWED = {
    d: GaussianMixture([0.3, 0.7], np.array([[1.0, 0.5, 0], [-0.5, 0.2, 0.4]])[:, :d], c)
    for d in (1, 2, 3)
    for c in [np.array([[0.3, 0.6, 0.5], [0.8, 0.4, 0.3]])[:, :d]]
}


class Atoms(VelocityLaw):
    """A law of finitely many velocities."""

    places: jax.Array
    weights: jax.Array

    @property
    def dimension(self):
        return self.places.shape[1]

    def density(self, velocity):
        raise NotImplementedError

    def sample_velocities(self, number, *, key, dtype):
        raise NotImplementedError

    def quadrature(self, points):
        return self.places, self.weights


def coefficients(normal):
    """Those of Bobylev, Cercignani and Gamba: a takes two values, b is smooth."""
    return jnp.where(normal[0] > 0, 0.9, 0.5), 0.2 + 0.1 * jnp.tanh(normal[0])


@eqx.filter_jit
def rates(equation, law):
    moments = equation.project(law)
    return moments, equation.collision(moments, equation.prepare())


def slope(equation, law):
    """Moments and their rates, by multi-index."""
    moments, change = rates(equation, law)
    names = [tuple(int(i) for i in a) for a in equation.indices()]
    return dict(zip(names, moments, strict=True)), dict(zip(names, change, strict=True))

"""Walkers on the line, which compile in no time, and a run of them by the driver."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxkin.drivers.simulation import simulate
from jaxkin.laws import Monodisperse
from jaxkin.model import Particles
from jaxkin.observables import Coordinates, Mean, Weighted

KEY, LAW = jax.random.key(7), Monodisperse()
TIMES = jnp.array([0.0, 0.1, 0.3, 0.6])
FAR = "Argument `bound` must not be passed, but a walker did. Raise it"


class Walkers(Particles):
    """Five walkers on the line; a walker past `bound` is a fault."""

    diffusivity: jax.Array
    bound: float = eqx.field(static=True, default=np.inf)
    per_tile: int = eqx.field(static=True, default=2)

    def sample(self, law, *, key):
        return jax.random.uniform(key, (5,), self.diffusivity.dtype)

    def advance(self, state, start, stop, *, key):
        width = jnp.sqrt(2 * self.diffusivity * (stop - start)).astype(state.dtype)
        return state + width * jax.random.normal(key, state.shape, state.dtype)

    def measure(self, state):
        return Weighted(jnp.full(5, 0.2, state.dtype), Coordinates(position=state[:, None]))

    def faults(self, state):
        return {FAR: jnp.any(jnp.abs(state) > self.bound)}

    def tile(self, replicas):
        return min(replicas, self.per_tile)

    def kinetic_limit(self, method=None):
        raise NotImplementedError


def mean_of(z):
    return z.position[0]


MEAN = Mean("mean", mean_of)
WALKERS = Walkers(jnp.asarray(1.0))


def walk(model=WALKERS, key=KEY, **options):
    return simulate(model, LAW, TIMES, key=key, observe=[MEAN], **options)

"""Kernels, a law with a drift and an observable, shared by the tests of annihilation."""

import jax.numpy as jnp

import jaxkin as jk
from jaxkin.laws.velocities import GaussianMixture
from jaxkin.observables import Mean

MAXWELL = jk.MaxwellKernel(jnp.float64(1.0))
SPHERES = jk.PowerKernel(jnp.float64(1.0), jnp.float64(1.0))
PLANAR = GaussianMixture([0.6, 0.4], [[0.3, 0.1], [-0.2, 0.2]], [[1.0, 0.8], [0.9, 1.1]])
TIMES = jnp.array([0.0, 0.7, 2.0])
FOURTH = Mean("fourth", lambda z: jnp.sum(z.velocity**2) ** 2)

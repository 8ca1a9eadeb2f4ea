"""Density of pairs near contact, an observable of particles alone."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from jaxkin.numerics.checks import require, require_finite
from jaxkin.numerics.spheres import ball_volume
from jaxkin.observables.base import Observable, Weighted
from jaxkin.observables.density import Density


class PairDensity(Observable):
    """Density of pairs near contact, relative to independent particles (Hammond, §3.1, §3.3).

    For each bin [edges_k, edges_{k+1}) of distances, the number of pairs in it divided by the
    number that independent uniform particles of the same count would show. Near contact it
    follows 1 − u(r/ε): the repulsion that corrects the naive rate. It belongs to particles; a
    kinetic equation has no pairs and refuses it.

    Args:
        edges: (bins + 1,) increasing distances, in units of the torus, below 1/2.
        name: name in the trajectory.

    Raises:
        ValueError: the edges do not increase, or reach 1/2.
    """

    name: str = eqx.field(static=True)
    edges: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, edges: Sequence[float], name: str = "pair_density"):
        self.name = name
        self.edges = tuple(float(e) for e in edges)
        require_finite(self.edges, "edges", minimum=0.0)
        require(
            all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False)),
            "edges",
            "increase",
            f"they are {self.edges}",
            "Sort them and remove repetitions.",
        )
        require(
            len(self.edges) >= 2 and self.edges[-1] < 0.5,
            "edges",
            "hold at least two distances below 1/2",
            f"they are {self.edges}",
        )

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return the (2, bins) array: pairs counted, and pairs expected of independent particles.

        The ratio of their averages over replicas is the density; an average of ratios is not.
        """
        measured.individuals(self.name)
        position, alive = measured.coordinates.position, measured.alive
        require(
            position is not None,
            "observe",
            "hold what the particles have",
            f"{self.name!r} needs positions, and they have none",
        )
        dtype = measured.weight.dtype
        edges = jnp.asarray(self.edges, position.dtype)

        def row(i):
            apart = position - position[i]
            apart = apart - jnp.round(apart)
            distance = jnp.sqrt(jnp.sum(apart**2, axis=-1))
            other = alive & alive[i] & (jnp.arange(alive.size) > i)
            return jnp.sum(other[:, None] & (distance[:, None] < edges), axis=0)

        below = jnp.sum(jax.lax.map(row, jnp.arange(alive.size)), axis=0)
        dimension = position.shape[-1]
        ball = ball_volume(dimension)
        number = jnp.sum(alive)
        expected = number * (number - 1) / 2 * ball * jnp.diff(edges**dimension)
        return jnp.stack([jnp.diff(below).astype(dtype), expected.astype(dtype)])

    def of_density(self, density: Density) -> Array:
        """Refuse: an equation has no pairs."""
        raise ValueError(
            f"Argument `observe` must hold functions of one particle, but {self.name!r} counts "
            "pairs, of which an equation has none. Near contact compare particles with "
            "`jaxkin.collision_probability`."
        )

"""A law of velocities that is drawn at random: data that are not chaotic.

(Cárdenas et al., Theorem 2.2.)
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.laws.base import require_law
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.arrays import array, host, known
from jaxkin.numerics.checks import require, require_finite


class RandomMixture(VelocityLaw):
    """One of several laws, drawn anew for each replica.

    Two particles of a replica are dependent, since they share the law; the density is the mixture.

    Args:
        laws: velocity laws of one dimension.
        weights: (k,) probabilities, scaled to sum 1.

    Raises:
        ValueError: a law has another dimension, or a weight is negative.
    """

    laws: tuple[VelocityLaw, ...]
    weights: Float[Array, " k"]

    def __init__(self, laws: Any, weights: Any):
        self.laws = tuple(laws)
        require(len(self.laws) > 0, "laws", "name at least one law", "it is empty")
        for law in self.laws:
            require_law(law, VelocityLaw, name="laws")
        dimensions = sorted({law.dimension for law in self.laws})
        require(len(dimensions) == 1, "laws", "live in one dimension", f"they have {dimensions}")
        values = host(weights)
        require(
            values.shape == (len(self.laws),),
            "weights",
            "hold one weight for each law",
            f"its shape is {values.shape}",
        )
        require_finite(values, "weights", minimum=0.0)
        require(values.sum() > 0, "weights", "hold a positive weight", "all are zero")
        self.weights = array(values / values.sum())

    @property
    def dimension(self) -> int:
        """d."""
        return self.laws[0].dimension

    def density(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return Σ w_k f_k(v)."""
        values = [w * law.density(velocity) for w, law in zip(self.weights, self.laws, strict=True)]
        return sum(values[1:], values[0])

    def sample_velocities(self, number: int, *, key: PRNGKeyArray, dtype: Any) -> Array:
        """Draw a law, and all velocities from it."""
        which_key, own_key = jax.random.split(key)
        which = jax.random.categorical(which_key, jnp.log(self.weights))
        draws = [law.sample_velocities(number, key=own_key, dtype=dtype) for law in self.laws]
        return jnp.stack(draws)[which]

    def quadrature(self, points: int) -> tuple[Array, Array]:
        """Return the rules of the laws, side by side."""
        rules = [law.quadrature(points) for law in self.laws]
        xp, own = known(self.weights, rules), host(self.weights)
        weights = [w * host(rule[1]) for w, rule in zip(own, rules, strict=True)]
        nodes = [host(nodes) for nodes, _ in rules]
        return array(xp.concatenate(nodes)), array(xp.concatenate(weights))

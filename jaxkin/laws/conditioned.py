"""Independent velocities conditioned on their energy: data on the energy sphere.

(Cárdenas et al., §4.2.)

The law of N velocities is f₀^{⊗N} restricted to |V|² = 2NE and scaled. It is sampled by a Markov
chain that keeps the sphere: pairs of velocities turn on their own sphere in R^{2d}, uniformly, and
are accepted with probability min(1, f₀f₀(after)/f₀f₀(before)). The chain starts from independent
velocities scaled to the sphere, which for a centred isotropic Gaussian is exact at once. Fewer than
ten velocities with a given mean need hundreds of sweeps under some laws.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.laws.base import require_law
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.arrays import array, host
from jaxkin.numerics.checks import require, require_finite, whole
from jaxkin.numerics.tuples import disjoint_pairs


class Conditioned(VelocityLaw):
    """Velocities of a law, given their mean energy ½⟨|v|²⟩ and, on demand, their mean.

    Its density, and what an equation makes of it, is that of the law, which one velocity has in
    the limit if the law has this energy.

    Args:
        law: f₀.
        energy: ½⟨|v|²⟩ of every draw; None for that of the law.
        momentum: condition on the mean velocity being that of the law, too.
        sweeps: of the chain; in each of them all velocities (of an odd number all except one) try
            to turn once, with random partners.

    Raises:
        ValueError: the energy is not positive, or not above that of the mean; or momentum=True in
            d = 1, where pairs cannot turn.
    """

    law: VelocityLaw
    energy: Float[Array, ""]
    mean: Float[Array, " d"]
    momentum: bool = eqx.field(static=True)
    sweeps: int = eqx.field(static=True)

    def __init__(
        self, law: VelocityLaw, energy: Any = None, *, momentum: bool = False, sweeps: int = 30
    ):
        require_law(law, VelocityLaw, needs=("density", "quadrature", "sample_velocities"))
        self.law, self.momentum = law, momentum
        self.sweeps = whole(sweeps, "sweeps", 0)
        require(
            not momentum or law.dimension > 1,
            "momentum",
            "be False in d = 1, where two velocities cannot turn",
            "it is True",
        )
        nodes, weights = (host(x) for x in law.quadrature(3))
        mean = weights @ nodes
        given = 0.5 * (weights @ nodes**2).sum() if energy is None else host(energy)
        require(given.shape == (), "energy", "be a number", f"its shape is {given.shape}")
        spare = given - (0.5 * (mean**2).sum() if momentum else 0.0)
        require_finite(spare, "energy", minimum=0.0, strict=True)
        self.mean, self.energy = array(mean), array(given)

    @property
    def dimension(self) -> int:
        """d."""
        return self.law.dimension

    def density(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return f₀(v)."""
        return self.law.density(velocity)

    def quadrature(self, points: int) -> tuple[Array, Array]:
        """Return the rule of the law."""
        return self.law.quadrature(points)

    def sample_velocities(self, number: int, *, key: PRNGKeyArray, dtype: Any) -> Array:
        """Draw independent velocities, bring them onto the sphere, and run the chain."""
        whole(number, "n_particles", 3 if self.momentum else 2, "The sphere needs that many.")
        start_key, chain_key = jax.random.split(key)
        velocity = self.law.sample_velocities(number, key=start_key, dtype=dtype)
        centre = self.mean.astype(dtype) if self.momentum else jnp.zeros(self.dimension, dtype)
        if self.momentum:
            velocity = velocity - jnp.mean(velocity, axis=0)
        energy = self.energy.astype(dtype) - 0.5 * jnp.sum(centre**2)
        velocity = velocity * jnp.sqrt(2 * energy / jnp.mean(jnp.sum(velocity**2, axis=1)))

        def sweep(velocity, key):
            return self._sweep(velocity, centre, key), None

        keys = jax.random.split(chain_key, self.sweeps)
        velocity, _ = jax.lax.scan(sweep, velocity, keys)
        return velocity + centre

    def _sweep(self, velocity: Array, centre: Array, key: PRNGKeyArray) -> Array:
        """Turn disjoint random pairs on their spheres."""
        pair_key, angle_key, accept_key = jax.random.split(key, 3)
        number = velocity.shape[0]
        words = jax.random.bits(pair_key, (2, 1), jnp.uint32)
        places = disjoint_pairs(words[0], words[1], number, number // 2)[..., 0]
        before = velocity[places]  # (2, pairs, d)
        normal = jax.random.normal(angle_key, before.shape, velocity.dtype)
        if self.momentum:
            # The relative velocity alone turns.
            apart = before[0] - before[1]
            turned = normal[0] * jnp.sqrt(
                jnp.sum(apart**2, -1, keepdims=True) / jnp.sum(normal[0] ** 2, -1, keepdims=True)
            )
            middle = 0.5 * (before[0] + before[1])
            after = jnp.stack([middle + 0.5 * turned, middle - 0.5 * turned])
        else:
            size = jnp.sum(before**2, (0, 2)) / jnp.sum(normal**2, (0, 2))
            after = normal * jnp.sqrt(size)[:, None]
        new, old = (jnp.sum(jnp.log(self.law.density(x + centre)), 0) for x in (after, before))
        # Where the density has underflowed to 0 every place is better.
        odds = jnp.where(jnp.isneginf(old), 0, new - old)
        accept = jnp.log(jax.random.uniform(accept_key, odds.shape, velocity.dtype)) < odds
        return velocity.at[places].set(jnp.where(accept[:, None], after, before))

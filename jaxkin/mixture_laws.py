"""Laws of mixtures: what the spheres of each type know at time 0.

Positions lie in the unit box. Spheres of one type are independent, but for the hard core, which
`jaxkin.HardSphereMixture` takes into account by itself.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.numerics.checks import require
from jaxkin.velocity_laws import VelocityLaw


class Chambers(eqx.Module):
    """A warm and a cold chamber (paper 002, §1.1.1): one law of the velocity in each half.

    Positions are uniform in x₁ < ½ with probability `share`, else in x₁ > ½.

    Args:
        left: law of the velocity where x₁ < ½.
        right: law of the velocity where x₁ > ½.
        share: of the spheres, on the left.
    """

    left: VelocityLaw
    right: VelocityLaw
    share: float = eqx.field(static=True, default=0.5)

    def __check_init__(self):
        require(0 <= self.share <= 1, "share", "lie in [0, 1]", f"it is {self.share}")
        self.right.check_dimension(self.left.dimension)

    def check_dimension(self, dimension: int) -> None:
        """Raise `ValueError` if the velocities live in another dimension."""
        self.left.check_dimension(dimension)

    def sample_positions(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any
    ) -> Float[Array, "number d"]:
        """Draw independent positions."""
        side, place = jax.random.split(key)
        right = jax.random.uniform(side, (number,)) >= self.share
        x = jax.random.uniform(place, (number, dimension), dtype)
        return x.at[:, 0].set(0.5 * (x[:, 0] + right.astype(dtype)))

    def sample_velocities_at(
        self, position: Float[Array, "n d"], *, key: PRNGKeyArray
    ) -> Float[Array, "n d"]:
        """Draw velocities of spheres that are there."""
        keys, n = jax.random.split(key), position.shape[0]
        left, right = (
            law.sample_velocities(n, key=k, dtype=position.dtype)
            for law, k in zip((self.left, self.right), keys, strict=True)
        )
        return jnp.where(position[:, :1] < 0.5, left, right)


class Uniform(eqx.Module):
    """One law of the velocity everywhere; what `ByType` makes of a law of velocities."""

    velocity: VelocityLaw

    def check_dimension(self, dimension: int) -> None:
        """Raise `ValueError` if the velocities live in another dimension."""
        self.velocity.check_dimension(dimension)

    def sample_positions(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any
    ) -> Float[Array, "number d"]:
        """Draw independent positions."""
        return jax.random.uniform(key, (number, dimension), dtype)

    def sample_velocities_at(
        self, position: Float[Array, "n d"], *, key: PRNGKeyArray
    ) -> Float[Array, "n d"]:
        """Draw velocities of spheres that are there."""
        return self.velocity.sample_velocities(position.shape[0], key=key, dtype=position.dtype)


class ByType(eqx.Module):
    """One law for each type of a mixture.

    Args:
        *laws: for each type a law of velocities (`jaxkin.velocity_laws`; positions are uniform), or
            `Chambers`, or a law with the same three methods. A gas of mass M at temperature T has
            velocities of variance T/M: `Maxwellian(3, temperature=T / M)`.
    """

    laws: tuple[Any, ...]

    def __init__(self, *laws: Any):
        require(len(laws) > 0, "laws", "name a law for each type", "there is none")
        self.laws = tuple(Uniform(law) if isinstance(law, VelocityLaw) else law for law in laws)

    def check_mixture(self, types: int, dimension: int) -> None:
        """Raise `ValueError` if the mixture has other types or another dimension."""
        require(
            len(self.laws) == types,
            "law",
            f"be `ByType` with {types} laws, one for each type",
            f"it has {len(self.laws)}",
        )
        for law in self.laws:
            law.check_dimension(dimension)

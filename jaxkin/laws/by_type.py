"""Laws of mixtures: what the spheres of each type know at time 0.

Positions lie in the unit box. Spheres of one type are independent, but for the hard core, which
`jaxkin.HardSphereMixture` takes into account by itself. A law depends on x₁ alone,

    f(x, v) = Σ_i p_i(x₁) f_i(v),   ∫ Σ_i p_i dx₁ = 1,

and its `layers` are the cell averages of p_i with f_i, for equations in a slab.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.checks import require, require_finite, whole

Layers = list[tuple[Float[Array, " cells"], VelocityLaw]]


class Chambers(eqx.Module):
    """A warm and a cold chamber (Hammond, §1.1.1): one law of the velocity in each half.

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

    def layers(self, edges: Float[np.ndarray, " cells+1"]) -> Layers:
        """Return the two steps, 2·share and 2·(1 − share) high; exact whatever the edges."""
        width = np.diff(edges)
        left = np.diff(np.minimum(edges, 0.5)) / width
        right = np.diff(np.maximum(edges, 0.5)) / width
        return [
            (jnp.asarray(2 * self.share * left), self.left),
            (jnp.asarray(2 * (1 - self.share) * right), self.right),
        ]


class Wave(eqx.Module):
    """One law of the velocity, and the density 1 + a cos(2πm x₁) of positions.

    Args:
        velocity: law of the velocity everywhere.
        amplitude: a in [−1, 1].
        mode: m ≥ 1.

    Raises:
        ValueError: an argument is out of range.
    """

    velocity: VelocityLaw
    amplitude: Float[Array, ""]
    mode: int = eqx.field(static=True)

    def __init__(self, velocity: VelocityLaw, amplitude: Any, mode: int = 1):
        require(
            isinstance(velocity, VelocityLaw),
            "velocity",
            "be a law of velocities",
            f"it is a {type(velocity).__name__}",
            "See `jaxkin.laws`.",
        )
        require_finite(amplitude, "amplitude")
        shape = jnp.shape(amplitude)
        require(shape == (), "amplitude", "be a number", f"its shape is {shape}")
        require(abs(amplitude) <= 1, "amplitude", "lie in [-1, 1]", f"it is {amplitude}")
        self.velocity, self.mode = velocity, whole(mode, "mode")
        self.amplitude = jnp.asarray(amplitude, dtype=float)

    def check_dimension(self, dimension: int) -> None:
        """Raise `ValueError` if the velocities live in another dimension."""
        self.velocity.check_dimension(dimension)

    def sample_positions(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any
    ) -> Float[Array, "number d"]:
        """Draw independent positions, without rejection.

        A uniform x₁ stays with probability (1 + a cos(2πm x₁))/2, else it moves by half a period,
        where the cosine is the opposite: both ways to a place add up to the density.
        """
        place, stay = jax.random.split(key)
        x = jax.random.uniform(place, (number, dimension), dtype)
        wave = self.amplitude.astype(dtype) * jnp.cos(2 * jnp.pi * self.mode * x[:, 0])
        moved = (x[:, 0] + 1 / (2 * self.mode)) % 1
        stays = jax.random.uniform(stay, (number,), dtype) < (1 + wave) / 2
        return x.at[:, 0].set(jnp.where(stays, x[:, 0], moved))

    def sample_velocities_at(
        self, position: Float[Array, "n d"], *, key: PRNGKeyArray
    ) -> Float[Array, "n d"]:
        """Draw velocities of spheres that are there."""
        return self.velocity.sample_velocities(position.shape[0], key=key, dtype=position.dtype)

    def layers(self, edges: Float[np.ndarray, " cells+1"]) -> Layers:
        """Return the exact averages: the cosine at the center times sin(πmh)/(πmh)."""
        center, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        mean = np.cos(2 * np.pi * self.mode * center) * np.sinc(self.mode * width)
        return [(1 + self.amplitude * mean, self.velocity)]


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

    def layers(self, edges: Float[np.ndarray, " cells+1"]) -> Layers:
        """Return one layer of density 1."""
        return [(jnp.ones(len(edges) - 1), self.velocity)]


class ByType(eqx.Module):
    """One law for each type of a mixture.

    Args:
        *laws: for each type a law of velocities (`jaxkin.laws`; positions are uniform), or
            `Chambers`, `Wave`, or a law with the same methods. A gas of mass M at temperature T has
            velocities of variance T/M: `Maxwellian(3, temperature=T / M)`.
    """

    laws: tuple[Any, ...]

    def __init__(self, *laws: Any):
        require(len(laws) > 0, "laws", "name a law for each type", "there is none")
        for law in laws:
            require(
                isinstance(law, VelocityLaw) or hasattr(law, "check_dimension"),
                "laws",
                "be laws of velocities, `Chambers` or `Wave`",
                f"one is a {type(law).__name__}",
                "See `jaxkin.laws`.",
            )
        self.laws = tuple(Uniform(law) if isinstance(law, VelocityLaw) else law for law in laws)

    @property
    def dimension(self) -> int:
        """d of the velocities."""
        return self.laws[0].layers(np.array([0.0, 1.0]))[0][1].dimension

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

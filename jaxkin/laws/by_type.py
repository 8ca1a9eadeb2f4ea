"""Laws of mixtures: what is known of the spheres of each type at time 0.

Positions lie in the unit box. Spheres of one type are independent except for the hard core, which
`jaxkin.HardSphereMixture` takes into account by itself. A law depends on x₁ alone,

    f(x, v) = Σ_i p_i(x₁) f_i(v),   ∫ Σ_i p_i dx₁ = 1,

and its `layers` are the cell averages of p_i with f_i, for equations in a slab.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.laws.base import Law, require_law
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.arrays import array, host
from jaxkin.numerics.checks import require, require_finite, whole

Layers = list[tuple[Float[Array, " cells"], VelocityLaw]]


class PlacedLaw(Law):
    """A law of the spheres of one type: of their places, and of the velocity at each place."""

    described = "a law of places and velocities"
    known_by = ("dimension", "sample_positions", "sample_velocities_at")
    remedy = "Take a law of velocities, or `jaxkin.laws.Chambers` or `Wave`."

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """d of the velocities."""

    @abc.abstractmethod
    def sample_positions(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any
    ) -> Float[Array, "number d"]:
        """Draw independent positions."""

    @abc.abstractmethod
    def sample_velocities_at(
        self, position: Float[Array, "n d"], *, key: PRNGKeyArray
    ) -> Float[Array, "n d"]:
        """Draw velocities of spheres that are there."""

    @abc.abstractmethod
    def layers(self, edges: Float[np.ndarray, " cells+1"]) -> Layers:
        """Return averages of p_i over cells of x₁, (cells,), each with its law of the velocity.

        Args:
            edges: (cells + 1,) ends of the cells in [0, 1], increasing.
        """


class Uniform(PlacedLaw):
    """One law of the velocity everywhere, and uniform positions.

    `ByType` makes it of a law of velocities.

    Args:
        velocity: law of the velocity.

    Raises:
        ValueError: it is no law of velocities.
    """

    velocity: VelocityLaw

    def __check_init__(self):
        require_law(self.velocity, VelocityLaw, name="velocity")

    @property
    def dimension(self) -> int:
        """d of the velocities."""
        return self.velocity.dimension

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
        return [(array(np.ones(len(edges) - 1)), self.velocity)]


class Chambers(PlacedLaw):
    """A warm and a cold chamber (Hammond, §1.1.1): one law of the velocity in each half.

    Positions are uniform in x₁ < ½ with probability `share`, else in x₁ > ½.

    Args:
        left: law of the velocity where x₁ < ½.
        right: law of the velocity where x₁ > ½.
        share: of the spheres, on the left.

    Raises:
        ValueError: an argument is out of range.
    """

    left: VelocityLaw
    right: VelocityLaw
    share: float = eqx.field(static=True, default=0.5)

    def __check_init__(self):
        require_law(self.left, VelocityLaw, name="left")
        require_law(self.right, VelocityLaw, dimension=self.left.dimension, name="right")
        require(0 <= self.share <= 1, "share", "lie in [0, 1]", f"it is {self.share}")

    @property
    def dimension(self) -> int:
        """d of the velocities."""
        return self.left.dimension

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
            (array(2 * self.share * left), self.left),
            (array(2 * (1 - self.share) * right), self.right),
        ]


class Wave(PlacedLaw):
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
        require_law(velocity, VelocityLaw, name="velocity")
        size = host(amplitude)
        require_finite(size, "amplitude")
        require(size.shape == (), "amplitude", "be a number", f"its shape is {size.shape}")
        require(abs(size) <= 1, "amplitude", "lie in [-1, 1]", f"it is {amplitude}")
        self.velocity, self.mode = velocity, whole(mode, "mode")
        self.amplitude = array(size)

    @property
    def dimension(self) -> int:
        """d of the velocities."""
        return self.velocity.dimension

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
        return [(array(1 + host(self.amplitude) * mean), self.velocity)]


class ByType(Law):
    """One law for each type of a mixture.

    Args:
        *laws: for each type a law of velocities (`jaxkin.laws`; positions are uniform), or
            `Chambers`, `Wave`, or a law with the methods of `PlacedLaw`. A gas of mass M at
            temperature T has velocities of variance T/M: `Maxwellian(3, temperature=T / M)`.

    Raises:
        ValueError: there is none, one is no such law, or they live in different dimensions.
    """

    described = "`ByType` with a law for each type"
    known_by = ("laws", "dimension")
    remedy = "Take `jaxkin.laws.ByType(law, …)` with a law of velocities for each type."

    laws: tuple[Any, ...]

    def __init__(self, *laws: Any):
        require(len(laws) > 0, "laws", "name a law for each type", "there is none")
        placed = [Uniform(law) if isinstance(law, VelocityLaw) else law for law in laws]
        for law in placed:
            require_law(law, PlacedLaw, name="laws")
        dimensions = sorted({law.dimension for law in placed})
        require(len(dimensions) == 1, "laws", "live in one dimension", f"they have {dimensions}")
        self.laws = tuple(placed)

    @property
    def dimension(self) -> int:
        """d of the velocities."""
        return self.laws[0].dimension

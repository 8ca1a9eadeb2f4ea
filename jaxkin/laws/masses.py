"""Laws of particles with a mass.

For particles with a mass in the unit torus (Hammond, §1.3) a law is a family of densities
h_n(x), n = 1, 2, …, whose total Z = Σ_n ∫ h_n decides the interaction range together with N:
each of N particles is drawn independently with density Z⁻¹ h_n(x) at (x, n).

A law offers `total(dimension)`, `sample_particles` and `density(position)` to a model;
`uniform` says whether the densities are the same everywhere, `max_mass` how many masses there are.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.laws.base import Law
from jaxkin.numerics.arrays import array, host
from jaxkin.numerics.checks import require, require_finite, whole
from jaxkin.observables import Coordinates


class MassLaw(Law):
    """A law of particles with a mass 1, 2, … and a place in the unit torus."""

    described = "a law of masses"
    known_by = ("max_mass",)
    remedy = "Take `jaxkin.laws.Monodisperse()`, `Polydisperse` or `Inhomogeneous`."

    @property
    @abc.abstractmethod
    def max_mass(self) -> int:
        """The largest mass of the law."""

    @property
    @abc.abstractmethod
    def uniform(self) -> bool:
        """Whether the densities are the same everywhere."""

    @abc.abstractmethod
    def total(self, dimension: int) -> Float[Array, ""]:
        """Return Z = Σ_n ∫ h_n."""

    @abc.abstractmethod
    def density(self, position: Float[Array, "*n d"]) -> Float[Array, "*n masses"]:
        """Return h_n(x) at the positions."""

    @abc.abstractmethod
    def sample_particles(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any = None
    ) -> Coordinates:
        """Draw `number` independent particles with density h_n(x)/Z."""


class Polydisperse(MassLaw):
    """Uniform densities h_n, n = 1 … M.

    Args:
        densities: (M,) densities in the unit torus, not negative, not all zero.

    Raises:
        ValueError: the shape is another one, or a density is negative or not finite.
    """

    densities: Float[Array, " masses"]

    def __init__(self, densities: Any):
        values = host(densities)
        require(
            values.ndim == 1 and values.size > 0,
            "densities",
            "be one-dimensional, one density for each mass",
            f"its shape is {values.shape}",
        )
        require_finite(values, "densities", minimum=0.0)
        require(values.sum() > 0, "densities", "hold a positive density", "all are zero")
        self.densities = array(values)

    @property
    def max_mass(self) -> int:
        """The largest mass of the law."""
        return self.densities.size

    @property
    def uniform(self) -> bool:
        """True: the gas is homogeneous."""
        return True

    def total(self, dimension: int) -> Float[Array, ""]:
        """Return Z, the sum of the densities."""
        return array(host(self.densities, self.densities.dtype).sum(), self.densities.dtype)

    def density(self, position: Float[Array, "*n d"]) -> Float[Array, "*n masses"]:
        """Return the densities at every position."""
        return jnp.broadcast_to(self.densities, (*position.shape[:-1], self.max_mass))

    def sample_particles(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any = None
    ) -> Coordinates:
        """Draw places uniformly and masses in proportion to the densities."""
        mass_key, place_key = jax.random.split(key)
        mass = 1 + jax.random.categorical(mass_key, jnp.log(self.densities), shape=(number,))
        position = jax.random.uniform(place_key, (number, dimension), dtype or float)
        return Coordinates(mass=mass.astype(jnp.int32), position=position)


class Monodisperse(Polydisperse):
    """All particles of one mass, uniform on the unit torus.

    Args:
        mass: the mass, 1 by default.
        density: the density h > 0, so that Z = h.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, mass: int = 1, density: Any = 1.0):
        mass = whole(mass, "mass")
        require(
            np.ndim(density) == 0,
            "density",
            "be a number",
            f"its shape is {np.shape(density)}",
            "Use `Polydisperse` for one density per mass.",
        )
        require_finite(density, "density", minimum=0.0, strict=True)
        self.densities = array(np.eye(1, mass, mass - 1)[0] * host(density))


class Inhomogeneous(MassLaw):
    """Densities that vary in space, h_n(x), sampled by rejection under a stated maximum.

    Args:
        function: maps one position x (d,) to the densities (M,) there; periodic, not negative.
        maximum: a number > 0, an upper bound of Σ_n h_n(x). A sample that exceeds it is an error.
        max_mass: M, the number of densities that `function` returns.
        resolution: points in each direction of the (spectrally accurate, periodic trapezoid)
            quadrature of Z.

    Raises:
        ValueError: an argument is out of range.
    """

    maximum: Float[Array, ""]
    function: Callable[[Array], Array] = eqx.field(static=True)
    masses: int = eqx.field(static=True)
    resolution: int = eqx.field(static=True)

    def __init__(
        self,
        function: Callable[[Array], Array],
        *,
        maximum: Any,
        max_mass: int,
        resolution: int = 32,
    ):
        require(
            callable(function),
            "function",
            "map a position to densities",
            f"it is a {type(function).__name__}",
            "Use `Polydisperse` for densities that do not vary.",
        )
        self.function, self.masses = function, whole(max_mass, "max_mass")
        self.resolution = whole(resolution, "resolution")
        bound = host(maximum)
        require(bound.shape == (), "maximum", "be a number", f"its shape is {bound.shape}")
        require_finite(bound, "maximum", minimum=0.0, strict=True)
        self.maximum = array(bound)

    @property
    def max_mass(self) -> int:
        """The largest mass of the law."""
        return self.masses

    @property
    def uniform(self) -> bool:
        """False: the densities may vary in space."""
        return False

    def density(self, position: Float[Array, "*n d"]) -> Float[Array, "*n masses"]:
        """Return h_n(x) at the positions."""
        flat = jax.vmap(self.function)(position.reshape(-1, position.shape[-1]))
        require(
            flat.shape[1:] == (self.masses,),
            "max_mass",
            "be the number of densities that `function` returns at one position",
            f"it is {self.masses} and their shape is {flat.shape[1:]}",
        )
        return flat.reshape(*position.shape[:-1], self.masses)

    def total(self, dimension: int) -> Float[Array, ""]:
        """Return Z by the trapezoid rule, and check the densities on its points."""
        values = self.density(_grid(self.resolution, dimension))
        require_finite(values, "function", minimum=0.0)
        peak = values.sum(-1).max()
        require(
            peak <= self.maximum,
            "maximum",
            "bound the sum of the densities",
            f"the sum reaches {peak}",
            "Give a larger maximum.",
        )
        return values.sum(-1).mean()

    def sample_particles(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any = None
    ) -> Coordinates:
        """Draw by rejection from the uniform law under `maximum`."""

        def one(key):
            def propose(carry):
                key, *_ = carry
                key, place_key, accept_key, mass_key = jax.random.split(key, 4)
                place = jax.random.uniform(place_key, (dimension,), dtype or float)
                densities = self.function(place)
                mass = 1 + jax.random.categorical(mass_key, jnp.log(densities))
                sum_ = densities.sum()
                sum_ = eqx.error_if(
                    sum_,
                    sum_ > self.maximum,
                    "Argument `maximum` must bound the sum of the densities, but a sample "
                    "exceeded it. Give a larger maximum.",
                )
                accepted = jax.random.uniform(accept_key) * self.maximum < sum_
                return key, place, mass.astype(jnp.int32), accepted

            start = (key, jnp.zeros(dimension, dtype or float), jnp.int32(0), jnp.asarray(False))
            _, place, mass, _ = jax.lax.while_loop(lambda c: ~c[3], propose, start)
            return mass, place

        mass, position = jax.vmap(one)(jax.random.split(key, number))
        return Coordinates(mass=mass, position=position)


def _grid(resolution: int, dimension: int) -> Float[Array, "n d"]:
    axis = np.arange(resolution) / resolution
    return jnp.asarray(np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), -1)).reshape(
        -1, dimension
    )

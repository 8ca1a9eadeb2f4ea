"""Observables of a gas of velocities.

Moments are polynomials, which equations integrate exactly; the histogram of a component and the
characteristic function have closed forms where a density is known.
"""

import itertools
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from jaxkin.numerics.checks import require, require_finite, whole
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.density import Density
from jaxkin.observables.mean import Mean

# Σ w over the gas: 1, except for what a grid loses; N/Λ where particles annihilate.
DENSITY = Mean("density", lambda z: 1.0, 0)
# Σ w v, of shape (d,).
MOMENTUM = Mean("momentum", lambda z: z.velocity, 1)
# Σ w |v|²/2.
ENERGY = Mean("energy", lambda z: 0.5 * jnp.sum(z.velocity**2), 2)
# Σ w v⊗v, of shape (d, d).
STRESS = Mean("stress", lambda z: jnp.outer(z.velocity, z.velocity), 2)
# Σ w v|v|²/2, of shape (d,).
HEAT_FLUX = Mean("heat_flux", lambda z: 0.5 * z.velocity * jnp.sum(z.velocity**2), 3)
# Σ w |v|⁴ and Σ w |v|⁶.
MOMENTS = Mean(
    "moments",
    lambda z: jnp.stack([jnp.sum(z.velocity**2) ** 2, jnp.sum(z.velocity**2) ** 3]),
    6,
)

VELOCITY_MOMENTS = (DENSITY, MOMENTUM, ENERGY, STRESS, HEAT_FLUX, MOMENTS)


class CharacteristicFunction(Observable):
    """φ(k) = Σ w e^{−ik·v}, of shape (m, 2): real and imaginary part.

    Args:
        wave_vectors: (m, d) vectors k, finite, in inverse units of the velocity.
        name: the name under which the trajectory keeps it.

    Raises:
        ValueError: they are not (m, d) finite numbers.
    """

    name: str = eqx.field(static=True)
    wave_vectors: tuple[tuple[float, ...], ...] = eqx.field(static=True)

    def __init__(
        self, wave_vectors: Sequence[Sequence[float]], name: str = "characteristic_function"
    ):
        self.name = name
        rows = [tuple(float(c) for c in np.atleast_1d(row)) for row in wave_vectors]
        require(
            len(rows) > 0 and len({len(r) for r in rows}) == 1,
            "wave_vectors",
            "be a list of vectors",
            f"it is {wave_vectors!r}",
            "Give vectors of one length, such as [(1.0, 0.0, 0.0)].",
        )
        require_finite(rows, "wave_vectors")
        self.wave_vectors = tuple(rows)

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return Σ w e^{−ik·v}."""

        def function(z: Coordinates) -> Array:
            self._check(z.velocity.shape[-1])
            phase = jnp.asarray(self.wave_vectors, z.velocity.dtype) @ z.velocity
            return jnp.stack([jnp.cos(phase), -jnp.sin(phase)], axis=-1)

        return measured.total(function, name=self.name)

    def of_density(self, density: Density) -> Array:
        """Return ∫ f e^{−ik·v} dv, in closed form where the density has one."""
        require(
            hasattr(density, "characteristic"),
            "observe",
            "hold what the density tells",
            f"a {type(density).__name__} has no velocities for {self.name!r}",
        )
        self._check(getattr(density, "dimension", len(self.wave_vectors[0])))
        return density.characteristic(np.asarray(self.wave_vectors))  # type: ignore[attr-defined]

    def _check(self, dimension: int) -> None:
        own = len(self.wave_vectors[0])
        require(
            own == dimension,
            "wave_vectors",
            f"have the dimension {dimension} of the velocities",
            f"it is {own}",
        )


class Histogram(Observable):
    """The share of velocities of which one component lies in each bin [e_k, e_{k+1}).

    Args:
        edges: (bins + 1,) increasing edges; the first and last may be infinite.
        axis: which component, from 0.
        name: the name under which the trajectory keeps it, of shape (bins,).

    Raises:
        ValueError: the edges do not increase, or there are fewer than two.
    """

    name: str = eqx.field(static=True)
    edges: tuple[float, ...] = eqx.field(static=True)
    axis: int = eqx.field(static=True)

    def __init__(self, edges: Sequence[float], axis: int = 0, name: str = "histogram"):
        self.name, self.axis = name, whole(axis, "axis", 0)
        self.edges = tuple(float(e) for e in np.atleast_1d(edges))
        require(
            len(self.edges) > 1 and all(a < b for a, b in itertools.pairwise(self.edges)),
            "edges",
            "hold at least two numbers that increase",
            f"they are {self.edges}",
        )

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return Σ w of the particles in each bin."""

        def function(z: Coordinates) -> Array:
            self._check(z.velocity.shape[-1])
            below = z.velocity[self.axis] < jnp.asarray(self.edges, z.velocity.dtype)
            return below[1:] & ~below[:-1]

        return measured.total(function, name=self.name)

    def of_density(self, density: Density) -> Array:
        """Return ∫ f over each bin, in closed form or from the marginal."""
        require(
            hasattr(density, "histogram"),
            "observe",
            "hold what the density tells",
            f"a {type(density).__name__} has no histogram of velocities",
            "Solve with an operator that keeps a density, such as `Hermite` or `Fourier`.",
        )
        self._check(getattr(density, "dimension", self.axis + 1))
        return density.histogram(self.edges, self.axis)  # type: ignore[attr-defined]

    def _check(self, dimension: int) -> None:
        require(
            self.axis < dimension,
            "axis",
            f"be below the dimension {dimension}",
            f"it is {self.axis}",
        )

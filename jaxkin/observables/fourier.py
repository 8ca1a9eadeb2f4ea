"""Fourier modes of the densities in space."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from jaxkin.numerics.checks import require, whole
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.density import Density


class FourierMode(Observable):
    """Spatial Fourier modes ∫ f(x) e^{−2πik·x} dx on the unit torus, (m, 2): real and imaginary.

    Args:
        wave_vectors: (m, d) integer vectors k.
        mass: count only the particles of this mass; all masses together if None.
        name: None for `modes`, or `modes_<mass>`.

    Raises:
        ValueError: they are no vectors of one length, or not whole.
    """

    name: str = eqx.field(static=True)
    wave_vectors: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    mass: int | None = eqx.field(static=True)

    def __init__(
        self,
        wave_vectors: Sequence[Sequence[int]],
        *,
        mass: int | None = None,
        name: str | None = None,
    ):
        rows = [tuple(np.atleast_1d(row).tolist()) for row in wave_vectors]
        require(
            len(rows) > 0 and len({len(r) for r in rows}) == 1,
            "wave_vectors",
            "be a list of vectors",
            f"it is {wave_vectors!r}",
            "Give integer vectors of one length, such as [(1, 0, 0)].",
        )
        require(
            all(float(c).is_integer() for row in rows for c in row),
            "wave_vectors",
            "hold whole numbers, in units of 2π over the side of the torus",
            f"they are {wave_vectors!r}",
        )
        self.wave_vectors = tuple(tuple(int(c) for c in row) for row in rows)
        self.mass = None if mass is None else whole(mass, "mass")
        own = "modes" if mass is None else f"modes_{mass}"
        self.name = own if name is None else name

    def function(self, z: Coordinates) -> Array:
        """Return cos 2πk·x and −sin 2πk·x of one particle, 0 for another mass."""
        phase = 2 * jnp.pi * jnp.asarray(self.wave_vectors, z.position.dtype) @ z.position
        chosen = 1.0 if self.mass is None else (z.mass == self.mass)
        return jnp.stack([jnp.cos(phase), -jnp.sin(phase)], axis=-1) * chosen

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return Σ w e^{−2πik·x}."""
        return measured.total(self.function, name=self.name)

    def of_density(self, density: Density) -> Array:
        """Return ∫ f e^{−2πik·x}, in closed form where the density has one."""
        if hasattr(density, "modes"):
            return density.modes(np.asarray(self.wave_vectors), self.mass)
        return density.integral(self.function, None, self.name)

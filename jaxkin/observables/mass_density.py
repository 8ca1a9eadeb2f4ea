"""Densities f_n(x) of masses on the unit torus, and how they are integrated.

What looks at the mass alone needs spatial means, which are exact. What looks at the place is
integrated by products of Gauss rules between the places where it jumps along an axis
(`jaxkin.numerics.boxes`), from the trigonometric series of f_n; Fourier modes have a closed form.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics import torus
from jaxkin.numerics.boxes import axis_rule, breaks_along
from jaxkin.numerics.checks import require
from jaxkin.observables.base import Coordinates
from jaxkin.observables.density import Density, needs_place, one


class MassDensity(Density):
    """f_n(x), n = 1 … M, and the overflow.

    Args:
        fields: (M, P, …, P) values on the points of the torus, which keep the modes |k_i| ≤
            (P − 1)//3; or (M,) for uniform densities.
        overflow: the density of mass that outgrew M.
        dimension: d.
    """

    fields: Float[Array, "masses *grid"]
    overflow: Float[Array, ""]
    dimension: int = eqx.field(static=True)

    @property
    def arguments(self) -> tuple[str, ...]:
        """f_n(x)."""
        return ("place",)

    @property
    def leading(self) -> str:
        """Masses."""
        return "mass"

    @property
    def uniform(self) -> bool:
        """Whether f_n are the same everywhere."""
        return self.fields.ndim == 1

    def __call__(self, place: Float[Array, "*n d"]) -> Float[Array, "masses *n"]:  # type: ignore[override]
        """Return f_n at places, periodic."""
        x = jnp.asarray(place, self.fields.dtype)
        shape = (self.fields.shape[0], *x.shape[:-1])
        if self.uniform:
            return jnp.broadcast_to(self.fields.reshape((-1,) + (1,) * (x.ndim - 1)), shape)

        def at(x: Array) -> Array:
            f = self.fields
            for component in x[::-1]:
                f = f @ _weights(component, self.fields.shape[1])
            return f

        flat = jax.lax.map(at, x.reshape(-1, self.dimension), batch_size=256)
        return jnp.moveaxis(flat, 0, 1).reshape(shape)

    def integral(
        self, function: Callable[[Coordinates], Any], degree: int | None = None, name: str = "φ"
    ) -> Array:
        """Return Σ_n ∫ φ(n, x) f_n(x) dx."""
        masses = jnp.arange(1, self.fields.shape[0] + 1)
        dtype = self.fields.dtype
        sample = Coordinates(masses[0], jnp.zeros(self.dimension, dtype))
        if not needs_place(function, sample, name):
            means = self.fields.reshape(masses.size, -1).mean(1)
            values = jax.vmap(lambda n: jnp.asarray(one(function, Coordinates(n), name)))(masses)
            wide = jnp.iscomplexobj(values)
            return jnp.tensordot(means, values if wide else values.astype(dtype), axes=1)
        jax.eval_shape(lambda z: jnp.asarray(one(function, z, name)), sample)  # has all it needs
        fine, size = self._over_places(function, sample, 8)
        coarse, _ = self._over_places(function, sample, 6)
        tolerance = 1e-6 if dtype == jnp.float64 else 1e-4
        return eqx.error_if(
            fine,
            ~jnp.all(jnp.abs(fine - coarse) <= tolerance * size),
            f"Argument `observe` must hold functions that two rules integrate alike to "
            f"{tolerance:g}, but {name!r} has jumps that no plane of a constant coordinate holds, "
            "or waves that are too short. Take a smoother function, or `FourierMode`.",
        )

    def _over_places(
        self, function: Callable, sample: Coordinates, points: int
    ) -> tuple[Array, Array]:
        """Return ∫ φ f and ∫ |φ f| by products of rules along the axes."""
        dtype, d, size = self.fields.dtype, self.dimension, self.fields.shape[0]
        points += 0 if self.uniform else self.fields.shape[1] // 4
        samples = [eqx.tree_at(lambda z: z.mass, sample, jnp.asarray(n)) for n in (1, size)]
        breaks = [breaks_along(function, samples, axis, dtype) for axis in range(d)]
        rules = [axis_rule(places, points) for places, _ in breaks]
        crowded = jnp.any(jnp.stack([more for _, more in breaks]))
        places = jnp.stack(jnp.meshgrid(*[x for x, _ in rules], indexing="ij"), -1)
        weight: Any = jnp.ones((), dtype)
        for _, w in rules:
            weight = jnp.multiply.outer(weight, w)
        grid = 0 if self.uniform else self.fields.shape[1]
        rows = [jax.vmap(lambda x: _weights(x, grid))(x) for x, _ in rules] if grid else []

        def of_mass(item: tuple[Array, Array]) -> tuple[Array, Array]:
            n, f = item
            for row in rows:  # contracts the first axis, and puts its nodes last
                f = jnp.tensordot(f, row, axes=[[0], [1]])
            f = jnp.broadcast_to(f, weight.shape).reshape(-1) * weight.reshape(-1)
            values = jax.vmap(lambda x: jnp.asarray(function(Coordinates(n, x))))(
                places.reshape(-1, d)
            )
            values = values if jnp.iscomplexobj(values) else values.astype(dtype)
            return jnp.tensordot(f, values, axes=1), jnp.tensordot(
                jnp.abs(f), jnp.abs(values), axes=1
            )

        parts, sizes = jax.lax.map(of_mass, (jnp.arange(1, size + 1), self.fields))
        # More jumps than are followed: the sum is not a number, which is told.
        return jnp.where(crowded, jnp.nan, parts.sum(0)), sizes.sum(0)

    def modes(self, wave_vectors: np.ndarray, mass: int | None = None) -> Float[Array, "m 2"]:
        """Return Σ_n ∫ f_n e^{−2πik·x} dx, real and imaginary part, of one mass or of all.

        Modes beyond those that the fields keep are 0.
        """
        k = np.asarray(wave_vectors)
        require(
            k.shape[1] == self.dimension,
            "wave_vectors",
            f"have the dimension {self.dimension} of the torus",
            f"it is {k.shape[1]}",
        )
        chosen = self.fields if mass is None else self.fields[mass - 1 : mass]
        total = chosen.sum(0)
        if self.uniform:
            real = jnp.where(jnp.asarray((k == 0).all(1)), total, 0)
            return jnp.stack([real, jnp.zeros_like(real)], -1)
        resolution = self.fields.shape[1]
        kept = (np.abs(k) <= (resolution - 1) // 3).all(1)
        places = torus.points(resolution, self.dimension).reshape(-1, self.dimension)
        phase = 2 * np.pi * k @ places.T
        wave = np.stack([np.cos(phase), -np.sin(phase)], 1) * kept[:, None, None]
        return jnp.asarray(wave / len(places), total.dtype) @ total.reshape(-1)

    def entropy(self) -> Array:
        """Return Σ_n ∫ f_n log f_n dx, over where f_n > 0.

        By equal steps on a grid four times as fine as that of the fields: f log f has more modes
        than f. Every second point must give the same, to 1e-6, or 1e-4 in single precision.
        """
        if self.uniform:
            return jnp.sum(_f_log_f(self.fields))
        points, dtype = self.fields.shape[1], self.fields.dtype
        places = jnp.asarray(np.arange(4 * points) / (4 * points), dtype)
        rows = jax.vmap(lambda x: _weights(x, points))(places)

        def of_mass(f: Array) -> Array:
            for _ in range(self.dimension):  # contracts the first axis, and puts its points last
                f = jnp.tensordot(f, rows, axes=[[0], [1]])
            each = _f_log_f(f)
            every_second = each[(slice(None, None, 2),) * self.dimension]
            return jnp.stack(
                [jnp.mean(x) for x in (each, every_second, jnp.abs(each) + jnp.abs(f))]
            )

        fine, coarse, size = jax.lax.map(of_mass, self.fields).sum(0)
        tolerance = 1e-6 if dtype == jnp.float64 else 1e-4
        return eqx.error_if(
            fine,
            ~(jnp.abs(fine - coarse) <= tolerance * size),
            f"Argument `observe` must hold what the density tells to {tolerance:g}, but its "
            "entropy needs more points. Give the equation more `modes`.",
        )

    def entries(self) -> dict[str, Callable[[], Array]]:
        """Return the overflow and the entropy."""
        return {"overflow": lambda: self.overflow, "entropy": self.entropy}


def _f_log_f(f: Array) -> Array:
    """Return f log f, 0 where f is not positive."""
    safe = jnp.where(f > 0, f, 1)
    return jnp.where(f > 0, f * jnp.log(safe), 0)


def _weights(x: Array, points: int) -> Float[Array, " points"]:
    """Return the weights of the values at j/P in the series of modes |k| < P/2 at x."""
    k = np.arange(1, (points + 1) // 2)
    apart = x - np.arange(points) / points
    waves = jnp.cos(2 * jnp.pi * k[:, None] * apart).sum(0)
    return ((1 + 2 * waves) / points).astype(x.dtype)

"""The state space of a grid of velocities, cell-centred points of the box [−L, L]^d.

Derive from `GridFunctions` and write `collision` for a collision term of your own.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.laws.base import require_law
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.checks import is_traced, require, whole
from jaxkin.operators.base import Operator
from jaxkin.operators.grid_density import GridDensity, grid_points


class GridFunctions(Operator):
    """A grid of velocities, without a collision term.

    Derive from it with fields of your own besides these.

    Attributes:
        dimension: d, 2 or 3.
        points: N in each direction, even.
        support: S, a radius outside which f is negligible.
        half_width: L; None for 2S.
    """

    dimension: eqx.AbstractVar[int]
    points: eqx.AbstractVar[int]
    support: eqx.AbstractVar[float]
    half_width: eqx.AbstractVar[float | None]

    def _begin(self, points: int, support: float, half_width: float | None) -> None:
        """Check and set the grid."""
        self.points = whole(points, "points", 4)
        require(self.points % 2 == 0, "points", "be even", f"it is {points}")
        require(support > 0, "support", "be positive", f"it is {support}")
        self.support = float(support)
        require(
            half_width is None or half_width >= self.support,
            "half_width",
            f"be at least the support, {self.support}",
            f"it is {half_width}",
        )
        self.half_width = None if half_width is None else float(half_width)

    @property
    def extent(self) -> float:
        """L."""
        return 2 * self.support if self.half_width is None else float(self.half_width)

    @property
    def spacing(self) -> float:
        """The distance of neighbours on the grid."""
        return 2 * self.extent / self.points

    def velocities(self) -> Float[np.ndarray, "*grid d"]:
        """Return the points of the grid."""
        shape = (self.points,) * self.dimension + (self.dimension,)
        return grid_points(self.points, self.extent, self.dimension).reshape(shape)

    def wave_numbers(self) -> list[np.ndarray]:
        """Return k of each axis as `rfftn` orders it, shaped to broadcast."""
        n, d = self.points, self.dimension
        axes = [2 * np.pi * np.fft.fftfreq(n, self.spacing)] * (d - 1)
        axes.append(2 * np.pi * np.fft.rfftfreq(n, self.spacing))
        return [a.reshape([-1 if i == k else 1 for i in range(d)]) for k, a in enumerate(axes)]

    def _wave_number(self) -> np.ndarray:
        return np.sqrt(sum(k**2 for k in self.wave_numbers()))

    # The state space.

    def project(self, law: VelocityLaw) -> Float[Array, "*grid"]:
        """Return f₀ on the grid."""
        require_law(law, VelocityLaw, dimension=self.dimension, needs=("density",))
        return law.density(jnp.asarray(self.velocities(), self.dtype))

    def measure(self, state: Float[Array, "*grid"]) -> GridDensity:
        """Return f."""
        return GridDensity(state, self.extent, self.support)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the grid is too small or too coarse for the law.

        Its mass on the grid must be 1 to 1e-3, of which at most 1/20 outside the support, and the
        largest Fourier coefficients of waves that are about to be lost, |k| ≥ 0.9 π/h, below 1e-2:
        products of two f alias otherwise.
        """
        f = self.project(law)
        if is_traced(f):
            return
        require(jnp.all(jnp.isfinite(f)), "law", "have a finite density", "it is not on the grid")
        require(f.min() >= 0, "law", "have a density that is not negative", f"it is {f.min():.3g}")
        mass = float(f.sum()) * self.spacing**self.dimension
        require(
            abs(mass - 1) < 1e-3,
            "support",
            "let the grid hold the law: its mass there should be 1",
            f"it is {mass:.6f}",
            "Give a larger `support`, or more `points` for a law that is narrow.",
        )
        speed = np.linalg.norm(self.velocities(), axis=-1)
        outside = float(np.asarray(f)[speed > self.support].sum()) * self.spacing**self.dimension
        require(
            outside < 0.05,
            "support",
            "hold the law: less than 0.05 of its mass may lie outside that radius",
            f"{outside:.2g} of it does",
        )
        spectrum = np.abs(np.asarray(jnp.fft.rfftn(f))) * self.spacing**self.dimension
        lost = float(spectrum[self._wave_number() >= 0.9 * np.pi / self.spacing].max())
        require(
            lost < 1e-2,
            "points",
            "resolve the law: waves at the edge of the grid should be below 0.01",
            f"they reach {lost:.3g}",
            "Give more `points`, or a smaller `support`.",
        )

    def maxwellian(self, f: Float[Array, "*grid"]) -> Float[Array, "*grid"]:
        """Return the Maxwellian of the mass, momentum and energy of f."""
        v, d = jnp.asarray(self.velocities(), f.dtype), self.dimension
        axes = tuple(range(d))
        mass = f.sum()
        mean = jnp.sum(f[..., None] * v, axis=axes) / mass
        square = jnp.sum((v - mean) ** 2, -1)
        temperature = jnp.sum(f * square) / (d * mass)
        size = mass * self.spacing**d * (2 * jnp.pi * temperature) ** (-d / 2)
        return size * jnp.exp(-square / (2 * temperature))

    def conserving(self, f: Array, change: Array) -> Array:
        """Subtract f·p(v), p of degree 2, so that mass, momentum and energy are kept."""
        velocity = jnp.asarray(self.velocities(), f.dtype).reshape(-1, self.dimension)
        scaled = velocity / self.support
        ones = jnp.ones((velocity.shape[0], 1), f.dtype)
        basis = jnp.concatenate([ones, scaled, jnp.sum(scaled**2, 1, keepdims=True)], 1)
        matrix = basis.T @ (f.reshape(-1, 1) * basis)
        coefficients = jnp.linalg.solve(matrix, basis.T @ change.reshape(-1))
        return change - f * (basis @ coefficients).reshape(f.shape)

    def transport(self, f: Float[Array, "*grid"], slope: Any, shift: Any) -> Float[Array, "*grid"]:
        """Return −div((slope·v + shift) f), by Fourier series."""
        flow = (slope * jnp.asarray(self.velocities(), f.dtype) + shift) * f[..., None]
        axes = tuple(range(self.dimension))
        waves = [jnp.asarray(k, f.dtype) for k in self.wave_numbers()]
        spectra = jnp.moveaxis(jnp.fft.rfftn(flow, axes=axes), -1, 0)
        return -jnp.fft.irfftn(1j * sum(map(jnp.multiply, waves, spectra)), f.shape, axes)

    def invariants(self, f: Float[Array, "*grid"]) -> tuple[Array, Array, Array]:
        """Return ∫ f dv, ∫ f v dv and ∫ f |v|² dv."""
        velocity = jnp.asarray(self.velocities(), f.dtype).reshape(-1, self.dimension)
        weight = f.reshape(-1) * self.spacing**self.dimension
        return weight.sum(), weight @ velocity, weight @ jnp.sum(velocity**2, 1)

    def stream(
        self, before: Float[Array, "*cells grid"], after: Float[Array, "*cells grid"]
    ) -> Float[Array, "*cells grid"]:
        """Return v₁ f, of the state before the face where v₁ > 0 and behind it where v₁ < 0."""
        speed = jnp.asarray(self.velocities()[..., 0], before.dtype)
        return jnp.maximum(speed, 0) * before + jnp.minimum(speed, 0) * after

    def mirror(self, f: Float[Array, "*cells grid"]) -> Float[Array, "*cells grid"]:
        """Return the state of the gas behind a mirror, v₁ → −v₁."""
        return jnp.flip(f, axis=-self.dimension)

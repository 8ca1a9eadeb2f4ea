"""A density on a grid of velocities: f on cell-centred points of the box [−L, L]^d.

Sums over the grid are spectrally accurate for what is smooth and small at the ends of the box.
Between the points f is its trigonometric interpolant, and outside the box it is 0.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.rays import Frame, along_rays
from jaxkin.observables.velocity_density import Rule, VelocityDensity


class GridDensity(VelocityDensity):
    """f on a cell-centred grid of N^d points in [−L, L]^d.

    Integrals of polynomials are sums over the grid. Other functions are integrated along rays,
    with f interpolated from a finer grid; two such grids must agree to `tolerance`.

    Args:
        values: (N, …, N) f.
        extent: L.
        support: S, a radius outside which f is negligible.
    """

    values: Float[Array, "*grid"]
    extent: float = eqx.field(static=True)
    support: float = eqx.field(static=True)

    @property
    def dimension(self) -> int:
        """d."""
        return self.values.ndim

    @property
    def spacing(self) -> float:
        """h, the distance of neighbours on the grid."""
        return 2 * self.extent / self.values.shape[0]

    def tolerance(self) -> float:
        """Return 1e-4: f between the points is an interpolant."""
        return 1e-4

    def __call__(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:  # type: ignore[override]
        """Return f(v) by its trigonometric interpolant; 0 outside the box."""
        v = jnp.asarray(velocity, self.values.dtype).reshape(-1, self.dimension)
        n, h = self.values.shape[0], self.spacing

        def at(v: Array) -> Array:
            f = self.values
            for x in v[::-1]:  # the last axis is contracted first
                f = f @ _dirichlet((x + self.extent) / h - 0.5, n)
            return jnp.where(jnp.all(jnp.abs(v) <= self.extent), f, 0)

        return jax.lax.map(at, v, batch_size=256).reshape(jnp.shape(velocity)[:-1])

    def rule(self, degree: int) -> Rule:
        """Return the grid, weighted by f times the volume of a cell."""
        weight = self.values.reshape(-1) * self.spacing**self.dimension
        return jnp.asarray(self._points(), weight.dtype), weight

    def frame(self) -> Frame:
        """Return the largest ball in the box, and the Gaussian that the support suggests."""
        spread = self.support / 4.5
        return Frame(
            jnp.zeros(self.dimension, self.values.dtype),
            jnp.asarray(spread, self.values.dtype),
            self.extent / spread,
            8,
            12,
        )

    def _remedy(self) -> str:
        return (
            "Take more `points`, if the law is hardly resolved; else a smoother function, or one "
            "of `jaxkin.observables` that has a closed form (`Histogram` for bins of a component)."
        )

    def _along_rays(self, phi: Callable[[Array], Array], name: str) -> Array:
        """Return Σ_j c_j f(v_j) by the values at grid points that all nodes v_j together ask for.

        They do not depend on f, and are found once for all times.
        """
        frame = self.frame()
        shape = jax.eval_shape(phi, frame.centre)
        # The rules differ in the grid from which f is interpolated, too.
        factor = 3 if self.values.shape[0] <= 64 or self.dimension == 2 else 2
        finer, rougher = _finer(self.values, factor), _finer(self.values, factor - 1)
        zeros = jnp.zeros(finer.shape, shape.dtype), jnp.zeros(rougher.shape, shape.dtype)
        values, sizes = self.rule(0)

        def component(k: Array) -> tuple[Array, Array, Array]:
            def own(v: Array) -> Array:
                return jnp.ravel(phi(v))[k]

            def add(total: Array, places: Array, masses: Array) -> Array:
                return _spread(total, places, masses[:, 0], self.extent)

            fine, coarse = along_rays(own, frame, add, zeros)
            size = jnp.abs(sizes) @ jnp.abs(jax.vmap(own)(values))
            return jnp.sum(fine * finer), jnp.sum(coarse * rougher), size

        fine, coarse, size = jax.lax.map(component, jnp.arange(shape.size))
        # Interpolation by six points errs as h⁶: the finer one by a tenth of the difference.
        near = fine - (fine - coarse) / ((factor / (factor - 1)) ** 6 - 1)
        return self._agreed(fine, near, size, name).reshape(shape.shape)

    def characteristic(self, wave_vectors: Float[np.ndarray, "m d"]) -> Float[Array, "m 2"]:
        """Return ∫ e^{−ik·v} over the box of the interpolant, in closed form."""
        n, h = self.values.shape[0], self.spacing
        own = 2 * np.pi * np.fft.fftfreq(n, h)
        own_spectrum = jnp.fft.fftn(self.values) / n**self.dimension
        shift = np.exp(1j * own * (self.extent - h / 2))
        xp: Any = np if isinstance(wave_vectors, np.ndarray) else jnp
        rows = []
        for k in wave_vectors:
            f = own_spectrum
            for component in k[::-1]:
                part = 2 * self.extent * xp.sinc((own - component) * self.extent / np.pi) * shift
                f = f @ jnp.asarray(part, f.dtype)
            rows.append(jnp.stack([f.real, f.imag]))
        return jnp.stack(rows)

    def histogram(self, edges: Sequence[float], axis: int) -> Float[Array, " bins"]:
        """Return the integral of the interpolant over each bin of one component, in closed form."""
        n, h = self.values.shape[0], self.spacing
        others = tuple(i for i in range(self.dimension) if i != axis)
        marginal = jnp.sum(self.values, others) * h ** len(others)
        wave = 2 * np.pi * np.fft.fftfreq(n, h)
        marks = np.clip(np.asarray(edges, float), -self.extent, self.extent)[:, None]
        start = -self.extent + h / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            primitive = np.exp(1j * wave * (marks - start)) / (1j * wave)
        primitive[:, 0] = marks[:, 0]
        spectrum = jnp.fft.fft(marginal) / n
        bins = jnp.asarray(np.diff(primitive, axis=0), spectrum.dtype)
        return (bins @ spectrum).real

    def marginal(self, axis: int, places: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return the density of one component."""
        others = tuple(i for i in range(self.dimension) if i != axis)
        own = jnp.sum(self.values, others) * self.spacing ** len(others)
        rows = jax.vmap(lambda x: _dirichlet((x + self.extent) / self.spacing - 0.5, own.size))(
            places
        )
        return jnp.where(jnp.abs(places) <= self.extent, rows @ own, 0)

    def entropy_rule(self) -> Rule:
        """Return the grid and the volume of its cells."""
        volume = self.spacing**self.dimension
        points = jnp.asarray(self._points(), self.values.dtype)
        return points, jnp.full(points.shape[0], volume, points.dtype)

    def entropy(self) -> Array:
        """Return ∫ f log f dv, the sum over the grid."""
        f = jnp.maximum(self.values, 0)
        return jnp.sum(jax.scipy.special.xlogy(f, f)) * self.spacing**self.dimension

    def _points(self) -> Float[np.ndarray, "n d"]:
        return grid_points(self.values.shape[0], self.extent, self.dimension)


def grid_points(points: int, extent: float, dimension: int) -> Float[np.ndarray, "n d"]:
    """Return the cell-centred points of [−L, L]^d."""
    axis = (np.arange(points) + 0.5) * (2 * extent / points) - extent
    return np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), -1).reshape(-1, dimension)


def _dirichlet(place: Array, n: int) -> Float[Array, " n"]:
    """Return the weights of n values at 0 … n − 1 in their interpolant at a place, n even."""
    apart = np.pi * (place - jnp.arange(n)) / n
    apart = jnp.remainder(apart + np.pi / 2, np.pi) - np.pi / 2  # sin(n·) and tan have the period π
    small = jnp.abs(apart) < 1e-7
    safe = jnp.where(small, 1, apart)
    return jnp.where(small, 1, jnp.sin(n * safe) / (n * jnp.tan(safe)))


def _finer(values: Float[Array, "*grid"], factor: int) -> Float[Array, "*finer"]:
    """Return the interpolant on a cell-centred grid that is finer by a factor."""
    n, d = values.shape[0], values.ndim
    m = factor * n
    k = np.fft.fftfreq(n, 1 / n)
    # The first point moves from the centre of a coarse cell to that of a fine one.
    shift = jnp.asarray(np.exp(2j * np.pi * k * (1 / factor - 1) / (2 * n)))
    place = np.where(k < 0, k + m, k).astype(int)
    f = values
    for axis in range(d):
        spectrum = jnp.moveaxis(jnp.fft.fft(f, axis=axis), axis, -1)
        spectrum = spectrum * shift.astype(spectrum.dtype)
        wide = jnp.zeros((*spectrum.shape[:-1], m), spectrum.dtype).at[..., place].set(spectrum)
        f = jnp.moveaxis(jnp.fft.ifft(wide, axis=-1).real * factor, -1, axis)
    return f


def _spread(total: Array, places: Array, masses: Array, extent: float) -> Array:
    """Add masses to the points of a grid, by the Lagrange weights of six around each."""
    n, d = total.shape[0], total.ndim
    x = (places + extent) * (n / (2 * extent)) - 0.5
    left = jnp.floor(x)
    t = (x - left)[..., None]
    offsets = np.arange(-2, 4)
    weights = jnp.ones((*x.shape, 6), x.dtype)
    for i, a in enumerate(offsets):
        for b in offsets:
            if a != b:
                weights = weights.at[..., i].multiply((t[..., 0] - b) / (a - b))
    index = left[..., None].astype(jnp.int32) + offsets
    inside = jnp.all(jnp.abs(places) <= extent, axis=-1)
    share = jnp.where(inside, masses, 0)
    share = share.reshape(-1, *[1] * d)
    where = []
    for axis in range(d):
        shape = [-1] + [6 if i == axis else 1 for i in range(d)]
        share = share * weights[:, axis].reshape(shape)
        where.append(index[:, axis].reshape(shape) % n)
    return total.at[tuple(where)].add(share.astype(total.dtype))

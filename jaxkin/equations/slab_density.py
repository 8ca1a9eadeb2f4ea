"""The density of a gas in a slab: f(x, v) from averages over cells.

Between averages f is the polynomial of degree 4 in x that has the averages of five cells around, to
order 5 where f is smooth. What does not look at x is integrated over the mean of all cells, and a
profile over means of slices, both exactly. What looks at x is integrated by Gauss rules between the
edges of cells and the places where it jumps; in v it must be a polynomial.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.boxes import breaks_along
from jaxkin.numerics.checks import require
from jaxkin.numerics.polynomials import polynomial_degree
from jaxkin.observables.base import Coordinates
from jaxkin.observables.density import AlongOne, Density, needs_place, one
from jaxkin.observables.velocity_density import TypeDensities, VelocityDensity
from jaxkin.operators.base import Operator

GHOSTS = 3  # cells beyond each end


class SlabDensity(Density):
    """f(x, v), or f_α(x, v) of each type, of a state of `jaxkin.BoltzmannSlab`.

    Args:
        state: (cells, …) averages over cells of the operator's states.
        operator: whose states they are.
        boundary: "periodic" or "reflecting".
    """

    state: Array
    operator: Operator
    boundary: str = eqx.field(static=True)

    @property
    def arguments(self) -> tuple[str, ...]:
        """f(x, v)."""
        return ("place", "velocity")

    @property
    def leading(self) -> str | None:
        """Types, in a mixture."""
        return self.operator.measure(self.state[0]).leading

    @property
    def cells(self) -> int:
        """How many cells."""
        return self.state.shape[0]

    def __call__(self, place: Any, velocity: Float[Array, "*n d"]) -> Array:  # type: ignore[override]
        """Return f(x, v) at one place x in [0, 1], (k, *n) for k types."""
        return self.operator.measure(self._at(jnp.asarray(place, self.state.dtype)))(velocity)

    def slices(self, bins: int) -> TypeDensities:
        """Return the mean density of each slice, with a leading axis of `bins`.

        Raises:
            ValueError: the slices do not divide the cells.
        """
        require(
            self.cells % bins == 0,
            "bins",
            f"divide the {self.cells} cells of the slab",
            f"it is {bins}",
            "Take as many `cells` as a multiple of it.",
        )
        means = self.state.reshape(bins, -1, *self.state.shape[1:]).mean(1)
        return jax.vmap(self._by_type)(means)

    def integral(
        self, function: Callable[[Coordinates], Any], degree: int | None = None, name: str = "φ"
    ) -> Array:
        """Return ∫∫ φ f dx dv, summed over types."""
        whole = self._by_type(self.state.mean(0))
        dimension, dtype = whole.parts[0].dimension, self.state.dtype
        sample = Coordinates(
            jnp.ones((), dtype),
            jnp.zeros(dimension, dtype),
            jnp.zeros(dimension, dtype),
            jnp.asarray(0),
        )
        if not needs_place(function, sample, name):
            return whole.integral(function, degree, name)
        samples = [
            eqx.tree_at(lambda z: (z.mass, z.type), sample, (jnp.asarray(m, dtype), jnp.asarray(k)))
            for k, m in enumerate(whole.masses)
        ]

        def at(x: Array, state: Array) -> tuple[Array, Array]:
            """∫ φ f dv and ∫ |φ f| dv at one place."""
            total, size = jnp.zeros((), dtype), jnp.zeros((), dtype)
            parts = self._by_type(state)
            for kind, (part, mass) in enumerate(zip(parts.parts, parts.masses, strict=True)):

                def here(z: Any) -> Any:
                    return function(_Somewhere(z, AlongOne(x, name)))  # type: ignore[arg-type]

                def phi(v: Array, kind: int = kind, mass: float = mass) -> Array:
                    z = Coordinates(
                        mass=jnp.asarray(mass, dtype), velocity=v, type=jnp.asarray(kind)
                    )
                    value = jnp.asarray(one(here, z, name))
                    return value if jnp.iscomplexobj(value) else value.astype(dtype)

                seen = polynomial_degree(phi, jnp.zeros(dimension, dtype))
                stated = seen if degree is None else degree
                require(
                    stated is not None,
                    "observe",
                    "hold functions that are polynomials of the velocity where they depend on the "
                    "place, in a slab",
                    f"{name!r} does not look like one",
                    "State its degree, or observe a profile.",
                )
                assert stated is not None
                velocity, weight = part.rule(stated)
                size = size + jnp.tensordot(
                    jnp.abs(weight), jnp.abs(jax.vmap(phi)(velocity)), axes=1
                )
                total = total + part.integral(
                    here,
                    stated,
                    name,
                    mass=jnp.asarray(mass, dtype),
                    kind=jnp.asarray(kind),
                )
            return total, size

        value, size = self._over_places(at, function, samples, 4)
        coarse, _ = self._over_places(at, function, samples, 3)
        tolerance = 1e-6 if dtype == jnp.float64 else 1e-4
        return eqx.error_if(
            value,
            ~jnp.all(jnp.abs(value - coarse) <= tolerance * size),
            f"Argument `observe` must hold functions that two rules integrate alike to "
            f"{tolerance:g}, but {name!r} has jumps or kinks that they do not resolve.",
        )

    def modes(self, wave_vectors: np.ndarray, mass: int | None = None) -> Float[Array, "m 2"]:
        """Return Σ_α ∫∫ f_α e^{−2πik·x} dx dv, 0 for k that are not along x₁."""
        k = np.asarray(wave_vectors)

        def function(z: Coordinates) -> Array:
            x = z.position[0]
            phase = 2 * jnp.pi * jnp.asarray(k[:, 0], x.dtype) * x
            chosen = 1.0 if mass is None else (z.mass == mass)
            return jnp.stack([jnp.cos(phase), -jnp.sin(phase)], axis=-1) * chosen

        along = (k[:, 1:] == 0).all(1)[:, None]
        return self.integral(function, 0, "modes") * along

    def characteristic(self, wave_vectors: Float[np.ndarray, "m d"]) -> Float[Array, "m 2"]:
        """Return Σ_α ∫∫ f_α e^{−ik·v} dx dv."""
        return self._by_type(self.state.mean(0)).characteristic(wave_vectors)

    def histogram(self, edges: Sequence[float], axis: int) -> Float[Array, " bins"]:
        """Return Σ_α ∫∫ f_α over each bin of one component of the velocity."""
        return self._by_type(self.state.mean(0)).histogram(edges, axis)

    def entropy(self) -> Array:
        """Return ∫∫ f log f dv dx of the averages over cells, of each type in a mixture."""
        rows = jax.vmap(lambda f: self.operator.measure(f).entries()["entropy"]())(self.state)
        return rows.mean(0)

    def entries(self) -> dict[str, Callable[[], Array]]:
        """Return the entropy, where the operator keeps a density."""
        known = self.operator.measure(self.state[0]).entries()
        return {"entropy": self.entropy} if "entropy" in known else {}

    def _by_type(self, state: Array) -> TypeDensities:
        density = self.operator.measure(state)
        if isinstance(density, TypeDensities):
            return density
        assert isinstance(density, VelocityDensity)
        return TypeDensities((density,), (1.0,))

    def _at(self, x: Array) -> Array:
        """Return the state at x, of the polynomial through the averages around."""
        wide = surrounded(self.state, self.operator, self.boundary)
        cell = jnp.clip(jnp.floor(x * self.cells), 0, self.cells - 1).astype(jnp.int32)
        own = jax.lax.dynamic_slice_in_dim(wide, cell + GHOSTS - 2, 5)
        return jnp.tensordot(_reconstruction(x * self.cells - cell - 0.5), own, axes=1)

    def _over_places(
        self, at: Callable, function: Any, samples: Any, points: int
    ) -> tuple[Array, Array]:
        dtype = self.state.dtype
        breaks, crowded = breaks_along(function, samples, 0, dtype)
        edges = jnp.asarray(np.arange(self.cells + 1) / self.cells, dtype)
        ends = jnp.sort(jnp.concatenate([edges, breaks]))
        x, w = (jnp.asarray(r, dtype) for r in np.polynomial.legendre.leggauss(points))
        half, middle = jnp.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
        nodes = (middle[:, None] + half[:, None] * x).ravel()
        weights = (half[:, None] * w).ravel()
        values, sizes = jax.lax.map(lambda x: at(x, self._at(x)), nodes)
        total = jnp.tensordot(weights, values, axes=1)
        # More jumps than are followed: the sum is not a number, which is told.
        return jnp.where(crowded, jnp.nan, total), jnp.tensordot(weights, sizes, axes=1)


def surrounded(f: Array, operator: Operator, boundary: str) -> Array:
    """Return the states with three more cells beyond each end: periodic images or mirror images."""
    if boundary == "periodic":
        return jnp.concatenate([f[-GHOSTS:], f, f[:GHOSTS]])
    mirror = operator.mirror  # type: ignore[attr-defined]
    return jnp.concatenate([mirror(f[GHOSTS - 1 :: -1]), f, mirror(f[: -GHOSTS - 1 : -1])])


class _Somewhere:
    """Coordinates of one particle with a place in the slab."""

    def __init__(self, coordinates: Any, position: AlongOne):
        self._coordinates, self.position = coordinates, position

    def __getattr__(self, name: str) -> Any:
        """Return another coordinate."""
        return getattr(self._coordinates, name)


def _reconstruction(x: Array) -> Float[Array, " 5"]:
    """Return the weights of five averages in the value at x ∈ [−½, ½] of the middle cell.

    The derivative at x of the polynomial through the primitive at the six faces.
    """
    faces = np.arange(-2.5, 3.0)
    table = np.polynomial.polynomial.polyvander(faces, 5)
    primitive = np.vstack([np.zeros(5), np.tril(np.ones((5, 5)))])  # of the averages, at the faces
    coefficients = np.linalg.solve(table, primitive)  # (6, 5)
    powers = jnp.stack([jnp.zeros_like(x)] + [k * x ** (k - 1) for k in range(1, 6)])
    return powers @ jnp.asarray(coefficients, powers.dtype)

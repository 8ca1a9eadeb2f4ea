"""Observables: one function of one particle's coordinates, for both sides of a kinetic limit.

Both a particle system and its equation reduce their state to weighted coordinates,

    μ = Σ_i w_i δ_{z_i},

the empirical measure of the particles (Hammond, §1.7: w = Z/N each) or a quadrature of the
densities of the equation. An observable with function φ is then Σ_i w_i φ(z_i) on both sides,
with the same name and shape.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.numerics.checks import require, require_finite


class Coordinates(eqx.Module):
    """Coordinates z_i of particles; a leaf that a system lacks is None.

    Attributes:
        mass: (n,) masses of particles, integers in coagulation.
        position: (n, d) positions, in the unit torus where there is one.
        velocity: (n, d) velocities.
        type: (n,) index of the species.
    """

    mass: Array = None  # type: ignore[assignment]
    position: Array = None  # type: ignore[assignment]
    velocity: Array = None  # type: ignore[assignment]
    type: Array = None  # type: ignore[assignment]


class Weighted(eqx.Module):
    """Weighted coordinates: the measure Σ w_i δ_{z_i}.

    Attributes:
        weight: (n,) weights; 0 marks an empty place.
        coordinates: `Coordinates` with leading axis n.
    """

    weight: Float[Array, " n"]
    coordinates: Coordinates


class Observable(eqx.Module):
    """Σ_i w_i φ(z_i) for a function φ of one particle's coordinates.

    Args:
        name: the name under which the trajectory keeps it.
        function: φ, from the `Coordinates` of one particle (no leading axis) to an array of any
            fixed shape.

    Example:
        `Observable("dimers", lambda z: z.mass == 2)` is the density of particles of mass 2.
    """

    name: str = eqx.field(static=True)
    function: Callable[[Coordinates], Any] = eqx.field(static=True, default=None)

    def evaluate(self, measured: Weighted) -> Array:
        """Return Σ_i w_i φ(z_i)."""
        values = jax.vmap(lambda z: jnp.asarray(self.function(z)))(measured.coordinates)
        empty = (measured.weight == 0).reshape((-1,) + (1,) * (values.ndim - 1))
        # A φ that is singular at the place of an empty slot must not turn 0·∞ into NaN; a finite
        # one stays, since it is the derivative by that weight.
        hidden = empty & ~jnp.isfinite(values)
        # The dtype is the weights', so that a φ that returns 1.0 does not widen a float32 model.
        wide = jnp.iscomplexobj(values)
        dtype = jnp.result_type(values, measured.weight) if wide else measured.weight.dtype
        values = jnp.where(hidden, 0, values).astype(dtype)
        return jnp.tensordot(measured.weight.astype(dtype), values, axes=1)

    def evaluate_limit(self, measured: Weighted) -> Array:
        """Return what the observable becomes in the limit, on the measure of an equation."""
        return self.evaluate(measured)


def chosen_observables(observe: Any, own: Sequence[Observable]) -> tuple[Observable, ...]:
    """Return the observables that `observe` names: all of a model's own for None.

    Args:
        observe: None, or observables and names of the model's own.
        own: the observables of the model.
    """
    if observe is None:
        return tuple(own)
    known = {o.name: o for o in own}
    for name in observe:
        require(
            isinstance(name, Observable) or name in known,
            "observe",
            f"hold observables, or names among {sorted(known)}",
            f"it holds {name!r}",
        )
    return tuple(o if isinstance(o, Observable) else known[o] for o in observe)


def fourier_mode(wave_vectors: Sequence[Sequence[int]], *, mass: int | None = None) -> Observable:
    """Spatial Fourier modes ∫ f(x) e^{−2πik·x} dx on the unit torus.

    Args:
        wave_vectors: (m, d) integer vectors k.
        mass: count only the particles of this mass; all masses together if None.

    Returns:
        An observable named `modes` (or `modes_<mass>`) of shape (m, 2): real and imaginary part.
    """
    k = tuple(tuple(int(c) for c in row) for row in wave_vectors)
    require(
        len(k) > 0 and len({len(r) for r in k}) == 1,
        "wave_vectors",
        "be a list of vectors",
        f"it is {wave_vectors!r}",
        "Give integer vectors of one length, such as [(1, 0, 0)].",
    )

    def function(z: Coordinates) -> Array:
        # A component that is not known (NaN, in a slab) matters where its wave number is not 0.
        waves = jnp.asarray(k, z.position.dtype)
        phase = 2 * jnp.pi * jnp.sum(jnp.where(waves == 0, 0, waves * z.position), -1)
        chosen = 1.0 if mass is None else (z.mass == mass)
        return jnp.stack([jnp.cos(phase), -jnp.sin(phase)], axis=-1) * chosen

    return Observable("modes" if mass is None else f"modes_{mass}", function)


class PairDensity(Observable):
    """Density of pairs near contact, relative to independent particles (Hammond, §3.1, §3.3).

    For each bin [edges_k, edges_{k+1}) of distances, the number of pairs in it divided by the
    number that independent uniform particles of the same count would show. Near contact it
    follows 1 − u(r/ε): the repulsion that corrects the naive rate. It belongs to particles; a
    kinetic equation has no pairs and refuses it.

    Args:
        edges: (bins + 1,) increasing distances, in units of the torus.
        name: name in the trajectory.
    """

    edges: tuple[float, ...] = eqx.field(static=True, default=())

    def __init__(self, edges: Sequence[float], name: str = "pair_density"):
        self.name = name
        self.function = lambda z: 0.0  # pairs are no function of one particle
        self.edges = tuple(float(e) for e in edges)
        require_finite(self.edges, "edges", minimum=0.0)
        require(
            all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False)),
            "edges",
            "increase",
            f"they are {self.edges}",
            "Sort them and remove repetitions.",
        )
        require(
            len(self.edges) >= 2 and self.edges[-1] < 0.5,
            "edges",
            "hold at least two distances below 1/2",
            f"they are {self.edges}",
        )

    def evaluate(self, measured: Weighted) -> Array:
        """Return the (2, bins) array: pairs counted, and pairs expected of independent particles.

        The ratio of their averages over replicas is the density; an average of ratios is not.
        """
        position, weight = measured.coordinates.position, measured.weight
        alive = weight > 0
        edges = jnp.asarray(self.edges, position.dtype)

        def row(i):
            apart = position - position[i]
            apart = apart - jnp.round(apart)
            distance = jnp.sqrt(jnp.sum(apart**2, axis=-1))
            other = alive & alive[i] & (jnp.arange(weight.size) > i)
            return jnp.sum(other[:, None] & (distance[:, None] < edges), axis=0)

        below = jnp.sum(jax.lax.map(row, jnp.arange(weight.size)), axis=0)
        dimension = position.shape[-1]
        ball = {2: jnp.pi, 3: 4 * jnp.pi / 3}[dimension]
        number = jnp.sum(alive)
        expected = number * (number - 1) / 2 * ball * jnp.diff(edges**dimension)
        return jnp.stack([jnp.diff(below).astype(weight.dtype), expected.astype(weight.dtype)])

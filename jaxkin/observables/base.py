"""Observables: a name, what it is of particles, and what it is of a density.

Particles are measured as a sum of points, and an equation as a density,

    μ = Σ_i n_i w_i δ_{z_i}     and     f(z) dz,

where n_i particles of weight w_i each stand at z_i (w = Z/N for the empirical measure of Hammond,
§1.7). An observable is recorded of both under one name and with one shape. The usual one is the sum
of a function φ of one particle, Σ n_i w_i φ(z_i) and ∫ φ f dz (`jaxkin.observables.mean`).
"""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.numerics.checks import require
from jaxkin.observables.density import Density, at_each


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
    """What a particle system measures: the sum Σ n_i w_i δ_{z_i}, and entries of its own.

    Attributes:
        weight: w, the density that one particle stands for: one number, or (n,) numbers of which 0
            marks an empty place.
        coordinates: `Coordinates` with leading axis n.
        number: (n,) n_i, how many particles stand at each place; None for one each. A system that
            keeps counts per class has one place for a class.
        entries: by name, what is no sum over particles (the overflow of coagulation).
    """

    weight: Float[Array, " n"] | Float[Array, ""]
    coordinates: Coordinates
    number: Array | None = None
    entries: dict[str, Array] = eqx.field(default_factory=dict)

    def total(
        self, function: Callable[[Coordinates], Any], power: int = 1, name: str = "φ"
    ) -> Array:
        """Return Σ n_i w_i^power φ(z_i).

        With one weight for all, whole particles are summed first, so that counts are exact.

        Args:
            function: φ, from the coordinates of one particle to a number or an array.
            power: of the weights.
            name: of the observable, for messages.

        Raises:
            ValueError: φ asks for a coordinate that the particles lack.
        """
        values = at_each(function, self.coordinates, name)
        # The type is that of the weights, so that a φ that returns 1.0 does not widen float32.
        wide = jnp.iscomplexobj(values)
        dtype = jnp.result_type(values, self.weight) if wide else self.weight.dtype
        weight = self.weight.astype(dtype) ** power
        share = jnp.ones(values.shape[0], dtype) if weight.ndim == 0 else weight
        share = share if self.number is None else share * self.number.astype(dtype)
        empty = (share == 0).reshape((-1,) + (1,) * (values.ndim - 1))
        # A φ that is singular at the place of an empty slot must not turn 0·∞ into NaN; a finite
        # one stays, since it is the derivative by that weight.
        values = jnp.where(empty & ~jnp.isfinite(values), 0, values).astype(dtype)
        total = jnp.tensordot(share, values, axes=1)
        return weight * total if weight.ndim == 0 else total

    @property
    def alive(self) -> Array:
        """(n,) where there are particles."""
        share = self.weight if self.number is None else self.weight * self.number
        return jnp.broadcast_to(share > 0, (self._size,))

    @property
    def _size(self) -> int:
        return jax.tree.leaves(self.coordinates)[0].shape[0]

    def individuals(self, name: str) -> None:
        """Raise `ValueError` if particles are counted per class, and `name` needs each of them."""
        one = self.number is None or jnp.issubdtype(self.number.dtype, jnp.bool_)
        require(
            one,
            "observe",
            "hold observables that counts per class can tell",
            f"{name!r} looks at particles one by one",
            "Simulate a system that keeps its particles apart.",
        )


class Observable(eqx.Module):
    """What is recorded under a name, of particles and of densities.

    To add one, derive from this class and write both methods; refuse (`ValueError`) where there is
    no answer. Fields other than arrays are static and hashable, so that nothing compiles twice.

    Attributes:
        name: the name under which the trajectory keeps it.
    """

    name: eqx.AbstractVar[str]

    @abc.abstractmethod
    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return what it is of the particles of one replica at one time.

        Args:
            measured: what the system measures.
            key: of this replica, time and observable, for estimators that draw.
        """

    @abc.abstractmethod
    def of_density(self, density: Density) -> Array:
        """Return what it is of the density of an equation at one time."""


def chosen_observables(observe: Any, own: Sequence[Observable]) -> tuple[Observable, ...]:
    """Return the observables that `observe` names: all of a model's own for None.

    Args:
        observe: None, or a sequence of observables and names of the model's own.
        own: the observables of the model.

    Raises:
        ValueError: it is no sequence, a name is unknown, or two observables share a name.
    """
    if observe is None:
        return tuple(own)
    require(
        not isinstance(observe, str | Observable) and isinstance(observe, Sequence),
        "observe",
        "be a list of observables or names",
        f"it is {observe!r}",
        f"Write observe=[{observe!r}].",
    )
    known = {o.name: o for o in own}
    for name in observe:
        require(
            isinstance(name, Observable) or name in known,
            "observe",
            f"hold observables, or names among {sorted(known)}",
            f"it holds {name!r}",
        )
    chosen = tuple(o if isinstance(o, Observable) else known[o] for o in observe)
    names = [o.name for o in chosen]
    twice = sorted({n for n in names if names.count(n) > 1})
    require(
        not twice,
        "observe",
        "hold every name once",
        f"{twice} occur more than once",
        "Give observables names of their own.",
    )
    return chosen

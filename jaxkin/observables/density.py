"""What an equation measures: a density that can be evaluated and integrated.

`Density` is the base. A density integrates what it is given: a polynomial of which it knows the
moments exactly, anything else from its own values, to a tolerance that is checked when it runs.
What it does not determine it refuses.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.numerics.checks import require


class Density(eqx.Module):
    """The density f of an equation at one time.

    Derive from it, write `integral`, and `__call__` where f has values. Whatever is no integral
    over one particle (the overflow of coagulation, the scaled time of a gas that cools) is an
    entry: a function without arguments, by name.
    """

    @abc.abstractmethod
    def integral(
        self, function: Callable[[Any], Any], degree: int | None = None, name: str = "φ"
    ) -> Array:
        """Return ∫ φ f.

        Args:
            function: φ, from the `Coordinates` of one particle to a number or an array.
            degree: of φ as a polynomial of the velocity, if it is known to be one.
            name: of the observable, for messages.

        Raises:
            ValueError: f does not determine it, or φ asks for a coordinate that f lacks.
        """

    def __call__(self, *places: Array) -> Array:
        """Return f at places."""
        raise ValueError(
            f"Argument `density` must have values, but a {type(self).__name__} has none. Solve "
            "the equation with an operator that keeps a density."
        )

    def entries(self) -> dict[str, Callable[[], Array]]:
        """Return by name what is no integral over one particle."""
        return {}

    def mass(self) -> Array:
        """Return ∫ f."""
        return self.integral(_one, 0, "mass")


class Atoms(Density):
    """A density that lives on points: Σ_i w_i δ_{z_i}.

    For equations whose particles take finitely many states (masses, discrete velocities). It
    integrates everything exactly, by its sum.

    Args:
        weight: (n,) w_i.
        coordinates: `Coordinates` with leading axis n.
    """

    weight: Float[Array, " n"]
    coordinates: Any

    def integral(
        self, function: Callable[[Any], Any], degree: int | None = None, name: str = "φ"
    ) -> Array:
        """Return Σ w_i φ(z_i)."""
        values = at_each(function, self.coordinates, name)
        dtype = self.weight.dtype
        wide = jnp.iscomplexobj(values)
        values = values if wide else values.astype(dtype)
        return jnp.tensordot(self.weight, values, axes=1)


def at_each(function: Callable[[Any], Any], coordinates: Any, name: str) -> Array:
    """Return φ at coordinates with a leading axis; a coordinate that is None is said.

    Raises:
        ValueError: φ asks for a coordinate that is not there.
    """
    return jax.vmap(lambda z: jnp.asarray(one(function, z, name)))(coordinates)


def one(function: Callable[[Any], Any], coordinates: Any, name: str) -> Any:
    """Return φ of one particle; say so if it asks for a coordinate that is not there."""
    try:
        return function(coordinates)
    except (TypeError, AttributeError, IndexError) as error:
        lacks = [k for k in ("mass", "position", "velocity", "type") if _none(coordinates, k)]
        require(
            not lacks or "NoneType" not in str(error),
            "observe",
            "hold functions of what particles of this model have",
            f"{name!r} asks for one of {lacks}, which it lacks",
        )
        raise


def needs_place(function: Callable[[Any], Any], coordinates: Any) -> bool:
    """Whether φ asks for a position, seen by leaving it out."""
    without = eqx.tree_at(lambda z: z.position, coordinates, None, is_leaf=lambda x: x is None)
    try:
        jax.eval_shape(lambda z: jnp.asarray(function(z)), without)
    except Exception:  # whatever φ does with a position that is None
        return True
    return False


def _none(coordinates: Any, name: str) -> bool:
    return getattr(coordinates, name, None) is None


def _one(z: Any) -> float:
    return 1.0

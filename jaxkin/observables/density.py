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

    @property
    def arguments(self) -> tuple[str, ...]:
        """What f is a function of when it is called, in order: "place", "velocity"."""
        return ()

    @property
    def leading(self) -> str | None:
        """What the leading axis of its values counts, "mass" or "type"; None without one."""
        return None

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


class Known:
    """The coordinates of one particle as φ reads them: to ask for one that is None is an error.

    A comparison with None would be False, and a sum of it 0.

    Args:
        coordinates: of one particle.
        name: of the observable, for the message.
    """

    def __init__(self, coordinates: Any, name: str):
        self._coordinates, self._name = coordinates, name

    def __getattr__(self, coordinate: str) -> Any:
        """Return the coordinate."""
        value = getattr(self._coordinates, coordinate)
        require(
            value is not None,
            "observe",
            "hold functions of what the model has",
            f"{self._name!r} asks for the {coordinate} of a particle, of which there is none",
        )
        return value


class AlongOne:
    """A position in a slab, of which x₁ alone is known: `z.position[0]`."""

    def __init__(self, first: Any, name: str):
        self._first, self._name = first, name

    def __getitem__(self, index: Any) -> Any:
        """Return x₁ for the index 0."""
        require(
            index == 0,
            "observe",
            "hold functions of x₁ and v in a slab, where f depends on no other component",
            f"{self._name!r} asks for the component {index!r} of the position",
            "Take a `FourierMode`, or a function of `z.position[0]`.",
        )
        return self._first

    def __jax_array__(self) -> Any:
        """Refuse: the other components are not known."""
        raise ValueError(
            "Argument `observe` must hold functions of x₁ and v in a slab, but "
            f"{self._name!r} looks at the whole position. Take a `FourierMode`, or a function of "
            "`z.position[0]`."
        )


def one(function: Callable[[Any], Any], coordinates: Any, name: str) -> Any:
    """Return φ of one particle.

    Raises:
        ValueError: φ asks for a coordinate that is not there.
    """
    return function(Known(coordinates, name))


def needs_place(function: Callable[[Any], Any], coordinates: Any, name: str) -> bool:
    """Whether φ asks for a position, seen by leaving it out.

    Raises:
        ValueError: φ asks for another coordinate that is not there.
    """
    jax.eval_shape(lambda z: jnp.asarray(one(function, z, name)), coordinates)
    without = eqx.tree_at(lambda z: z.position, coordinates, None, is_leaf=lambda x: x is None)
    try:
        jax.eval_shape(lambda z: jnp.asarray(one(function, z, name)), without)
    except ValueError:
        return True
    return False


def _one(z: Any) -> float:
    return 1.0

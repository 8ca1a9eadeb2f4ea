"""Operators: how a collision term is evaluated.

An operator has a state space of its own, on which it evaluates a collision term Q(f, f). It
projects a law, knows the density of a state and what it conserves. Equations are written on
operators: whoever brings a class with these methods can use it in all of them that need no more.

A method is an operator without a kernel, such as `Hermite(degree=8)`. A gas completes it with its
own collisions, in `kinetic_limit(method)`.
"""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxkin.numerics.checks import one_of, require
from jaxkin.observables.base import Observable
from jaxkin.observables.density import Density
from jaxkin.observables.velocities import VELOCITY_MOMENTS
from jaxkin.physics.collisions.angles import Angle
from jaxkin.physics.collisions.collision_laws import CollisionLaw
from jaxkin.physics.collisions.kernels import Kernel

State = Any


class Collisions(NamedTuple):
    """What a gas tells the operator of its limit.

    Attributes:
        dimension: d.
        kernel: of binary collisions; None for those that have no kernel.
        laws: collision laws of Maxwell type; None where rates depend on velocities.
        weights: their probabilities.
        rate: collisions per particle and time, by the clock of `jaxkin.operators.moments`.
    """

    dimension: int
    kernel: Kernel | None = None
    laws: Sequence[CollisionLaw] | None = None
    weights: Array | None = None
    rate: Array | None = None


class Operator(eqx.Module):
    """A collision term on a state space.

    Write `project`, `measure` and `collision`; `check` and `prepare` where there is something to
    check or to prepare. What only some equations need is not in this class: they ask for it, and
    name what is missing.

        loss, prepare_loss               Q₋(f, f), for gases that annihilate
        transport, invariants, conserving  −div((s v + m) f) and moments, for self-similar variables
        stream, mirror                   what moves along x₁, for a slab

    Attributes:
        dimension: d; None for a method that takes that of the gas.
    """

    dimension: eqx.AbstractVar[int]

    @abc.abstractmethod
    def project(self, law: Any) -> State:
        """Return the state that represents a law of velocities; its density has mass 1."""

    @abc.abstractmethod
    def measure(self, state: State) -> Density:
        """Return the density of a state."""

    @abc.abstractmethod
    def collision(self, f: State, prepared: Any) -> State:
        """Return Q(f, f), as the rate of change of the state.

        Args:
            f: a state.
            prepared: what `prepare` returned.
        """

    @property
    def dtype(self) -> Any:
        """The floating type of a state: that of the parameters, except for tables of angles."""
        leaves = jax.tree.leaves(self, is_leaf=lambda x: isinstance(x, Angle))
        floating = [x for x in leaves if eqx.is_inexact_array(x)]
        return jnp.result_type(*floating) if floating else jnp.result_type(float)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is none of velocities, or is not resolved."""

    def prepare(self) -> Any:
        """Return tensors made of the parameters, inside the run so that gradients reach them."""
        return None

    def bilinear(self, f: State, g: State, prepared: Any) -> State:
        """Return the symmetric Q(f, g) = ½[Q(f+g, f+g) − Q(f, f) − Q(g, g)] of a quadratic Q."""
        both = self.collision(jax.tree.map(jnp.add, f, g), prepared)
        alone = self.collision(f, prepared), self.collision(g, prepared)
        return jax.tree.map(lambda x, y, z: 0.5 * (x - y - z), both, *alone)

    def conserves(self) -> tuple[str, ...]:
        """Return which observables stay: "density", "momentum", "energy"."""
        return ("density", "momentum", "energy")

    def observables(self) -> tuple[Observable, ...]:
        """Return density, momentum, energy, stress, heat flux, and ⟨|v|⁴⟩, ⟨|v|⁶⟩."""
        return VELOCITY_MOMENTS

    def domains(self) -> dict[str, Any]:
        """Return the domain of each parameter that can be fitted."""
        return {}

    def complete(self, collisions: Collisions) -> "Operator":
        """Return the operator with what the gas tells; called by `kinetic_limit(method)`.

        Raises:
            ValueError: the operator is not made for these collisions.
        """
        return self

    def ready(self) -> None:
        """Raise `ValueError` if it is a method that still lacks its collisions."""


class KernelOperator(Operator):
    """An operator for binary collisions with a kernel B̄(|v−v*|)·b(cos θ), in d = 2 or 3.

    Attributes:
        kernel: how often velocities collide; None for a method.
    """

    kernel: eqx.AbstractVar[Kernel | None]

    @property
    def _kernel(self) -> Kernel:
        self.ready()
        assert self.kernel is not None
        return self.kernel

    def _start(self, kernel: Any, dimension: int | None) -> Any:
        """Check kernel and dimension; return d, 3 by default for an operator with a kernel."""
        require(
            kernel is None or isinstance(kernel, Kernel),
            "kernel",
            "be a `jaxkin.Kernel`",
            f"it is {kernel!r}",
            "Take jaxkin.MaxwellKernel() or jaxkin.PowerKernel(exponent=1.0), say.",
        )
        if dimension is not None or kernel is not None:
            dimension = 3 if dimension is None else dimension
            one_of(dimension, "dimension", (2, 3))
        if kernel is not None:
            kernel.angle.check(dimension)
        return dimension

    def ready(self) -> None:
        """Raise `ValueError` if the kernel is missing."""
        require(
            self.kernel is not None,
            "operator",
            "have a kernel",
            f"`{type(self).__name__}` was made without one",
            "Give it the kernel, or hand it to `kinetic_limit` of a gas, which does.",
        )

    def changed(self, **changes: Any) -> Self:
        """Return the same operator with other arguments."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}
        return type(self)(**(own | changes))

    def complete(self, collisions: Collisions) -> "KernelOperator":
        """Return the operator for the kernel of the gas.

        Raises:
            ValueError: the gas has no kernel, or d is not 2 or 3; or the method has other ones.
        """
        name = type(self).__name__
        require(
            self.kernel is None,
            "method",
            "leave the kernel to the gas",
            f"`{name}` has a kernel of its own",
            "Make it without a kernel.",
        )
        require(
            self.dimension in (None, collisions.dimension),
            "method",
            f"have the dimension of the gas, {collisions.dimension}",
            f"that of `{name}` is {self.dimension}",
            "Leave `dimension` out.",
        )
        require(
            collisions.kernel is not None and collisions.dimension in (2, 3),
            "method",
            "be made for the collisions of the gas: `jaxkin.operators.Moments`, except for binary "
            "collisions with a kernel in d = 2 or 3",
            f"it is `{name}`",
        )
        return self.changed(kernel=collisions.kernel, dimension=collisions.dimension)

    def domains(self) -> dict[str, Any]:
        """Return the domains of the kernel's parameters."""
        known = {"strength": "positive", "exponent": "interval", "bound": "positive"}
        return {f"kernel.{k}": v for k, v in known.items() if hasattr(self.kernel, k)}


def need(operator: Any, names: Sequence[str], user: str) -> None:
    """Raise `ValueError` unless the operator has the methods that an equation needs."""
    require(
        isinstance(operator, Operator),
        "operator",
        "be an operator",
        f"it is a {type(operator).__name__}",
        "Take one of `jaxkin.operators`, or derive from `jaxkin.operators.Operator`.",
    )
    operator.ready()
    missing = [name for name in names if not hasattr(operator, name)]
    require(
        not missing,
        "operator",
        f"offer {', '.join(f'`{name}`' for name in names)} for `{user}`",
        f"`{type(operator).__name__}` lacks {', '.join(missing)}",
        "Write the method, or take another operator.",
    )


def completed(method: Any, collisions: Collisions) -> Operator:
    """Return the operator that a gas completes with its collisions.

    Raises:
        ValueError: it is no operator, or not made for these collisions.
    """
    require(
        isinstance(method, Operator),
        "method",
        "be an operator",
        f"it is {method!r}",
        "Take jaxkin.operators.Hermite(degree=8), say.",
    )
    operator = method.complete(collisions)
    operator.ready()
    return operator

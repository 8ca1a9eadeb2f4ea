"""The two families that carry everything: particles and the equations that are their limits.

    particles ──simulate──▶ data
        │                     │
    kinetic_limit()       fitting.fit
        ▼                     ▼
    equation  ──solve────▶ prediction

A model holds physics only. How to batch, save, show progress and resume is known to one driver
for each family (`jaxkin.drivers`).
"""

import abc
from typing import Any

import diffrax
import equinox as eqx
import jax
from jaxtyping import Array, PRNGKeyArray

from jaxkin.logs import Log
from jaxkin.numerics.domains import Domain
from jaxkin.observables.base import Observable, Weighted
from jaxkin.observables.density import Density

State = Any


class Particles(eqx.Module):
    """A microscopic system of N particles: a pytree whose fields are its primary parameters.

    Write `sample`, `advance` and `measure` for one replica; the driver lifts them to a tile of
    replicas with `vmap`. A system that gains from seeing a tile of replicas at once derives from
    `TiledParticles`.
    """

    def check(self, law: Any) -> None:
        """Raise `ValueError` if a run cannot start from `law`; asked before anything compiles.

        Traced values pass, as in `jaxkin.numerics.checks`.
        """

    @abc.abstractmethod
    def sample(self, law: Any, *, key: PRNGKeyArray) -> State:
        """Draw the state of one replica at time 0."""

    @abc.abstractmethod
    def advance(self, state: State, start: Array, stop: Array, *, key: PRNGKeyArray) -> State:
        """Move one replica from `start` to `stop`: exact in law, or of a stated order."""

    def advance_tile(self, states: State, start: Array, stop: Array, *, keys: Array) -> State:
        """Move a tile of replicas (leading axis of `states` and `keys`)."""
        return jax.vmap(lambda s, k: self.advance(s, start, stop, key=k))(states, keys)

    @abc.abstractmethod
    def measure(self, state: State) -> Weighted:
        """Return the particles of one replica as weighted coordinates, and entries beside them."""

    def observe(
        self, state: State, observable: Observable, *, key: PRNGKeyArray | None = None
    ) -> Array:
        """Evaluate one observable on the state of one replica."""
        return observable.of_particles(self.measure(state), key=key)

    def observables(self) -> tuple[Observable, ...]:
        """Return what is recorded when the user names nothing."""
        return ()

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return which observables stay: their names, or names whose sum stays.

        Names are those of `observables()`, or "density". `jaxkin.testing.check_model` looks at it.
        """
        return ()

    def drain(self, state: State) -> Log | None:
        """Return the log of events of one replica so far, or None if it keeps none."""
        return None

    def faults(self, state: State) -> dict[str, Array]:
        """Map a message to a flag that is True where the replica went wrong."""
        return {}

    def metadata(self, law: Any) -> dict[str, Any]:
        """Return numbers, words and tuples that describe a run; they are kept with its data."""
        return {}

    def tile(self, replicas: int) -> int:
        """Return how many replicas are best run together on this backend."""
        return min(replicas, 64)

    @abc.abstractmethod
    def kinetic_limit(self, method: Any = None) -> "KineticEquation":
        """Return the equation that the system obeys as N → ∞.

        Args:
            method: the operator by which it is evaluated (`jaxkin.operators`); None for a default.
        """


class TiledParticles(Particles):
    """A system that is written for a tile of replicas at once: write `advance_tile`.

    One replica is a tile of one.
    """

    @abc.abstractmethod
    def advance_tile(self, states: State, start: Array, stop: Array, *, keys: Array) -> State:
        """Move a tile of replicas: exact in law, or of a stated order."""

    def advance(self, state: State, start: Array, stop: Array, *, key: PRNGKeyArray) -> State:
        """Move one replica from `start` to `stop`; see `advance_tile`."""
        alone = jax.tree.map(lambda x: x[None], state)
        tile = self.advance_tile(alone, start, stop, keys=key[None])
        return jax.tree.map(lambda x: x[0], tile)


class KineticEquation(eqx.Module):
    """A macroscopic kinetic equation: a pytree whose fields are its primary parameters.

    Attributes:
        domains: maps the path of a parameter to its domain (`jaxkin.domains`); `fitting` works in
            free coordinates of the domain.
    """

    def check(self, law: Any) -> None:
        """Raise `ValueError` if a solution cannot start from `law`; asked before anything compiles.

        Traced values pass, as in `jaxkin.numerics.checks`.
        """

    def prepare(self) -> Any:
        """Compute tensors from the parameters, inside the run so that gradients reach them."""
        return None

    @abc.abstractmethod
    def project(self, law: Any) -> State:
        """Return the state that represents `law` at time 0."""

    @abc.abstractmethod
    def rate_of_change(self, t: Any, state: State, prepared: Any) -> State:
        """Return ∂f/∂t; reads like the formula in the docstring of the class."""

    @abc.abstractmethod
    def measure(self, state: State) -> Density:
        """Return the density of the state."""

    def observe(self, state: State, observable: Observable) -> Array:
        """Evaluate one observable on the state."""
        return observable.of_density(self.measure(state))

    def observables(self) -> tuple[Observable, ...]:
        """Return what is recorded when the user names nothing."""
        return ()

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return which observables stay: their names, or names whose sum stays.

        Names are those of `observables()`, or "density". `jaxkin.testing.check_model` looks at it.
        """
        return ()

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {}

    def conditions(self) -> dict[str, Array]:
        """Return by name what its parameters may be asked to meet: arrays that vanish if they do.

        `fitting` tests them as hypotheses and offers the estimate under them.
        """
        return {}

    def terms(self) -> diffrax.AbstractTerm:
        """Return the right-hand side as the integrator wants it; a split scheme overrides this."""
        return diffrax.ODETerm(self.rate_of_change)

    def integrator(self) -> diffrax.AbstractSolver:
        """Return the time integrator."""
        return diffrax.Tsit5()

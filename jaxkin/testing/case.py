"""What the rules of the contract share: the model, its law, and two runs that are made once."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from jaxkin.drivers.simulation import simulate
from jaxkin.drivers.solution import solve
from jaxkin.model import KineticEquation, Particles
from jaxkin.numerics.checks import require, require_increasing, whole
from jaxkin.observables.base import Observable, Weighted
from jaxkin.observables.density import Density
from jaxkin.physics.collisions.angles import Angle
from jaxkin.testing.battery import Known, battery
from jaxkin.trajectory import Trajectory


class Case:
    """A model under test.

    Args:
        model: a particle system or an equation.
        law: what is known at time 0; one that the equation resolves.
        times: as in `check_model`.
        again: as in `check_model`.
        limit: as in `check_model`.
        replicas: as in `check_model`.
        tolerance: as in `check_model`.
        key: as in `check_model`.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        model: Particles | KineticEquation,
        law: Any,
        *,
        times: Any = None,
        again: Any = None,
        limit: KineticEquation | None = None,
        replicas: int = 64,
        tolerance: float | None = None,
        key: PRNGKeyArray | None = None,
    ):
        require(
            isinstance(model, Particles | KineticEquation),
            "model",
            "be a particle system or a kinetic equation",
            f"it is a {type(model).__name__}",
            "Derive from `jaxkin.Particles` or `jaxkin.KineticEquation`.",
        )
        self.model, self.law, self.tolerance = model, law, tolerance
        self.particles = isinstance(model, Particles)
        self.again = perturbed(model) if again is None else again
        require(
            type(self.again) is type(model),
            "again",
            f"be a {type(model).__name__}, as `model` is",
            f"it is a {type(self.again).__name__}",
        )
        self.given = limit  # None for the equation of `kinetic_limit()`
        self.replicas = whole(replicas, "replicas", 2)
        self.key = jax.random.key(0) if key is None else key
        if times is not None:
            require_increasing(times)
        # Now, not lazily: a rule may ask for them within a trace.
        self.times = self._own_times() if times is None else np.asarray(times)
        self._shapes: dict[tuple[int, int], tuple[Any, Observable, Any]] = {}

    @functools.cached_property
    def equation(self) -> KineticEquation:
        """The equation itself, or that of the limit."""
        if not isinstance(self.model, Particles):
            return self.model
        return self.model.kinetic_limit() if self.given is None else self.given

    def _own_times(self) -> np.ndarray:
        """Return a tenth of the time in which the equation changes, in two intervals."""
        equation, law = self.equation, self.law

        @jax.jit
        def sizes() -> tuple[Array, Array]:
            state = equation.project(law)
            rate = equation.rate_of_change(0.0, state, equation.prepare())
            return _norm(state), _norm(rate)

        size, rate = (float(x) for x in sizes())
        return np.array([0.0, 0.05, 0.1]) * (size / rate if rate > 1e-6 * size else 1.0)

    @functools.cached_property
    def dtype(self) -> Any:
        """The floating type of the parameters, except for tables of angles."""
        return dtype_of(self.model)

    @functools.cached_property
    def density(self) -> float:
        """The density of one unit of the law: that of the equation if it has one, else 1."""
        return float(np.asarray(getattr(self.equation, "density", 1.0)))

    @functools.cached_property
    def battery(self) -> list[Known]:
        """Observables and what the law says of them."""
        return battery(self.law, getattr(self.equation, "dimension", None), self.density)

    @functools.cached_property
    def total(self) -> float:
        """The density of all particles at time 0, by the law."""
        return next(float(k.value) for k in self.battery if k.observable.name == "pairs") ** 0.5

    @functools.cached_property
    def counter(self) -> "Traces":
        """An observable that counts how often it is traced."""
        return Traces("traces", Count())

    @functools.cached_property
    def told(self) -> list[Known]:
        """Those of the battery that the model does not refuse when it is traced."""
        return [known for known in self.battery if self.refusal(self.model, known) is None]

    def refusal(self, model: Any, known: Known) -> str | None:
        """Return why a model does not tell an observable; None if it does."""
        try:
            self.shape(model, known.observable)
        except ValueError as error:
            return str(error)
        return None

    def shape(self, model: Any, observable: Observable) -> jax.ShapeDtypeStruct:
        """Return shape and type of an observable at time 0, without running anything."""
        place = id(model), id(observable)
        if place not in self._shapes:
            # What was looked at is kept, so that no other object has its number.
            self._shapes[place] = model, observable, self._traced_shape(model, observable)
        found = self._shapes[place][2]
        if isinstance(found, ValueError):
            raise found
        return found

    def _traced_shape(self, model: Any, observable: Observable) -> Any:
        def observe(key: Any) -> Array:
            if isinstance(model, Particles):
                return model.observe(model.sample(self.law, key=key), observable, key=key)
            return model.observe(model.project(self.law), observable)

        try:
            return jax.eval_shape(observe, jax.random.key(0))
        except ValueError as error:
            return error

    @functools.cached_property
    def first(self) -> Trajectory:
        """The run of the model."""
        return self._run(self.model, 0)

    @functools.cached_property
    def traced(self) -> tuple[int, int]:
        """How often the first run was traced, and how often the second was traced anew."""
        assert self.first is not None
        before = self.counter.count.value
        self._run(self.again, 1)
        return before, self.counter.count.value - before

    def _run(self, model: Any, seed: int) -> Trajectory:
        observe = [*model.observables(), self.counter]
        times = jnp.asarray(self.times)
        if isinstance(model, Particles):
            return simulate(
                model,
                self.law,
                times,
                key=jax.random.fold_in(self.key, seed),
                replicas=self.replicas,
                observe=observe,
            )
        return solve(model, self.law, times, observe=observe)


class Count:
    """How often something happened."""

    def __init__(self) -> None:
        self.value = 0


class Traces(Observable):
    """The density, and a count of the programs that hold it."""

    name: str = eqx.field(static=True)
    count: Count = eqx.field(static=True)

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return Σ n_i w_i."""
        self.count.value += 1
        return measured.total(_one)

    def of_density(self, density: Density) -> Array:
        """Return ∫ f."""
        self.count.value += 1
        return density.mass()


def dtype_of(model: Any) -> Any:
    """Return the floating type of a model's parameters, except for tables of angles."""
    leaves = jax.tree.leaves(model, is_leaf=lambda x: isinstance(x, Angle))
    floating = [x for x in leaves if eqx.is_inexact_array(x)]
    return jnp.result_type(*floating) if floating else jnp.result_type(float)


def perturbed(model: Any) -> Any:
    """Return the model with parameters that are 1/32 smaller, as far as their domains allow."""
    domains = model.domains() if isinstance(model, KineticEquation) else {}

    def move(path: Any, leaf: Any) -> Any:
        if not eqx.is_inexact_array(leaf):
            return leaf
        domain = domains.get(jax.tree_util.keystr(path).lstrip("."))
        for factor in (31 / 32, 33 / 32):
            moved = np.asarray(leaf) * np.asarray(factor, leaf.dtype)
            if domain is None or np.all(domain.contains(moved)):
                return jnp.asarray(moved)
        return leaf

    return jax.tree_util.tree_map_with_path(move, model)


def fail(rule: str, must: str, but: str, remedy: str) -> None:
    """Raise `AssertionError`: which rule failed, and the remedy."""
    raise AssertionError(f"Rule `{rule}`: the model must {must}, but {but}. {remedy}")


def _norm(tree: Any) -> Array:
    return jnp.sqrt(sum(jnp.sum(jnp.abs(x) ** 2) for x in jax.tree.leaves(tree)))


def _one(z: Any) -> float:
    return 1.0

"""Rule: at time 0 observables are what the law says, or are refused by name."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxkin.model import Particles
from jaxkin.observables.base import Weighted
from jaxkin.testing.battery import Known
from jaxkin.testing.case import Case, fail
from jaxkin.testing.errors import checks_give_nan

_BY_NAME = ("`observe`", "`wave_vectors`", "`edges`")


def check_values(case: Case) -> None:
    """The battery at time 0 against integrals of the law's own density, by rules of no operator.

    Particles agree within 5 standard errors, of which the scatter of independent draws is the
    least; where `limit` is given, particles alone are looked at. A density agrees to its tolerance,
    or refuses with an error that names `observe`. Where checks inside programs are set to give NaN
    (EQX_ON_ERROR=nan), NaN counts as refused.

    Args:
        case: the model under test.

    Raises:
        AssertionError: a value is off, or is refused by an error that does not say so.
    """
    if isinstance(case.model, Particles):
        measured, values = _drawn(case.model, case)
        numbers = _numbers(measured)
        for known, each in zip(case.told, values, strict=True):
            _of_particles(case, known, np.asarray(each, float), numbers)
    if case.equation is not case.given:
        _of_density(case)


def _of_density(case: Case) -> None:
    equation, accepted = case.equation, []
    for known in case.battery:
        refusal = case.refusal(equation, known)
        if refusal is None:
            accepted.append(known)
        elif not any(name in refusal for name in _BY_NAME):
            fail(
                "values",
                f"tell {known.observable.name!r} of its density or refuse it by name",
                f"it raises: {refusal}",
                'Raise ValueError("Argument `observe` must hold …, but …").',
            )
    if not accepted:
        return
    try:
        found: list[np.ndarray | None] = [*_observed(equation, case.law, accepted)]
    except RuntimeError:  # one of them is refused when it runs; which one?
        found = [_alone(case, known) for known in accepted]
    tolerance = _tolerance(case)
    for known, value in zip(accepted, found, strict=True):
        if value is None or (checks_give_nan() and np.isnan(value).any()):
            continue
        error, size = np.abs(value - known.value), np.max(known.size)
        if not np.all(error <= tolerance * size):
            fail(
                "values",
                f"tell {known.observable.name!r} of its density at time 0 to {tolerance:g} of "
                f"{size:.4g}",
                f"it is {value} where the law says {known.value}",
                "Integrate the density with a rule that is exact for the function, or refuse it; "
                "look at the weights of `measure`, and whether the equation represents the law.",
            )


def _observed(equation: Any, law: Any, known: list[Known]) -> list[np.ndarray]:
    @jax.jit
    def observe() -> list[Any]:
        state = equation.project(law)
        return [equation.observe(state, k.observable) for k in known]

    return [np.asarray(x) for x in jax.block_until_ready(observe())]


def _alone(case: Case, known: Known) -> np.ndarray | None:
    try:
        return _observed(case.equation, case.law, [known])[0]
    except RuntimeError as error:
        if not any(name in str(error) for name in _BY_NAME):
            raise
        return None


def _tolerance(case: Case) -> float:
    if case.tolerance is not None:
        return case.tolerance
    equation = case.equation
    density = jax.eval_shape(lambda: equation.measure(equation.project(case.law)))
    stated = getattr(density, "tolerance", None)
    least = 1e-6 if case.dtype == jnp.float64 else 1e-4
    return max(least, stated()) if stated is not None else least


def _drawn(model: Particles, case: Case) -> tuple[Weighted, list[Array]]:
    """Return what one replica measures, and the battery of all replicas."""

    @jax.jit
    def draw(keys: Array) -> Any:
        def one(key: Array) -> Any:
            measured = model.measure(model.sample(case.law, key=key))
            return measured, [k.observable.of_particles(measured, key=key) for k in case.told]

        measured, values = jax.vmap(one)(keys)
        return jax.tree.map(lambda x: x[0], measured), values

    return draw(jax.random.split(case.key, case.replicas))


def _of_particles(case: Case, known: Known, values: np.ndarray, numbers: np.ndarray) -> None:
    mean = values.mean(0)
    shape = (-1,) + (1,) * mean.ndim
    truth = known.value
    least: Any = 0.0
    if known.parts is not None and known.square is not None:
        per = numbers.reshape(shape)
        density = case.density if len(numbers) > 1 else case.total
        if known.pairs:
            # Σ over different particles: one of a type has fewer partners of its own type.
            truth = np.sum(known.parts, 0) ** 2 - np.sum(known.parts**2 / per, 0)
            if known.pairs == "mean":
                truth = truth / (case.total**2 - np.sum(density**2 / numbers))
        else:
            spread = np.sum((density * known.square - known.parts**2) / per, 0)
            least = np.sqrt(np.maximum(spread, 0) / case.replicas)
    error = np.maximum(values.std(0, ddof=1) / case.replicas**0.5, least)
    rounding = 100 * np.finfo(case.dtype).eps * np.max(known.size)
    if not np.all(np.abs(mean - truth) <= 5 * error + rounding):
        fail(
            "values",
            f"tell {known.observable.name!r} of its particles at time 0 within 5 standard errors",
            f"the mean is {mean} with the standard error {error}, where the law says {truth}",
            "Look at the weights of `measure`, and at `sample`.",
        )


def _numbers(measured: Weighted) -> np.ndarray:
    """Return how many particles there are of each type."""
    size = jax.tree.leaves(measured.coordinates)[0].shape[0]
    share = np.broadcast_to(np.asarray(measured.weight) > 0, (size,)) * 1
    share = share if measured.number is None else share * np.asarray(measured.number)
    kind = measured.coordinates.type
    return np.bincount(np.zeros(size, int) if kind is None else np.asarray(kind), share)

"""`fit`: estimate parameters of a kinetic equation from replicas of a simulation.

It joins the parts: free coordinates (`parametrisation`), what is minimised (`objectives`,
`events`), the search (`optimisation`), the covariance (`uncertainty`) and the report.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from fitting.events import EventLikelihood, estimate_from_events, one_particle
from fitting.objectives import MeanMisfit, Objective, working_variance
from fitting.optimisation import DEFAULT, NotConverged
from fitting.parametrisation import Parametrisation, Unknown, parametrise
from fitting.report import FitResult
from fitting.uncertainty import Estimate, delta_method, estimate
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require, require_finite, whole
from jaxkin.trajectory import Trajectory

_CENSUS = ("counts", "number", "mass", "overflow")


def fit(
    equation: KineticEquation,
    law: Any,
    data: Trajectory,
    *,
    unknown: Unknown,
    free: Any = None,
    start: Any = None,
    optimizer: optax.GradientTransformation | None = None,
    observables: Sequence[str] | str = ("counts",),
    finite_size: str | None = None,
    steps: int = 200,
    rtol: float | None = None,
    atol: float | None = None,
) -> FitResult:
    """Estimate unknown parameters of `equation` from `data`.

    Args:
        equation: the kinetic equation; it gives the form and the known parameters. The values of
            unknown entries are never read.
        law: what is known at time 0.
        data: a simulation with replicas (R, times, …), or the solution of an equation.
        unknown: a field's name, a dotted path ("kernel.exponent"), several, or a function that
            returns whole leaves.
        free: mask of the entries to fit, in the field's shape (a dictionary by path if several).
        start: first value (a number, an array, or a dictionary by path); None: 1 for what is
            positive, 1/2 for an interval, equal parts for a simplex, 0 for the rest.
        optimizer: any optax optimiser; None: Levenberg–Marquardt.
        observables: names of the observables to compare; or "events", for the likelihood of the
            log of reactions, which needs no solution and no limit.
        finite_size: None compares with the equation itself, which finite N misses by O(1/N);
            "well-mixed" adds the mean correction of order 1/N for particles without space, such
            as `MarcusLushnikov` (see `WellMixed`).
        steps: at most so many updates.
        rtol, atol: tolerances of the solution; None: 1e-7 and 1e-9 of Z's unit in float64, 1e-5
            and 1e-7 in float32.

    Returns:
        A `FitResult`. Positive parameters whose logarithm has a standard error above 1 are
        reported as NaN, with a warning: the data do not identify them. They stay in the fit,
        anchored near `start` by a wide prior (5 in the logarithm) that does not enter the
        errors, so that the others' errors include what the data do not tell about them.

    Raises:
        ValueError: `unknown` names no field, the data lack what the fit needs, or shapes differ.

    Warns:
        UserWarning: entries not identified; standard errors unknown for lack of replicas; an
            O(1/N) bias to be expected, since R ≥ N.
        NotConverged: the search stopped before its minimum; errors are NaN then.
    """
    steps = whole(steps, "steps")
    parametrisation, first = parametrise(equation, unknown, free=free, start=start)
    objective: Objective
    if observables == "events":
        objective = _from_events(equation, data, parametrisation)
    else:
        names = (observables,) if isinstance(observables, str) else tuple(observables)
        objective = compare_means(
            equation, law, data, parametrisation, names, finite_size, rtol, atol
        )
    found = _estimate(
        objective,
        first,
        jnp.asarray(parametrisation.logarithmic),
        DEFAULT if optimizer is None else optimizer,
        steps,
    )
    found = jax.tree.map(np.asarray, found)
    return _report(equation, parametrisation, found, conservative=observables != "events")


@eqx.filter_jit
def _estimate(objective, start, logarithmic, optimizer, steps) -> Estimate:
    tolerance = 1e-8 if start.dtype == jnp.float64 else 1e-4
    return estimate(
        objective, start, logarithmic, optimizer=optimizer, steps=steps, tolerance=tolerance
    )


def _from_events(equation, data, parametrisation) -> EventLikelihood:
    require(
        hasattr(equation, "rate"),
        "equation",
        "have pair rates `rate` to fit events",
        f"it is {type(equation).__name__}",
        "Compare observables instead.",
    )
    found = estimate_from_events(data)
    dtype = equation.rate.dtype
    require(
        found.rate.shape == equation.rate.shape,
        "data",
        f"have {equation.rate.shape[0]} masses, as `rate` has",
        f"they have {len(found.rate)}",
    )
    return EventLikelihood(
        equation,
        parametrisation,
        jnp.asarray(found.events, dtype),
        jnp.asarray(found.exposure, dtype),
    )


def compare_means(
    equation, law, data, parametrisation, names, finite_size, rtol, atol
) -> MeanMisfit:
    """Check the data against the equation, and return the misfit of replica means.

    t = 0 is dropped: nothing is unknown there. The arguments are those of `fit`.
    """
    offered = {o.name: o for o in equation.observables()}
    for name in names:
        require(
            name in data.observables,
            "data",
            f"hold the observable {name!r}",
            f"it holds {sorted(data.observables)}",
            "Record it with `observe=`, or name others in `observables=`.",
        )
        require(
            name in offered,
            "observables",
            f"be among {sorted(offered)} of the equation",
            f"one is {name!r}",
        )
    require(len(names) > 0, "observables", "name at least one observable", "it is empty")
    require(
        finite_size in (None, "well-mixed"),
        "finite_size",
        'be None or "well-mixed"',
        f"it is {finite_size!r}",
    )
    later = np.asarray(data.times) > 0
    require(later.any(), "data", "have a time after 0", f"its times are {data.times}")
    lead = 1 if data.replicated else 0
    arrays, chosen = [], tuple(offered[name] for name in names)
    for name in names:
        values = np.asarray(data[name])
        require(
            values.ndim > lead and values.shape[lead] == later.size,
            "data",
            f"have {later.size} times in {name!r}",
            f"its shape is {values.shape}",
        )
        require_finite(values, "data")
        arrays.append((values if lead else values[None])[:, later])
    _check_shapes(equation, law, arrays, chosen)

    replicas, number = arrays[0].shape[0], data.metadata.get("n_particles")
    if finite_size is not None:
        require(
            number is not None,
            "data",
            "tell `n_particles` in its metadata",
            f"that holds {sorted(data.metadata)}",
            "Leave `finite_size` out.",
        )
        require(
            "overflow" not in names,
            "observables",
            'leave out the overflow when finite_size is "well-mixed"',
            "they name it",
            "The correction is known for counts only.",
        )
    elif number is not None and replicas >= number:
        warnings.warn(
            f"{replicas} replicas of {number} particles resolve the O(1/N) difference between "
            "particles and equation; estimates will be biased by more than their standard errors "
            'say. Use more particles, or finite_size="well-mixed" for particles without space.',
            UserWarning,
            stacklevel=4,
        )
    dtype = jnp.result_type(*[f.known for f in parametrisation.fields])
    fine = dtype == jnp.float64
    return MeanMisfit(
        equation,
        law,
        jnp.asarray(np.asarray(data.times)[later], dtype),
        parametrisation,
        jnp.asarray(np.concatenate([a.reshape(replicas, -1) for a in arrays], axis=1), dtype),
        jnp.asarray(working_variance(arrays, smallest_steps(data, names)), dtype),
        None if finite_size is None else jnp.asarray(float(number), dtype),
        chosen,
        (1e-7 if fine else 1e-5) if rtol is None else rtol,
        (1e-9 if fine else 1e-7) if atol is None else atol,
    )


def smallest_steps(data: Trajectory, names: Sequence[str]) -> list[float | None]:
    """Return the smallest change that one replica can show; known for densities of particles."""
    return [one_particle(data) if name in _CENSUS else None for name in names]


def _check_shapes(equation, law, arrays, chosen) -> None:
    for values, observable in zip(arrays, chosen, strict=True):
        expected = eqx.filter_eval_shape(
            lambda o=observable: equation.observe(equation.project(law), o)
        ).shape
        require(
            values.shape[2:] == expected,
            "data",
            f"have the shape {expected} of {observable.name!r} at each time",
            f"it has {values.shape[2:]}",
            "Give the equation the `max_mass` of the data.",
        )


def _report(
    equation: KineticEquation,
    parametrisation: Parametrisation,
    found: Estimate,
    *,
    conservative: bool,
) -> FitResult:
    replicas = found.minimum.scores.shape[0]
    theta = jnp.asarray(found.minimum.theta)
    values, covariance, jacobian = map(
        np.array, delta_method(parametrisation.natural, theta, jnp.asarray(found.covariance))
    )
    names, converged = parametrisation.names, bool(found.minimum.converged)
    history: Any = {"value": found.minimum.value, "decrement": found.minimum.decrement}
    taken = int(found.minimum.steps)
    history = {name: series[:taken] for name, series in history.items()}
    lost = np.any((jacobian != 0) & ~found.identified, axis=1)
    if not converged:
        last = ", ".join(f"{v:.6g}" for v in history["value"][-3:])
        warnings.warn(
            NotConverged(
                f"The fit did not converge in {taken} evaluations: the objective ended with "
                f"{last}, and its Newton decrement at {history['decrement'][-1]:.3g}. Raise "
                "`steps`, give a `start` nearer to the answer, or use the default optimizer. The "
                "`history` of the result (and of this warning) holds every step.",
                history,
            ),
            stacklevel=3,
        )
        covariance[:] = np.nan
    elif lost.any():
        warnings.warn(
            "The data do not identify "
            + ", ".join(name for name, gone in zip(names, lost, strict=True) if gone)
            + ": their estimates are NaN. Record more replicas or later times, or fix them with "
            "`free`.",
            UserWarning,
            stacklevel=3,
        )
    if replicas < 2:
        warnings.warn(
            "Standard errors are NaN: they come from the scatter over replicas, and the data have "
            "none. Simulate with replicas=32 or more.",
            UserWarning,
            stacklevel=3,
        )
    if converged:
        values[lost] = np.nan
        covariance[lost] = covariance[:, lost] = np.nan
    positive = parametrisation.positive
    with np.errstate(invalid="ignore"):
        log_error = np.where(positive, np.sqrt(np.diagonal(covariance)) / np.abs(values), np.nan)
    return FitResult(
        equation=parametrisation.assemble(theta, equation),
        values=values,
        covariance=covariance,
        log_error=log_error,
        history=history,
        parametrisation=parametrisation,
        objective=float(np.nanmin(history["value"])),
        names=tuple(names),
        degrees=max(replicas - 1, 0),
        converged=converged,
        conservative=conservative,
    )

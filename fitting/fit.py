"""`fit`: estimate parameters of a kinetic equation from replicas of simulations.

It joins the parts: free coordinates (`parametrisation`), what is minimised (`comparison`,
`objectives`, `events`), the search (`optimisation`), the covariance (`uncertainty`) and the report.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from fitting.comparison import Compared, compare_events, compare_means
from fitting.objectives import Joint, Objective
from fitting.optimisation import DEFAULT, NotConverged
from fitting.parametrisation import Parametrisation, Unknown, parametrise
from fitting.report import FitResult
from fitting.uncertainty import (
    DEGENERATE,
    LOG_LIMIT,
    Estimate,
    degrees_of_freedom,
    delta_method,
    estimate,
)
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require, whole
from jaxkin.trajectory import Trajectory


def fit(
    equation: KineticEquation | Sequence[KineticEquation],
    law: Any,
    data: Trajectory | Sequence[Trajectory],
    *,
    unknown: Unknown,
    free: Any = None,
    start: Any = None,
    optimizer: optax.GradientTransformation | None = None,
    observables: Compared = ("counts",),
    finite_size: str | None = None,
    steps: int = 200,
    rtol: float | None = None,
    atol: float | None = None,
) -> FitResult:
    """Estimate unknown parameters of `equation` from `data`, of one experiment or of several.

    Independent experiments, such as relaxations at several temperatures, are fitted together if
    `law` and `data` are sequences. Each may have its own times and number of replicas.

    Args:
        equation: the kinetic equation; it gives the form and the known parameters. The values of
            unknown entries are never read. Or a sequence, one for each experiment, with the same
            unknown (such as `Boltzmann` of `Hermite` operators of different `width`).
        law: what is known at time 0; or a sequence, one for each experiment.
        data: a simulation with replicas (R, times, …), or the solution of an equation; or a
            sequence of them, simulated with different keys.
        unknown: a field's name, a path ("operator.kernel.exponent") or an ending that only one path
            has ("exponent"), several, or a function that returns whole leaves. The names in the
            result are full paths, whatever was given.
        free: mask of the entries to fit, in the field's shape (a dictionary by such names if
            several).
        start: first value, inside of the domain (a number, an array, or a dictionary by such
            names); None: 1 for what is positive, the middle of an interval (1/2 for the exponent
            of a kernel), equal parts for a simplex, 0 for the rest (see `jaxkin.domains`).
        optimizer: any optax optimiser; None: Levenberg–Marquardt.
        observables: what to compare, in all experiments: the objects that were observed, or names
            of those that the equation offers by itself; or "events", for the likelihood of the log
            of reactions, which needs no solution and no limit.
        finite_size: None compares with the equation itself, which finite N misses by O(1/N);
            "well-mixed" adds the mean correction of order 1/N for particles without space, such
            as `MarcusLushnikov` (see `WellMixed`).
        steps: at most so many updates.
        rtol, atol: tolerances of the solution; None: 1e-7 and 1e-9 of Z's unit in float64, 1e-5
            and 1e-7 in float32.

    Returns:
        A `FitResult`; its `equation` is a tuple if `equation` was a sequence. Positive parameters
        whose logarithm has a standard error above 1 are reported as NaN, with a warning: the data
        do not identify them; nor entries of an interval or a simplex about which a uniform law
        would tell as much (L/√12 for an interval of length L). They stay in the fit, anchored near
        `start` by a wide prior (5 in the logarithm or logit) that does not enter the errors, so
        that the others' errors include what the data do not tell about them.

    Raises:
        ValueError: `unknown` names no field or the ending of several, the data lack what the fit
            needs, the equation does not offer an observable by name, shapes differ, or the
            sequences do not fit together.

    Warns:
        UserWarning: entries not identified; pairs of entries nearly degenerate; standard errors
            unknown for lack of replicas; an O(1/N) bias to be expected, since R ≥ N.
        NotConverged: the search stopped before its minimum; errors are NaN then.
    """
    steps = whole(steps, "steps")
    experiments = _experiments(equation, law, data)
    prepared = {id(e): parametrise(e, unknown, free=free, start=start) for e, *_ in experiments}
    parametrisation, first = prepared[id(experiments[0][0])]
    for other, _ in prepared.values():
        require(
            _form(other) == _form(parametrisation),
            "equation",
            "have the same unknown entries in all experiments",
            f"they are {_form(parametrisation)} and {_form(other)}",
        )
    by_events = isinstance(observables, str) and observables == "events"
    objectives: list[Objective] = []
    for model, initial, measured in experiments:
        own, _ = prepared[id(model)]
        objectives.append(
            compare_events(model, measured, own)
            if by_events
            else compare_means(model, initial, measured, own, observables, finite_size, rtol, atol)
        )
    found = _estimate(
        objectives[0] if len(objectives) == 1 else Joint(tuple(objectives)),
        first,
        parametrisation,
        DEFAULT if optimizer is None else optimizer,
        steps,
    )
    found = jax.tree.map(np.asarray, found)
    theta = jnp.asarray(found.minimum.theta)
    fitted = {id(e): prepared[id(e)][0].assemble(theta, e) for e, *_ in experiments}
    each = tuple(fitted[id(e)] for e, *_ in experiments)
    return _report(
        each if isinstance(equation, Sequence) else each[0],
        parametrisation,
        found,
        conservative=not by_events,
    )


def _experiments(
    equation: Any, law: Any, data: Any
) -> list[tuple[KineticEquation, Any, Trajectory]]:
    """Return (equation, law, data) of each experiment."""
    if not isinstance(data, Sequence):
        for name, value in (("equation", equation), ("law", law)):
            require(
                not isinstance(value, Sequence),
                name,
                "be a single one for a single data set",
                f"it is a {type(value).__name__}",
                "Give `data` as a sequence too, one for each experiment.",
            )
        return [(equation, law, data)]
    size = len(data)
    require(size > 0, "data", "hold at least one experiment", "it is empty")
    equations = equation if isinstance(equation, Sequence) else [equation] * size
    for name, value in (("law", law), ("equation", equations)):
        several = isinstance(value, Sequence)
        require(
            several and len(value) == size,
            name,
            f"be a sequence of {size}, one for each experiment in `data`",
            f"it holds {len(value)}" if several else f"it is a {type(value).__name__}",
            "Repeat what experiments share.",
        )
    for k, measured in enumerate(data):
        twin = any(measured is other for other in data[:k])
        require(not twin, "data", "be independent experiments", "one is listed twice")
    return list(zip(equations, law, data, strict=True))


def _form(parametrisation: Parametrisation) -> list[Any]:
    """Say what the entries are, except for their values."""
    return [
        (f.path, f.domain, f.shape, f.names, str(f.known.dtype)) for f in parametrisation.fields
    ]


@eqx.filter_jit
def _estimate(objective, start, parametrisation, optimizer, steps) -> Estimate:
    tolerance = 1e-8 if start.dtype == jnp.float64 else 1e-4
    return estimate(
        objective, start, parametrisation, optimizer=optimizer, steps=steps, tolerance=tolerance
    )


def _report(
    equation: Any,
    parametrisation: Parametrisation,
    found: Estimate,
    *,
    conservative: bool,
) -> FitResult:
    replicas = [scores.shape[0] for scores in found.minimum.scores]
    theta = jnp.asarray(found.minimum.theta)
    values, covariance, jacobian = map(
        np.array, delta_method(parametrisation.natural, theta, jnp.asarray(found.covariance))
    )
    names, converged = parametrisation.names, bool(found.minimum.converged)
    history: Any = {"value": found.minimum.value, "decrement": found.minimum.decrement}
    taken = int(found.minimum.steps)
    history = {name: series[:taken] for name, series in history.items()}
    lost = np.any((jacobian != 0) & ~found.identified, axis=1)
    degenerate = _degenerate(parametrisation, values, covariance) if converged else ()
    for one, other, correlation in degenerate:
        warnings.warn(
            f"{one} and {other} are nearly degenerate (correlation {correlation:+.4f}): the data "
            "know a combination of them, and much less of each. Add experiments that tell them "
            "apart, such as other temperatures, or fix one of them: leave it out of `unknown`, or "
            "use `free`.",
            UserWarning,
            stacklevel=3,
        )
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
    if min(replicas) < 2:
        few = "the data have" if len(replicas) == 1 else f"data[{replicas.index(1)}] has"
        warnings.warn(
            f"Standard errors are NaN: they come from the scatter over replicas, and {few} "
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
        equation=equation,
        values=values,
        covariance=covariance,
        log_error=log_error,
        history=history,
        parametrisation=parametrisation,
        objective=float(np.nanmin(history["value"])),
        names=tuple(names),
        degrees=degrees_of_freedom(found.parts, jacobian, replicas),
        converged=converged,
        conservative=conservative,
        degenerate=degenerate,
    )


def _degenerate(
    parametrisation: Parametrisation, values: np.ndarray, covariance: np.ndarray
) -> tuple[tuple[str, str, float], ...]:
    """Return pairs that correlate beyond `DEGENERATE`, each known well if the other were.

    The second condition leaves out what no fixing of a partner would help. Shares of one simplex
    are bound by their sum and are no pair.
    """
    limit = np.where(
        parametrisation.positive, LOG_LIMIT * np.abs(values), parametrisation.ignorance
    )
    shared = parametrisation.belongs.T.astype(int) @ parametrisation.belongs
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.diagonal(covariance))
        rho = np.clip(covariance / np.outer(error, error), -1, 1)
        alone = error[:, None] * np.sqrt(1 - rho**2) < limit[:, None]
        pairs = np.triu((np.abs(rho) > DEGENERATE) & alone & alone.T & (shared == 0), 1)
    names = parametrisation.names
    return tuple((names[i], names[j], float(rho[i, j])) for i, j in np.argwhere(pairs))

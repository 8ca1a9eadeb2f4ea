"""Many fits at once: do the intervals cover as often as they say?

The replicas of one simulation are cut into independent data sets of equal size, and one compiled
program fits them all. With a known truth the share of intervals that cover it is the coverage,
which is what an honest standard error is tested by.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from scipy.special import stdtrit

from fitting.comparison import Compared, compare_means, smallest_steps
from fitting.objectives import working_variance
from fitting.parametrisation import Unknown, parametrise
from fitting.uncertainty import confidence_interval, delta_method, estimate
from jaxkin.model import KineticEquation
from jaxkin.numerics.batched_map import batched_map
from jaxkin.numerics.checks import require
from jaxkin.trajectory import Metadata, Trajectory


class BatchEstimates(eqx.Module):
    """Estimates from S independent data sets.

    Attributes:
        names: of the q unknown entries.
        values: (S, q) estimates; NaN where a data set does not identify the entry.
        errors: (S, q) standard errors.
        intervals: (S, q, 2) confidence intervals, as `FitResult.interval` makes them.
        converged: (S,) whether the search reached its minimum.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    values: Float[np.ndarray, "sets q"]
    errors: Float[np.ndarray, "sets q"]
    intervals: Float[np.ndarray, "sets q 2"]
    converged: Bool[np.ndarray, " sets"]

    def coverage(self, truth: Any) -> Float[np.ndarray, " q"]:
        """Return the share of intervals that hold the truth (q,), among those that were made."""
        truth = np.asarray(truth, dtype=float)
        inside = (self.intervals[..., 0] <= truth) & (truth <= self.intervals[..., 1])
        made = np.isfinite(self.values).sum(0)
        return np.where(made > 0, inside.sum(0) / np.maximum(made, 1), np.nan)

    def bias(self, truth: Any) -> Float[np.ndarray, " q"]:
        """Return the mean error (q,) in units of the typical standard error."""
        error = np.nanmean(self.values - np.asarray(truth, dtype=float), axis=0)
        return error / np.nanmedian(self.errors, axis=0)


def fit_batches(
    equation: KineticEquation,
    law: Any,
    data: Trajectory,
    *,
    batches: int,
    unknown: Unknown,
    free: Any = None,
    start: Any = None,
    observables: Compared = ("counts",),
    finite_size: str | None = None,
    steps: int = 200,
    level: float = 0.95,
) -> BatchEstimates:
    """Fit each of `batches` data sets, the replicas of `data` cut into equal parts.

    Args:
        batches: number S of data sets; must divide the number of replicas, at least 2 for each.
        level: of the intervals.
        equation, law, data, unknown, free, start, observables, finite_size, steps: as in `fit`.

    Raises:
        ValueError: see `fit`; or the replicas cannot be cut so.
    """
    replicas = int(data.metadata.get("replicas", 1))
    require(
        batches >= 1 and replicas % batches == 0 and replicas // batches >= 2,
        "batches",
        "divide the replicas into data sets of at least 2",
        f"there are {replicas} replicas and {batches} batches",
    )
    parametrisation, first = parametrise(equation, unknown, free=free, start=start)
    size = replicas // batches
    part = _part(data, slice(0, size))
    shared = compare_means(
        equation, law, part, parametrisation, observables, finite_size, None, None
    )
    names = [o.name for o in shared.observe]
    later, steps_of = np.asarray(data.times) > 0, smallest_steps(data, names)
    arrays = [np.asarray(data[name])[:, later] for name in names]
    cut = [a.reshape(batches, size, *a.shape[1:]) for a in arrays]
    variance = np.stack([working_variance([a[k] for a in cut], steps_of) for k in range(batches)])
    values = np.concatenate([a.reshape(batches, size, -1) for a in cut], axis=-1)
    dtype = shared.values.dtype
    found, natural, covariance = jax.tree.map(
        np.array,
        _estimate_all(
            shared,
            jnp.asarray(values, dtype),
            jnp.asarray(variance, dtype),
            first,
            parametrisation,
            steps,
        ),
    )
    converged = found.minimum.converged
    _, _, jacobian = delta_method(parametrisation.natural, first, jnp.eye(first.size))
    lost = ((np.asarray(jacobian) != 0) & ~found.identified[:, None, :]).any(-1)
    lost |= ~converged[:, None]
    natural[lost] = np.nan
    errors = np.where(lost, np.nan, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)))
    positive = parametrisation.positive
    quantile = stdtrit(size - 1, 0.5 + level / 2)
    intervals = confidence_interval(
        natural, errors, positive, quantile, bounds=parametrisation.bounds
    )
    return BatchEstimates(tuple(parametrisation.names), natural, errors, intervals, converged)


def _part(data: Trajectory, chosen: slice) -> Trajectory:
    cut: Any = {name: np.asarray(values)[chosen] for name, values in data.observables.items()}
    size = len(next(iter(cut.values())))
    return Trajectory(data.times, cut, None, Metadata(data.metadata | {"replicas": size}))


@eqx.filter_jit
def _estimate_all(shared, values, variance, first, parametrisation, steps):
    def one(arrays):
        objective = eqx.tree_at(lambda o: (o.values, o.variance), shared, arrays)
        found = estimate(objective, first, parametrisation, steps=steps)
        natural, covariance, _ = delta_method(
            shared.parametrisation.natural, found.minimum.theta, found.covariance
        )
        return found, natural, covariance

    # A tile waits for its slowest member, and all of it fits into the cache.
    return batched_map(one, (values, variance), 50)

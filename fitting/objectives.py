"""What a fit minimises: the misfit of replica means, weighted entry by entry.

With y_r (K,) the observables of replica r at the times after 0, in a row, ȳ their mean over R
replicas and μ(θ) the prediction,

    Q(θ) = ½ Σ_k (R/v_k) (ȳ_k − μ_k(θ))²,   J = ∂μ/∂θ,
    ∂Q = −JᵀW(ȳ − μ),   curvature JᵀWJ,   score of a replica s_r = JᵀW(y_r − μ)/R, W = R/v.

The v_k are working variances: Q treats entries as if they were independent (generalised
estimating equations with working independence), which costs some precision and no validity, since
the covariance of the estimate is taken from the scatter of the s_r (`fitting.uncertainty`).
Weighting by the empirical covariance of the entries would be efficient on paper and undercovers
badly with tens of replicas, for it inverts noise.

v_k is the variance over replicas pooled over the times of one observable's component, half and
half with that of the entry itself, and floored: a weight that follows the noise of its own entry
pulls the estimate down (few counts, small variance, large weight).

Independent experiments (other initial laws, other numbers of replicas) add: Q = Σ_e Q_e, each with
its own weights. Their scores stay apart, for each scatters about its own mean.

Symbols: θ free coordinates, R replicas, K entries, v working variance, s score, e experiment.
"""

import abc
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fitting.finite_size import WellMixed
from fitting.parametrisation import Parametrisation
from jaxkin.drivers.solution import solve
from jaxkin.model import KineticEquation
from jaxkin.observables import Observable


class Linearised(eqx.Module):
    """An objective near a point.

    Attributes:
        value: Q(θ).
        gradient: ∂Q.
        curvature: a positive matrix near ∂²Q, for the next step.
        bread: the expected ∂²Q (Gauss–Newton, Fisher) for the covariance.
        scores: minus the gradient of the data, replica by replica; one array (R_e, p) for each
            independent experiment.
    """

    value: Float[Array, ""]
    gradient: Float[Array, " p"]
    curvature: Float[Array, "p p"]
    bread: Float[Array, "p p"]
    scores: tuple[Float[Array, "replicas p"], ...]


class Objective(eqx.Module):
    """A smooth function of θ that is a sum over replicas, in units of ½χ²."""

    @abc.abstractmethod
    def linearise(self, theta: Float[Array, " p"]) -> Linearised:
        """Return value, gradient, curvature and scores at θ."""


class MeanMisfit(Objective):
    """Q(θ) between replica means of observables and the solution of an equation.

    Attributes:
        equation: template; the leaves of the parametrisation are overwritten.
        law, times: of the solution; (times,) all after 0.
        parametrisation: θ ↔ leaves.
        values: (R, K) observables of each replica in a row (see `in_a_row`).
        variance: (K,) working variances v.
        n_particles: N for the O(1/N) correction of `WellMixed`, or None for the bare equation.
        observe: observables, in the order of the row.
        rtol, atol: tolerances of the solution.
    """

    equation: KineticEquation
    law: Any
    times: Float[Array, " times"]
    parametrisation: Parametrisation
    values: Float[Array, "replicas entries"]
    variance: Float[Array, " entries"]
    n_particles: Float[Array, ""] | None
    observe: tuple[Observable, ...]
    rtol: float = eqx.field(static=True)
    atol: float = eqx.field(static=True)

    def predict(self, theta: Float[Array, " p"]) -> Float[Array, " entries"]:
        """Return μ(θ)."""
        equation = self.parametrisation.assemble(theta, self.equation)
        if self.n_particles is not None:
            equation = WellMixed(equation, self.n_particles)
        solution = solve(
            equation,
            self.law,
            self.times,
            observe=self.observe,
            rtol=self.rtol,
            atol=self.atol,
            adjoint=diffrax.ForwardMode(),
        )
        return in_a_row([solution[o.name] for o in self.observe])

    def linearise(self, theta: Float[Array, " p"]) -> Linearised:
        """Return Q, ∂Q, JᵀWJ and s_r."""

        def twice(t):
            prediction = self.predict(t)
            return prediction, prediction

        # Few parameters, many entries: forward mode.
        jacobian, prediction = jax.jacfwd(twice, has_aux=True)(theta)
        weight = self.values.shape[0] / self.variance
        residual = self.values.mean(0) - prediction
        weighted = jacobian * weight[:, None]
        bread = weighted.T @ jacobian
        scores = (self.values - prediction) / self.variance @ jacobian
        value = 0.5 * jnp.sum(weight * residual**2)
        return Linearised(value, -weighted.T @ residual, bread, bread, (scores,))


class Joint(Objective):
    """Q(θ) = Σ_e Q_e(θ) of independent experiments that share θ.

    Attributes:
        experiments: the objective of each.
    """

    experiments: tuple[Objective, ...]

    def linearise(self, theta: Float[Array, " p"]) -> Linearised:
        """Return the sums, and the scores of every experiment."""
        each = [experiment.linearise(theta) for experiment in self.experiments]
        first, *others = [eqx.tree_at(lambda e: e.scores, e, ()) for e in each]
        total = jax.tree.map(lambda *terms: sum(terms[1:], terms[0]), first, *others)
        scores = tuple(own for e in each for own in e.scores)
        return eqx.tree_at(lambda e: e.scores, total, scores)


def in_a_row(arrays: list[Array], lead: int = 0) -> Array:
    """Join arrays (…, times, …) into one row (…, entries), keeping `lead` leading axes."""
    return jnp.concatenate([a.reshape(*a.shape[:lead], -1) for a in arrays], axis=lead)


def working_variance(arrays: list[Any], scale: list[Any]) -> Float[np.ndarray, " entries"]:
    """Return v for arrays (R, times, …) of observables.

    Args:
        arrays: the observables, t = 0 left out.
        scale: for each, the smallest step a replica can show (the density w of one particle), or
            None; it floors v at a count of one particle in all replicas.
    """
    rows = []
    for values, step in zip(arrays, scale, strict=True):
        y = np.asarray(values, dtype=float)
        replicas = y.shape[0]
        own = y.var(0, ddof=1) if replicas > 1 else np.zeros(y.shape[1:])
        # Without scatter to learn from, every entry of an observable weighs the same, as for a
        # relative error of one per cent of its largest value.
        floor = 1e-4 * np.max(np.abs(y), initial=0.0) ** 2 * (1e-4 if replicas > 1 else 1.0)
        if step is not None:
            floor = max(floor, step**2 / replicas)
        pooled = own.mean(0, keepdims=True)
        rows.append(np.maximum(0.5 * (own + pooled), floor or 1.0).ravel())
    return np.concatenate(rows)

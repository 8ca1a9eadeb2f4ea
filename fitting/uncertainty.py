"""How far an estimate may be from the truth: the sandwich, from the scatter of the replicas.

At the minimum Σ_r s_r = 0, and with the curvature H (the bread) and centred scores

    Cov θ̂ = H⁻¹ · R/(R−1)·Σ_r (s_r − s̄)(s_r − s̄)ᵀ · H⁻¹.

H is only the working model's curvature; what the scores really scatter decides. For weights that
do not depend on the data, θ̂ − θ is linear in the mean of R independent replicas near the truth,
so that R − 1 is the exact factor and Student's t with R − 1 degrees of freedom the exact law for
Gaussian scatter; no parameter is deducted, because residuals of the means are not used. Natural
parameters x(θ) follow by the delta method, Cov x̂ = G Cov θ̂ Gᵀ, G = ∂x/∂θ.

The data identify a logarithmic coordinate if its standard error, which is that of x divided by x,
stays below 1 in the working model and in the sandwich: an error of a factor e is no knowledge of a
rate. Other coordinates are identified if the data's part of H is not lost in the rounding of its
diagonal. The others stay in the fit with their anchor. H is that of the data alone: a rate x = e^θ
that runs to 0 leaves ∂μ/∂θ = x ∂μ/∂x as small as x, and an anchor in H would then outweigh the
data and make the errors of the others conditional on x ≈ 0. Without it, and with H brought to unit
diagonal before it is inverted, H⁻¹ is the same in every coordinate, x among them: what is
identified is blurred by all that is not.

An interval of a positive parameter ends where either scale puts it further away: below at
x − t·s.e. or 0, above at x·exp(t·s.e./x). While other parameters lie at 0 an estimate is too high
more often than its logarithm admits, and an entry is identified more easily if it is too high.
Where information is diagonal (events), nothing of this happens, and the logarithm alone serves.

Symbols: R replicas, s_r score of a replica, H curvature, G Jacobian of x.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from fitting.objectives import Objective
from fitting.optimisation import ANCHOR, DEFAULT, Anchored, Minimum, minimise

LOG_LIMIT = 1.0


class Estimate(eqx.Module):
    """A minimum with its uncertainty, in free coordinates.

    Attributes:
        minimum: where the search ended.
        covariance: (p, p) of θ̂; NaN with fewer than two replicas.
        identified: (p,) whether the data identify the coordinate.
    """

    minimum: Minimum
    covariance: Float[Array, "p p"]
    identified: Bool[Array, " p"]


def estimate(
    objective: Objective,
    start: Float[Array, " p"],
    logarithmic: Bool[Array, " p"],
    *,
    optimizer: optax.GradientTransformation = DEFAULT,
    steps: int = 200,
    tolerance: float = 1e-8,
) -> Estimate:
    """Minimise an objective and estimate the covariance of the minimum; may be vmapped.

    Args:
        objective: what to minimise.
        start: (p,) first point, and centre of the anchor.
        logarithmic: (p,) which coordinates are logarithms; the others are not anchored.
        optimizer, steps, tolerance: see `minimise`.
    """
    wide = jnp.where(logarithmic, ANCHOR**-2.0, 0).astype(start.dtype)

    def search(carry, _):
        theta, precision = carry
        anchored = Anchored(objective, start, precision, logarithmic)
        found = minimise(anchored, theta, optimizer=optimizer, steps=steps, tolerance=tolerance)
        covariance, claimed = sandwich(found.bread, found.scores)
        worst = jnp.maximum(claimed, jnp.nan_to_num(jnp.diagonal(covariance)))
        informed = jnp.diagonal(found.bread) > jnp.finfo(theta.dtype).eps
        identified = informed & jnp.where(logarithmic, worst < LOG_LIMIT**2, True)
        # What is identified needs no anchor, and the estimate shall not feel one.
        return (found.theta, jnp.where(identified, 0, wide)), (found, covariance, identified)

    # A scan, not two calls: the program of the search is compiled once.
    _, (found, covariance, identified) = jax.lax.scan(search, (start, wide), length=2)
    joined = _joined(found)
    return Estimate(joined, covariance[1], jnp.all(identified, axis=0))


def _joined(found: Minimum) -> Minimum:
    """Join two searches: the second converges only if the first did; the histories follow."""
    size = found.value.shape[1]
    place = jnp.arange(size) + found.steps[0]

    def follow(history):
        return jnp.pad(history[0], (0, size), constant_values=jnp.nan).at[place].set(history[1])

    return Minimum(
        theta=found.theta[1],
        converged=jnp.all(found.converged),
        steps=found.steps.sum(),
        value=follow(found.value),
        decrement=follow(found.decrement),
        bread=found.bread[1],
        scores=found.scores[1],
    )


def sandwich(
    curvature: Float[Array, "p p"], scores: Float[Array, "replicas p"]
) -> tuple[Float[Array, "p p"], Float[Array, " p"]]:
    """Return the sandwich covariance, and the variances that the bread alone would claim."""
    replicas, size = scores.shape
    diagonal = jnp.diagonal(curvature)
    scale = 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1))
    unit = curvature * scale[:, None] * scale
    information, direction = jnp.linalg.eigh(unit)
    # Directions without information get the largest finite variance, never a negative one.
    least = max(1e-12, 4 * size * float(jnp.finfo(curvature.dtype).eps))
    scaled = direction * scale[:, None]
    bread = scaled / jnp.maximum(information, least) @ scaled.T
    centred = scores - scores.mean(0)
    # R = 1 gives 0/0: no scatter, no statement.
    meat = centred.T @ centred * replicas / jnp.asarray(replicas - 1, scores.dtype)
    return bread @ meat @ bread, jnp.diagonal(bread)


def confidence_interval(
    values: Any, errors: Any, positive: Any, quantile: float, *, conservative: bool = True
) -> Float[np.ndarray, "... q 2"]:
    """Return intervals of estimates (…, q) with their standard errors.

    Args:
        values, errors: (…, q).
        positive: (q,) which parameters are positive.
        quantile: of Student's t.
        conservative: whether intervals of positive parameters reach down as far as the natural
            scale lets them, and not only as far as the logarithm does.
    """
    reach = quantile * np.asarray(errors)[..., None] * np.array([-1, 1])
    middle = np.asarray(values)[..., None]
    plain, relative = middle + reach, middle * np.exp(reach / middle)
    if conservative:
        relative[..., 0] = np.maximum(plain[..., 0], 0)
    return np.where(np.asarray(positive)[:, None], relative, plain)


def delta_method(
    function: Callable[[Array], Array], theta: Float[Array, " p"], covariance: Float[Array, "p p"]
) -> tuple[Array, Float[Array, "q q"], Float[Array, "q p"]]:
    """Return x(θ), its covariance, and G."""
    jacobian = jax.jacfwd(function)(theta)
    return function(theta), jacobian @ covariance @ jacobian.T, jacobian

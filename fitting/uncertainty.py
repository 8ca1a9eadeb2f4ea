"""How far an estimate may be from the truth: the sandwich, from the scatter of the replicas.

At the minimum Σ_r s_r = 0, and with the curvature H (the bread) and centred scores

    Cov θ̂ = H⁻¹ · R/(R−1)·Σ_r (s_r − s̄)(s_r − s̄)ᵀ · H⁻¹.

H is only the working model's curvature; what the scores really scatter decides. For weights that
do not depend on the data, θ̂ − θ is linear in the mean of R independent replicas near the truth,
so that R − 1 is the exact factor and Student's t with R − 1 degrees of freedom the exact law for
Gaussian scatter; no parameter is deducted, because residuals of the means are not used. Natural
parameters x(θ) follow by the delta method, Cov x̂ = G Cov θ̂ Gᵀ, G = ∂x/∂θ.

The data identify a logarithmic coordinate if its standard error stays below 1 in the working
model and in the sandwich: an error of a factor e is no knowledge of a rate. Other coordinates are
identified if the data's part of H is not lost in the rounding of its diagonal. The others stay in
the fit with their anchor, so that what is identified is blurred by what is not.

Symbols: R replicas, s_r score of a replica, H curvature, G Jacobian of x.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
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
    search = dict(optimizer=optimizer, steps=steps, tolerance=tolerance)
    wide = jnp.where(logarithmic, ANCHOR**-2.0, 0).astype(start.dtype)
    first = minimise(Anchored(objective, start, wide), start, **search)
    _, identified = _judge(objective, first.theta, wide, logarithmic)
    # What is identified needs no anchor, and the estimate shall not feel one.
    precision = jnp.where(identified, 0, wide)
    second = minimise(Anchored(objective, start, precision), first.theta, **search)
    second = _continued(first, second)
    covariance, still = _judge(objective, second.theta, precision, logarithmic)
    return Estimate(second, covariance, identified & still)


def _judge(objective, theta, precision, logarithmic):
    """Return the covariance at a point, and which coordinates the data identify there."""
    curvature = objective.linearise(theta)[2]
    covariance, claimed = sandwich(curvature + jnp.diag(precision), objective.scores(theta))
    worst = jnp.maximum(claimed, jnp.nan_to_num(jnp.diagonal(covariance)))
    informed = jnp.diagonal(curvature) > jnp.finfo(theta.dtype).eps
    return covariance, informed & jnp.where(logarithmic, worst < LOG_LIMIT**2, True)


def _continued(first: Minimum, second: Minimum) -> Minimum:
    """Join two searches: the second converges only if the first did; the histories follow."""
    size = first.value.size
    place = jnp.arange(size) + first.steps

    def joined(a, b):
        return jnp.pad(a, (0, size), constant_values=jnp.nan).at[place].set(b)

    return Minimum(
        second.theta, first.converged & second.converged, first.steps + second.steps,
        joined(first.value, second.value), joined(first.decrement, second.decrement),
    )


def sandwich(
    curvature: Float[Array, "p p"], scores: Float[Array, "replicas p"]
) -> tuple[Float[Array, "p p"], Float[Array, " p"]]:
    """Return the sandwich covariance, and the variances that the bread alone would claim."""
    replicas, size = scores.shape
    diagonal = jnp.diagonal(curvature)
    scale = 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1))
    unit = curvature * scale[:, None] * scale + 1e-12 * jnp.eye(size, dtype=curvature.dtype)
    bread = jnp.linalg.inv(unit) * scale[:, None] * scale
    centred = scores - scores.mean(0)
    # R = 1 gives 0/0: no scatter, no statement.
    meat = centred.T @ centred * replicas / jnp.asarray(replicas - 1, scores.dtype)
    return bread @ meat @ bread, jnp.diagonal(bread)


def delta_method(
    function: Callable[[Array], Array], theta: Float[Array, " p"], covariance: Float[Array, "p p"]
) -> tuple[Array, Float[Array, "q q"], Float[Array, "q p"]]:
    """Return x(θ), its covariance, and G."""
    jacobian = jax.jacfwd(function)(theta)
    return function(theta), jacobian @ covariance @ jacobian.T, jacobian

"""How far an estimate may be from the truth: the sandwich, from the scatter of the replicas.

At the minimum Σ_r s_r = 0, and with the curvature H (the bread) and centred scores

    Cov θ̂ = H⁻¹ · Σ_e R_e/(R_e−1)·Σ_r (s_er − s̄_e)(s_er − s̄_e)ᵀ · H⁻¹.

H is only the working model's curvature; what the scores really scatter decides. For weights that
do not depend on the data, θ̂ − θ is linear in the mean of R independent replicas near the truth,
so that R − 1 is the exact factor and Student's t with R − 1 degrees of freedom the exact law for
Gaussian scatter; no parameter is deducted, because residuals of the means are not used. Scores of
independent experiments e are centred apart: only their sum over all e is 0 at the minimum, and the
mean of each is no scatter. Their variances add, and the degrees of freedom of the sum are those of
Welch and Satterthwaite, ν = (Σ_e V_e)²/Σ_e V_e²/(R_e−1), between the least R_e − 1 and Σ(R_e − 1).
Natural parameters x(θ) follow by the delta method, Cov x̂ = G Cov θ̂ Gᵀ, G = ∂x/∂θ.

The data identify a logarithmic coordinate if its standard error, which is that of x divided by x,
stays below 1 in the working model and in the sandwich: an error of a factor e is no knowledge of a
rate. An entry of an interval or a simplex is identified if its standard error stays below that of
not knowing, L/√12 (`Parametrisation.ignorance`). Coordinates without bounds are identified if the
data's part of H is not lost in the rounding of its diagonal. The others stay in the fit with their
anchor. H is that of the data alone: a rate x = e^θ that runs to 0 leaves ∂μ/∂θ = x ∂μ/∂x as small
as x, and an anchor in H would then outweigh the data and make the errors of the others conditional
on x ≈ 0. Without it, and with H brought to unit diagonal before it is inverted, H⁻¹ is the same in
every coordinate, x among them: what is identified is blurred by all that is not.

An interval of a positive parameter ends where either scale puts it further away: below at
x − t·s.e. or 0, above at x·exp(t·s.e./x). While other parameters lie at 0 an estimate is too high
more often than its logarithm admits, and an entry is identified more easily if it is too high.
Where information is diagonal (events), nothing of this happens, and the logarithm alone serves.

Two estimates of correlation ρ inflate each other's variance by 1/(1 − ρ²): were one known, the
standard error of the other would be √(1 − ρ²) of what it is. The report calls a pair degenerate if
|ρ| > 0.99, where that is a seventh. The mark is high, because correlation depends on units: a
strength C in C g^γ is the rate at speed 1, and ρ = −m/√(m² + s²) if the speeds that the data see
have ln g = m ± s. With m about 1, temperatures that differ by a factor 4 leave −0.98, and one
temperature −0.9999.

Symbols: R replicas, s_r score of a replica, H curvature, G Jacobian of x, e experiment.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from fitting.objectives import Objective
from fitting.optimisation import ANCHOR, DEFAULT, Anchored, Minimum, minimise
from fitting.parametrisation import Parametrisation

LOG_LIMIT = 1.0
DEGENERATE = 0.99
TORN = 0.01


class Estimate(eqx.Module):
    """A minimum with its uncertainty, in free coordinates.

    Attributes:
        minimum: where the search ended.
        covariance: (p, p) of θ̂; NaN with fewer than two replicas.
        parts: (e, p, p) what each experiment contributes to it.
        identified: (p,) whether the data identify the coordinate.
    """

    minimum: Minimum
    covariance: Float[Array, "p p"]
    parts: Float[Array, "e p p"]
    identified: Bool[Array, " p"]


def estimate(
    objective: Objective,
    start: Float[Array, " p"],
    parametrisation: Parametrisation,
    *,
    optimizer: optax.GradientTransformation = DEFAULT,
    steps: int = 200,
    tolerance: float = 1e-8,
) -> Estimate:
    """Minimise an objective and estimate the covariance of the minimum; may be vmapped.

    Args:
        objective: what to minimise.
        start: (p,) first point, and centre of the anchor.
        parametrisation: tells which coordinates are anchored, and when they are known.
        optimizer, steps, tolerance: see `minimise`.
    """
    wide = jnp.where(parametrisation.anchored, ANCHOR**-2.0, 0).astype(start.dtype)

    def search(carry, _):
        theta, precision = carry
        anchored = Anchored(objective, start, precision, parametrisation)
        found = minimise(anchored, theta, optimizer=optimizer, steps=steps, tolerance=tolerance)
        # Towards an end of a domain a Newton step has no end and gains nothing, but it would
        # tear θ from the point of its bread: ∂x/∂θ falls by e with each.
        torn = parametrisation.ends & (jnp.abs(found.theta - found.at) > TORN)
        found = eqx.tree_at(lambda m: m.theta, found, jnp.where(torn, found.at, found.theta))
        covariance, parts, claimed = sandwich(found.bread, found.scores)
        identified = _identified(parametrisation, found, covariance, claimed)
        # What is identified needs no anchor, and the estimate shall not feel one.
        return (found.theta, jnp.where(identified, 0, wide)), (found, covariance, parts, identified)

    # A scan, not two calls: the program of the search is compiled once.
    _, (found, covariance, parts, identified) = jax.lax.scan(search, (start, wide), length=2)
    joined = _joined(found)
    return Estimate(joined, covariance[1], parts[1], jnp.all(identified, axis=0))


def _identified(
    parametrisation: Parametrisation, found: Minimum, covariance: Array, claimed: Array
) -> Bool[Array, " p"]:
    """Tell which coordinates the data identify, by the sandwich and by the bread alone."""
    worst = jnp.maximum(jnp.diagonal(claimed), jnp.nan_to_num(jnp.diagonal(covariance)))
    sharp = jnp.where(parametrisation.logarithmic, worst < LOG_LIMIT**2, True)
    natural, theta = parametrisation.natural, found.theta
    blur = [jnp.diagonal(delta_method(natural, theta, c)[1]) for c in (claimed, covariance)]
    vague = jnp.maximum(blur[0], jnp.nan_to_num(blur[1])) >= parametrisation.ignorance**2
    sharp &= ~jnp.any(vague & parametrisation.belongs, axis=1)
    least = jnp.finfo(theta.dtype).eps * parametrisation.slope(theta) ** 2
    return (jnp.diagonal(found.bread) > least) & sharp


def _joined(found: Minimum) -> Minimum:
    """Join two searches: the second converges only if the first did; the histories follow."""
    size = found.value.shape[1]
    place = jnp.arange(size) + found.steps[0]

    def follow(history):
        return jnp.pad(history[0], (0, size), constant_values=jnp.nan).at[place].set(history[1])

    return Minimum(
        theta=found.theta[1],
        at=found.at[1],
        converged=jnp.all(found.converged),
        steps=found.steps.sum(),
        value=follow(found.value),
        decrement=follow(found.decrement),
        bread=found.bread[1],
        scores=tuple(scores[1] for scores in found.scores),
    )


def sandwich(
    curvature: Float[Array, "p p"], scores: Sequence[Float[Array, "replicas p"]]
) -> tuple[Float[Array, "p p"], Float[Array, "e p p"], Float[Array, "p p"]]:
    """Return the sandwich covariance, the part of each experiment, and what the bread claims."""
    size = curvature.shape[0]
    diagonal = jnp.diagonal(curvature)
    scale = 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1))
    unit = curvature * scale[:, None] * scale
    information, direction = jnp.linalg.eigh(unit)
    # Directions without information get the largest finite variance, never a negative one.
    least = max(1e-12, 4 * size * float(jnp.finfo(curvature.dtype).eps))
    scaled = direction * scale[:, None]
    bread = scaled / jnp.maximum(information, least) @ scaled.T
    parts = [bread @ _meat(own) @ bread for own in scores]
    return sum(parts[1:], parts[0]), jnp.stack(parts), bread


def _meat(scores: Float[Array, "replicas p"]) -> Float[Array, "p p"]:
    replicas = scores.shape[0]
    centred = scores - scores.mean(0)
    # R = 1 gives 0/0: no scatter, no statement.
    return centred.T @ centred * replicas / jnp.asarray(replicas - 1, scores.dtype)


def degrees_of_freedom(parts: Any, jacobian: Any, replicas: Sequence[int]) -> Any:
    """Return those of Student's t: R − 1, or (q,) of Welch and Satterthwaite for several sets.

    Args:
        parts: (e, p, p) covariance of θ̂ by experiment.
        jacobian: (q, p) G.
        replicas: R_e.
    """
    if len(replicas) == 1:
        return max(replicas[0] - 1, 0)
    shares = np.einsum("qp,epr,qr->eq", jacobian, parts, jacobian)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = shares**2 / (np.asarray(replicas, float)[:, None] - 1)
        return shares.sum(0) ** 2 / own.sum(0)


def confidence_interval(
    values: Any,
    errors: Any,
    positive: Any,
    quantile: Any,
    *,
    bounds: Any = (-np.inf, np.inf),
    conservative: bool = True,
) -> Float[np.ndarray, "... q 2"]:
    """Return intervals of estimates (…, q) with their standard errors.

    Args:
        values, errors: (…, q).
        positive: (q,) which parameters are positive.
        quantile: of Student's t, a number or (q,).
        bounds: (q, 2) ends of the domains, where an interval ends too.
        conservative: whether intervals of positive parameters reach down as far as the natural
            scale lets them, and not only as far as the logarithm does.
    """
    reach = np.asarray(quantile)[..., None] * np.asarray(errors)[..., None] * np.array([-1, 1])
    middle = np.asarray(values)[..., None]
    plain, relative = middle + reach, middle * np.exp(reach / middle)
    if conservative:
        relative[..., 0] = np.maximum(plain[..., 0], 0)
    ends = np.asarray(bounds, float)
    return np.clip(
        np.where(np.asarray(positive)[:, None], relative, plain), ends[..., :1], ends[..., 1:]
    )


def delta_method(
    function: Callable[[Array], Array], theta: Float[Array, " p"], covariance: Float[Array, "p p"]
) -> tuple[Array, Float[Array, "q q"], Float[Array, "q p"]]:
    """Return x(θ), its covariance, and G."""
    jacobian = jax.jacfwd(function)(theta)
    return function(theta), jacobian @ covariance @ jacobian.T, jacobian

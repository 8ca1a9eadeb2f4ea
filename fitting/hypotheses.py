"""Are estimates compatible with a condition on them, and what are they if it holds?

For an estimate x̂ with covariance C from R replicas, a condition h(x) = 0 of q components has the
value h(x̂) with covariance HCHᵀ, H = ∂h/∂x, and if it holds,

    T² = h(x̂)ᵀ (HCHᵀ)⁻¹ h(x̂),   T² (R − q)/(q(R − 1)) ~ F(q, R − q)        (Hotelling)

for Gaussian errors. The estimate under the condition is the nearest point of h = 0 in the metric of
C, x̂ − CHᵀ(HCHᵀ)⁻¹h, again and again, with covariance C − CHᵀ(HCHᵀ)⁻¹HC.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import fdtrc


class Compatibility(NamedTuple):
    """A test of the hypothesis that a condition holds.

    Attributes:
        statistic: of Fisher's F.
        degrees: (q, R − q).
        p: probability of a larger statistic if the condition holds; NaN if it cannot be tested.
    """

    statistic: float
    degrees: tuple[int, int]
    p: float

    def __str__(self) -> str:
        q, rest = self.degrees
        if not np.isfinite(self.p):
            return "cannot be tested with these data"
        return f"F({q}, {rest}) = {self.statistic:.3g}, p = {self.p:.2g}"


def hotelling(defect: Any, spread: Any, replicas: int) -> Compatibility:
    """Return the test that a vector of mean 0 made `defect`.

    Args:
        defect: (q,) h(x̂).
        spread: (q, q) its covariance; of rank r < q it leaves r degrees, if what it does not move
            vanishes.
        replicas: R.
    """
    h, covariance = np.asarray(defect, float), np.asarray(spread, float)
    untested = Compatibility(np.nan, (h.size, max(replicas - h.size, 0)), np.nan)
    if h.size == 0 or not (np.all(np.isfinite(h)) and np.all(np.isfinite(covariance))):
        return untested
    # Where fewer numbers are free than conditions ask for, some conditions cannot be moved.
    sizes, directions = np.linalg.eigh(covariance)
    free = sizes > 1e-10 * max(sizes.max(), 0)
    q, fixed = int(free.sum()), directions[:, ~free].T @ h
    if q == 0 or replicas <= q or np.any(np.abs(fixed) > 1e-6):
        return untested
    squared = float(np.sum((directions[:, free].T @ h) ** 2 / sizes[free]))
    f = squared * (replicas - q) / (q * (replicas - 1))
    return Compatibility(f, (q, replicas - q), float(fdtrc(q, replicas - q, f)))


def conditions_tested(
    conditions: Callable[[Any], dict[str, Any]], values: Any, covariance: Any, replicas: int
) -> dict[str, Compatibility]:
    """Return the test of each condition on an estimate; NaN where it needs what is not known.

    Args:
        conditions: from (q,) values to vectors by name.
        values: (q,) the estimate.
        covariance: (q, q).
        replicas: R.
    """
    x = jnp.asarray(values)
    found, slopes = conditions(x), jax.jacfwd(conditions)(x)
    tests = {}
    for name, defect in found.items():
        H = np.asarray(slopes[name])
        used = np.any(H != 0, axis=0)  # the rest may be unknown
        spread = H[:, used] @ np.asarray(covariance)[np.ix_(used, used)] @ H[:, used].T
        tests[name] = hotelling(defect, spread, replicas)
    return tests


def nearest(
    condition: Callable[[Any], Any], values: Any, covariance: Any, *, steps: int = 30
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "q q"]]:
    """Return the estimate where the condition holds, and its covariance.

    In logarithms, for positive values: there the estimates are nearer to Gaussian, and stay
    positive. Not a number where the search does not arrive.

    Args:
        condition: h, from (q,) values to a vector.
        values: (q,) positive estimates.
        covariance: (q, q).
        steps: of Newton's method.
    """
    x = np.asarray(values, float)
    C = np.asarray(covariance, float) / np.outer(x, x)
    slope = jax.jit(jax.jacfwd(lambda u: condition(jnp.exp(u))))
    value = jax.jit(lambda u: condition(jnp.exp(u)))
    first = u = np.log(x)
    for _ in range(steps):
        H, h = np.asarray(slope(u)), np.asarray(value(u))
        gain = C @ H.T @ np.linalg.pinv(H @ C @ H.T, rcond=1e-10, hermitian=True)
        u = first - gain @ (h + H @ (first - u))
    left = value(u)
    arrived = np.all(np.abs(left) < 1e4 * jnp.finfo(left.dtype).eps)  # rounding, in logarithms
    y = np.exp(u) if arrived else np.full_like(u, np.nan)
    return y, (C - gain @ H @ C) * np.outer(y, y)

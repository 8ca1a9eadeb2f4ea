"""The constants of a mixture of hard spheres from counts of its collisions.

(Ampatzoglou et al., §1.)
In the limit spheres i of type α and k of type β meet at the rate (c_{αβ}/N_β) κ_d |v_i − v_k|,
κ_2 = 2 and κ_3 = π, whatever the velocities are; c_{αβ}/N_β = ((ε_α + ε_β)/2)^{d−1} (2.27) is the
same from either side. At finite density they meet χ_{αβ} times as often. With K collisions and

    E_{αβ} = κ_d ∫ Σ_{pairs} |v_i − v_k| dt,   s_{αβ} = ΣK_{αβ}/ΣE_{αβ},

(sums over replicas; N_αN_β pairs, or N_α(N_α − 1)/2 of one type) the
estimate is closed except for χ:

    raw_{αβ} = N_β s_{αβ},   ĉ_{αβ} = raw_{αβ}/χ_{αβ}.

χ is a model (`jaxkin.contact_values`) that is reported, and not a part of the constants. It needs
diameters, and unless it is given these are the ones that explain s_αα = χ_αα(ε) ε_α^{d−1}: no
diameter of the gas is read. ĉ_{αβ} and ĉ_{βα} come from the same collisions and are in the exact
ratio N_β/N_α, so that k(k+1)/2 numbers are independent.

K − sE is a martingale, near Poisson in the limit; what it scatters is seen from the replicas:
with K_r − sE_r for scores, log s has the sandwich of `fitting.uncertainty`.

They are constants of spheres if the distances (ĉ_{αβ}/N_β)^{1/(d−1)} at which centres meet are
means of diameters: for two types that is (1.12), and `jaxkin.constraint_defect` is tested. The
logarithm of (2x − 1)(2y − 1) would be skewed: with diameters of 4 : 1 and some 300 collisions of
the rarest kind, in d = 2, one of its two tails is empty.

Symbols: K collisions, E exposure, R replicas, q conditions.
"""

import warnings
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.integrate import simpson, trapezoid
from scipy.special import stdtrit

from fitting.collision_model import DiameterModel, explained, likeliest
from fitting.events import logged
from fitting.hypotheses import Compatibility, hotelling
from fitting.uncertainty import confidence_interval, delta_method, sandwich
from jaxkin.logs import CollisionLog
from jaxkin.numerics.checks import require, require_finite
from jaxkin.physics.spheres.mixture_constraint import constraint_defect
from jaxkin.trajectory import Trajectory


class CollisionEstimate(eqx.Module):
    """Constants c_{αβ} from counts of collisions.

    Attributes:
        constants: (k, k) ĉ_{αβ}, of which χ is divided out.
        standard_error: (k, k); NaN from one replica.
        raw: (k, k) with χ.
        contact: (k, k) χ, symmetric.
        events: (k, k) collisions of each two types, symmetric.
        covariance: (p, p) of ĉ_{αβ}, α ≤ β row by row, p = k(k+1)/2.
        degrees: R − 1, of Student's t.
        test: see `compatible`.
        admissible: whether the constants are those of diameters.
    """

    constants: Float[np.ndarray, "k k"]
    standard_error: Float[np.ndarray, "k k"]
    raw: Float[np.ndarray, "k k"]
    contact: Float[np.ndarray, "k k"]
    events: Float[np.ndarray, "k k"]
    covariance: Float[np.ndarray, "p p"]
    degrees: int = eqx.field(static=True)
    test: Compatibility = eqx.field(static=True)
    admissible: bool = eqx.field(static=True, default=False)

    def interval(self, level: float = 0.95) -> Float[np.ndarray, "k k 2"]:
        """Return confidence intervals, of Student's t for the logarithms.

        Args:
            level: probability that an interval covers the truth, between 0 and 1.
        """
        require(0 < level < 1, "level", "lie between 0 and 1", f"it is {level!r}")
        quantile = stdtrit(self.degrees if self.degrees > 0 else np.nan, 0.5 + level / 2)
        positive = np.ones(len(self.constants), bool)
        return confidence_interval(
            self.constants, self.standard_error, positive, quantile, conservative=False
        )

    def compatible(self) -> Compatibility:
        """Return the test of (1.12) and its like for k types: F with (q, R − q) degrees, and p.

        The hypothesis is that ĉ/χ are constants of hard spheres; it is tested before they are made
        so by `admissible=True`. A small p says that they are not, or that χ is not the right one.
        """
        return self.test

    def summary(self, reference: Any = None) -> str:
        """Return a table: constants ± standard error, what was counted, and the test of (1.12).

        Args:
            reference: (k, k) constants, or a gas that has them, for comparison by z-scores.
        """
        truth = None if reference is None else getattr(reference, "constants", reference)
        head = f"{'parameter':<9}  {'estimate':>12}  {'± s.e.':>10}"
        head += "" if truth is None else f"  {'reference':>12}  {'z':>6}"
        lines = [head + f"  {'raw':>12}  {'χ':>8}  {'collisions':>10}"]
        for (i, j), value in np.ndenumerate(self.constants):
            error = self.standard_error[i, j]
            line = f"{f'c[{i + 1},{j + 1}]':<9}  {value:>12.5g}  {_or_dash(error, '10.4g')}"
            if truth is not None:
                known = float(np.asarray(truth)[i, j])
                line += f"  {known:>12.5g}  {_or_dash((value - known) / error, '+6.2f')}"
            line += f"  {self.raw[i, j]:>12.5g}  {self.contact[i, j]:>8.5f}"
            lines.append(line + f"  {int(self.events[i, j]):>10}")
        kept = "They were made to; before: " if self.admissible else ""
        if self.test.degrees[0]:
            lines.append(f"{kept}diameters explain the constants, (1.12): {self.test}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()


def constants_from_collisions(
    data: Trajectory, *, contact: Any = None, admissible: bool = False
) -> CollisionEstimate:
    """Return c_{αβ} as collisions over exposure, over χ.

    The gas may be in any state that is the same at all places. The integral over time is Simpson's
    on the recorded times; they must follow how temperatures change (noise averages out).

    Args:
        data: `jaxkin.simulate` of `jaxkin.HardSphereMixture` on the torus from time 0, with
            `events=True` and `jaxkin.RelativeSpeed(k)` observed; velocities are not reversed.
        contact: (k, k) χ that is known, ones for none; None for that of the estimate itself.
        admissible: whether the constants are to be those of k diameters: the likeliest, as if
            counts were Poisson, with errors from the replicas.

    Raises:
        ValueError: the data lack something, or two types never collided.
    """
    numbers, dimension, seen, exposed = _counts(data)
    k, upper = len(numbers), np.triu_indices(len(numbers))
    given = None
    if contact is not None:
        given = np.asarray(contact, float)
        require(
            given.shape == (k, k) and np.allclose(given, given.T, rtol=1e-5),
            "contact",
            f"be symmetric, of the shape {(k, k)}",
            f"it is {given.tolist()}",
        )
        require_finite(given, "contact", minimum=0.0, strict=True)
    model = DiameterModel(tuple(numbers), dimension, given)

    totals = seen.sum(0)
    log_s = jnp.log(totals / exposed.sum(0))
    noise = seen - np.exp(log_s) * exposed
    spread = sandwich(jnp.diag(jnp.asarray(totals)), (jnp.asarray(noise),))[0]
    free, covariance, chi = explained(model, log_s, spread)
    require(
        np.all(np.isfinite(free)),
        "data",
        "be of a gas thin enough for χ to be solved for",
        "no diameters were found that explain the collisions of like spheres",
        "Give `contact`, such as `jaxkin.contact_values` of the known diameters.",
    )
    test = _test(free, covariance, k, dimension, len(seen))
    if admissible:
        free, covariance, chi = likeliest(model, log_s, jnp.asarray(seen), jnp.asarray(exposed))
        require(
            np.all(np.isfinite(free)),
            "admissible",
            "be False where no diameters are found that explain all collisions",
            "it is True",
        )
    scatter = np.asarray(covariance, float)  # of log c
    constants = np.exp(np.asarray(free, float)).reshape(k, k)
    error = constants * np.sqrt(np.diagonal(scatter)).reshape(k, k)
    own = np.ravel_multi_index(upper, (k, k))
    scale = constants.ravel()[own]
    return CollisionEstimate(
        constants=constants,
        standard_error=error,
        raw=np.exp(np.asarray(model.matrix(log_s), float)) * numbers,
        contact=np.asarray(chi, float),
        events=np.asarray(model.matrix(totals), float),
        covariance=scatter[np.ix_(own, own)] * np.outer(scale, scale),
        degrees=len(seen) - 1,
        test=test,
        admissible=admissible,
    )


def _test(log_c: Any, covariance: Any, k: int, dimension: int, replicas: int) -> Compatibility:
    """Return the test of the conditions on diameters; those on numbers hold by construction."""

    def defect(x: Array) -> Array:
        return constraint_defect(jnp.exp(x).reshape(k, k), dimension)[: k * (k - 1) // 2]

    return hotelling(
        *delta_method(defect, jnp.asarray(log_c), jnp.asarray(covariance))[:2], replicas
    )


def _counts(data: Trajectory) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
    """Return N_α, d, and collisions and exposures (R, k(k+1)/2) of each two types."""
    log = logged(data, CollisionLog, "Simulate `jaxkin.HardSphereMixture` with events=True.")
    require(
        "relative_speed" in data.observables,
        "data",
        "hold the observable `relative_speed`",
        f"it has {sorted(data.observables)}",
        "Simulate with observe=[jaxkin.RelativeSpeed(k)], k types.",
    )
    uniform = bool(data.metadata.get("uniform", True))
    require(
        uniform and not log.reversed,
        "data",
        "be of a gas that is the same at all places and is not reversed",
        f"uniform is {uniform} and reversed is {log.reversed}",
    )
    require(
        log.boundary == "periodic",
        "data",
        "be of a gas on the torus",
        f"its boundary is {log.boundary!r}: walls keep spheres from a part of the box",
    )
    numbers, times = np.array(log.numbers), np.asarray(data.times, float)
    require(
        times.size >= 3 and times[0] == 0,
        "data",
        "have three times or more from 0 on, for collisions are counted from there",
        f"they are {times}",
    )
    upper = np.triu_indices(len(numbers))
    speed = log.exposure_rate(data["relative_speed"])[:, :, *upper]
    exposed = simpson(speed, x=times, axis=1)
    seen = np.asarray(log.collisions, float)[:, *upper]
    never = [
        (int(i) + 1, int(j) + 1) for i, j, n in zip(*upper, seen.sum(0), strict=True) if n == 0
    ]
    require(not never, "data", "hold collisions of every two types", f"there are none of {never}")
    # Simpson's rule is better than that of trapezia, whose error this is.
    coarse = np.abs(trapezoid(speed, times, axis=1).sum(0) / exposed.sum(0) - 1)
    if np.any(coarse * np.sqrt(seen.sum(0)) > 1):
        warnings.warn(
            f"The integral over the recorded times may be wrong by {coarse.max():.1%}, more than "
            "the standard error: record more times.",
            stacklevel=3,
        )
    return numbers, log.dimension, seen, exposed


def _or_dash(value: Any, form: str) -> str:
    width = int(form.lstrip("+").split(".")[0])
    return f"{value:>{form}}" if np.isfinite(value) else f"{'–':>{width}}"

"""The search for the minimum: any optax optimiser, and one that knows least squares.

The default is Levenberg–Marquardt as an optax transformation: with gradient g and Gauss–Newton
matrix H at the best point so far,

    step = −(H + λ diag H + λ₀)⁻¹ g,   no coordinate further than `longest_step`,

λ falls after a success and grows after a failure, when the next step starts from the best point
again. In logarithmic coordinates the bound keeps a first step from multiplying a rate by 10¹⁰
and the equation from becoming stiff.

An objective is in units of ½χ², so that one rule of convergence fits all: g·H⁻¹g, twice the
expected gain (the Newton decrement squared), is below `tolerance`. At 10⁻⁸ the estimate is within
10⁻⁴ standard errors of the minimum, and the Newton step that remains is taken. An optimiser that
stops elsewhere has not converged, whatever it thinks of itself.

Logarithms (and logits) about which the data say little are anchored: a Gaussian prior of width
`ANCHOR`, centred at the start, keeps the matrix regular. `fitting.uncertainty` takes it away from
all that the data identify.

Symbols: θ free coordinates, g gradient, H curvature, λ damping.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from fitting.objectives import Linearised, Objective
from fitting.parametrisation import Parametrisation

ANCHOR = 5.0


class NotConverged(UserWarning):
    """A fit stopped before its minimum.

    Attributes:
        history: the values and decrements of every step, as in `FitResult.history`.
    """

    def __init__(self, message: str, history: Any = None):
        super().__init__(message)
        self.history = history


class Anchored(Objective):
    """An objective with the prior ½Σ(θ−θ₀)²·precision; bread and scores are the data's alone."""

    inner: Objective
    centre: Float[Array, " p"]
    precision: Float[Array, " p"]
    parametrisation: Parametrisation

    def linearise(self, theta: Float[Array, " p"]) -> Linearised:
        """Return the inner objective with the prior."""
        inner = self.inner.linearise(theta)
        pull = self.precision * (theta - self.centre)
        # x(θ) bends: where the data pull x to the end of its domain, Gauss–Newton alone sees a flat
        # valley and overshoots. ∂²Q has the term ∂Q/∂x·∂²x; positive, it keeps the matrix definite.
        bend = self.parametrisation.bend(theta, inner.gradient)
        return Linearised(
            value=inner.value + 0.5 * jnp.sum(pull * (theta - self.centre)),
            gradient=inner.gradient + pull,
            curvature=inner.curvature + (jnp.diag(self.precision) + bend),
            bread=inner.bread,
            scores=inner.scores,
        )


class LevenbergMarquardtState(NamedTuple):
    """The best point so far, what is known there, and the damping."""

    point: Array
    value: Array
    gradient: Array
    curvature: Array
    damping: Array


def levenberg_marquardt(
    *, damping: float = 1e-3, longest_step: float = 1.0
) -> optax.GradientTransformationExtraArgs:
    """Return Levenberg–Marquardt as an optax transformation.

    Its `update` takes `value` and `curvature` beside the gradient, at the present parameters.

    Args:
        damping: λ at the start.
        longest_step: bound of every coordinate's step.
    """

    def init(params: Array) -> LevenbergMarquardtState:
        size = params.size
        return LevenbergMarquardtState(
            params,
            jnp.asarray(jnp.inf, params.dtype),
            jnp.zeros_like(params),
            jnp.eye(size, dtype=params.dtype),
            jnp.asarray(damping, params.dtype),
        )

    def update(updates, state, params=None, *, value, curvature, **extra):
        here = LevenbergMarquardtState(params, value, updates, curvature, state.damping)
        # The slack forgives the rounding and the tolerance of the solution near the minimum.
        slack = 1e-8 + 8 * jnp.finfo(value.dtype).eps * jnp.abs(state.value)
        success = value <= jnp.where(jnp.isfinite(state.value), state.value + slack, jnp.inf)
        success = success & jnp.all(jnp.isfinite(updates))
        best = jax.tree.map(lambda new, old: jnp.where(success, new, old), here, state)
        lam = jnp.where(success, state.damping / 5, jnp.maximum(state.damping, 1e-6) * 8)
        lam = jnp.clip(lam, 1e-9, 1e9)
        diagonal = jnp.diagonal(best.curvature)
        matrix = best.curvature + jnp.diag(lam * diagonal + 1e-12 + 1e-12 * diagonal.max())
        step = -jnp.linalg.solve(matrix, best.gradient)
        # Shorten the whole step: its direction is known to descend, that of a clipped one is not.
        step = step * jnp.minimum(1, longest_step / jnp.maximum(jnp.abs(step).max(), 1e-30))
        return best.point + step - params, best._replace(damping=lam)

    return optax.GradientTransformationExtraArgs(init, update)


DEFAULT = levenberg_marquardt()


class Minimum(eqx.Module):
    """Where a search ended.

    Attributes:
        theta: (p,) the point.
        at: (p,) the last evaluation, a Newton step before it.
        converged: whether the decrement fell below the tolerance there.
        steps: number of evaluations.
        value, decrement: (steps + 1,) at every evaluation, NaN after the last.
        bread, scores: at the last evaluation (see `Linearised`).
    """

    theta: Float[Array, " p"]
    at: Float[Array, " p"]
    converged: Bool[Array, ""]
    steps: Int[Array, ""]
    value: Float[Array, " history"]
    decrement: Float[Array, " history"]
    bread: Float[Array, "p p"]
    scores: tuple[Float[Array, "replicas p"], ...]


def minimise(
    objective: Objective,
    start: Float[Array, " p"],
    *,
    optimizer: optax.GradientTransformation = DEFAULT,
    steps: int = 200,
    tolerance: float = 1e-8,
) -> Minimum:
    """Minimise an objective; may be vmapped over objectives.

    Args:
        objective: in units of ½χ².
        start: (p,) the first point.
        optimizer: any optax optimiser; `value`, `grad`, `value_fn` and `curvature` are passed to
            those that take them.
        steps: at most so many updates.
        tolerance: of the Newton decrement squared.
    """
    optimizer = optax.with_extra_args_support(optimizer)
    value_fn = _differentiable_value(objective)

    def body(carry):
        theta, state, minimum = carry
        here = objective.linearise(theta)
        value, gradient, curvature = here.value, here.gradient, here.curvature
        k = minimum.steps
        newton, decrement = _newton(gradient, curvature)
        done = decrement < tolerance
        update, state = optimizer.update(
            gradient,
            state,
            theta,
            value=value,
            grad=gradient,
            value_fn=value_fn,
            curvature=curvature,
        )
        best = ~(value >= jnp.nanmin(minimum.value, initial=jnp.inf))
        minimum = Minimum(
            theta=jnp.where(done, theta + newton, jnp.where(best, theta, minimum.theta)),
            at=theta,
            converged=done,
            steps=k + 1,
            value=minimum.value.at[k].set(value),
            decrement=minimum.decrement.at[k].set(decrement),
            bread=here.bread,
            scores=here.scores,
        )
        return jnp.where(done, theta, optax.apply_updates(theta, update)), state, minimum

    def running(carry):
        *_, minimum = carry
        return ~minimum.converged & (minimum.steps <= steps)

    blank = jnp.full(steps + 1, jnp.nan, start.dtype)
    shapes = jax.eval_shape(objective.linearise, start)
    empty = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    minimum = Minimum(
        start, start, jnp.asarray(False), jnp.int32(0), blank, blank, empty.bread, empty.scores
    )
    return jax.lax.while_loop(running, body, (start, optimizer.init(start), minimum))[2]


def _newton(gradient: Array, curvature: Array) -> tuple[Array, Array]:
    """Return the step to the minimum of the quadratic model, and the decrement squared."""
    diagonal = jnp.diagonal(curvature)
    scale = 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1))
    # Unit diagonal first: a ridge then means the same for every coordinate.
    ridge = 4 * jnp.finfo(gradient.dtype).eps * diagonal.size
    unit = curvature * scale[:, None] * scale
    unit = unit + ridge * jnp.eye(diagonal.size, dtype=unit.dtype)
    step = -scale * jnp.linalg.solve(unit, gradient * scale)
    return step, -jnp.sum(gradient * step)


def _differentiable_value(objective: Objective) -> Any:
    """Return Q(θ) with a reverse derivative made of the forward one, for line searches."""

    # Line searches of optax hand every extra argument on to the function.
    @jax.custom_vjp
    def value(theta, curvature=None):
        return objective.linearise(theta).value

    def forward(theta, curvature=None):
        here = objective.linearise(theta)
        return here.value, (here.gradient, curvature)

    def backward(kept, cotangent):
        gradient, curvature = kept
        return cotangent * gradient, jax.tree.map(jnp.zeros_like, curvature)

    value.defvjp(forward, backward)
    return value

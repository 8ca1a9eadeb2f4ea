"""Rule: a model runs under `jit` and `vmap`, and derivatives of an equation agree in both modes."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxkin.drivers.simulation import simulate
from jaxkin.model import KineticEquation, Particles
from jaxkin.testing.case import Case, fail


def check_transforms(case: Case) -> None:
    """Particles trace under `jit` and `vmap` over their parameters; equations run, with gradients.

    An equation takes one Euler step, of which all own observables are seen: two models side by side
    under `vmap` give what each gives alone, and the derivative along one direction of all
    parameters is that by reverse mode.

    Args:
        case: the model under test.

    Raises:
        AssertionError: a transformation fails, or the numbers differ.
    """
    leaves, rest = eqx.partition(case.model, eqx.is_inexact_array)
    others = eqx.filter(case.again, eqx.is_inexact_array)
    pair = jax.tree.map(lambda a, b: jnp.stack([a, b]), leaves, others)
    if isinstance(case.model, Particles):
        _attempt(lambda: _trace_particles(case, pair, rest))
        return

    def step(leaves: Any) -> Any:
        return _one_step(case, eqx.combine(leaves, rest))

    def total(leaves: Any) -> Any:
        return sum(jnp.sum(x) for x in jax.tree.leaves(step(leaves)))

    def all_of_them(leaves: Any, pair: Any) -> Any:
        alone = jax.lax.map(step, pair)
        # Along the parameters themselves, so that the direction has their units.
        forward = jax.jvp(total, (leaves,), (leaves,))[1]
        parts = jax.tree.map(lambda g, x: jnp.sum(g * x), jax.grad(total)(leaves), leaves)
        return jax.vmap(step)(pair), alone, forward, jax.tree.leaves(parts)

    side, alone, forward, parts = _attempt(lambda: jax.jit(all_of_them)(leaves, pair))
    rounding = 1e4 * np.finfo(case.dtype).eps
    largest = max(np.max(np.abs(b)) for b in jax.tree.leaves(alone))
    for a, b in zip(jax.tree.leaves(side), jax.tree.leaves(alone), strict=True):
        if not np.all(np.abs(a - b) <= rounding * largest):
            fail(
                "transforms",
                "give under `vmap` what it gives alone",
                f"an observable is {a} and {b}",
                "Write the rate without reductions over all axes.",
            )
    reverse = sum(np.asarray(p) for p in parts)
    # A derivative is a difference of terms as large as what is observed.
    size = max([largest, np.abs(forward), *(np.abs(p) for p in parts)])
    if not np.abs(forward - reverse) <= rounding * size:
        fail(
            "transforms",
            "have one derivative in forward and reverse mode",
            f"it is {forward} and {reverse}",
            "Look at `custom_jvp`, `custom_vjp`, `stop_gradient` and at divisions inside `where`.",
        )


def _one_step(case: Case, equation: KineticEquation) -> dict[str, Any]:
    """Return own observables and the density after an Euler step of the first interval."""
    span = case.times[-1] - case.times[0]
    state = equation.project(case.law)
    rate = equation.rate_of_change(jnp.zeros(()), state, equation.prepare())
    after = jax.tree.map(lambda f, r: f + jnp.asarray(span, f.real.dtype) * r, state, rate)
    return {o.name: equation.observe(after, o) for o in (*equation.observables(), case.counter)}


def _trace_particles(case: Case, pair: Any, rest: Any) -> None:
    def run(leaves: Any) -> Any:
        model = eqx.combine(leaves, rest)
        times = jnp.asarray(case.times)
        return simulate(model, case.law, times, key=case.key, replicas=2).observables

    jax.eval_shape(jax.vmap(run), pair)


def _attempt(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Exception as error:  # whatever a model raises when it is traced
        fail(
            "transforms",
            "run under `jit`, `vmap` and, for an equation, `grad` over its parameters",
            f"it raises: {(str(error) or type(error).__name__).splitlines()[0]}",
            "Compute with `jax.numpy`, and let checks of values pass traced ones "
            "(`jaxkin.numerics.checks`).",
        )

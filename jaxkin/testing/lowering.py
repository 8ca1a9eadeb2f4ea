"""Rule: programs lower for every accelerator, which needs no such device."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxkin.drivers import simulation, solution
from jaxkin.model import Particles
from jaxkin.testing.case import Case, fail
from jaxkin.testing.errors import giving_nan

PLATFORMS = ("cuda", "rocm", "tpu")


def check_lowering(case: Case) -> None:
    """The programs of `simulate` or of `solve` lower for CUDA, ROCm and TPU (`jax.export`).

    Checks of equinox call back to the host, which no accelerator takes part in; they give NaN
    meanwhile, for which compiled programs are forgotten (`jax.clear_caches`) unless EQX_ON_ERROR is
    "nan".

    Args:
        case: the model under test.

    Raises:
        AssertionError: a program does not lower, or calls back to the host.
    """
    leaves, rest = eqx.partition(case.model, eqx.is_array)
    times = jnp.asarray(case.times)
    chosen = case.model.observables()
    with giving_nan():
        if not isinstance(case.model, Particles):

            def solve(leaves: Any, times: Any) -> Any:
                equation = eqx.combine(leaves, rest)
                return solution._solve(equation, case.law, times, chosen, None, None, None, False)

            _lower("solve", solve, leaves, times)
            return
        words = jnp.zeros((2, *np.shape(jax.random.key_data(case.key))), jnp.uint32)

        def start(leaves: Any, words: Any) -> Any:
            keys = jax.random.wrap_key_data(words)
            return simulation._start(eqx.combine(leaves, rest), case.law, keys, chosen)

        def advance(leaves: Any, state: Any, times: Any, words: Any) -> Any:
            keys, model = jax.random.wrap_key_data(words), eqx.combine(leaves, rest)
            interval = jnp.int32(1)
            return simulation._advance(model, state, times[0], times[1], interval, keys, chosen)

        _lower("the start", start, leaves, words)
        state, *_ = jax.eval_shape(start, leaves, words)
        _lower("an interval", advance, leaves, state, times, words)


def _lower(what: str, program: Callable[..., Any], *arguments: Any) -> None:
    try:
        exported = jax.export.export(jax.jit(program), platforms=PLATFORMS)(*arguments)
        text = exported.mlir_module()
    except Exception as error:  # of whatever the compiler does not take
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        _refuse(what, reason)
    else:
        if "callback" in text:
            _refuse(what, "it calls back to the host")


def _refuse(what: str, reason: str) -> None:
    fail(
        "lowering",
        f"lower for {', '.join(PLATFORMS)}",
        f"the program of {what} does not: {reason}",
        "Leave out callbacks and prints, and what JAX computes on a CPU alone.",
    )

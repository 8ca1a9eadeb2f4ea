"""Rule: the floating type is that of the parameters."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxkin.model import Particles
from jaxkin.testing.case import Case, fail


def check_dtype(case: Case) -> None:
    """States before and after a step, and all that is recorded, keep the type of the parameters.

    Args:
        case: the model under test.

    Raises:
        AssertionError: a floating type is another one.
    """
    seen: dict[str, Any] = {}
    model, law = case.model, case.law
    if isinstance(model, Particles):

        def states(key: Any) -> Any:
            start, stop = (jnp.asarray(t) for t in case.times[:2])
            state = model.sample(law, key=key)
            return state, model.advance(state, start, stop, key=key)

        before, after = jax.eval_shape(states, case.key)
    else:

        def rates() -> Any:
            state = model.project(law)
            return state, model.rate_of_change(jnp.zeros(()), state, model.prepare())

        before, after = jax.eval_shape(rates)
    for observable in (*model.observables(), *(k.observable for k in case.told)):
        seen[f"the observable {observable.name!r}"] = case.shape(model, observable).dtype
    for what, tree in (("at time 0", before), ("after a step", after)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            seen[f"the state {what}{jax.tree_util.keystr(path)}"] = leaf.dtype
    for what, dtype in seen.items():
        if jnp.issubdtype(dtype, jnp.inexact) and jnp.finfo(dtype).dtype != case.dtype:
            fail(
                "dtype",
                f"keep the type of its parameters, {jnp.dtype(case.dtype).name}",
                f"{what} is {jnp.dtype(dtype).name}",
                "Give constants the dtype of a parameter, `jnp.asarray(x, self.rate.dtype)`.",
            )

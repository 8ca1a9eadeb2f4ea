"""Where may a function jump or have a kink? Its own program tells: where a comparison turns.

The operations of a traced function are followed, and the argument at whose zero each one switches
is collected: a − b of a comparison, a maximum or a minimum, a of |a| and sign a, sin πa of a
rounding. These arguments are smooth functions themselves, so that their zeros are found even where
the function jumps up and down between two points of any grid. What is hidden in loops and branches
is not seen.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Array, Float

_DIFFERENCES = {"lt", "le", "gt", "ge", "eq", "ne", "max", "min", "lt_to", "le_to", "rem"}
_ZEROS = {"abs", "sign", "sqrt", "rsqrt", "cbrt"}
_ROUNDINGS = {"floor", "ceil", "round"}
_CALLS = {"pjit", "jit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call"}


def switches_of(function: Callable[[Array], Any], place: Array) -> Callable[[Array], Array]:
    """Return the function of a place whose values (s,) change sign where `function` may switch.

    Args:
        function: from one place to a number or an array.
        place: a place, of which only shape and type count.
    """
    shape = jax.ShapeDtypeStruct(np.shape(place), place.dtype)
    closed = jax.make_jaxpr(lambda x: jax.tree.map(jnp.asarray, function(x)))(shape)

    def switching(x: Array) -> Float[Array, " s"]:
        found: list[Array] = []
        _evaluate(closed.jaxpr, closed.consts, [x], [True], found)
        rows = [jnp.ravel(value).astype(place.dtype) for value in found]
        return jnp.concatenate(rows) if rows else jnp.zeros(0, place.dtype)

    return switching


def _evaluate(
    program: Any, consts: Any, inputs: list, depends: list[bool], found: list
) -> tuple[list, list[bool]]:
    """Evaluate a program, and collect at which zeros its operations switch."""
    known = dict(zip(program.constvars, consts, strict=True))
    known |= dict(zip(program.invars, inputs, strict=True))
    moving = dict.fromkeys(program.constvars, False)
    moving |= dict(zip(program.invars, depends, strict=True))

    def value(v: Any) -> Any:
        return v.val if isinstance(v, core.Literal) else known[v]

    def moves(v: Any) -> bool:
        return False if isinstance(v, core.Literal) else moving[v]

    for equation in program.eqns:
        values, name = [value(v) for v in equation.invars], equation.primitive.name
        turned = [moves(v) for v in equation.invars]
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if name in _CALLS and inner is not None:
            own = getattr(inner, "consts", ())
            outputs, outer = _evaluate(getattr(inner, "jaxpr", inner), own, values, turned, found)
        else:
            if any(turned):
                _collect(name, values, found)
            outputs = equation.primitive.bind(*values, **equation.params)
            outputs = outputs if equation.primitive.multiple_results else [outputs]
            outer = [any(turned)] * len(outputs)
        known |= dict(zip(equation.outvars, outputs, strict=True))
        moving |= dict(zip(equation.outvars, outer, strict=True))
    return [value(v) for v in program.outvars], [moves(v) for v in program.outvars]


def _collect(name: str, values: list, found: list) -> None:
    floating = all(jnp.issubdtype(jnp.result_type(v), jnp.floating) for v in values)
    if not floating:
        return
    if name in _DIFFERENCES and name != "rem":
        found.append(values[0] - values[1])
    elif name == "rem":
        found.append(jnp.sin(jnp.pi * values[0] / values[1]))
    elif name in _ZEROS:
        found.append(values[0])
    elif name in _ROUNDINGS:
        half = 0.5 if name == "round" else 0.0
        found.append(jnp.sin(jnp.pi * (values[0] + half)))

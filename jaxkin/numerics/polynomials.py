"""Is a function of d variables a polynomial, and of which degree? Its own program tells.

The operations of the traced function are followed with the degree of each value: a product adds
degrees, a sum takes the largest, a reordering keeps them. What is made of constants has degree 0.
Any other operation on what is not constant (a comparison, a root, an exponential, an absolute
value) makes no polynomial. The degree is an upper bound: terms may cancel.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Array, Bool, Float

from jaxkin.numerics.hermite import gauss_hermite, hermite_basis, multi_indices

_KEEP = {
    "neg", "reshape", "transpose", "broadcast_in_dim", "squeeze", "expand_dims", "slice",
    "rev", "reduce_sum", "cumsum", "copy", "copy_p", "real", "imag", "conj",
    "convert_element_type", "reduce_precision", "optimization_barrier", "split", "unstack", "tile",
}  # fmt: skip
_LARGEST = {
    "add",
    "sub",
    "add_any",
    "concatenate",
    "stack",
    "pad",
    "complex",
    "select_and_gather_add",
}
_SUM = {"mul", "dot_general"}
_INDEXED = {"gather", "dynamic_slice"}  # by what is constant
_CALLS = {"pjit", "jit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat"}


def polynomial_degree(function: Callable[[Any], Any], place: Array) -> int | None:
    """Return a bound on the degree of a polynomial, or None for what is none.

    Args:
        function: from one place to a number, an array or a tree of arrays.
        place: a place, of which only shape and type count.
    """
    shape = jax.ShapeDtypeStruct(np.shape(place), place.dtype)
    closed = jax.make_jaxpr(lambda x: jax.tree.map(jax.numpy.asarray, function(x)))(shape)
    degrees = _follow(closed.jaxpr, [1])
    return None if degrees is None or None in degrees else max(degrees, default=0)  # type: ignore[type-var]


def is_polynomial(
    function: Callable[[Any], Any], degree: int, centre: Float[Array, " d"], spread: Array
) -> Bool[Array, ""]:
    """Whether the polynomial of a degree through some values of a function has others of them, too.

    Args:
        function: from one place to a number or an array.
        degree: that is claimed.
        centre: about which the places lie.
        spread: how far, about.
    """
    dimension, dtype = centre.shape[0], centre.dtype
    indices = multi_indices(dimension, degree)
    nodes, weights = gauss_hermite(degree + 1, dimension)
    others, _ = gauss_hermite(degree + 4, dimension)

    def at(x: np.ndarray) -> tuple[Array, Array]:
        y = jnp.asarray(x, dtype)
        values = jax.vmap(lambda y: jnp.ravel(jnp.asarray(function(centre + spread * y))))(y)
        return values, hermite_basis(y, indices)

    (values, basis), (found, table) = at(nodes), at(others)
    series = basis.T @ (jnp.asarray(weights, dtype)[:, None] * values)
    tolerance = 1e-8 if dtype == jnp.float64 else 1e-3
    return jnp.all(jnp.abs(table @ series - found) <= tolerance * jnp.max(jnp.abs(found)))


def _follow(program: Any, inputs: list[int | None]) -> list[int | None] | None:
    """Return the degree of each output of a program, from those of its inputs."""
    known: dict[Any, int | None] = dict.fromkeys(program.constvars, 0)
    known |= dict(zip(program.invars, inputs, strict=True))

    def degree(variable: Any) -> int | None:
        return 0 if isinstance(variable, core.Literal) else known[variable]

    for equation in program.eqns:
        found = _outputs(equation, [degree(v) for v in equation.invars])
        known |= dict(zip(equation.outvars, found, strict=True))
    return [degree(v) for v in program.outvars]


def _outputs(equation: Any, inputs: list[int | None]) -> list[int | None]:
    name, size = equation.primitive.name, len(equation.outvars)
    if all(d == 0 for d in inputs):
        return [0] * size
    inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
    if name in _CALLS and inner is not None:
        return _follow(getattr(inner, "jaxpr", inner), inputs) or [None] * size
    if None in inputs:
        return [None] * size
    degrees: list[int] = [d for d in inputs if d is not None]
    floating = all(np.issubdtype(v.aval.dtype, np.inexact) for v in equation.outvars)
    if not floating:
        return [None] * size
    if name in _KEEP or name in _LARGEST:
        return [max(degrees)] * size
    if name in _SUM:
        return [sum(degrees)] * size
    if name == "square":
        return [2 * degrees[0]] * size
    if name == "integer_pow" and equation.params["y"] >= 0:
        return [equation.params["y"] * degrees[0]] * size
    if name == "div" and degrees[1] == 0:
        return [degrees[0]] * size
    if name in _INDEXED and max(degrees[1:], default=0) == 0:
        return [degrees[0]] * size
    if name == "select_n" and degrees[0] == 0:
        return [max(degrees[1:])] * size
    return [None] * size

"""Argument checks with one voice: what the argument must be, what it is, and the remedy.

Checks look at concrete values only. Under `jit`, `vmap` or `grad` a traced value passes: its
shape has been checked, and what it holds cannot be known.
"""

from collections.abc import Hashable
from typing import Any

import jax
import jax.core
import numpy as np


def is_traced(*trees: Any) -> bool:
    """Whether any leaf of the trees is an abstract tracer, so that its value is unknown."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(trees))


def require(holds: Any, name: str, must: str, but: str, remedy: str = "") -> None:
    """Raise `ValueError` unless `holds`; a traced condition passes.

    The message reads "Argument `name` must `must`, but `but`. `remedy`".
    """
    if is_traced(holds) or bool(np.all(np.asarray(holds))):
        return
    raise ValueError(f"Argument `{name}` must {must}, but {but}.{' ' + remedy if remedy else ''}")


def is_number(value: Any) -> bool:
    """Whether a value is one real number: of Python or NumPy, or an array without axes."""
    if isinstance(value, bool):
        return False
    if is_traced(value):
        return np.shape(value) == ()
    array = _real(value)
    return array is not None and array.ndim == 0


def whole(value: Any, name: str, minimum: int = 1, remedy: str = "") -> int:
    """Return an integer of any kind as an `int`; raise unless it is at least `minimum`."""
    right = isinstance(value, int | np.integer) and not isinstance(value, bool)
    must = "be a positive integer" if minimum == 1 else f"be an integer of at least {minimum}"
    require(right and value >= minimum, name, must, f"it is {value!r}", remedy)
    return int(value)


def one_of(value: Any, name: str, choices: tuple) -> None:
    """Raise unless `value` is one of the choices."""
    right = isinstance(value, Hashable) and not hasattr(value, "shape") and value in choices
    require(right, name, f"be one of {choices}", f"it is {value!r}")


def require_finite(
    value: Any, name: str, *, minimum: float = -np.inf, strict: bool = False
) -> None:
    """Raise unless every entry of `value` is a finite number of at least (or above) `minimum`."""
    if is_traced(value):
        return
    array = _real(value)
    if array is None:
        raise ValueError(
            f"Argument `{name}` must be a number or an array of numbers, but it is {value!r}."
        )
    above = array > minimum if strict else array >= minimum
    if np.all(np.isfinite(array)) and np.all(above):
        return
    bound = "" if minimum == -np.inf else f" and {'above' if strict else 'at least'} {minimum:g}"
    where = np.argwhere(~(np.isfinite(array) & above))[0]
    entry = f"entry {tuple(int(k) for k in where)}" if array.ndim else "it"
    raise ValueError(
        f"Argument `{name}` must be finite{bound}, but {entry} is {array[tuple(where)]}. "
        "Correct that value."
    )


def _real(value: Any) -> np.ndarray | None:
    """A value as an array of real numbers, or None if it is something else."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return None
    kinds = (np.bool_, np.integer, np.floating)  # asked of JAX, which knows bfloat16 too
    return array if any(jax.dtypes.issubdtype(array.dtype, kind) for kind in kinds) else None


def require_increasing(times: Any, name: str = "times") -> None:
    """Raise unless `times` is a one-dimensional, non-negative, strictly increasing array."""
    require(np.ndim(times) == 1, name, "be one-dimensional", f"its shape is {np.shape(times)}")
    require(np.size(times) >= 1, name, "hold at least one time", "it is empty")
    if is_traced(times):
        return
    values = np.asarray(times)
    require_finite(values, name, minimum=0.0)
    steps = np.diff(values)
    require(
        np.all(steps > 0),
        name,
        "be strictly increasing",
        f"times[{int(np.argmin(steps)) + 1}] does not exceed the time before it"
        if steps.size
        else "",
        "Sort the times and remove repetitions.",
    )

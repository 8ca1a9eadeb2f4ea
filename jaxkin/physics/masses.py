"""Parameters that depend on masses 1 … M: from a number, an array or a function to an array."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.arrays import array, host, known, one_program
from jaxkin.numerics.checks import is_traced, require, require_finite


def over_masses(value: Any, max_mass: int, name: str, dtype: Any = None) -> Float[Array, " M"]:
    """Return the (M,) array of a number, an (M,) array or a function of the mass.

    Args:
        value: the number, array or function; a function is written for one mass, with jax.numpy.
        max_mass: M.
        name: of the argument, for messages.
        dtype: of the array; None for that of the value.

    Raises:
        ValueError: wrong shape, or an entry that is negative or not finite.
    """
    if callable(value):
        masses = np.arange(1.0, max_mass + 1).astype(jnp.result_type(float))
        value = one_program(jax.vmap(value), name, masses)
    require(
        np.shape(value) in ((), (max_mass,)),
        name,
        f"be a number, a function of the mass, or an array of shape ({max_mass},)",
        f"its shape is {np.shape(value)}",
        "The shape follows from `max_mass`.",
    )
    require_finite(value, name, minimum=0.0)
    values = host(value, dtype or common_dtype(value))
    return array(known(values).broadcast_to(values, (max_mass,)), values.dtype)


def over_pairs(value: Any, max_mass: int, name: str, dtype: Any = None) -> Float[Array, "M M"]:
    """Return the symmetric (M, M) array of a number, an array or a function of two masses.

    Args:
        value: the number, array or function; a function is written for one pair, with jax.numpy.
        max_mass: M.
        name: of the argument, for messages.
        dtype: of the array; None for that of the value.

    Raises:
        ValueError: wrong shape, not symmetric, or an entry that is negative or not finite.
    """
    if callable(value):
        masses = np.arange(1.0, max_mass + 1).astype(jnp.result_type(float))
        value = one_program(_over_both(value), name, masses, masses)
    require(
        np.shape(value) in ((), (max_mass, max_mass)),
        name,
        f"be a number, a function of two masses, or an array of shape {(max_mass, max_mass)}",
        f"its shape is {np.shape(value)}",
        "The shape follows from `max_mass`.",
    )
    require_finite(value, name, minimum=0.0)
    values = host(value, dtype or common_dtype(value))
    if values.ndim == 2 and not is_traced(values):
        gap = np.abs(values - values.T)
        require(
            np.all(gap <= 8 * jnp.finfo(values.dtype).eps * np.abs(values)),
            name,
            "be symmetric",
            f"it differs from its transpose by up to {gap.max():g}",
            "A pair has no order: give (x + x.T) / 2, if that is what you mean.",
        )
    return array(known(values).broadcast_to(values, (max_mass, max_mass)), values.dtype)


def _over_both(function: Callable) -> Callable:
    return jax.vmap(jax.vmap(function, (None, 0)), (0, None))


def common_dtype(*values: Any) -> Any:
    """Return the floating type of the arrays among the values; numbers and functions are weak."""
    given = [v for v in values if not callable(v)]
    given = [np.asarray(v) if isinstance(v, list | tuple) else v for v in given]
    dtype = jnp.result_type(*given) if given else jnp.result_type(float)
    return dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)

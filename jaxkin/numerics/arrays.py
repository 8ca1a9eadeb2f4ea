"""Arrays made on the host: checks and constructors compute in NumPy, so that nothing compiles.

A traced value stays what it is, and what is computed from it is traced. So a constructor reads

    xp, w = known(weights), host(weights)
    self.weights = array(w / xp.sum(w))

and runs under `jit`, `vmap` and `grad` as it does without.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxkin.numerics.checks import is_traced


def known(*values: Any) -> Any:
    """Return the module that computes with the values: `numpy`, or `jax.numpy` for traced ones."""
    return jnp if is_traced(*values) else np


def host(value: Any, dtype: Any = float) -> Any:
    """Return a value as a NumPy array of a floating type, or as a JAX array if it is traced.

    Args:
        value: a number, or numbers in arrays and lists of any kind.
        dtype: the type; `float` is the default precision of JAX.
    """
    return known(value).asarray(value, dtype=jnp.result_type(dtype))


def array(value: Any, dtype: Any = float) -> Array:
    """Return a value as a JAX array of its own; no program is compiled unless it is traced.

    Args:
        value: a number, or numbers in arrays and lists of any kind.
        dtype: the type; `float` is the default precision of JAX.
    """
    values = host(value, dtype)
    # Not `jnp.asarray`, which compiles a program for each shape. A copy: on a CPU the array may
    # share its memory with the one that it is made of.
    return values if is_traced(values) else jax.device_put(np.array(values))


def one_program(function: Callable, name: str, *arguments: Any) -> Any:
    """Return `function(*arguments)`, compiled as one program.

    Args:
        function: of arrays, a user's own.
        name: the argument of the user's call that holds the function.
        *arguments: arrays; NumPy arrays keep their type.

    Raises:
        ValueError: the function is not written with jax.numpy.
    """
    with written_in_jax(name):
        return jax.jit(function)(*arguments)


@contextlib.contextmanager
def written_in_jax(name: str) -> Iterator[None]:
    """Name the argument whose function cannot be traced, and the remedy."""
    try:
        yield
    except jax.errors.TracerArrayConversionError as error:
        raise ValueError(
            f"Argument `{name}` must be written with jax.numpy, but it turns its argument into a "
            "NumPy array. Use jnp.where in place of np.where, say."
        ) from error
    except jax.errors.ConcretizationTypeError as error:
        raise ValueError(
            f"Argument `{name}` must be written with jax.numpy, but it needs the value of its "
            "argument, as in `if x > 0`. Use jnp.where(x > 0, …, …)."
        ) from error
    except TypeError as error:
        if "converted to Python scalars" not in str(error):
            raise
        raise ValueError(
            f"Argument `{name}` must be written with jax.numpy, but it turns its argument into a "
            "number of Python, as math.sqrt does. Use jnp.sqrt, say."
        ) from error

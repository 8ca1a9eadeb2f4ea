"""Errors that programs raise: a gradient that cannot exist, and checks that fail in a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


def not_differentiable(tree: Any, message: str) -> Any:
    """Return `tree` unchanged, and raise `TypeError(message)` when it is differentiated.

    Works in forward and reverse mode and inside `jit` and `vmap`; leaves that are not
    floating-point arrays pass through.
    """

    @jax.custom_jvp
    def identity(x):
        return x

    @identity.defjvp
    def _raise(primals, tangents):
        raise TypeError(message)

    floating, rest = eqx.partition(tree, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(lambda x: identity(jnp.asarray(x)), floating), rest)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise what a check inside a compiled program says, without advice on how to debug it."""
    try:
        yield
    except eqx.EquinoxRuntimeError as error:
        text = str(error).partition("EquinoxRuntimeError: ")[2].partition("\n\n-----")[0]
        raise RuntimeError(text.strip() or str(error)) from None

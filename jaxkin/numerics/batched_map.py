"""Maps over the rows of arrays in batches of equal size, one after another.

`jax.lax.map` runs what is left over beside its loop. On a CPU a batched factorisation waits for
tasks in the pool of threads in which it runs itself: as many at once as there are threads wait
forever (seen with LU on two cores, jaxlib 0.10). Here the last batch is filled up instead.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def batched_map(function: Callable[[Any], Any], values: Any, batch_size: int) -> Any:
    """Return `function` of each row of `values`, a pytree of arrays with one leading axis.

    Args:
        function: of one row.
        values: the rows, at least one.
        batch_size: rows at once.
    """
    return in_batches(jax.vmap(function), values, batch_size)


def in_batches(function: Callable[[Any], Any], values: Any, batch_size: int) -> Any:
    """Return what a `function` of many rows makes of all rows, a batch at a time.

    Args:
        function: of (batch_size, …) rows, to as many; each row of its own.
        values: the rows, a pytree of arrays with one leading axis, at least one.
        batch_size: rows at once.
    """
    number = jax.tree.leaves(values)[0].shape[0]
    size = min(batch_size, max(number, 1))
    if size == number:
        return function(values)
    rows = jnp.minimum(jnp.arange(-(-number // size) * size), number - 1).reshape(-1, size)
    found = jax.lax.map(lambda row: function(jax.tree.map(lambda x: x[row], values)), rows)
    return jax.tree.map(lambda x: x.reshape(x.shape[0] * size, *x.shape[2:])[:number], found)

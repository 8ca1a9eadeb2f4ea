"""Products, norms and frames of vectors, in forms that a compiler fuses with what is around."""

import functools
import operator

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def inner(x: Float[Array, "d *n"], y: Float[Array, "d *n"]) -> Float[Array, "*n"]:
    """Sum xy over the first axis, written out: a reduction would not fuse with what is around.

    Args:
        x: (d, …) vectors.
        y: of the same shape.
    """
    return functools.reduce(operator.add, list(x * y))


def positive(square: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Keep a square that is divided by above 0."""
    return jnp.maximum(square, jnp.finfo(square.dtype).tiny)


def perpendicular(axis: Float[Array, " d"]) -> Float[Array, "d-1 d"]:
    """Unit vectors orthogonal to a unit vector and to each other, d = 2 or 3.

    Without a branch in d = 3 (Duff et al., J. Comput. Graph. Tech. 6, 2017).
    """
    if axis.size == 2:
        return jnp.stack([-axis[1], axis[0]])[None]
    x, y, z = axis
    sign = jnp.where(z < 0, -1.0, 1.0).astype(axis.dtype)
    a = -1 / (sign + z)
    first = jnp.stack([1 + sign * x * x * a, sign * x * y * a, -sign * x])
    return jnp.stack([first, jnp.stack([x * y * a, sign + y * y * a, -y])])


def unit(x: Float[Array, " m"]) -> Float[Array, " m"]:
    """x/|x|; the first axis for x = 0, which a generator of finite words may draw."""
    square = inner(x, x)
    axis = jnp.asarray(np.eye(1, x.size)[0], x.dtype)
    return jnp.where(square > 0, x / jnp.sqrt(jnp.maximum(square, jnp.finfo(x.dtype).tiny)), axis)

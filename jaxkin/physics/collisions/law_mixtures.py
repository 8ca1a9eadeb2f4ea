"""Several collision laws with their probabilities β_K: what a gas and its equation both check."""

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.arrays import array, host, written_in_jax
from jaxkin.numerics.checks import require, require_finite
from jaxkin.physics.collisions.collision_laws import Binary, CollisionLaw


def as_laws(
    laws: CollisionLaw | Sequence[CollisionLaw] | None, dimension: int, dtype: Any
) -> tuple[CollisionLaw, ...]:
    """Return the laws as a tuple; `Binary()` for None.

    Args:
        laws: one collision law, several, or None.
        dimension: d of the velocities.
        dtype: of the velocities.

    Raises:
        ValueError: there is none, or one is no law or returns velocities of another shape.
    """
    laws = Binary() if laws is None else laws
    one = isinstance(laws, str) or not isinstance(laws, Iterable) or hasattr(laws, "shape")
    given: tuple[Any, ...] = (laws,) if one else tuple(laws)  # type: ignore[arg-type]
    require(len(given) > 0, "laws", "name at least one collision law", "it is empty")
    for law in given:
        require(
            isinstance(law, CollisionLaw),
            "laws",
            "be collision laws",
            f"one is {law!r}",
            "Wrap a function of one tuple in collision_laws.Custom.",
        )
        before = jax.ShapeDtypeStruct((law.order, dimension), dtype)
        normal = jax.ShapeDtypeStruct((law.normals(dimension),), dtype)
        with written_in_jax("laws"):
            after = jax.eval_shape(law.collide, before, normal)
        require(
            after.shape == before.shape,
            "laws",
            f"map velocities {before.shape} to the same shape",
            f"{type(law).__name__} returns {after.shape}",
        )
    return given


def as_weights(weights: Any, number: int, dtype: Any) -> Float[Array, " laws"]:
    """Return β_K of a number of laws as an array; 1 for None and a single law.

    Args:
        weights: (number,) β_K, or None.
        number: of laws.
        dtype: of the array.

    Raises:
        ValueError: weights are missing, negative, of another number, or do not sum to 1.
    """
    weights = [1.0] if weights is None and number == 1 else weights
    require(weights is not None, "weights", "be given for several laws", "it is None")
    values = host(weights, dtype)
    require(
        values.shape == (number,),
        "weights",
        f"hold one β for each of {number} laws",
        f"its shape is {np.shape(weights)}",
    )
    require_finite(values, "weights", minimum=0.0)
    total = values.sum()
    require(abs(total - 1) < 1e-5, "weights", "sum to 1 (4.2)", f"their sum is {total}")
    return array(values, values.dtype)

"""Whether a profile V is admissible: finite, not negative, and zero outside the unit ball."""

import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from jaxkin.numerics.arrays import one_program, written_in_jax
from jaxkin.numerics.checks import is_traced, require


def check_profile(interaction: Any, dimension: int) -> None:
    """Raise unless V is finite, ≥ 0, zero outside the unit ball and one value per point.

    Values are sampled at about 500 fixed points of R^d, so this finds mistakes and proves nothing.
    Shapes are always checked, values only if no parameter is traced.

    Args:
        interaction: V, an `Interaction`.
        dimension: d.

    Raises:
        ValueError: V is not admissible, or not written with jax.numpy.
    """
    inside, outside = _sample_points(dimension)
    points = jax.ShapeDtypeStruct(inside.shape, interaction.dtype)
    with written_in_jax("interaction"):
        shape = jax.eval_shape(interaction, points).shape
    require(
        shape == inside.shape[:-1],
        "interaction",
        f"give one value per point, shape {inside.shape[:-1]} for points {inside.shape}",
        f"it gives {shape}",
        "Reduce over the last axis of x, as in `jnp.sum(x**2, axis=-1)`, and keep the others.",
    )
    if is_traced(interaction):
        return
    with jax.ensure_compile_time_eval():
        both = [x.astype(interaction.dtype) for x in (inside, outside)]
        samples = one_program(_at_both, "interaction", interaction, *both)
    if is_traced(samples):
        return
    values, beyond = map(np.asarray, samples)
    require(
        np.all(np.isfinite(values)) and np.all(np.isfinite(beyond)),
        "interaction",
        "be finite everywhere",
        "it is NaN or infinite somewhere",
        "Guard both branches of a `jnp.where`, inside the unit ball and outside.",
    )
    worst = np.argmin(values)
    require(
        values[worst] >= 0,
        "interaction",
        "be nonnegative",
        f"V = {values[worst]:.3g} at x = {inside[worst]}",
        "V is a rate of coagulation; clip it at 0.",
    )
    worst = np.argmax(np.abs(beyond))
    require(
        beyond[worst] == 0,
        "interaction",
        "vanish outside the unit ball",
        f"V = {beyond[worst]:.3g} at |x| = {np.linalg.norm(outside[worst]):.3g}",
        "For a V of range R pass R²·V(R x) and multiply the rate by R^(d−2).",
    )


def _at_both(interaction: Any, inside: Array, outside: Array) -> tuple[Array, Array]:
    return interaction(inside), interaction(outside)


@functools.lru_cache(maxsize=16)
def _sample_points(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Fixed points inside and outside the unit ball, in directions that no axis singles out."""
    directions = np.random.default_rng(0).standard_normal((32, dimension))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    directions = np.concatenate([np.eye(dimension), -np.eye(dimension), directions])
    inside = np.linspace(0.03, 0.97, 12)[:, None, None] * directions
    outside = np.array([1.001, 1.1, 1.4, 2.0, 5.0])[:, None, None] * directions
    inside = np.concatenate([np.zeros((1, dimension)), inside.reshape(-1, dimension)])
    return inside, outside.reshape(-1, dimension)

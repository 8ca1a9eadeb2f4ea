"""The gain of a collision law on moments (Cárdenas et al., (1.6), in Fourier variables).

A particle that takes part in collisions of order K gains E e^{−ik·v*}; with the generating function
φ of the moments and the slots s_ℓ = T_{iℓ}ᵀk of a law (`CollisionLaw.slots`) with constant c,

    φ⁺(k) = mean over i ≤ K of E_ω e^{−ik·c} Π_ℓ φ(s_ℓ).

Its homogeneous part of degree n needs moments of degree ≤ n only:

    m⁺_a = Σ_{(b_1 … b_K)} C_{a; b} Π_ℓ m_{b_ℓ},   |a| = n, Σ|b_ℓ| = n (≤ n if c ≠ 0),

where C is the mean over ω of coefficients of polynomials in k. They are found from values at as
many wave vectors k as there are coefficients, chosen by pivoting so that this is well posed: slots
such as (k ± |k|σ)/2 are polynomials in k after the mean only.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float, Int

from jaxkin.numerics.checks import is_traced, require
from jaxkin.numerics.hermite import multi_indices
from jaxkin.physics.collisions.collision_laws import CollisionLaw

# Numbers that one chunk of angles may take, so that it stays in the cache of a core.
_CHUNK = 2**20


class Gain(eqx.Module):
    """m⁺_a = Σ_b C_{a; b} Π_ℓ m_{b_ℓ}, one block for each degree n.

    Attributes:
        factors: (products, K) positions of the b_ℓ in `multi_indices`, sorted.
        tensor: (indices of degree n, products) C, summed over the orders of the factors.
    """

    factors: tuple[Int[Array, "products K"], ...]
    tensor: tuple[Float[Array, "indices products"], ...]

    def __call__(self, moments: Float[Array, " N"]) -> Float[Array, " N"]:
        """Return m⁺."""
        blocks = zip(self.factors, self.tensor, strict=True)
        return jnp.concatenate([C @ jnp.prod(moments[b], 1) for b, C in blocks])


def gain(law: CollisionLaw, dimension: int, degree: int, nodes: int, dtype: Any) -> Gain:
    """Return the gain of a law on moments up to `degree`.

    A law without array parameters is computed once and kept; others inside the run, so that
    gradients reach their parameters.

    Raises:
        ValueError: the law is not linear in the velocities and has no `slots` of its own.
    """
    leaves, structure = jax.tree.flatten(law)
    if leaves:
        return _gain(law, dimension, degree, nodes, jnp.dtype(dtype))
    return _kept(structure, dimension, degree, nodes, jnp.dtype(dtype))


@functools.lru_cache(maxsize=64)
def _kept(structure, dimension: int, degree: int, nodes: int, dtype: Any) -> Gain:
    with jax.ensure_compile_time_eval():
        return _gain(jax.tree.unflatten(structure, []), dimension, degree, nodes, dtype)


def _gain(law: CollisionLaw, dimension: int, degree: int, nodes: int, dtype: Any) -> Gain:
    normals, weights = law.angles(degree, dimension, nodes)
    constant = has_constant(law, dimension, normals, dtype)
    # Chunks of one size: the slots compile once.
    widest = 1 + len(products(law.order, dimension, degree, constant)) // law.order
    size = -(-len(weights) // -(-len(weights) * widest // _CHUNK))
    padding = -len(weights) % size
    normals = np.concatenate([normals, np.repeat(normals[:1], padding, 0)]).astype(dtype)
    normals = normals.reshape(-1, size, normals.shape[1])
    weights = np.append(weights, np.zeros(padding)).reshape(-1, size)
    indices = multi_indices(dimension, degree)
    factorials = np.array([_factorial(a) for a in indices], float)
    factors: list[Any] = []
    tensors: list[Any] = []
    for n in range(degree + 1):
        k, solve = wave_vectors(dimension, n)
        values = _values(law, k, normals, weights, n, constant, dtype)
        rows = products(law.order, dimension, n, constant)
        scale = factorials[indices.sum(1) == n][:, None] / factorials[rows].prod(1)
        unique, place = np.unique(np.sort(rows, 1), axis=0, return_inverse=True)
        # Products that differ in the order of their factors are one: their coefficients add up.
        order = np.argsort(place.reshape(-1), kind="stable")
        first = np.searchsorted(place.reshape(-1)[order], np.arange(len(unique)))
        coefficients = ((solve @ values) * scale)[:, order]
        summed: Any
        if isinstance(values, np.ndarray):
            summed = np.add.reduceat(coefficients, first, axis=1)
        else:
            owner = np.sort(place.reshape(-1))
            summed = jax.ops.segment_sum(coefficients.T, owner, len(unique)).T
        tensors.append(summed.astype(dtype))
        factors.append(unique.astype(np.int32))
    return Gain(tuple(factors), tuple(tensors))


def has_constant(law: CollisionLaw, dimension: int, normals: Any, dtype: Any) -> bool:
    """Whether zero velocities may collide to others; traced laws may. Checks the slots too.

    Raises:
        ValueError: slots and velocities after a collision contradict each other.
    """
    if is_traced(law):
        return True
    probe = np.random.default_rng(0).normal(size=(law.order + 1, dimension))
    largest, gap = _probed(law, jnp.asarray(probe, dtype), jnp.asarray(normals, dtype))
    require(
        type(law).slots is not CollisionLaw.slots or gap < 1000 * jnp.finfo(dtype).eps,
        "laws",
        "be linear in the velocities, up to a constant",
        f"{type(law).__name__} is not",
        "Give the law a method `slots`.",
    )
    return bool(largest > 0)


@jax.jit
def _probed(law, probe, normals):
    """The largest constant, and by how much Σ s_ℓ·v_ℓ + k·c misses k·v*."""
    k, v = probe[0], probe[1:]
    collide = jax.vmap(law.collide, (None, 0))
    constant, slots = (
        collide(jnp.zeros_like(v), normals),
        jax.vmap(law.slots, (None, 0))(k, normals),
    )
    found = ((collide(v, normals) - constant) @ k)[:, : slots.shape[1]]
    linear = jnp.sum(slots * v, (-2, -1))
    gap = jnp.max(jnp.abs(found - linear)) / (1 + jnp.max(jnp.abs(found)))
    return jnp.max(jnp.abs(constant)), gap


def _values(law, k, normals, weights, degree: int, constant: bool, dtype: Any) -> Any:
    """E_ω (k·c)^{n−t}/(n−t)! Π_ℓ s_ℓ^{b_ℓ} at all k, t = Σ|b_ℓ|, for all products of degree n."""
    if is_traced(law):
        every, share = jnp.concatenate(jnp.asarray(normals)), jnp.asarray(weights.ravel(), dtype)
        return jax.lax.map(
            lambda one: _mean(_slots(law, one, every), share, degree, constant, jnp),
            jnp.asarray(k, dtype),
        )
    # In NumPy: in double precision whatever the model's, and nothing to compile but the slots.
    found = []
    for one in k:
        total = 0.0
        for part, share in zip(normals, weights, strict=True):
            slots = [np.asarray(x, float) for x in _slots(law, one.astype(dtype), part)]
            total = total + _mean(slots, share, degree, constant, np)
        found.append(total)
    return np.stack(found)


@jax.jit
def _slots(law, k, normals):
    """Slots (Q, n, K, d) and k·c (Q, n)."""
    slots = jax.vmap(law.slots, (None, 0))(k, normals)
    still = jnp.zeros((law.order, k.size), k.dtype)
    offset = jax.vmap(law.collide, (None, 0))(still, normals) @ k
    return slots, offset[:, : slots.shape[1]]


def _mean(slots_and_offset, weights, degree: int, constant: bool, xp: Any) -> Any:
    """Mean over angles and particles of all products at one k; `xp` is numpy or jax.numpy."""
    slots, offset = slots_and_offset
    indices = multi_indices(slots.shape[-1], degree)
    starts = np.searchsorted(indices.sum(1), np.arange(degree + 2))

    def powers(s):
        """s^b for all b, (Q, indices) degree by degree."""
        table = xp.stack(
            list(itertools.accumulate([s] * degree, xp.multiply, initial=xp.ones_like(s)))
        )
        monomials = table[indices[:, 0], :, 0]
        for axis in range(1, s.shape[1]):
            monomials = monomials * table[indices[:, axis], :, axis]
        return [monomials[starts[n] : starts[n + 1]].T for n in range(degree + 1)]

    total = 0.0
    for i in range(slots.shape[1]):
        ahead = [weights[:, None] / slots.shape[1]]
        for t in range(1, degree + 1 if constant else 1):
            ahead.append(ahead[-1] * offset[:, i : i + 1] / t)
        for slot in range(slots.shape[2] - 1):
            ahead = _joined(ahead, powers(slots[:, i, slot]), _multiplied, xp)
        last = powers(slots[:, i, -1])
        pairs = [(a.T @ last[degree - t]).reshape(-1) for t, a in enumerate(ahead)]
        total = total + xp.concatenate(pairs)
    return total


def products(order: int, dimension: int, degree: int, constant: bool) -> Int[np.ndarray, "n K"]:
    """Return positions of (b_1 … b_K) with Σ|b_ℓ| = degree (≤ degree with a constant).

    In the order in which `_values` joins them.
    """
    degrees = multi_indices(dimension, degree).sum(1)
    single = [np.flatnonzero(degrees == t)[:, None] for t in range(degree + 1)]
    ahead = [np.zeros((1, 0), int)] * (degree + 1 if constant else 1)
    for _ in range(order - 1):
        ahead = _joined(ahead, single, _paired, np)
    return np.concatenate([_paired(a, single[degree - t]) for t, a in enumerate(ahead)])


def _joined(ahead: list[Any], last: list[Any], join: Callable, xp: Any) -> list[Any]:
    """Join what has degree t − r with what has degree r, for every total degree t."""
    axis = 0 if join is _paired else 1
    return [
        xp.concatenate(
            [join(ahead[t - r], last[r]) for r in range(t + 1) if t - r < len(ahead)], axis
        )
        for t in range(len(last))
    ]


def _paired(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([np.repeat(a, len(b), 0), np.tile(b, (len(a), 1))], 1)


def _multiplied(a: Float[Array, "Q A"], b: Float[Array, "Q B"]) -> Float[Array, "Q AB"]:
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def wave_vectors(dimension: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors k (J, d) and the matrix (J, J) from values at k to coefficients of k^a.

    For homogeneous polynomials of a degree; the best of random directions by pivoting.
    """
    indices = multi_indices(dimension, degree)
    indices = indices[indices.sum(1) == degree]
    some = np.random.default_rng(0).normal(size=(50 * len(indices), dimension))
    some /= np.linalg.norm(some, axis=1, keepdims=True)
    # √(n!/a!) k^a are orthonormal in the inner product that rotations keep.
    scale = np.sqrt([math.factorial(degree) / _factorial(a) for a in indices])
    table = np.prod(some[:, None] ** indices, 2) * scale
    best = scipy.linalg.qr(table.T, pivoting=True, mode="r")[1][: len(indices)]
    return some[best], np.linalg.inv(table[best]) * scale[:, None]


def _factorial(a: Int[np.ndarray, " d"]) -> int:
    return math.prod(math.factorial(int(i)) for i in a)

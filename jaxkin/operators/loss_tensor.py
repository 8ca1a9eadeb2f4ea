"""The loss of the Boltzmann operator in Hermite and Sonine functions.

    Q₋(f, f)(v) = f(v) ν(v),   ν(v) = ∫ B̄(|v−v*|) f(v*) dv*.

Tested with h_a it needs of the frequency ν only the part of degree ≤ 2·degree, since h_a times the
polynomial of f has no higher one. With x, y, w as in `jaxkin.operators.hermite_tensor`,

    L_{a,bc} = E[h_a(v) h_b(v) V_c(v)],   V_c = Σ_{|e| ≤ 2·degree} h_e N_{ec},
    N_{ec} = E[B̄ h_e(v) h_c(v*)] = R_{ec} β_{e+c},   β_s = E[B̄(√(2w)|y|) h_s(y)],

because the part of h_e(v) h_c(v*) of degree 0 in x is R_{ec} h_{e+c}(y). To leading order h_e is
v^e/√e!, and v, v* are ±y/√2 at x = 0, so that R_{ec} = (−1)^{|c|} √((e+c)!/(e! c!)) / 2^{|e+c|/2}.
A radial B̄ sees of h_s the Sonine function S_m(|y|) alone, 2m = |s|: one radial integral for each
m ≤ 3·degree/2 carries all that depends on the kernel. Sonine functions have the same formulas with
R_{jk} = κ_j κ_k/(2^{j+k} κ_{j+k}), κ_n the leading coefficient of S_n as a polynomial of |y|².

All tests a are kept, since mass, momentum and energy are lost. The expectation over v is by a
Gauss rule that is exact, on the orthant v > 0 alone, since a + b + c is even in each coordinate.
The radial integrals lose digits for γ < −1/2 in d = 2, where B̄ is hardly integrable.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float

from jaxkin.numerics.hermite import gauss_hermite, hermite_basis, multi_indices
from jaxkin.numerics.sonine import gauss_laguerre, sonine_rows
from jaxkin.operators.hermite_tensor import Plan, parity_blocks, radial_rule


class LossGeometry(NamedTuple):
    """What is fixed by the functions.

    Attributes:
        plan: how the blocks are applied.
        rows: for each block, the functions a.
        radius: (n,) nodes r of |y|.
        radial: (m, n) weights of the integrals E[B̄ S_m].
        narrow: (nodes, N) h_a at the nodes, times the cube root of the weight.
        wide: (nodes, W) h_e up to twice the degree, likewise.
        ratio: (W, N) R_{ec}, times the share of S_m in h_{e+c}.
        order: (W, N) m.
    """

    plan: Plan
    rows: list[np.ndarray]
    radius: np.ndarray
    radial: np.ndarray
    narrow: np.ndarray
    wide: np.ndarray
    ratio: np.ndarray
    order: np.ndarray


def loss_tensor(
    geometry: LossGeometry, rates: Float[Array, " n"]
) -> tuple[Float[Array, "rows pairs"], ...]:
    """Return the blocks of L, with b ≠ c counted twice, from B̄(√(2w) r) at the nodes."""
    dtype = rates.dtype
    beta = _product(jnp.asarray(geometry.radial, dtype), rates)
    coupling = jnp.asarray(geometry.ratio, dtype) * beta[geometry.order]
    frequency = _product(jnp.asarray(geometry.wide, dtype), coupling)
    # The compiler would otherwise store what is gathered from constants.
    functions = jax.lax.optimization_barrier(jnp.asarray(geometry.narrow, dtype))
    blocks = []
    for a, (b, c) in zip(geometry.rows, geometry.plan.pairs, strict=True):
        both = functions[:, b] * frequency[:, c] + functions[:, c] * frequency[:, b]
        both = both * jnp.asarray(np.where(b == c, 0.5, 1.0), dtype)
        blocks.append(_product(functions[:, a].T, both))
    return tuple(blocks)


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")


@functools.lru_cache(maxsize=4)
def hermite_loss(degree: int, dimension: int) -> LossGeometry:
    """Return the geometry of Hermite functions of total degree up to `degree`."""
    narrow, wide = multi_indices(dimension, degree), multi_indices(dimension, 2 * degree)
    nodes, weights = gauss_hermite(2 * degree + 2, dimension)  # an even number: none at 0
    inside = (nodes > 0).all(1)
    nodes, root = nodes[inside], np.cbrt(2.0**dimension * weights[inside])[:, None]
    values = root * hermite_basis(nodes, wide)

    s = wide[:, None] + narrow
    even, m = (s % 2 == 0).all(-1), s.sum(-1) // 2
    log = scipy.special.gammaln
    # S_m = κ_m |y|^{2m} + …, and |y|^{2m} = Σ m!/Π(s_i/2)! y^s, so that the share is
    share = log(m + 1) - log(s / 2 + 1).sum(-1) + log(s + 1).sum(-1) / 2
    share += _log_leading(m, dimension)
    size = (log(s + 1) - log(wide + 1)[:, None] - log(narrow + 1)).sum(-1) / 2 - m * np.log(2)
    ratio = np.where(even, (-1.0) ** narrow.sum(1) * np.exp(share + size), 0.0)

    rows, pairs, _, _ = parity_blocks(narrow, 0)
    plan = Plan(pairs, 0, np.argsort(np.concatenate(rows)))
    radius, radial = _radial_integrals(3 * degree, dimension)
    order = np.where(even, m, 0)
    return LossGeometry(plan, rows, radius, radial, values[:, : len(narrow)], values, ratio, order)


@functools.lru_cache(maxsize=4)
def radial_loss(degree: int, dimension: int) -> LossGeometry:
    """Return the geometry of Sonine functions S_n, 2n ≤ degree."""
    count = degree // 2
    half, weights = gauss_laguerre(2 * count + 1, dimension)
    root = np.cbrt(weights)
    values = sonine_rows(half, 2 * count, dimension, root).T
    j, k = np.arange(2 * count + 1)[:, None], np.arange(count + 1)
    leading = functools.partial(_log_leading, dimension=dimension)
    ratio = np.exp(leading(j) + leading(k) - leading(j + k) - (j + k) * np.log(2))
    plan = Plan((np.triu_indices(count + 1),), 0, np.arange(count + 1))
    radius, radial = _radial_integrals(6 * count, dimension)
    return LossGeometry(
        plan, [np.arange(count + 1)], radius, radial, values[:, : count + 1], values, ratio, j + k
    )


def _radial_integrals(degree: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    r, weights = radial_rule(degree, dimension)
    return r, sonine_rows(r**2 / 2, degree // 2, dimension, weights)


def _log_leading(n: np.ndarray, dimension: int) -> np.ndarray:
    """Return log κ_n, S_n = κ_n |y|^{2n} + …"""
    alpha, log = dimension / 2 - 1, scipy.special.gammaln
    return (log(alpha + 1) - log(n + 1) - log(n + alpha + 1)) / 2 - n * np.log(2)

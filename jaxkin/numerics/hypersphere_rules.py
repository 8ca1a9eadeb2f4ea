"""Cubature for directions on S^{m−1} in any dimension, and for standard normals.

The rule of Genz (J. Comput. Appl. Math. 157, 2003) interpolates a polynomial in y_i = x_i² on the
simplex lattice y = p/s, |p| = s, and is exact to degree 2s + 1:

    E f(x) = Σ_p w_p · mean of f over the signs of (±√(p_1/s), …, ±√(p_m/s)),
    w_p = E Π_i Π_{j<p_i} (s x_i² − j)/(p_i − j),   E Π x_i^{2a_i} = Π (½)_{a_i}/(m/2)_{|a|}.

A product of Gauss rules would need (s + 1)^{m−1} points; this one needs Σ_j C(m,j) C(s−1,j−1) 2^j.
Some weights are negative, as in a Newton–Cotes rule: rounding is 1e-14 at degree 12, 1e-11 at 24.
"""

import functools
import itertools
import math
from typing import Any

import numpy as np
import scipy.special
from jaxtyping import Float

from jaxkin.numerics.sonine import gauss_laguerre


def hypersphere_rule(
    degree: int, dimension: int, *, even: bool = False
) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, " n"]]:
    """Return directions (n, m) and weights (n,) of sum 1, exact to a degree.

    Args:
        degree: of the polynomials.
        dimension: m, of the space around the sphere.
        even: one of each pair ±x only, for even polynomials.
    """
    s = max(1, degree // 2)
    lattice = _compositions(s, dimension)
    nodes: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for p in lattice:
        places = [i for i in range(dimension) if p[i]]
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(places))))
        if even:
            signs = signs[signs[:, 0] > 0]
        rows = np.zeros((len(signs), dimension))
        rows[:, places] = signs * np.sqrt(np.array([p[i] for i in places]) / s)
        share = _lattice_weight(tuple(sorted(p[i] for i in places)), dimension) / len(signs)
        nodes.append(rows)
        weights.append(np.full(len(signs), share))
    return np.concatenate(nodes), np.concatenate(weights)


def normal_rule(
    degree: int, dimension: int, nodes: int
) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, " n"]]:
    """Return places (n, m) and weights (n,) of sum 1 for functions of m standard normals.

    Directions times radii, at most `nodes` places: exact for polynomials of `degree`, whether in
    the normals or in their direction, and accurate for what is smooth. Where that takes more
    places, a scrambled Sobol sequence of `nodes` points.
    """
    if dimension == 0:
        return np.zeros((1, 0)), np.ones(1)
    s = max(1, degree // 2)
    count = sum(
        math.comb(dimension, j) * math.comb(s - 1, j - 1) * 2**j
        for j in range(1, min(s, dimension) + 1)
    )
    radii = min(degree + 80, nodes // count)
    if radii > degree // 2:
        directions, weights = hypersphere_rule(degree, dimension)
        half_square, share = gauss_laguerre(radii, dimension)
        places = np.sqrt(2 * half_square)[:, None, None] * directions
        return places.reshape(-1, dimension), np.outer(share, weights).reshape(-1)
    from scipy.stats import qmc

    exponent = max(0, math.ceil(math.log2(nodes)))
    # The seed follows the size, so that a longer sequence is an independent check of a shorter.
    uniform = qmc.Sobol(dimension, seed=exponent).random_base2(exponent)
    tiny = 2.0**-40
    return scipy.special.ndtri(np.clip(uniform, tiny, 1 - tiny)), np.full(
        2**exponent, 2.0**-exponent
    )


def _compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    bars = itertools.combinations(range(total + parts - 1), parts - 1)
    edges = ((-1, *b, total + parts - 1) for b in bars)
    return [tuple(b - a - 1 for a, b in itertools.pairwise(e)) for e in edges]


@functools.cache
def _lattice_weight(parts: tuple[int, ...], dimension: int) -> float:
    """w_p for the positive parts of p."""
    s, total = sum(parts), np.array([1.0])
    for part in parts:
        factor: Any = np.array([1.0])
        for j in range(part):
            factor = np.polynomial.polynomial.polymul(factor, [-j / (part - j), s / (part - j)])
        factor = factor * scipy.special.poch(0.5, np.arange(factor.size))
        total = np.polynomial.polynomial.polymul(total, factor)
    return float(np.sum(total / scipy.special.poch(dimension / 2, np.arange(total.size))))

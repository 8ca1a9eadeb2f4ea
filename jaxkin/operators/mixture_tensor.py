"""The Boltzmann operator of hard spheres of two types in Hermite functions of two widths.

Spheres of masses M_α, M_β have velocities v = √s_α u and w = √s_β u′. With s = s_α + s_β,
C = √(s_α/s), S = √(s_β/s) the rotation

    x = S u + C u′,   y = C u − S u′ = (v − w)/√s

keeps the product of the two Gaussians, and per coordinate

    h_b(u) h_c(u′) = Σ_{p+q=b+c} R^{b+c}_{b,p} h_p(x) h_q(y).

A collision θ leaves x in v* = v − 2m((v−w)·θ)θ, m = M_β/(M_α+M_β), as it was: in the units of s_α

    u* = S x + C z,   z = (1 − r) y + r y*,   y* = y − 2(y·θ)θ,   r = m s/s_α,

and E_x[h_p(x) h_a(S x + C z)] = T_{a,p} h_{a−p}(z) with T_{a,p} the product of
√(a_i choose p_i) S^{p_i} C^{a_i−p_i} over the coordinates. Hence, with such products of R too,

    ⟨Q_{αβ}, h_a⟩ = Σ_{b,c} K_{a,bc} f_b g_c,
    K_{a,bc} = Σ_{p≤a} T_{a,p} R^{b+c}_{b,p} A_{b+c−p, a−p},
    A_{q,q′} = κ_d √s E[|y| h_q(y) ⟨h_{q′}(z) − h_{q′}(y)⟩],

E over a standard normal y, ⟨·⟩ over the law of y*: in d = 3 uniform on the sphere of radius |y|; in
d = 2 the sine of the angle from y to ±θ is uniform on (−1, 1). κ_3 = π, κ_2 = 2. For widths
proportional to 1/M, r = 1 and z = y*. A is an integral of polynomials times |y|, exact by
Gauss–Laguerre in |y|²/2 and rules on the spheres, for any masses. Mean and energy of both types
together do not change but by rounding.

With another exponent, |v−w|^γ for |v−w| and the same law of angles, √s|y| becomes (√s|y|)^γ.

K vanishes unless a + b + c is even in every coordinate; so it splits into 2^d blocks, as in
`jaxkin.operators.hermite_tensor`, here for all ordered pairs (b, c).
"""

import functools
import math

import numpy as np
import scipy.special

from jaxkin.numerics.hermite import hermite_basis, multi_indices
from jaxkin.numerics.sonine import gauss_laguerre
from jaxkin.numerics.sphere_rules import sphere_product_rule
from jaxkin.numerics.spheres import sphere_area
from jaxkin.operators.hermite_tensor import Plan


@functools.lru_cache(maxsize=8)
def plan(degree: int, dimension: int) -> Plan:
    """Return the pairs (b, c) of each block, and the order of rows."""
    narrow = multi_indices(dimension, degree)
    parity = _parity(narrow)
    b, c = (k.ravel() for k in np.indices((len(narrow),) * 2))
    block = parity[b] ^ parity[c]
    pairs = tuple((b[block == k], c[block == k]) for k in range(2**dimension))
    return Plan(pairs, 0, np.argsort(np.argsort(parity, kind="stable"), kind="stable"))


@functools.lru_cache(maxsize=32)
def pair_tensor(
    share: float, own: float, other: float, degree: int, dimension: int, exponent: float = 1.0
) -> tuple[np.ndarray, ...]:
    """Return the blocks (rows, pairs) of K, for c_{αβ} = 1.

    Args:
        share: m = M_β/(M_α+M_β).
        own: s_α.
        other: s_β.
        degree: largest total degree of the functions.
        dimension: 2 or 3.
        exponent: γ.
    """
    s = own + other
    cosine, sine = math.sqrt(own / s), math.sqrt(other / s)
    narrow, wide = (multi_indices(dimension, k * degree) for k in (1, 2))
    place = np.zeros((2 * degree + 1,) * dimension, int)
    place[tuple(wide.T)] = np.arange(len(wide))
    size, parity = len(narrow), _parity(narrow)

    radial = s ** (exponent / 2) * _collisions(share * s / own, degree, dimension, exponent)
    rotation = _rotation(cosine, sine, 2 * degree)
    a, p = narrow[:, None], narrow[None]
    factors = np.sqrt(scipy.special.comb(a, p)) * sine**p * cosine ** np.maximum(a - p, 0)
    shift = factors.prod(-1)  # T, 0 unless p ≤ a
    rest = place[tuple(np.moveaxis(np.maximum(a - p, 0), -1, 0))]

    pairs = plan(degree, dimension).pairs
    rows = [np.flatnonzero(parity == block) for block in range(2**dimension)]
    blocks = tuple(np.zeros((len(r), len(b))) for r, (b, _) in zip(rows, pairs, strict=True))
    column = np.zeros((size, size), int)
    for b, c in pairs:
        column[b, c] = np.arange(len(b))
    for total in wide:  # b + c
        p = np.flatnonzero((narrow <= total).all(1))
        q = place[tuple((total - narrow[p]).T)]
        b, c = p[q < size], q[q < size]
        block = _parity(total[None])[0]
        r = rows[block][:, None]
        turn = np.ones((len(p), len(b)))
        for i, n in enumerate(total):
            turn *= rotation[n][narrow[b, i][None], narrow[p, i][:, None]]
        blocks[block][:, column[b, c]] = (shift[r, p] * radial[q, rest[r, p]]) @ turn
    return blocks


def _parity(indices: np.ndarray) -> np.ndarray:
    return np.ravel_multi_index(tuple((indices % 2).T), (2,) * indices.shape[1])


def _rotation(cosine: float, sine: float, degree: int) -> list[np.ndarray]:
    """Return R^n_{b,p} for n = 0 … degree, b, p ≤ n.

    n h_b h_c = √b u⁺ h_{b−1} h_c + √c u′⁺ h_b h_{c−1}, n = b + c, with the raising operators
    u⁺ = S x⁺ + C y⁺ and u′⁺ = C x⁺ − S y⁺, x⁺ h_p = √(p+1) h_{p+1}: rounding does not grow.
    """
    table = [np.ones((1, 1))]
    for n in range(1, degree + 1):
        b = np.arange(n + 1)[:, None]
        k = np.sqrt(np.arange(1, n + 1))
        up_x, up_y = np.zeros((2, n, n + 1))
        up_x[:, 1:] = table[-1] * k  # raises p
        up_y[:, :-1] = table[-1] * k[::-1]  # raises q = n − p
        new = np.zeros((n + 1, n + 1))
        new[1:] += np.sqrt(b[1:]) * (sine * up_x + cosine * up_y)
        new[:-1] += np.sqrt(n - b[:-1]) * (cosine * up_x - sine * up_y)
        table.append(new / n)
    return table


def _collisions(ratio: float, degree: int, dimension: int, exponent: float) -> np.ndarray:
    """Return A_{q,q′}/s^{γ/2} where q + q′ is even, |q| ≤ 2·degree, |q′| ≤ degree.

    Then the integrand is even in each coordinate, so that y > 0 is enough.
    """
    order = (dimension + exponent) / 2
    half, weights = gauss_laguerre(3 * degree // 4 + 1, dimension + exponent)
    mean = 2 ** (exponent / 2) * math.gamma(order) / math.gamma(dimension / 2)  # E|y|^γ
    rate = (2.0 if dimension == 2 else math.pi) * mean * weights
    points = 3 * degree // 2 + 1
    directions, areas = sphere_product_rule(points + points % 2, dimension)  # none on an axis
    inside = (directions > 0).all(1)
    directions, areas = directions[inside], areas[inside] / areas[inside].sum()
    radius = np.sqrt(2 * half)[:, None, None]
    y = (radius * directions).reshape(-1, dimension)
    weight = np.outer(rate, areas).ravel()

    narrow, wide = (multi_indices(dimension, k * degree) for k in (1, 2))
    change = np.zeros((len(y), len(narrow)))
    for turned, part in _turned(directions, degree):
        z = (1 - ratio) * y + ratio * (radius * turned).reshape(-1, dimension)
        change += part * hermite_basis(z, narrow)
    change -= hermite_basis(y, narrow)
    change[:, 0] = 0.0
    return (hermite_basis(y, wide) * weight[:, None]).T @ change


def _turned(directions: np.ndarray, degree: int):
    """Yield the directions of y* for all directions of y, and weights of sum 1."""
    if directions.shape[1] == 3:
        for sigma, area in zip(*sphere_product_rule(degree // 2 + 1, 3), strict=True):
            yield np.broadcast_to(sigma, directions.shape), area / sphere_area(3)
        return
    x, y = directions.T
    for t, weight in zip(*np.polynomial.legendre.leggauss(degree + 1), strict=True):
        across, along = 2 * t * math.sqrt(1 - t**2), 1 - 2 * t**2  # of twice the angle to θ
        yield -np.stack([along * x - across * y, across * x + along * y], 1), weight / 2

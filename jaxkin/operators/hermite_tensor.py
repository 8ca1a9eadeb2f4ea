"""The Boltzmann operator in Hermite functions, split into geometry and a few radial integrals.

With x = (v+v*)/√2, y = (v−v*)/√2 the weak form of the operator separates. Per coordinate

    h_m(v) h_n(v*) = Σ_{p+q=m+n} R^{m+n}_{m,p} h_p(x) h_q(y),

R a rotation by 45° (Kravchuk matrices), and a collision turns y at fixed |y| and x. Hence, with
products of R over the coordinates and width w,

    Q_a = Σ_{b,c} K_{a,bc} f_b f_c,   K_{a,bc} = Σ_p R^a_{a,p} R^{b+c}_{b,p} A_{b+c−p, a−p},
    A_{q,q'} = Σ_l P^l_{q,q'} α_l(|q|,|q'|),
    α_l(D,D') = (λ_l − 1) ∫ B̄(√(2w) r) S_{D,l}(r) S_{D',l}(r) dμ(r).

P^l projects on harmonics of order l, S_{D,l} = r^l L_{(D−l)/2}^{(l+d/2−1)}(r²/2) is orthonormal
under the law μ of |y| for a standard normal y (Burnett functions), and λ_l = E P_l(cos θ)
(E cos lθ in d = 2) is the multiplier of the angle law. The symmetric part in b, c holds even l
alone, and K vanishes unless a + b + c is even in every coordinate. So K is a fixed matrix times
about 100 numbers α, from which gradients reach the kernel, and it splits into 2^d blocks.

The fixed matrix is NumPy, computed once per degree and dimension: 16 MB at degree 8 and 110 MB
at degree 10 in d = 3.
"""

import functools
import itertools
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float

from jaxkin.numerics.hermite import gauss_hermite, hermite_rows, multi_indices
from jaxkin.numerics.sonine import sonine_rows
from jaxkin.numerics.spheres import sphere_area


class Plan(NamedTuple):
    """How products of coefficients are multiplied with the blocks of the tensor.

    Attributes:
        pairs: for each block, the indices (b, c), b ≤ c, of its columns.
        conserved: how many functions come first whose coefficients never change.
        places: puts all functions, conserved ones and then those of each block, in order.
    """

    pairs: tuple[tuple[np.ndarray, np.ndarray], ...]
    conserved: int
    places: np.ndarray


class Geometry(NamedTuple):
    """What is fixed by the degree and the dimension.

    Attributes:
        plan: how the blocks are applied.
        radius: (n,) nodes r.
        radial: (m, n) weights of the m integrals α, without λ_l − 1.
        order: (m,) l.
        pieces: matrices, each with the α that it multiplies.
        gather: for each block, where its entries lie in the pieces.
    """

    plan: Plan
    radius: np.ndarray
    radial: np.ndarray
    order: np.ndarray
    pieces: tuple[tuple[np.ndarray, np.ndarray], ...]
    gather: tuple[np.ndarray, ...]


def tensor(
    geometry: Geometry, rates: Float[Array, " n"], harmonics: Float[Array, " L"]
) -> tuple[Float[Array, "rows pairs"], ...]:
    """Return the blocks of K, with b ≠ c counted twice.

    Args:
        geometry: of the basis.
        rates: B̄(√(2w) r) at the nodes.
        harmonics: λ_0 … λ_degree.
    """
    radial = jnp.asarray(geometry.radial, rates.dtype)
    alpha = (harmonics.astype(rates.dtype)[geometry.order] - 1) * _product(radial, rates)
    entries = jnp.concatenate(
        [_product(jnp.asarray(m, rates.dtype), alpha[which]) for m, which in geometry.pieces]
    )
    return tuple(entries[places] for places in geometry.gather)


def quadratic(
    f: Float[Array, "*batch N"], blocks: tuple[Float[Array, "rows pairs"], ...], plan: Plan
) -> Float[Array, "*batch N"]:
    """Return Q_a = Σ K_{a,bc} f_b f_c; a batch is one matrix product for each block."""
    parts = [jnp.zeros((*f.shape[:-1], plan.conserved), f.dtype)]
    for block, (b, c) in zip(blocks, plan.pairs, strict=True):
        parts.append(_product(f[..., b] * f[..., c], block.T))
    return jnp.concatenate(parts, -1)[..., plan.places]


def _product(a: Array, b: Array) -> Array:
    # Graphics cards round single precision to 10 bits in products unless told not to.
    return jnp.matmul(a, b, precision="highest")


def radial_rule(degree: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes r and weights of the law of |y|, y standard normal in R^d.

    Gauss–Legendre in √r, so that r^{2+γ}·(polynomial of `degree`) is integrated to 1e-12 for all
    γ > −2. A kernel with a kink, as `BoundedKernel`, is left with an error O(n^{−2}), about 1e-5.
    """
    top = math.sqrt(degree) + 8
    x, w = np.polynomial.legendre.leggauss(120 + degree)
    root = (x + 1) / 2 * math.sqrt(top)
    r, dr = root**2, w * math.sqrt(top) * root
    size = sphere_area(dimension) / (2 * math.pi) ** (dimension / 2)
    return r, dr * size * r ** (dimension - 1) * np.exp(-(r**2) / 2)


@functools.lru_cache(maxsize=4)
def geometry(degree: int, dimension: int) -> Geometry:
    """Return the geometry of Hermite functions of total degree up to `degree`."""
    radius, radial, alphas = _radial_integrals(degree, dimension)
    number = {key: k for k, key in enumerate(alphas)}
    kravchuk, projectors = _kravchuk(2 * degree), _projectors(degree, dimension)
    wide = multi_indices(dimension, 2 * degree)
    narrow = multi_indices(dimension, degree)  # the first of `wide`
    size, total = len(narrow), narrow.sum(1)
    place = np.zeros((2 * degree + 1,) * dimension, int)
    place[tuple(wide.T)] = np.arange(len(wide))

    rows, pairs, row_place, pair_place = parity_blocks(narrow, 2)
    gather = [np.zeros((len(r), len(b)), np.int32) for r, (b, _) in zip(rows, pairs, strict=True)]
    found: dict[tuple[int, int], list] = {}
    for s in wide:  # s = b + c
        S = int(s.sum())
        b = np.flatnonzero((narrow <= s).all(1))
        c = place[tuple((s - narrow[b]).T)]
        p = b[(total[b] <= degree - 2) & ((total[b] - S) % 2 == 0)]
        b, c = (k[(c < size) & (b <= c)] for k in (b, c))
        axes = zip(s, _by_axis(narrow[p], narrow[b]), strict=True)
        rotation = _product_of([kravchuk[n, m, k] for n, (k, m) in axes])
        rotation *= np.where(b == c, 1.0, 2.0)
        q = place[tuple((s - narrow[p]).T)]
        a_all = np.flatnonzero(((narrow - s) % 2 == 0).all(1) & (total >= 2))
        for degree_a in np.unique(total[a_all]):
            a = a_all[total[a_all] == degree_a]
            # Where a ≥ p fails the rotation is 0, whatever the place.
            rest = place[tuple(np.maximum(narrow[a][:, None] - narrow[p], 0).transpose(2, 0, 1))]
            outer = _product_of([kravchuk[n, n, m] for n, m in _by_axis(narrow[a], narrow[p])])
            columns = []
            for P, order in _terms(degree_a, S):
                k = np.flatnonzero(total[p] == P)
                columns.append((outer[:, k] * projectors[order][q[k], rest[:, k]]) @ rotation[k])
            matrix = np.stack(columns, -1) if columns else np.zeros((len(a), len(b), 0))
            block = np.ravel_multi_index(tuple(s % 2), (2,) * dimension)
            where = block, row_place[a][:, None], pair_place[b, c][None, :]
            found.setdefault((int(degree_a), S), []).append((matrix, where))

    pieces, offset = [], 0
    for (degree_a, S), parts in found.items():
        which = [number[order, S - P, degree_a - P] for P, order in _terms(degree_a, S)]
        for matrix, (block, i, j) in parts:
            count = matrix.shape[0] * matrix.shape[1]
            gather[block][i, j] = offset + np.arange(count).reshape(matrix.shape[:2])
            offset += count
        flat = [m.reshape(m.shape[0] * m.shape[1], len(which)) for m, _ in parts]
        pieces.append((np.concatenate(flat), np.array(which, int)))
    places = np.argsort(np.concatenate([np.arange(dimension + 1), *rows]))
    return Geometry(
        Plan(pairs, dimension + 1, places),
        radius,
        radial,
        np.array([order for order, _, _ in alphas]),
        tuple(pieces),
        tuple(gather),
    )


def _terms(degree_a: int, S: int) -> list[tuple[int, int]]:
    """Return the pairs (|p|, l) that contribute to K_{a,bc} with |a|, |b| + |c| given."""
    return [
        (P, order)
        for P in range(S % 2, degree_a - 1, 2)
        for order in range(2, min(degree_a, S) - P + 1, 2)
    ]


def parity_blocks(narrow: np.ndarray, least: int):
    """Return rows of degree ≥ `least` and column pairs of each parity, and their places there."""
    size, dimension = narrow.shape
    parity = np.ravel_multi_index(tuple((narrow % 2).T), (2,) * dimension)
    first, second = np.triu_indices(size)
    rows, pairs = [], []
    row_place, pair_place = np.zeros(size, int), np.zeros((size, size), int)
    for block in range(2**dimension):
        r = np.flatnonzero((parity == block) & (narrow.sum(1) >= least))
        inside = (parity[first] ^ parity[second]) == block
        b, c = first[inside], second[inside]
        row_place[r], pair_place[b, c] = np.arange(r.size), np.arange(b.size)
        rows.append(r)
        pairs.append((b, c))
    return rows, tuple(pairs), row_place, pair_place


def _by_axis(m: np.ndarray, n: np.ndarray):
    """Return, for each coordinate, the indices of two lists as a column and a row."""
    return [(k[:, None], j[None, :]) for k, j in zip(m.T, n.T, strict=True)]


def _product_of(factors: list[np.ndarray]) -> np.ndarray:
    return functools.reduce(np.multiply, factors)


def _kravchuk(degree: int) -> np.ndarray:
    """Return R^s_{m,p} as an array [s, m, p], 0 outside m, p ≤ s.

    (X+Y)^m (X−Y)^{s−m} has integer coefficients below 2^s, exact in double precision.
    """
    table = np.zeros((degree + 1,) * 3)
    for s in range(degree + 1):
        for m in range(s + 1):
            row = np.ones(1)
            for k in range(s):
                row = np.convolve(row, (1.0, 1.0) if k < m else (-1.0, 1.0))
            p = np.arange(s + 1)
            ratio = scipy.special.comb(s, m) / scipy.special.comb(s, p)
            table[s, m, : s + 1] = row * np.sqrt(ratio / 2.0**s)
    return table


def _radial_integrals(degree: int, dimension: int):
    """Return nodes, weights (m, n), and the keys (l, D, D') of the m integrals α."""
    r, weights = radial_rule(3 * degree, dimension)
    functions = {}
    for order in range(2, degree + 1, 2):
        for D in range(order, 2 * degree + 1, 2):
            S = _sonine(r, order, D, dimension)
            functions[order, D] = S / np.sqrt(weights @ S**2)
    keys = [
        (order, D, small)
        for (order, D), small in itertools.product(functions, range(2, degree + 1, 2))
        if small >= order
    ]
    rows = [weights * functions[order, D] * functions[order, small] for order, D, small in keys]
    return r, np.array(rows), keys


def _sonine(r: np.ndarray, order: int, D: int, dimension: int) -> np.ndarray:
    """Return S_{D,l} up to its norm: a Sonine function in d + 2l dimensions."""
    return sonine_rows(r**2 / 2, (D - order) // 2, dimension + 2 * order, r**order)[-1]


def _projectors(degree: int, dimension: int) -> dict[int, np.ndarray]:
    """Return Σ_m ⟨h_q, ψ_{|q|lm}⟩⟨ψ_{|q'|lm}, h_q'⟩ for even l, |q| ≤ 2·degree, |q'| ≤ degree.

    By a Gauss–Hermite rule that is exact, one coordinate after the other.
    """
    wide = multi_indices(dimension, 2 * degree)
    size = len(multi_indices(dimension, degree))
    points = 2 * degree + 2  # even: no node at 0
    nodes, weights = gauss_hermite(points, dimension)
    x = np.unique(nodes[:, -1])
    rows = hermite_rows(x, 2 * degree).T
    r = np.sqrt((nodes**2).sum(1))
    projectors = {}
    for order in range(2, degree + 1, 2):
        harmonics = _harmonics(nodes / r[:, None], order)
        overlaps = np.zeros((len(wide), len(harmonics)))
        for D in range(order, 2 * degree + 1, 2):
            psi = harmonics * _sonine(r, order, D, dimension)
            psi *= weights / np.sqrt(psi**2 @ weights)[:, None]
            psi = psi.reshape((-1,) + (points,) * dimension)
            for _ in range(dimension):  # each axis in turn goes to the end
                psi = np.tensordot(psi, rows, axes=(1, 0))
            own = wide.sum(1) == D
            overlaps[own] = psi[(slice(None), *wide[own].T)].T
        projectors[order] = overlaps @ overlaps[:size].T
    return projectors


def _harmonics(direction: np.ndarray, order: int) -> np.ndarray:
    """Return orthogonal harmonics of one order at unit vectors, up to their norms."""
    x, y = direction[:, 0], direction[:, 1]
    angle = np.arctan2(y, x)
    if direction.shape[1] == 2:
        return np.stack([np.cos(order * angle), np.sin(order * angle)])
    rows = [scipy.special.lpmv(0, order, direction[:, 2])]
    for m in range(1, order + 1):
        latitude = scipy.special.lpmv(m, order, direction[:, 2])
        rows += [latitude * np.cos(m * angle), latitude * np.sin(m * angle)]
    return np.stack(rows)

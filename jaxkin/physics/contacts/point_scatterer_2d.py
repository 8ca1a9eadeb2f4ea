"""A pair of Brownian particles that reacts at contact, seen from afar (d = 2).

In the plane the chance to survive at zero energy grows as ln(r/ℓ) outside the range ρ. The
scattering length ℓ, smaller than ρ by exp(−2πD/∫aV) and more, is all that is left of V from afar.
For relative diffusivity D a pair that starts at r₀ and ends at r₁ a time τ later has reacted in
between with probability K = (correction)/(free kernel), where the s-wave gives the correction

    C = L⁻¹[ K₀(q|r₀|) K₀(q|r₁|) / (2πD (ln(2/(qℓ)) − γ)) ](τ),   q² = p/D,

with no pole at qℓ ~ 1, where the pair is not far. In units x = |r₀|/√(Dτ), y = |r₁|/√(Dτ), with
Λ = ln(4 e^{−2γ} Dτ/ℓ²) and on the line Re w = c through the saddle c = (x+y)/2 of √(pτ),

    K = 4 e^{−(xy + x·y)/2} F,   F = (1/π) ∫ e^{−v²} w k(xw) k(yw)/(Λ − 2 ln w) dv,   w = c + iv,

where k(z) = e^z K₀(z). With t = 1/(Λ − ln(1 + c²)) this is

    F = ½ k(xy/2) t [1 + t g(x, y, t)],

closed as Λ → ∞, and g is a table: a polynomial in t at points of a grid in ln x, ln y. Measured for
x, y ≥ 0.01: the relative error of K is below 5e-5 for Λ ≥ 15, 7e-6 at Λ = 100, that of the rate
below 6e-6 for Λ ≥ 15 and 2e-4 at Λ = 8. What the range ρ changes is of order ρ²/(Dτ).

Given that it reacts, the time has density ∝ f(t) e^{−|r₁|²/(4D(τ−t))}/(τ−t), with f the density
of first reactions, L⁻¹[K₀(q|r₀|)/(ln(2/(qℓ)) − γ)] = e^{−|r₀|²/(4Dt)}/t up to a factor that
varies as 1/Λ per e-fold of t. Without that factor t/(τ−t) = (x/y) e^θ, where θ has the density
∝ e^{−(xy/2) cosh θ}.
"""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxkin.physics.contacts.base import RadialInteraction
from jaxkin.physics.contacts.quadrature import panel_rule

SHIFT = 2 * (math.log(2) - np.euler_gamma)  # Λ − ln(Dτ/ℓ²)
LARGEST = 0.2  # the largest t of the table
DISTANCES = np.linspace(math.log(2e-3), math.log(20), 112)  # ln x
NORMALS = np.linspace(0, 5.5, 56)
PRODUCTS = np.linspace(math.log(1e-6), math.log(1e3), 64)  # ln xy/2


# The scatterer.


@eqx.filter_jit
def contact_logarithm(
    coupling: Float[Array, "..."], interaction: RadialInteraction, *, nodes: int = 20
) -> Float[Array, "..."]:
    """Return ln(ρ/ℓ) = v(1)/v'(1), where v'' + v'/r = (a/D) V v is regular at 0.

    For V = 1 it is I₀(κ)/(κ I₁(κ)), κ² = a/D. With v(1) = 1 the equation is
    v = 1 − ∫_r¹ ds/s ∫₀ˢ (a/D) V v s' ds', solved by collocation, and v'(1) is a sum of positive
    terms. Infinite for a = 0.

    Args:
        coupling: a/D, of any shape.
        interaction: V.
        nodes: points per panel of the radius.
    """
    dtype = jnp.result_type(coupling, interaction.dtype)
    r, w = panel_rule(interaction.panel_edges, nodes)
    V = interaction.profile(jnp.asarray(r, interaction.dtype)).astype(dtype)
    until = _antiderivative(interaction.panel_edges, nodes)
    inverse = jnp.asarray(((w - until) / r) @ (until * r), dtype)  # of −Laplace, 0 at r = 1

    # Checkpointed, or reverse mode would keep a dense matrix for every pair.
    @jax.checkpoint
    def one(a):
        v = jnp.linalg.solve(jnp.eye(r.size, dtype=dtype) + inverse * (a * V), jnp.ones_like(V))
        return 1 / (a * jnp.dot(jnp.asarray(w * r, dtype), V * v))

    coupling = jnp.asarray(coupling, dtype)
    # One after another: batched factorisations may wait for each other forever on a CPU, as
    # `jaxkin.numerics.batched_map` explains.
    return jax.lax.map(one, coupling.ravel()).reshape(coupling.shape)


def _antiderivative(edges: tuple[float, ...], nodes: int) -> np.ndarray:
    """Matrix from values at the nodes of the panels to ∫₀ʳ at the nodes."""
    legendre = np.polynomial.legendre
    x, w = legendre.leggauss(nodes)
    analyse = legendre.legvander(x, nodes - 1).T * w * (np.arange(nodes) + 0.5)[:, None]
    integrals = legendre.legint(np.eye(nodes), lbnd=-1, axis=0)
    within = legendre.legval(x, integrals).T @ analyse
    half = np.diff(edges) / 2
    before = np.tril(np.ones((half.size, half.size)), -1)
    return np.kron(np.diag(half), within) + np.kron(before * half, np.outer(np.ones(nodes), w))


# The law.


def reaction_probability(
    start: Float[Array, "2 n"],
    stop: Float[Array, "2 n"],
    spread: Float[Array, " n"],
    log_length: Array,
) -> Float[Array, " n"]:
    """Return K.

    Args:
        start: r₀; `stop` is r₁.
        spread: Dτ.
        log_length: ln ℓ; the law is for Dτ ≥ 2500 ℓ².
    """
    dtype = start.dtype
    spread = jnp.maximum(spread, jnp.finfo(dtype).tiny)
    near, far = (jnp.sqrt(jnp.sum(r**2, 0) / spread) for r in (start, stop))
    shade = jnp.maximum(near * far + jnp.sum(start * stop, 0) / spread, 0) / 2
    logarithm = jnp.log(spread) - 2 * log_length + SHIFT
    t = 1 / (logarithm - jnp.log1p((near + far) ** 2 / 4))
    t = jnp.where((t > 0) & (t < LARGEST), t, jnp.where(logarithm == jnp.inf, 0, LARGEST))
    rows = _interpolate(_slow_part(), DISTANCES, _log(near), DISTANCES, _log(far))
    slow = rows[0] + t * (rows[1] + t * (rows[2] + t * rows[3]))
    fast = scaled_bessel(jnp.maximum(near * far / 2, jnp.finfo(dtype).tiny))
    return jnp.clip(2 * jnp.exp(-shade) * fast * t * (1 + t * slow), 0.0, 1.0)


def may_react(
    draw: Float[Array, "*n"],
    start2: Float[Array, "*n"],
    stop2: Float[Array, "*n"],
    dot: Float[Array, "*n"],
    spread: Float[Array, "*n"],
    log_lengths: Float[Array, "M M"],
) -> Bool[Array, "*n"]:
    """Return whether a uniform draw is below a bound on K, from k(z) ≤ √(π/2z) and g ≤ 0.

    Args:
        draw: in (0, 1].
        start2: |r₀|²; `stop2` is |r₁|², `dot` r₀·r₁.
        spread: Dτ.
        log_lengths: ln ℓ of all pairs of masses; the largest serves for all.
    """
    tiny = jnp.finfo(start2.dtype).tiny
    product = jnp.sqrt(start2) * jnp.sqrt(stop2)
    shade = jnp.maximum(product + dot, 0) / (2 * spread)
    reach = (start2 + stop2 + 2 * product) / (4 * spread)
    logarithm = jnp.log(spread) - 2 * log_lengths.max() + SHIFT
    t = 1 / (logarithm - jnp.log1p(reach))
    t = jnp.where((t > 0) & (t < LARGEST), t, jnp.where(logarithm == jnp.inf, 0, LARGEST))
    root = jnp.sqrt(math.pi * spread / jnp.maximum(product, tiny))
    return draw < 2 * root * jnp.exp(-shade) * t


def reaction_time(
    near: Float[Array, " n"],
    far: Float[Array, " n"],
    spread: Float[Array, " n"],
    normal: Float[Array, " n"],
    *_: Array,
) -> Float[Array, " n"]:
    """Draw the time of reaction as a fraction of τ.

    Args:
        near: |r₀|; `far` is |r₁|.
        spread: Dτ.
        normal: standard normals; one draw is enough, others are ignored.
    """
    dtype = near.dtype
    spread = jnp.maximum(spread, jnp.finfo(dtype).tiny)
    tiny = jnp.finfo(dtype).tiny ** 0.25
    near, far = (jnp.maximum(r / jnp.sqrt(spread), tiny) for r in (near, far))
    product = near * far / 2
    quantile = _interpolate(_quantiles(), PRODUCTS, _log(product), NORMALS, jnp.abs(normal))[0]
    theta = jnp.sign(normal) * quantile * jnp.log1p(1 / jnp.sqrt(product))
    weight = near * jnp.exp(theta)
    return weight / (weight + far)


def scaled_bessel(z: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return e^z K₀(z) for z > 0 (Abramowitz and Stegun 9.8.1, 9.8.5 and 9.8.6), to 2e-7."""
    inner, outer = jnp.minimum(z, 2.0), jnp.maximum(z, 2.0)
    i0 = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
    k0 = (-0.57721566, 0.42278420, 0.23069756, 0.03488590, 0.00262698, 0.00010750, 0.00000740)
    large = (1.25331414, -0.07832358, 0.02189568, -0.01062446, 0.00587872, -0.00251540, 0.00053208)
    logarithm = jnp.log(inner) - math.log(2)
    series = _horner(k0, inner**2 / 4) - logarithm * _horner(i0, (inner / 3.75) ** 2)
    return jnp.where(z < 2, jnp.exp(inner) * series, _horner(large, 2 / outer) / jnp.sqrt(outer))


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    total = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = coefficient + x * total
    return total


def _log(x: Array) -> Array:
    return jnp.log(jnp.maximum(x, jnp.finfo(x.dtype).tiny))


# The tables, made once.


@functools.lru_cache(maxsize=1)
def _slow_part() -> np.ndarray:
    """Coefficients of t⁰…t³ in g on the grid of ln x, ln y, by cells."""
    from scipy.special import kve

    x = np.exp(DISTANCES)
    i, j = np.triu_indices(x.size)
    saddle = (x[i] + x[j]) / 2
    # Left of the line is a branch point at 0, right of it a pole: keep away from both.
    w = np.maximum(saddle, 1) + 0.3j * np.arange(18)[:, None]
    weight = np.exp((w - saddle) ** 2) * w * kve(0, x[i] * w) * kve(0, x[j] * w)
    weight[1:] *= 2  # the other half is the conjugate
    log = 2 * np.log(w) - np.log1p(saddle**2)
    total = weight.real.sum(0)
    nodes = LARGEST / 2 * (1 + np.cos(np.pi * (np.arange(8) + 0.5) / 8))
    values = np.stack([(weight * log / (1 - t * log)).real.sum(0) / total for t in nodes])
    table = np.empty((x.size, x.size, 4))
    table[i, j] = table[j, i] = np.polynomial.polynomial.polyfit(nodes, values, 3).T
    return _corners(table)


@functools.lru_cache(maxsize=1)
def _quantiles() -> np.ndarray:
    """|θ|/ln(1 + z^{−1/2}) on the grid of ln z and of the normal that draws it, by cells."""
    from scipy.special import erf

    table = np.empty((PRODUCTS.size, NORMALS.size))
    chance = erf(NORMALS / math.sqrt(2))
    for row, z in zip(table, np.exp(PRODUCTS), strict=True):
        # Where e^{−z(cosh θ − 1)} is 1e-11, past every quantile of the grid.
        theta = np.linspace(0, 2 * np.arcsinh(np.sqrt(25 / (2 * z))), 4001)
        density = np.exp(-2 * z * np.sinh(theta / 2) ** 2)
        mass = np.concatenate([[0], np.cumsum(density[1:] + density[:-1])])
        row[:] = np.interp(chance, mass / mass[-1], theta) / np.log1p(z**-0.5)
    return _corners(table[..., None])


def _corners(table: np.ndarray) -> np.ndarray:
    """The entries at the four corners of each cell side by side, so that one look-up finds all."""
    return np.stack([table[:-1, :-1], table[:-1, 1:], table[1:, :-1], table[1:, 1:]], axis=2)


def _interpolate(
    corners: np.ndarray, first: np.ndarray, u: Array, second: np.ndarray, v: Array
) -> list[Array]:
    """The entries of a table at (u, v), linear in each, and constant beyond its ends."""
    places, parts = [], []
    for grid, at in ((first, u), (second, v)):
        cell = float(grid[1] - grid[0])
        at = jnp.clip((at - float(grid[0])) / cell, 0, grid.size - 1)
        place = jnp.clip(at.astype(jnp.int32), 0, grid.size - 2)
        places.append(place)
        parts.append(at - place)
    (i, j), (p, q) = places, parts
    flat = jnp.asarray(corners.reshape(-1, corners[0, 0].size), u.dtype)
    found = flat[i * (second.size - 1) + j].T.reshape(4, -1, u.size)
    weights = ((1 - p) * (1 - q), (1 - p) * q, p * (1 - q), p * q)
    return list(sum(w * f for w, f in zip(weights, found, strict=True)))

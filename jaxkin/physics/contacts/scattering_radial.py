"""The recipe's equation (1.8) for a radial V: a Green-function collocation on the support.

With W = (α/D) V, v = 1 − u is the chance that a pair at distance r survives, and

    v(r) = 1 − ∫₀¹ k(r, s) W(s) v(s) ds,   k(r, s) = s·min(1, s/r)^{d−2}/(d−2),   d ≥ 3,

is −Δu = W(1−u), u → 0 at infinity, solved by the Green function of the decaying radial Laplacian.
The density W v is a polynomial on each panel and k is integrated against it exactly on either
side of its kink, so the error falls exponentially in the nodes per panel wherever V is smooth.
The system is I + (compact), so it is well conditioned, in float32 too. From (1.9),

    β = α |S^{d−1}| ∫₀¹ V v r^{d−1} dr,

a sum of positive terms: nothing cancels, neither for small nor for large κ = √(α sup V/D).
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.batched_map import batched_map
from jaxkin.numerics.spheres import sphere_area
from jaxkin.physics.contacts.base import RadialInteraction, as_float, norm
from jaxkin.physics.contacts.quadrature import panel_rule

# Pairs solved at once: enough to keep the processor busy, few enough to stay in its cache.
BATCH = 256


@functools.lru_cache(maxsize=32)
def green_matrix(edges: tuple[float, ...], nodes: int, dimension: int) -> np.ndarray:
    """(Gf)(r_i) = ∫₀¹ k(r_i, s) f(s) ds from the values of f at the nodes; float64, square."""
    r, w = panel_rule(edges, nodes)
    green = _kernel(r[:, None], r[None, :], dimension) * w
    x, wx = np.polynomial.legendre.leggauss(nodes)
    # Values to Legendre coefficients; exact, since the rule integrates degree 2·nodes − 1.
    analyse = np.polynomial.legendre.legvander(x, nodes - 1).T * wx
    analyse *= (np.arange(nodes) + 0.5)[:, None]
    # On a target's own panel the kernel has a kink at the target: integrate on either side of it.
    y, wy = np.polynomial.legendre.leggauss(nodes + (dimension + 1) // 2)
    for p in range(len(edges) - 1):
        left, right = edges[p], edges[p + 1]
        for i in range(p * nodes, (p + 1) * nodes):
            row = 0.0
            for a, b in ((left, r[i]), (r[i], right)):
                s = a + (b - a) * (y + 1) / 2
                local = (2 * s - left - right) / (right - left)
                basis = np.polynomial.legendre.legvander(local, nodes - 1)
                row = row + (wy * (b - a) / 2 * _kernel(r[i], s, dimension)) @ basis @ analyse
            green[i, p * nodes : (p + 1) * nodes] = row
    return green


def _kernel(r: np.ndarray, s: np.ndarray, dimension: int) -> np.ndarray:
    return s * np.minimum(1.0, s / r) ** (dimension - 2) / (dimension - 2)


def _solve(
    coupling: Float[Array, ""], V: Float[Array, " n"], green: Float[Array, "n n"]
) -> Float[Array, " n"]:
    """v at the nodes, from (I + G W) v = 1 with W = coupling·V."""
    return jnp.linalg.solve(
        jnp.eye(V.size, dtype=V.dtype) + green * (coupling * V), jnp.ones_like(V)
    )


def _discretise(interaction: RadialInteraction, nodes: int, dimension: int, dtype):
    """V at the nodes, the weights of ∫ dx over R^d, and the Green matrix, in `dtype`."""
    edges = interaction.panel_edges
    r, w = panel_rule(edges, nodes)
    V = interaction.profile(jnp.asarray(r, interaction.dtype)).astype(dtype)
    weights = jnp.asarray(sphere_area(dimension) * w * r ** (dimension - 1), dtype)
    return V, weights, jnp.asarray(green_matrix(edges, nodes, dimension), dtype)


@eqx.filter_jit
def radial_rate(
    strength: Float[Array, "..."],
    diffusivity: Float[Array, "..."],
    interaction: RadialInteraction,
    *,
    dimension: int,
    nodes: int,
) -> Float[Array, "..."]:
    """β of (1.9) for arrays of strengths α and diffusivities D of one shape, d ≥ 3; no checks."""
    dtype = jnp.result_type(strength, diffusivity, interaction.dtype)
    V, weights, green = _discretise(interaction, nodes, dimension, dtype)

    # Checkpointed, or reverse mode would keep a dense matrix for every pair.
    @jax.checkpoint
    def rate(pair):
        alpha, D = pair
        return alpha * jnp.dot(weights * V, _solve(alpha / D, V, green))

    alpha, D = strength.astype(dtype), diffusivity.astype(dtype)
    if alpha.ndim == 0:
        return rate((alpha, D))
    return batched_map(rate, (alpha.ravel(), D.ravel()), BATCH).reshape(alpha.shape)


class RadialCollisionProbability(eqx.Module):
    """u(x) = chance that a pair at relative position x (in units of the range) ever coagulates.

    Call it on x of shape (..., d); `profile` takes radii of any shape ≥ 0. Inside the support u
    is piecewise polynomial; outside it is the harmonic tail u = a r^{2−d}, exactly.

    `scattering_length`: a, shape (); β = (d−2)|S^{d−1}| D a, which is 4πD·a in d = 3.
    """

    coefficients: Float[Array, "panels nodes"]
    scattering_length: Float[Array, ""]
    edges: tuple[float, ...] = eqx.field(static=True)
    dimension: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "... d"]) -> Float[Array, "..."]:
        """u(x), one value in [0, 1] per point."""
        return self.profile(norm(as_float(x)))

    @eqx.filter_jit
    def profile(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """u at radius r, in [0, 1], shape of r."""
        edges = jnp.asarray(self.edges, self.coefficients.dtype)
        r = jnp.asarray(r, self.coefficients.dtype)
        # `where`, not `minimum`: at the tie r = 1 that one halves the derivative, and so the flux.
        inner, outer = jnp.where(r <= 1, r, 1.0), jnp.where(r <= 1, 1.0, r)
        panel = jnp.clip(jnp.searchsorted(edges, inner, side="right") - 1, 0, len(self.edges) - 2)
        left, right = edges[panel], edges[panel + 1]
        x = (2 * inner - left - right) / (right - left)

        def clenshaw(carry, term):
            b1, b2 = carry
            k, c = term
            return (c[panel] + (2 * k + 1) / (k + 1) * x * b1 - (k + 1) / (k + 2) * b2, b1), None

        degrees = jnp.arange(self.coefficients.shape[1], dtype=self.coefficients.dtype)
        start = (jnp.zeros_like(x), jnp.zeros_like(x))
        terms = (degrees, self.coefficients.T)
        (total, _), _ = jax.lax.scan(clenshaw, start, terms, reverse=True)
        return jnp.where(r <= 1, total, self.scattering_length * outer ** (2 - self.dimension))


@eqx.filter_jit
def radial_probability(
    strength: Float[Array, ""],
    diffusivity: Float[Array, ""],
    interaction: RadialInteraction,
    *,
    dimension: int,
    nodes: int,
) -> RadialCollisionProbability:
    """u of (1.8) for one pair, d ≥ 3; no checks."""
    dtype = jnp.result_type(strength, diffusivity, interaction.dtype)
    V, weights, green = _discretise(interaction, nodes, dimension, dtype)
    coupling = (strength / diffusivity).astype(dtype)
    v = _solve(coupling, V, green)
    u = green @ (coupling * V * v)  # not 1 − v, which cancels for small coupling
    x, w = np.polynomial.legendre.leggauss(nodes)
    analyse = np.polynomial.legendre.legvander(x, nodes - 1) * w[:, None] * (np.arange(nodes) + 0.5)
    return RadialCollisionProbability(
        coefficients=u.reshape(-1, nodes) @ jnp.asarray(analyse, dtype),
        scattering_length=coupling
        * jnp.dot(weights * V, v)
        / ((dimension - 2) * sphere_area(dimension)),
        edges=interaction.panel_edges,
        dimension=dimension,
    )

"""Rules that integrate contact profiles: panels of the radius, and the unit disc or ball."""

import functools

import numpy as np

from jaxkin.numerics.checks import require

# A boundary layer of width 1/κ forms at the edge of the support when α/D is large, and smooth
# profiles of compact support have an essential singularity there: panels get finer towards r = 1.
PANEL_EDGES = (0.0, 0.8, 0.98, 1.0)


@functools.lru_cache(maxsize=64)
def panel_rule(edges: tuple[float, ...], nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes and weights, `nodes` per panel: two float64 arrays (panels·nodes,)."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    left, right = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    half = (right - left) / 2
    return (left + half * (x + 1)).ravel(), (half * w).ravel()


@functools.lru_cache(maxsize=8)
def ball_rule(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) and weights (n,) of a product rule on the unit disc or ball."""
    require(
        dimension in (2, 3),
        "dimension",
        "be 2 or 3 for a V that is not radial",
        f"it is {dimension}",
        "Use a radial interaction, or override `integral`.",
    )
    r, w = panel_rule(PANEL_EDGES, 16)
    angle = 2 * np.pi * (np.arange(48) + 0.5) / 48
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    if dimension == 2:
        points = r[:, None, None] * circle
        weights = np.broadcast_to((w * r)[:, None] * (2 * np.pi / 48), points.shape[:-1])
        return points.reshape(-1, 2), weights.ravel()
    z, w_z = np.polynomial.legendre.leggauss(24)
    flat = np.sqrt(1 - z**2)[:, None, None] * circle
    sphere = np.concatenate([flat, np.broadcast_to(z[:, None, None], (24, 48, 1))], axis=-1)
    points = r[:, None, None, None] * sphere
    weights = (w * r**2)[:, None, None] * w_z[:, None] * np.full(48, 2 * np.pi / 48)
    return points.reshape(-1, 3), weights.ravel()

"""Antipodally symmetric quadrature on S^{d−1}, d = 2 and 3: half of the points carry all of it."""

import numpy as np
from scipy.integrate import lebedev_rule

from jaxkin.numerics.spheres import sphere_area


def half_sphere_rule(points: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (m/2, d) directions and (m/2,) weights that sum to |S^{d−1}|, for even functions.

    Args:
        points: m, the points on the whole sphere. In d = 2 any even number, equally spaced. In
            d = 3, 12 is the icosahedron (exact to degree 5); otherwise the Lebedev rule with the
            least number of points that is not below m.
        dimension: 2 or 3.
    """
    if dimension == 2:
        angle = np.pi * (np.arange(points // 2) + 0.5) / (points // 2)
        return np.stack([np.cos(angle), np.sin(angle)], 1), np.full(
            angle.size, 2 * np.pi / angle.size
        )
    if points == 12:
        golden = (1 + np.sqrt(5)) / 2
        corners = [np.roll((0, 1, g), k) for g in (golden, -golden) for k in range(3)]
        directions = np.stack(corners) / np.sqrt(1 + golden**2)
        return directions, np.full(6, sphere_area(3) / 6)
    return _lebedev(points)


def sphere_product_rule(points: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (m, d) directions and (m,) weights that sum to |S^{d−1}|, exact to 2·points − 1.

    In d = 2 equally spaced, in d = 3 Gauss–Legendre in one coordinate times equally spaced angles;
    the rule is symmetric under reflection at 0.
    """
    angle = np.pi * (np.arange(2 * points) + 0.5) / points
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    if dimension == 2:
        return circle, np.full(angle.size, np.pi / points)
    if dimension != 3:
        raise ValueError(f"Argument `dimension` must be 2 or 3, but it is {dimension}.")
    height, weights = np.polynomial.legendre.leggauss(points)
    across = np.sqrt(1 - height**2)[:, None, None] * circle
    up = np.broadcast_to(height[:, None, None], (points, angle.size, 1))
    directions = np.concatenate([across, up], -1).reshape(-1, 3)
    return directions, np.repeat(weights, angle.size) * np.pi / points


def sphere_rule_degree(points: int, dimension: int) -> int:
    """Return the degree of polynomials that `half_sphere_rule` integrates exactly."""
    if dimension == 2:
        return 2 * (points // 2) - 1
    return 5 if points == 12 else _lebedev_degree(points)


def _lebedev_degree(points: int) -> int:
    for degree in (3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 35, 41, 47, 53, 59):
        if lebedev_rule(degree)[1].size >= points:
            break
    return degree


def _lebedev(points: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = lebedev_rule(_lebedev_degree(points))
    # One of each antipodal pair: the first coordinate that is not 0 is positive.
    signs = np.sign(np.where(np.abs(x) < 1e-12, 0, x))
    first = np.where(signs[0] != 0, signs[0], np.where(signs[1] != 0, signs[1], signs[2]))
    return x.T[first > 0], 2 * w[first > 0]

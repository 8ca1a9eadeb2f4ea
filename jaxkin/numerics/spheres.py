"""Areas of spheres and volumes of balls in R^d."""

import math


def sphere_area(dimension: float) -> float:
    """Return |S^{d−1}| = 2π^{d/2}/Γ(d/2), the area of the unit sphere.

    Args:
        dimension: d > 0.
    """
    return 2 * math.pi ** (dimension / 2) / math.gamma(dimension / 2)


def ball_volume(dimension: float) -> float:
    """Return |S^{d−1}|/d, the volume of the unit ball.

    Args:
        dimension: d > 0.
    """
    return sphere_area(dimension) / dimension
